//! What an active actor costs in memory, with its sandbox and without.

use greenroom_tests::config::Settings;
use greenroom_tests::host::Host;
use greenroom_tests::process::Memory;
use greenroom_tests::wire::{self, Extent};

use crate::Plan;

/// Enough to measure what activations cost beside them.
const FEW: u64 = 64;

/// Activates many actors on two hosts, one of which has room for few sandboxes only.
pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<()> {
    let actors = plan.actors;
    let roomy = Settings::default().limit("idle_timeout", "1h").limit("memory_bytes", "16 GiB");
    let tight = roomy.clone().limit("sandboxes", &FEW.to_string());
    println!("memory of one active actor that holds one small key, over {actors} of them:\n");
    println!("| {:22} | {:>12} | {:>12} |", "actor", "anonymous", "resident");
    println!("|{:-<24}|{:->13}:|{:->13}:|", "", "", "");
    for (what, settings) in [("with its sandbox", roomy), ("without its sandbox", tight)] {
        let (before, after) = grown(settings, actors).await?;
        let each = |of: fn(Memory) -> u64| {
            let kib = of(after).saturating_sub(of(before)) as f64 / actors as f64 / 1_024.0;
            format!("{kib:.1} KiB")
        };
        println!("| {what:22} | {:>12} | {:>12} |", each(|it| it.anonymous), each(|it| it.resident));
    }
    Ok(())
}

/// The host's memory before and after so many actors were used once.
async fn grown(settings: Settings, actors: u64) -> anyhow::Result<(Memory, Memory)> {
    let host = Host::with_probe(settings).await?;
    let address = host.base().trim_start_matches("http://").parse()?;
    let use_each = async |name: &'static str, count: u64| {
        wire::load(address, 16, Extent::Requests(count), move |number, request| {
            wire::post(request, &format!("/v1/actors/probe/{name}-{number}/increment"), "");
        })
        .await
    };
    // What is made once, for example the pages of the code, is not an actor's.
    let warm = use_each("warm", FEW).await?;
    anyhow::ensure!(warm.refused == 0, "{} requests were refused", warm.refused);
    let before = host.memory()?;
    let used = use_each("user", actors).await?;
    anyhow::ensure!(used.refused == 0, "{} requests were refused", used.refused);
    Ok((before, host.memory()?))
}
