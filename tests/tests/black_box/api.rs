//! The rest of the API: looking at actors and types, repairing, removing.

use greenroom_core::Code;
use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, get, remind, set};
use http::Method;
use serde_json::{Value, json};

use crate::support::{inspect, state_value, until, until_list};

async fn items(client: &Client, path: &str) -> anyhow::Result<Vec<Value>> {
    let page: Value = client.get(path).await?.expect(200).json();
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

/// All items, page by page, following the cursor.
async fn all_pages(client: &Client, path: &str) -> anyhow::Result<Vec<Value>> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page: Value = client.get(&format!("{path}{cursor}")).await?.expect(200).json();
        all.extend(page["items"].as_array().cloned().unwrap_or_default());
        let Some(next) = page["next"].as_str() else { return Ok(all) };
        cursor = format!("&after={}", greenroom_tests::client::encode(next));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn actors_are_listed_by_type_and_prefix_page_by_page() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    host.deploy("other", greenroom_tests::guests::component("probe")?).await?.expect(201);
    let mut expected = Vec::new();
    for number in 0..25 {
        let id = format!("user/{number:02}");
        host.call("probe", &id, "increment", "").await?.expect(200);
        expected.push(json!(id));
    }
    host.call("probe", "someone", "increment", "").await?.expect(200);
    host.call("other", "user/00", "increment", "").await?.expect(200);

    let listed = all_pages(&host, "/v1/actors?type=probe&prefix=user%2F&limit=10").await?;
    let ids: Vec<Value> = listed.iter().map(|actor| actor["id"].clone()).collect();
    assert_eq!(ids, expected);
    assert!(listed.iter().all(|actor| actor["type"] == "probe"));
    let everything = all_pages(&host, "/v1/actors?limit=7").await?;
    assert_eq!(everything.len(), 27);
    assert_eq!((&everything[0]["type"], &everything[0]["id"]), (&json!("other"), &json!("user/00")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_can_be_looked_at() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let later = json!({ "delay_ms": 3_600_000, "period_ms": 60_000 });
    script::results(&host, "a", json!([set("key", "value"), remind("alarm", &later, "x")])).await?;
    let refusal = json!([script::fail("conflict", "not now")]);
    script::run(&host, "a", refusal).await?.refused(409, "conflict");

    until(&host, "a", "idle").await?;
    let seen = inspect(&host, "a").await?;
    assert_eq!((&seen["type"], &seen["id"]), (&json!("probe"), &json!("a")));
    assert_eq!((&seen["lifecycle"], &seen["version"]), (&json!("idle"), &json!(1)));
    assert_eq!((&seen["state_keys"], &seen["state_bytes"]), (&json!(1), &json!(8)));
    assert_eq!(seen["mailbox_length"], 0);
    assert_eq!(seen["reminders"][0]["name"], "alarm");
    assert_eq!(seen["last_turn"]["method"], "run");
    assert_eq!(seen["last_error"]["code"], "conflict");
    assert_eq!(seen["last_error"]["detail"], "not now");

    let reminders = items(&host, "/v1/actors/probe/a/-/reminders").await?;
    assert_eq!(reminders.len(), 1);
    assert_eq!(reminders[0]["period_ms"], 60_000);

    host.post("/v1/actors/probe/a/-/deactivate", "").await?.expect(204);
    until(&host, "a", "dormant").await?;
    assert_eq!(inspect(&host, "a").await?["version"], Value::Null);
    host.post("/v1/actors/probe/a/-/deactivate", "").await?.expect(204);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn state_can_be_read_and_repaired() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    script::results(&host, "a", json!([set("b", "1"), set("c/d", "2"), set("c/é ?", "3")])).await?;
    let keys = all_pages(&host, "/v1/actors/probe/a/-/state?prefix=c&limit=1").await?;
    assert_eq!(keys, [json!("c/d"), json!("c/é ?")]);
    assert_eq!(state_value(&host, "a", "c/é ?").await?.as_deref(), Some("3"));
    assert_eq!(state_value(&host, "a", "nothing").await?, None);

    let repaired = vec![0_u8, 255, 10];
    host.put("/v1/actors/probe/a/-/state/b", repaired.clone()).await?.expect(204);
    let read = host.get("/v1/actors/probe/a/-/state/b").await?.expect(200);
    assert_eq!(read.body, repaired);
    host.put("/v1/actors/probe/a/-/state/n", "41").await?.expect(204);
    assert_eq!(host.call("probe", "a", "increment", "").await?.expect(200).text(), "42");
    host.delete("/v1/actors/probe/a/-/state/n").await?.expect(204);
    host.delete("/v1/actors/probe/a/-/state/n").await?.refused(404, "not-found");
    assert_eq!(host.call("probe", "a", "increment", "").await?.expect(200).text(), "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn reminders_can_be_set_and_cancelled_from_outside() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let headers = [("content-type", "application/json")];
    let put = async |name: &str, reminder: Value| {
        let path = format!("/v1/actors/probe/a/-/reminders/{name}");
        host.send_request(Method::PUT, &path, &headers, reminder.to_string()).await
    };
    put("never", json!({ "method": "append", "delay_ms": 3_600_000 })).await?.expect(204);
    let now = json!({ "method": "append", "delay_ms": 0, "payload": "rung" });
    put("now", now).await?.expect(204);
    until_list(&host, "a", "the alarm", |list| list == ["\"rung\""]).await?;
    host.delete("/v1/actors/probe/a/-/reminders/never").await?.expect(204);
    host.delete("/v1/actors/probe/a/-/reminders/never").await?.refused(404, "not-found");
    assert!(items(&host, "/v1/actors/probe/a/-/reminders").await?.is_empty());
    put("bad", json!({ "method": "append" })).await?.refused(400, "invalid-request");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_can_be_seen() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let receipt: Value = host.tell("probe", "a", "append", Some("PT1H"), "later").await?.expect(202).json();
    let waiting = items(&host, "/v1/actors/probe/a/-/mailbox").await?;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0]["message_id"], receipt["message_id"]);
    assert_eq!(waiting[0]["method"], "append");
    assert_eq!(waiting[0]["origin"], json!({ "kind": "client" }));
    assert_eq!(waiting[0]["attempt"], 1);
    assert!(waiting[0]["due_in_ms"].as_u64() > Some(3_500_000), "{}", waiting[0]);
    assert_eq!(inspect(&host, "a").await?["mailbox_length"], 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_actor_begins_anew() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    let soon = json!({ "delay_ms": 1_000 });
    script::results(&host, "a", json!([set("key", "value"), remind("alarm", &soon, "x")])).await?;
    host.tell("probe", "a", "append", Some("PT1S"), "later").await?.expect(202);
    host.delete("/v1/actors/probe/a").await?.expect(204);
    host.get("/v1/actors/probe/a").await?.refused(404, "unknown-actor");
    let seen = script::results(&host, "a", json!([get("key")])).await?;
    assert_eq!(seen, [Value::Null]);

    // What was to come a second after does not come, as a later message shows.
    host.tell("probe", "a", "append", Some("PT2S"), "last").await?.expect(202);
    let list = until_list(&host, "a", "the last message", |list| !list.is_empty()).await?;
    assert_eq!(list, ["last"]);
    host.kill().await?;
    host.restart().await?;
    assert_eq!(script::list(&host, "a").await?, ["last"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn types_are_listed_and_removed() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let types = items(&host, "/v1/actor-types").await?;
    assert_eq!(types.len(), 1);
    assert_eq!((&types[0]["type"], &types[0]["active_version"]), (&json!("probe"), &json!(1)));
    host.call("probe", "a", "increment", "").await?.expect(200);
    let known: Value = host.get("/v1/actor-types/probe").await?.expect(200).json();
    assert_eq!((&known["active_actors"], &known["versions"][0]["version"]), (&json!(1), &json!(1)));

    host.delete("/v1/actor-types/probe").await?.refused(409, "actor-type-in-use");
    assert_eq!(host.call("probe", "a", "increment", "").await?.expect(200).text(), "2");
    host.delete("/v1/actor-types/probe?purge=true").await?.expect(204);
    host.call("probe", "a", "increment", "").await?.refused(404, "unknown-actor-type");
    host.deploy("probe", greenroom_tests::guests::component("probe")?).await?.expect(201);
    assert_eq!(host.call("probe", "a", "increment", "").await?.expect(200).text(), "1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_and_their_types_pass_unchanged() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let bytes: Vec<u8> = (0..=255).collect();
    let path = "/v1/actors/probe/a/echo";
    let headers = [("content-type", "image/x-made-up; a=b")];
    let reply = host.send_request(Method::POST, path, &headers, bytes.clone()).await?.expect(200);
    assert_eq!(reply.body, bytes);
    assert_eq!(reply.header("content-type"), "image/x-made-up; a=b");
    assert!(host.post(path, "").await?.expect(204).body.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_tells_of_itself_and_of_its_errors() -> anyhow::Result<()> {
    let host = Host::with(Settings::default().limit("mailbox_capacity", "77")).await?;
    let node: Value = host.get("/v1/node").await?.expect(200).json();
    assert_eq!(node["limits"]["mailbox_capacity"], 77);
    assert!(node["version"].is_string() && node["uptime_ms"].is_u64(), "{node}");
    for code in Code::ALL {
        let page = host.get(&format!("/errors/{}", code.as_str())).await?.expect(200).text();
        assert!(page.contains(code.as_str()), "{page}");
    }
    Ok(())
}
