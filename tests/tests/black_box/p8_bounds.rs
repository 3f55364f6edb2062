//! P8: everything is bounded, and what passes a bound is told which one.

use greenroom_tests::config::Settings;
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, call, fill, get, remind, send_many, set, work};
use http::Method;
use serde_json::{Value, json};

use crate::support::until_begun;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_refuses_and_says_when_to_come_again() -> anyhow::Result<()> {
    const CAPACITY: usize = 5;
    let settings = Settings::default().limit("mailbox_capacity", "5").limit("turn_cpu", "60s");
    let host = Host::with_probe(settings).await?;
    let client = host.clone();
    let slow = tokio::spawn(async move { script::results(&client, "busy", json!([work(3_000)])).await });
    until_begun(&host, "busy").await?;

    let calls = (0..CAPACITY * 4).map(|_| host.call("probe", "busy", "increment", ""));
    let replies = futures::future::try_join_all(calls).await?;
    let (served, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert!(!refused.is_empty(), "nothing was refused");
    for reply in &refused {
        let problem = reply.refused(429, "mailbox-full");
        assert_eq!(problem.retry, "later");
        assert!(reply.header("retry-after").parse::<u32>().is_ok(), "{:?}", reply.headers);
        assert!(problem.detail.contains("mailbox_capacity"), "{}", problem.detail);
    }
    host.call("probe", "other", "increment", "").await?.expect(200);
    slow.await??;
    let counted = host.call("probe", "busy", "get", "").await?.expect(200).text();
    assert_eq!(counted, served.len().to_string(), "what was refused had no effect");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_bounded_both_ways() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default().limit("payload_bytes", "100 KiB")).await?;
    let fits = "x".repeat(100 << 10);
    assert_eq!(host.call("probe", "a", "echo", fits.clone()).await?.expect(200).text(), fits);
    let problem = host.call("probe", "a", "echo", fits + "x").await?.refused(413, "payload-too-large");
    assert!(problem.detail.contains("payload_bytes allows: 102400 bytes"), "{}", problem.detail);
    for (length, status) in [(1_024, 200), (1_025, 413)] {
        let headers = [("content-type", &*format!("text/{}", "x".repeat(length - 5)))];
        let reply = host.send_request(Method::POST, "/v1/actors/probe/a/echo", &headers, "x").await?;
        assert_eq!(reply.status, status, "{}", reply.text());
    }

    let big = json!([set("kept", "no"), { "op": "big", "bytes": 200 << 10 }]);
    let reply = script::run(&host, "a", big).await?;
    assert!(reply.status >= 400, "a reply of 200 KiB was let through");
    assert!(reply.text().contains("payload_bytes"), "{}", reply.text());
    assert_eq!(script::results(&host, "a", json!([get("kept")])).await?, [Value::Null]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_has_its_own_bound() -> anyhow::Result<()> {
    let host = Host::with(Settings::default().limit("component_bytes", "10 KiB")).await?;
    let problem = host.deploy("probe", vec![0; 20 << 10]).await?.refused(413, "payload-too-large");
    assert!(problem.detail.contains("component_bytes"), "{}", problem.detail);
    Ok(())
}

/// Many more actors than there is room for, one after the other: nearly all in memory are idle.
#[tokio::test(flavor = "multi_thread")]
async fn idle_actors_make_room_and_nobody_is_refused() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default().limit("activations", "100")).await?;
    for number in 0..1_000 {
        host.call("probe", &format!("new-{number}"), "increment", "").await?.expect(200);
    }
    for number in 0..200 {
        let (caller, callee) = (format!("caller-{number}"), format!("callee-{number}"));
        let calls = json!([call(&callee, "increment", json!(""))]);
        let seen = script::results(&host, &caller, calls).await?;
        assert!(seen[0].get("reply").is_some(), "{caller}: {}", seen[0]);
    }
    let known: Value = host.get("/v1/actor-types/probe").await?.expect(200).json();
    assert!(known["active_actors"].as_u64() <= Some(100), "{known}");
    let kept = host.call("probe", "new-0", "get", "").await?.expect(200).text();
    assert_eq!(kept, "1", "who made room has lost nothing");
    Ok(())
}

/// What the guest is told when one operation is too much; the turn itself goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_told_which_bound_it_passes() -> anyhow::Result<()> {
    let settings = Settings::default()
        .limit("state_key_bytes", "32")
        .limit("state_value_bytes", "1 KiB")
        .limit("state_bytes", "8 KiB")
        .limit("sends_per_turn", "10")
        .limit("reminders_per_actor", "3")
        .limit("timers_per_actor", "3");
    let host = Host::with_probe(settings).await?;
    let later = json!({ "delay_ms": 3_600_000 });
    let timer = |name: usize| {
        let name = format!("timer-{name}");
        json!({ "op": "set_timer", "name": name, "schedule": later, "method": "get", "payload": "" })
    };
    let cases: Vec<(&str, Vec<Value>)> = vec![
        ("state_key_bytes", vec![set(&"k".repeat(32), "fits"), set(&"k".repeat(33), "does not")]),
        ("state_value_bytes", vec![fill("fits", 1 << 10), fill("does-not", (1 << 10) + 1)]),
        ("state_bytes", (0..8).map(|key| fill(&format!("key-{key}"), 1 << 10)).collect()),
        ("sends_per_turn", vec![send_many("b", "append", "{}", 10), send_many("b", "append", "{}", 1)]),
        ("reminders_per_actor", (0..4).map(|name| remind(&format!("alarm-{name}"), &later, "")).collect()),
        ("timers_per_actor", (0..4).map(timer).collect()),
    ];
    for (bound, mut operations) in cases {
        let last = operations.len() - 1;
        operations.push(set("went-on", bound));
        let seen = script::results(&host, bound, json!(operations)).await?;
        let refused = seen[last]["limit_exceeded"].as_str().unwrap_or_default();
        assert!(refused.contains(bound), "{bound}: {}", seen[last]);
        assert!(seen[..last].iter().all(|result| result == "ok"), "{bound}: {seen:?}");
        let kept = script::results(&host, bound, json!([get("went-on")])).await?;
        assert_eq!(kept, [json!(bound)]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_writes_or_calls_too_much_has_no_effect() -> anyhow::Result<()> {
    let settings = Settings::default().limit("write_set_bytes", "64 KiB").limit("calls_per_turn", "5");
    let host = Host::with_probe(settings).await?;
    let fills: Vec<Value> = (0..40).map(|key| fill(&format!("key-{key:02}"), 4 << 10)).collect();
    let reply = script::run(&host, "writer", json!(fills)).await?;
    assert!(reply.text().contains("write_set_bytes"), "{}", reply.text());
    let keys = json!([{ "op": "keys", "prefix": "key-", "after": null, "limit": 100 }]);
    let kept = script::results(&host, "writer", keys).await?;
    if reply.status == 200 {
        assert!(kept[0].as_array().is_some_and(|keys| keys.len() < 17), "{}", kept[0]);
    } else {
        reply.refused(500, "write-set-too-large");
        assert_eq!(kept, [json!([])]);
    }

    let calls: Vec<Value> = (0..6).map(|_| call("callee", "get", json!(""))).collect();
    let text = script::run(&host, "caller", json!(calls)).await?.text();
    assert!(text.contains("calls_per_turn"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_an_actor_sends_is_bounded_like_one_from_outside() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default().limit("payload_bytes", "10 KiB")).await?;
    let send = json!({
        "op": "send", "to": ["probe", "b"], "method": "append", "payload": "{}{}{}{}", "count": 1
    });
    assert_eq!(script::results(&host, "a", json!([send])).await?, [json!("ok")]);
    let never_ends = json!([{ "op": "message" }, { "op": "big", "bytes": 20 << 10 }]);
    let seen = script::results(&host, "a", json!([call("b", "run", never_ends)])).await?;
    assert!(seen[0].get("reply").is_none(), "a reply of 20 KiB was let through");
    Ok(())
}
