//! Many actors that are served in turn by a host with little memory, and whether anything is lost.

use std::time::{Duration, Instant};

use anyhow::ensure;
use futures::StreamExt as _;
use tokio::time::interval;

use crate::host::Host;
use crate::process;
use crate::wire::{self, Extent};

/// How often the host's memory is looked at meanwhile.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What serving a crowd took.
#[derive(Clone, Copy, Debug)]
pub struct Served {
    /// All rounds together.
    pub took: Duration,
    /// The most memory of its own that the host was seen to have, in bytes: what `memory_bytes` bounds.
    pub most_memory: u64,
}

/// Lets each of so many conformance actors of that type count its rounds, one round after the other,
/// and then looks at what each has stored. An error is a request that was refused or a count that is
/// wrong.
pub async fn serve(
    host: &Host,
    actor_type: &'static str,
    actors: u64,
    rounds: u64,
    connections: usize,
) -> anyhow::Result<Served> {
    let address = host.base().trim_start_matches("http://").parse()?;
    let begun = Instant::now();
    let pid = host.pid();
    let mut looks = interval(BETWEEN_LOOKS);
    let mut most_memory = 0;
    for round in 1..=rounds {
        let load = wire::load(address, connections, Extent::Requests(actors), move |number, request| {
            let path = format!("/v1/actors/{actor_type}/counted-{number}/increment");
            wire::post(request, &path, "");
        });
        let mut load = std::pin::pin!(load);
        let outcome = loop {
            tokio::select! {
                outcome = &mut load => break outcome?,
                _ = looks.tick() => most_memory = most_memory.max(process::memory(pid)?.anonymous),
            }
        };
        ensure!(outcome.refused == 0, "round {round}: {} requests were refused", outcome.refused);
    }
    let took = begun.elapsed();
    let wanted = rounds.to_string();
    let mut counts = futures::stream::iter(0..actors)
        .map(async |number| {
            let path = format!("/v1/actors/{actor_type}/counted-{number}/-/state/n");
            anyhow::Ok((number, host.get(&path).await?.text()))
        })
        .buffer_unordered(connections);
    while let Some(count) = counts.next().await {
        let (number, count) = count?;
        ensure!(count == wanted, "actor {number} has {count}, not {wanted}");
    }
    Ok(Served { took, most_memory })
}
