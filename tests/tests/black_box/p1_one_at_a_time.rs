//! P1: an actor processes one message at a time, in arrival order; different actors run in parallel.

use std::sync::Arc;

use greenroom_tests::checker;
use greenroom_tests::config::Settings;
use greenroom_tests::history::History;
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, call, get, set, work};
use serde_json::json;

use crate::support::until_begun;

fn patient() -> Settings {
    Settings::default().limit("turn_cpu", "60s").limit("turn_timeout", "60s")
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_appends_end_in_one_order_that_every_client_agrees_with() -> anyhow::Result<()> {
    const CLIENTS: usize = 8;
    const APPENDS: usize = 25;
    let host = Host::with_probe(Settings::default()).await?;
    let history = Arc::new(History::default());

    let clients = (0..CLIENTS).map(|client| {
        let (http, history) = (host.clone(), Arc::clone(&history));
        tokio::spawn(async move {
            for sequence in 0..APPENDS {
                let token = format!("{client}-{sequence}");
                let operation = history.begin(client, sequence, &token);
                let list = http.call("probe", "list", "append", token.clone()).await?.expect(200).text();
                assert_eq!(list.lines().last(), Some(token.as_str()), "the reply shows the turn's own write");
                history.acknowledge(operation, Some(list.lines().count() - 1));
            }
            anyhow::Ok(())
        })
    });
    for client in futures::future::join_all(clients).await {
        client??;
    }

    let list = script::list(&host, "list").await?;
    assert_eq!(list.len(), CLIENTS * APPENDS);
    checker::check(&history.operations(), &list)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_waits_until_the_turn_before_it_is_over() -> anyhow::Result<()> {
    let host = Host::with_probe(patient()).await?;
    let client = host.clone();
    let slow =
        tokio::spawn(
            async move { script::results(&client, "one", json!([work(300), set("done", "yes")])).await },
        );
    until_begun(&host, "one").await?;
    let seen = script::results(&host, "one", json!([get("done")])).await?;
    assert_eq!(seen, [json!("yes")]);
    slow.await??;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn different_actors_run_in_parallel() -> anyhow::Result<()> {
    let host = Host::with_probe(patient()).await?;
    host.call("probe", "quick", "echo", "warm").await?.expect(200);
    let client = host.clone();
    let slow = tokio::spawn(async move { script::results(&client, "slow", json!([work(4_000)])).await });
    until_begun(&host, "slow").await?;
    for _ in 0..10 {
        host.call("probe", "quick", "echo", "hello").await?.expect(200);
    }
    assert!(!slow.is_finished(), "the quick actor waited for the slow one");
    slow.await??;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_waits_for_a_reply_takes_no_other_message() -> anyhow::Result<()> {
    let host = Host::with_probe(patient()).await?;
    let client = host.clone();
    let operations =
        json!([set("step", "before"), call("callee", "run", json!([work(300)])), set("step", "after")]);
    let calling = tokio::spawn(async move { script::results(&client, "caller", operations).await });
    until_begun(&host, "callee").await?;
    let seen = script::results(&host, "caller", json!([get("step")])).await?;
    assert_eq!(seen, [json!("after")]);
    calling.await??;
    Ok(())
}
