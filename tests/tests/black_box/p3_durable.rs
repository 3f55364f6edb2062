//! P3: acknowledged means durable. The host is killed as `kill -9` does in the middle of load, again
//! and again, while clients also hang up; at the end every acknowledged append is there exactly
//! once and in order, and every other at most once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use greenroom_tests::checker;
use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::history::History;
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, set};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;

const ROUNDS: u64 = 24;
const CLIENTS: usize = 8;
const ACTORS: usize = 3;
/// One in so many appends is by a client that hangs up.
const HANGS_UP: u32 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_write_is_there_after_a_kill() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    for round in 0..5 {
        let value = format!("value-{round}");
        script::results(&host, "a", json!([set("key", &value)])).await?;
        host.kill().await?;
        host.restart().await?;
        let seen = script::results(&host, "a", json!([script::get("key")])).await?;
        assert_eq!(seen, [json!(value)]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_doubled_or_reordered_over_many_kills_under_load() -> anyhow::Result<()> {
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut host = Host::with_probe(Settings::default()).await?;
    let histories: Vec<Arc<History>> = (0..ACTORS).map(|_| Arc::default()).collect();

    for round in 0..ROUNDS {
        let over = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let history = Arc::clone(&histories[client % ACTORS]);
                let name = Name { round, client, actor: format!("actor-{}", client % ACTORS) };
                let random = StdRng::seed_from_u64(seed ^ (round << 8) ^ client as u64);
                tokio::spawn(appends(host.clone(), name, history, random, Arc::clone(&over)))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(random.random_range(20..250))).await;
        host.kill().await?;
        over.store(true, Ordering::Relaxed);
        for client in clients {
            client.await?;
        }
        host.restart().await?;
        judge(&host, &histories, &format!("seed {seed}, round {round}")).await?;
    }

    let acknowledged: usize = histories.iter().map(|it| it.acknowledged()).sum();
    assert!(acknowledged as u64 > ROUNDS, "too little was acknowledged to tell: {acknowledged}");
    Ok(())
}

async fn judge(host: &Client, histories: &[Arc<History>], when: &str) -> anyhow::Result<()> {
    for (actor, history) in histories.iter().enumerate() {
        let list = script::list(host, &format!("actor-{actor}")).await?;
        if let Err(violation) = checker::check(&history.operations(), &list) {
            anyhow::bail!("{when}, actor {actor}: {violation}");
        }
    }
    Ok(())
}

struct Name {
    round: u64,
    client: usize,
    actor: String,
}

/// Appends one after the other until the host is gone.
async fn appends(http: Client, name: Name, history: Arc<History>, mut random: StdRng, over: Arc<AtomicBool>) {
    for step in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let token = format!("{}-{}-{step}", name.round, name.client);
        let sequence = (name.round as usize) << 32 | step;
        let operation = history.begin(name.client, sequence, &token);
        let request = http.call("probe", &name.actor, "append", token);
        if random.random_ratio(1, HANGS_UP) {
            // Nobody learns what became of it.
            let patience = Duration::from_micros(random.random_range(0..2_000));
            let _ = tokio::time::timeout(patience, request).await;
            continue;
        }
        match request.await {
            Ok(reply) if reply.status == 200 => {
                history.acknowledge(operation, Some(reply.text().lines().count() - 1));
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
