//! P10: going back to an earlier version is one command, and under load no call fails or is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use greenroom_tests::checker;
use greenroom_tests::client::{Client, Reply};
use greenroom_tests::config::Settings;
use greenroom_tests::guests;
use greenroom_tests::history::History;
use greenroom_tests::host::Host;
use greenroom_tests::script;
use serde_json::{Value, json};

use crate::support::{inspect, variant};

async fn activate(client: &Client, version: u32) -> anyhow::Result<Reply> {
    client.post(&format!("/v1/actor-types/probe/versions/{version}/activate"), "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn state_and_version_survive_going_back_and_a_kill() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    host.call("probe", "a", "increment", "").await?.expect(200);
    host.deploy("probe", variant(&guests::component("probe")?, 2)).await?.expect(201);
    assert_eq!(host.call("probe", "a", "increment", "").await?.expect(200).text(), "2");
    assert_eq!(inspect(&host, "a").await?["version"], 2);

    let known: Value = activate(&host, 1).await?.expect(200).json();
    assert_eq!((&known["active_version"], &known["previous_version"]), (&json!(1), &json!(2)));
    assert_eq!(host.call("probe", "a", "increment", "").await?.expect(200).text(), "3");
    assert_eq!(inspect(&host, "a").await?["version"], 1);
    host.kill().await?;
    host.restart().await?;
    assert_eq!(host.call("probe", "a", "increment", "").await?.expect(200).text(), "4");
    assert_eq!(inspect(&host, "a").await?["version"], 1, "also after a restart");
    let known: Value = host.get("/v1/actor-types/probe").await?.expect(200).json();
    assert_eq!((&known["active_version"], &known["previous_version"]), (&json!(1), &json!(2)));
    assert_eq!(known["versions"].as_array().map(Vec::len), Some(2));

    let problem = activate(&host, 3).await?.refused(404, "not-found");
    assert!(problem.detail.contains("it has 1, 2"), "{}", problem.detail);
    assert_eq!(host.call("probe", "a", "increment", "").await?.expect(200).text(), "5");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_serves_nobody_is_left_at_once() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    host.call("probe", "a", "increment", "").await?.expect(200);
    host.deploy("probe", guests::component("chat")?).await?.expect(201);
    host.call("probe", "a", "increment", "").await?.refused(501, "unimplemented");
    activate(&host, 1).await?.expect(200);
    assert_eq!(host.call("probe", "a", "increment", "").await?.expect(200).text(), "2");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_versions_are_kept() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default().limit("versions_per_type", "3")).await?;
    let probe = guests::component("probe")?;
    for label in 2..=5 {
        host.deploy("probe", variant(&probe, label)).await?.expect(201);
    }
    let known: Value = host.get("/v1/actor-types/probe").await?.expect(200).json();
    let numbers: Vec<&Value> =
        known["versions"].as_array().into_iter().flatten().map(|version| &version["version"]).collect();
    assert_eq!(numbers, [3, 4, 5]);
    let problem = activate(&host, 1).await?.refused(404, "not-found");
    assert!(problem.detail.contains("versions_per_type"), "{}", problem.detail);
    host.get("/v1/actor-types/probe/versions/1/component").await?.refused(404, "not-found");
    activate(&host, 3).await?.expect(200);
    host.deploy("probe", variant(&probe, 3)).await?.expect(200);
    Ok(())
}

const CLIENTS: usize = 6;

/// Clients that append to an actor each, one line after another, until `over`.
fn appending(host: &Host, over: &Arc<AtomicBool>, done: &Arc<AtomicUsize>) -> Vec<Appending> {
    (0..CLIENTS)
        .map(|number| {
            let (client, over, done) = (Client::new(host.base()), Arc::clone(over), Arc::clone(done));
            tokio::spawn(async move {
                let history = History::default();
                let id = format!("actor-{number}");
                let mut sequence = 0;
                while !over.load(Ordering::Relaxed) {
                    let token = format!("{number}/{sequence}");
                    let operation = history.begin(number, sequence, &token);
                    let reply = client.call("probe", &id, "append", token).await?.expect(200);
                    history.acknowledge(operation, Some(reply.text().lines().count() - 1));
                    done.fetch_add(1, Ordering::Relaxed);
                    sequence += 1;
                }
                Ok((id, history))
            })
        })
        .collect()
}

type Appending = tokio::task::JoinHandle<anyhow::Result<(String, History)>>;

#[tokio::test(flavor = "multi_thread")]
async fn deploying_and_going_back_and_forward_under_load_fails_and_loses_no_call() -> anyhow::Result<()> {
    const ROUNDS: u32 = 30;
    let mut host = Host::with_probe(Settings::default()).await?;
    let probe = guests::component("probe")?;
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let begun = Instant::now();
    let clients = appending(&host, &over, &done);
    for label in 2..=4 {
        host.deploy("probe", variant(&probe, label)).await?.expect(201);
    }
    for round in 0..ROUNDS {
        let known: Value = activate(&host, 1 + round % 4).await?.expect(200).json();
        assert_eq!(known["active_version"], 1 + round % 4);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    over.store(true, Ordering::Relaxed);
    let rate = done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    println!("{} calls, {rate:.0} a second, {ROUNDS} versions", done.load(Ordering::Relaxed));
    assert!(done.load(Ordering::Relaxed) > 300, "too little load to say anything");

    let mut histories = Vec::new();
    for client in clients {
        histories.push(client.await??);
    }
    host.kill().await?;
    host.restart().await?;
    for (id, history) in histories {
        checker::check(&history.operations(), &script::list(&host, &id).await?)?;
    }
    Ok(())
}
