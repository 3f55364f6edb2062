//! P4, sent messages: each takes effect exactly once, in the order of its sender, whatever is killed
//! meanwhile; one that fails is tried again and then becomes a dead letter, and holds back nobody
//! but its own sender.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, send, send_many, set};
use rand::Rng as _;
use serde_json::{Value, json};

use crate::support::until_list;

fn impatient() -> Settings {
    Settings::default()
        .limit("delivery_attempts", "3")
        .limit("retry_backoff", "50ms")
        .limit("retry_backoff_max", "200ms")
}

/// What waits in the mailbox of a probe actor.
async fn waiting(client: &Client, id: &str) -> anyhow::Result<Vec<Value>> {
    let page: Value = client.get(&format!("/v1/actors/probe/{id}/-/mailbox")).await?.expect(200).json();
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_sender_arrive_in_order() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    script::results(&host, "sender", json!([send_many("receiver", "append", "{}", 200)])).await?;
    script::results(&host, "sender", json!([send("receiver", "append", json!("last"))])).await?;
    let list = until_list(&host, "receiver", "all have arrived", |list| list.len() == 201).await?;
    let expected: Vec<String> = (0..200).map(|n| n.to_string()).chain(["last".into()]).collect();
    assert_eq!(list, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_over_http_is_stored_before_it_is_acknowledged() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    let reply = host.tell("probe", "a", "append", None, "").await?.expect(202);
    let receipt: Value = reply.json();
    host.kill().await?;
    host.restart().await?;
    // An append without a text appends the message's id.
    let list = until_list(&host, "a", "the message", |list| !list.is_empty()).await?;
    assert_eq!(json!(list), json!([receipt["message_id"]]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_message_waits_over_a_restart_and_holds_back_nothing() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    let sent = Instant::now();
    host.tell("probe", "a", "append", Some("PT2S"), "later").await?.expect(202);
    host.tell("probe", "a", "append", None, "now").await?.expect(202);
    let delayed = json!({
        "op": "send", "to": ["probe", "b"], "method": "append", "payload": "later", "delay_ms": 1_000
    });
    script::results(&host, "a", json!([delayed, send("b", "append", json!("now"))])).await?;
    host.kill().await?;
    host.restart().await?;

    let list = until_list(&host, "a", "the delayed message", |list| list.len() == 2).await?;
    assert_eq!(list, ["now", "later"]);
    assert!(sent.elapsed() >= Duration::from_secs(2), "it came early, after {:?}", sent.elapsed());
    let list = until_list(&host, "b", "the delayed message", |list| list.len() == 2).await?;
    assert_eq!(list, ["now", "later"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_learns_who_sent_a_message() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let turn = json!([script::call("b", "run", json!([{ "op": "message" }])), { "op": "message" }]);
    let seen = script::results(&host, "a", turn).await?;
    let asked = &seen[0]["reply"][0];
    assert_eq!(asked["origin"], json!({ "actor": ["probe", "a"] }));
    assert_eq!(asked["me"], json!(["probe", "b"]));
    assert_eq!((&seen[1]["origin"], &seen[1]["attempt"]), (&json!("client"), &json!(1)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_keeps_failing_becomes_a_dead_letter_and_holds_back_only_its_sender()
-> anyhow::Result<()> {
    let mut host = Host::with_probe(impatient().limit("retry_backoff", "300ms")).await?;
    let poison = json!([{ "op": "message" }, script::fail("internal", "never")]);
    let turn = json!([send("victim", "run", poison), send("victim", "append", json!("behind the poison"))]);
    script::results(&host, "sender", turn).await?;
    host.call("probe", "victim", "append", "of a client").await?.expect(200);
    script::results(&host, "neighbour", json!([send("victim", "append", json!("of another"))])).await?;

    let list = until_list(&host, "victim", "all have arrived", |list| list.len() == 3).await?;
    assert_eq!(list, ["of a client", "of another", "behind the poison"]);
    let left = eventually("an empty mailbox", SOON, || async {
        match waiting(&host, "victim").await {
            Ok(left) if left.is_empty() => Ok(left),
            other => Err(other),
        }
    });
    left.await?;
    host.kill().await?;
    host.restart().await?;
    assert!(waiting(&host, "victim").await?.is_empty(), "a dead letter is not delivered again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_crashes_its_receiver_is_tried_again_until_it_succeeds() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default().limit("retry_backoff", "50ms")).await?;
    script::results(&host, "sender", json!([send("fail-activate-a", "append", json!("at last"))])).await?;
    eventually("a second attempt", SOON, || async {
        match waiting(&host, "fail-activate-a").await {
            Ok(messages) if messages.first().and_then(|it| it["attempt"].as_u64()) >= Some(2) => Ok(()),
            other => Err(other),
        }
    })
    .await?;
    host.put("/v1/actors/probe/fail-activate-a/-/state/healed", "1").await?.expect(204);
    let list = until_list(&host, "fail-activate-a", "the message", |list| !list.is_empty()).await?;
    assert_eq!(list, ["at last"]);
    Ok(())
}

/// In each turn a sender keeps a key and sends its name to the receiver, so that the two tell on
/// each other: whatever is killed, the receiver's list is exactly the keys of the senders.
#[tokio::test(flavor = "multi_thread")]
async fn exactly_once_over_many_kills() -> anyhow::Result<()> {
    const ROUNDS: usize = 12;
    const SENDERS: usize = 4;
    let mut host = Host::with_probe(Settings::default()).await?;
    let mut acknowledged = HashSet::new();
    for round in 0..ROUNDS {
        let over = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| tokio::spawn(sends(host.clone(), sender, round, Arc::clone(&over))))
            .collect();
        let time = rand::rng().random_range(20..200);
        tokio::time::sleep(Duration::from_millis(time)).await;
        host.kill().await?;
        over.store(true, Ordering::Relaxed);
        for sender in senders {
            acknowledged.extend(sender.await?);
        }
        host.restart().await?;
    }

    let mut kept = Vec::new();
    for sender in 0..SENDERS {
        let turn = json!([{ "op": "keys", "prefix": "sent-", "after": null, "limit": 100_000 }]);
        let seen = script::results(&host, &format!("sender-{sender}"), turn).await?;
        let keys: Vec<String> = serde_json::from_value(seen[0].clone())?;
        kept.extend(keys.into_iter().map(|key| key.trim_start_matches("sent-").to_owned()));
    }
    let count = kept.len();
    let list = until_list(&host, "receiver", "all have arrived", |list| list.len() >= count).await?;
    let arrived: HashSet<String> = list.iter().cloned().collect();
    assert_eq!(arrived.len(), list.len(), "something arrived twice");
    assert_eq!(arrived, kept.into_iter().collect(), "a turn's write and its message are one");
    assert!(arrived.is_superset(&acknowledged), "an acknowledged send is lost");
    for sender in 0..SENDERS {
        let of_sender: Vec<&String> =
            list.iter().filter(|it| it.starts_with(&format!("{sender}-"))).collect();
        assert!(of_sender.is_sorted(), "sender {sender}: {of_sender:?}");
    }
    assert!(acknowledged.len() > ROUNDS, "too little was acknowledged to tell");
    Ok(())
}

async fn sends(http: Client, sender: usize, round: usize, over: Arc<AtomicBool>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for step in 0.. {
        let token = format!("{sender}-{round:02}-{step:05}");
        let turn = json!([set(&format!("sent-{token}"), ""), send("receiver", "append", json!(token))]);
        match script::run(&http, &format!("sender-{sender}"), turn).await {
            Ok(reply) if reply.status == 200 => acknowledged.push(token),
            Ok(_) => {}
            Err(_) => break,
        }
        if over.load(Ordering::Relaxed) {
            break;
        }
    }
    acknowledged
}
