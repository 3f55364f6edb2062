//! P10: a new version takes over at the next turn of each actor, with its
//! mailbox and its state; the same bytes again change nothing.

use greenroom_tests::config::Settings;
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, simply, work};
use serde_json::{Value, json};

use crate::support::{inspect, until_begun, variant};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_again_change_nothing() -> anyhow::Result<()> {
    let host = Host::start().await?;
    let probe = guests::component("probe")?;
    let first: Value = host.deploy("probe", probe.clone()).await?.expect(201).json();
    assert_eq!((&first["type"], &first["version"]), (&json!("probe"), &json!(1)));
    assert_eq!(first["size"], json!(probe.len()));
    assert_eq!(first["digest"].as_str().map(str::len), Some(64));
    let imports = first["imports"].as_array().cloned().unwrap_or_default();
    assert!(imports.contains(&json!("greenroom:actor/state@0.1.0")), "{imports:?}");

    let again: Value = host.deploy("probe", probe.clone()).await?.expect(200).json();
    assert_eq!(again["version"], 1);
    let other: Value = host.deploy("probe", variant(&probe, 2)).await?.expect(201).json();
    assert_eq!(other["version"], 2);
    assert_ne!(other["digest"], first["digest"]);
    let component = host.get("/v1/actor-types/probe/versions/1/component").await?.expect(200);
    assert_eq!(component.header("content-type"), "application/wasm");
    assert!(component.body == probe, "the bytes come back as they were");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_takes_over_at_the_next_turn_with_the_state() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    for _ in 0..3 {
        host.call("probe", "counted-a", "increment", "").await?.expect(200);
    }
    assert_eq!(inspect(&host, "counted-a").await?["version"], 1);
    host.deploy("probe", variant(&guests::component("probe")?, 2)).await?.expect(201);

    let reply = host.call("probe", "counted-a", "increment", "").await?.expect(200);
    assert_eq!(reply.text(), "4");
    assert_eq!(inspect(&host, "counted-a").await?["version"], 2);
    let turn = json!([simply("recall"), script::get("deactivations")]);
    let seen = script::results(&host, "counted-a", turn).await?;
    assert_eq!(seen, [json!({ "value": "", "turns": 2 }), json!("1")], "the old one was deactivated");

    host.kill().await?;
    host.restart().await?;
    host.call("probe", "counted-a", "increment", "").await?.expect(200);
    assert_eq!(inspect(&host, "counted-a").await?["version"], 2, "also after a restart");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_code_meets_the_same_state() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    host.call("probe", "a", "increment", "").await?.expect(200);
    host.deploy("probe", guests::component("chat")?).await?.expect(201);
    let refused = host.call("probe", "a", "increment", "").await?;
    refused.refused(501, "unimplemented");
    host.call("probe", "a", "get_session", "").await?.expect(200);
    host.deploy("probe", guests::component("probe")?).await?.expect(201);
    assert_eq!(host.call("probe", "a", "increment", "").await?.expect(200).text(), "2");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_under_way_ends_on_the_old_version_and_its_mailbox_on_the_new() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default().limit("turn_cpu", "60s")).await?;
    let client = host.clone();
    let slow = tokio::spawn(async move { script::results(&client, "a", json!([work(700)])).await });
    until_begun(&host, "a").await?;
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let client = host.clone();
            tokio::spawn(async move { client.call("probe", "a", "increment", "").await })
        })
        .collect();
    host.deploy("probe", variant(&guests::component("probe")?, 2)).await?.expect(201);
    slow.await??;
    for reply in waiting {
        reply.await??.expect(200);
    }
    assert_eq!(host.call("probe", "a", "get", "").await?.expect(200).text(), "5");
    assert_eq!(inspect(&host, "a").await?["version"], 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn deploying_under_load_fails_no_request() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let probe = guests::component("probe")?;
    let clients: Vec<_> = (0..4)
        .map(|number| {
            let client = host.clone();
            tokio::spawn(async move {
                for count in 1..=100 {
                    let reply = client.call("probe", &format!("actor-{number}"), "increment", "").await?;
                    assert_eq!(reply.expect(200).text(), count.to_string());
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for label in 1..=4 {
        host.deploy("probe", variant(&probe, label)).await?.expect(201);
    }
    for client in clients {
        client.await??;
    }
    Ok(())
}
