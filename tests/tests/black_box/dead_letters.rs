//! Dead letters: what failed too often is kept, listed, delivered again exactly once or removed, and
//! has held back nobody but its own sender.

use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, send};
use http::Method;
use serde_json::{Value, json};

use crate::support::until_list;

fn impatient() -> Settings {
    Settings::default()
        .limit("delivery_attempts", "3")
        .limit("retry_backoff", "50ms")
        .limit("retry_backoff_max", "100ms")
}

async fn letters(client: &Client, query: &str) -> anyhow::Result<Vec<Value>> {
    let page: Value = client.get(&format!("/v1/dead-letters{query}")).await?.expect(200).json();
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

async fn until_letters(client: &Client, count: usize) -> anyhow::Result<Vec<Value>> {
    eventually(&format!("{count} dead letters"), SOON, || async {
        match letters(client, "").await {
            Ok(found) if found.len() == count => Ok(found),
            other => Err(other),
        }
    })
    .await
}

fn path(letter: &Value) -> String {
    format!("/v1/dead-letters/{}", letter["message_id"].as_str().unwrap_or_default())
}

/// Lets an actor heal that refuses to be activated.
async fn heal(client: &Client, id: &str) -> anyhow::Result<()> {
    client.put(&format!("/v1/actors/probe/{id}/-/state/healed"), "1").await?.expect(204);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_message_holds_back_its_own_sender_only_and_is_kept() -> anyhow::Result<()> {
    let mut host = Host::with_probe(impatient().limit("retry_backoff", "300ms")).await?;
    let poison = json!([script::fail("internal", "never")]);
    let turn = json!([send("victim", "run", poison.clone()), send("victim", "append", json!("behind"))]);
    script::results(&host, "sender", turn).await?;
    script::results(&host, "neighbour", json!([send("victim", "append", json!("of another"))])).await?;
    host.tell("probe", "victim", "append", None, "of a client").await?.expect(202);
    let list = until_list(&host, "victim", "all have arrived", |list| list.len() == 3).await?;
    assert_eq!(list.last().map(String::as_str), Some("behind"), "{list:?}");

    let found = until_letters(&host, 1).await?;
    let letter = &found[0];
    assert_eq!((&letter["type"], &letter["id"]), (&json!("probe"), &json!("victim")));
    assert_eq!((&letter["method"], &letter["attempts"]), (&json!("run"), &json!(3)));
    assert_eq!(letter["origin"], json!({ "kind": "actor", "type": "probe", "id": "sender" }));
    assert!(letter["error"].as_str().unwrap_or_default().contains("never"), "{letter}");
    assert!(letter["died_at"].is_string());
    assert_eq!(host.get(&path(letter)).await?.expect(200).json::<Value>(), *letter);
    let payload = host.get(&format!("{}/payload", path(letter))).await?.expect(200);
    assert_eq!(payload.json::<Value>(), poison);
    host.kill().await?;
    host.restart().await?;
    assert_eq!(letters(&host, "").await?, found);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_letter_takes_effect_exactly_once_also_over_a_kill() -> anyhow::Result<()> {
    let mut host = Host::with_probe(impatient()).await?;
    let id = "fail-activate-a";
    host.tell("probe", id, "append", None, "at last").await?.expect(202);
    let letter = until_letters(&host, 1).await?.remove(0);
    // Retried in vain it dies again, with as many attempts as at first.
    host.post(&format!("{}/retry", path(&letter)), "").await?.expect(202);
    let again = until_letters(&host, 1).await?.remove(0);
    assert_eq!((&again["message_id"], &again["attempts"]), (&letter["message_id"], &json!(3)));

    heal(&host, id).await?;
    let retries: Vec<_> = (0..8)
        .map(|_| {
            let (client, path) = (host.clone(), format!("{}/retry", path(&letter)));
            tokio::spawn(async move { client.post(&path, "").await })
        })
        .collect();
    let mut accepted = 0;
    for retry in retries {
        let reply = retry.await??;
        if reply.status == 202 {
            accepted += 1;
            assert_eq!(reply.json::<Value>(), json!({ "message_id": letter["message_id"] }));
        } else {
            reply.refused(404, "not-found");
        }
    }
    assert_eq!(accepted, 1);
    host.kill().await?;
    host.restart().await?;
    host.tell("probe", id, "append", None, "last").await?.expect(202);
    let list = until_list(&host, id, "both", |list| list.contains(&"last".to_owned())).await?;
    assert_eq!(list, ["at last", "last"]);
    assert!(letters(&host, "").await?.is_empty());
    host.get(&path(&letter)).await?.refused(404, "not-found");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminders_firing_dies_too_and_can_be_retried() -> anyhow::Result<()> {
    let host = Host::with_probe(impatient()).await?;
    let id = "fail-activate-a";
    let alarm = json!({ "method": "append", "delay_ms": 0, "payload": "rung" }).to_string();
    let headers = [("content-type", "application/json")];
    let reminder = format!("/v1/actors/probe/{id}/-/reminders/alarm");
    host.send_request(Method::PUT, &reminder, &headers, alarm).await?.expect(204);
    let letter = until_letters(&host, 1).await?.remove(0);
    assert_eq!(letter["origin"], json!({ "kind": "reminder", "name": "alarm" }));
    heal(&host, id).await?;
    host.post(&format!("{}/retry", path(&letter)), "").await?.expect(202);
    assert_eq!(until_list(&host, id, "the alarm", |list| !list.is_empty()).await?, ["\"rung\""]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_come_in_pages_by_type_and_can_be_removed() -> anyhow::Result<()> {
    let host = Host::with_probe(impatient()).await?;
    host.deploy("other", guests::component("probe")?).await?.expect(201);
    for (actor_type, count) in [("probe", 3), ("other", 1)] {
        for _ in 0..count {
            host.tell(actor_type, "a", "no_such_method", None, "").await?.expect(202);
        }
    }
    let all = until_letters(&host, 4).await?;
    let page: Value = host.get("/v1/dead-letters?type=probe&limit=2").await?.expect(200).json();
    let next = page["next"].as_str().unwrap_or_default();
    let rest = letters(&host, &format!("?type=probe&limit=2&after={next}")).await?;
    let mut paged = page["items"].as_array().cloned().unwrap_or_default();
    paged.extend(rest);
    let expected: Vec<Value> = all.iter().filter(|letter| letter["type"] == "probe").cloned().collect();
    assert_eq!((paged.len(), &paged), (3, &expected));

    host.delete(&path(&expected[0])).await?.expect(204);
    host.delete(&path(&expected[0])).await?.refused(404, "not-found");
    host.post(&format!("{}/retry", path(&expected[0])), "").await?.refused(404, "not-found");
    host.get("/v1/dead-letters/1").await?.refused(400, "invalid-path");
    host.get("/v1/dead-letters?after=1").await?.refused(400, "invalid-request");

    // They keep their type until somebody decides, and go with their actor.
    let refused = host.delete("/v1/actor-types/other").await?.refused(409, "actor-type-in-use");
    assert!(refused.detail.contains("dead letters"), "{refused:?}");
    host.delete("/v1/actor-types/other?purge=true").await?.expect(204);
    assert_eq!(letters(&host, "").await?, expected[1..]);
    host.delete("/v1/actors/probe/a").await?.expect(204);
    assert!(letters(&host, "").await?.is_empty());
    host.delete("/v1/actor-types/probe").await?.expect(204);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_more_letters_fit_messages_are_tried_on() -> anyhow::Result<()> {
    let host = Host::with_probe(impatient().limit("dead_letters_per_actor", "1")).await?;
    for _ in 0..2 {
        host.tell("probe", "a", "no_such_method", None, "").await?.expect(202);
    }
    let mailbox = "/v1/actors/probe/a/-/mailbox";
    eventually("more attempts than usual", SOON, || async {
        let page: Value = host.get(mailbox).await.map_err(|error| error.to_string())?.json();
        if page["items"][0]["attempt"].as_u64() > Some(5) { Ok(()) } else { Err(page.to_string()) }
    })
    .await?;
    let letter = until_letters(&host, 1).await?.remove(0);
    host.delete(&path(&letter)).await?.expect(204);
    let other = until_letters(&host, 1).await?.remove(0);
    assert_ne!(other["message_id"], letter["message_id"]);
    Ok(())
}
