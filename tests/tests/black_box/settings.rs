//! What is set for one actor type: validated, durable, in force from each actor's next turn on
//! without a restart, and without a lost call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use greenroom_tests::client::{Client, Reply};
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, fail, fill, get, set, simply};
use http::{Method, Request};
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpStream;

const PATH: &str = "/v1/actor-types/probe/settings";

async fn patch(client: &Client, patch: Value) -> anyhow::Result<Reply> {
    let headers = [("content-type", "application/merge-patch+json")];
    client.send_request(Method::PATCH, PATH, &headers, patch.to_string()).await
}

async fn settings(client: &Client) -> anyhow::Result<Value> {
    let shown: Value = client.get(PATH).await?.expect(200).json();
    Ok(shown["settings"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_holds_at_the_next_turn_survives_a_kill_and_is_taken_back() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    host.deploy("other", greenroom_tests::guests::component("probe")?).await?.expect(201);
    script::results(&host, "a", json!([fill("before", 2 << 10)])).await?;
    let change = json!({ "state_value_bytes": 1024, "environment": { "PLACE": "Kiel" } });
    let answer: Value = patch(&host, change).await?.expect(200).json();
    let expected = json!({ "value": 1024, "from": "type", "max": 1 << 20 });
    assert_eq!(answer["settings"]["state_value_bytes"], expected);

    let turn = json!([fill("more", 2 << 10), { "op": "environment" }]);
    for round in 0..2 {
        let seen = script::results(&host, "a", turn.clone()).await?;
        let refused = seen[0]["limit_exceeded"].as_str().unwrap_or_default();
        assert!(refused.contains("1024 bytes (state_value_bytes)"), "{round}: {seen:?}");
        assert_eq!(seen[1], json!({ "PLACE": "Kiel" }), "{round}");
        let other: Value = host.call_json("other", "a", "run", &turn).await?.expect(200).json();
        assert_eq!(other, json!(["ok", {}]), "{round}: another type has what the host gives");
        host.kill().await?;
        host.restart().await?;
    }

    patch(&host, json!({ "state_value_bytes": null, "environment": { "PLACE": null } })).await?.expect(200);
    assert_eq!(script::results(&host, "a", turn).await?, [json!("ok"), json!({})]);
    let shown = settings(&host).await?;
    assert_eq!(shown["state_value_bytes"]["from"], "default");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_valid_is_refused_with_its_place_and_changes_nothing() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default().limit("mailbox_capacity", "50")).await?;
    let before = settings(&host).await?;
    assert_eq!(before["mailbox_capacity"], json!({ "value": 50, "from": "host", "max": 50 }));
    for (change, place) in [
        (json!({ "turn_timeout_ms": 500, "turn_timeot_ms": 500 }), "$.turn_timeot_ms: "),
        (json!({ "turn_timeout_ms": "500ms" }), "$.turn_timeout_ms: "),
        (json!({ "mailbox_capacity": 51 }), "$.mailbox_capacity: "),
        (json!({ "mailbox_capacity": 0 }), "$.mailbox_capacity: "),
        (json!({ "activations": 5 }), "$.activations: "),
        (json!({ "environment": { "A": 1 } }), "$.environment.A: "),
        (json!([1]), "$: "),
    ] {
        let problem = patch(&host, change.clone()).await?.refused(400, "invalid-request");
        assert!(problem.detail.starts_with(place), "{change}: {}", problem.detail);
    }
    assert_eq!(settings(&host).await?, before);
    host.get("/v1/actor-types/none/settings").await?.refused(404, "unknown-actor-type");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_of_a_type_ends_what_passes_it() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let cases = [
        (json!({ "turn_cpu_ms": 100 }), json!([simply("spin")]), 500, "cpu-limit", "100"),
        (json!({ "turn_timeout_ms": 300 }), json!([simply("spin")]), 504, "turn-timeout", "300ms"),
        (
            json!({ "sandbox_memory_bytes": 8 << 20 }),
            json!([simply("memory_bomb")]),
            500,
            "memory-limit",
            "8388608",
        ),
        (json!({ "payload_bytes": 30 }), json!([fill("key", 1)]), 413, "payload-too-large", "30 bytes"),
    ];
    for (change, turn, status, code, named) in cases {
        patch(&host, change.clone()).await?.expect(200);
        let problem = script::run(&host, "a", turn).await?.refused(status, code);
        assert!(problem.detail.contains(named), "{change}: {}", problem.detail);
        let back = change.as_object().into_iter().flatten().map(|(name, _)| (name.clone(), Value::Null));
        patch(&host, back.collect()).await?.expect(200);
        script::results(&host, "a", json!([set("key", "value")])).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_the_host_lowers_counts_before_what_was_set() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    patch(&host, json!({ "state_value_bytes": 4096 })).await?.expect(200);
    host.kill().await?;
    host.restart_with(Settings::default().limit("state_value_bytes", "1 KiB")).await?;
    assert_eq!(
        settings(&host).await?["state_value_bytes"],
        json!({ "value": 1024, "from": "host", "max": 1024 })
    );
    let seen = script::results(&host, "a", json!([fill("key", 2 << 10)])).await?;
    assert!(seen[0]["limit_exceeded"].is_string(), "{seen:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_costs_the_memory_unless_the_behavior_keeps_nothing_there() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let turns = async |id: &str, ends: Value| {
        script::results(&host, id, json!([simply("recall")])).await?;
        let failed = script::run(&host, id, json!([set("trace", "left"), ends])).await?;
        assert!(failed.status >= 400, "{}", failed.text());
        let seen = script::results(&host, id, json!([simply("recall"), get("trace")])).await?;
        assert_eq!(seen[1], Value::Null, "a failed turn leaves no trace in the store");
        anyhow::Ok(seen[0]["turns"].as_u64())
    };
    assert_eq!(turns("a", fail("conflict", "no")).await?, Some(1), "the guest began anew");
    patch(&host, json!({ "keeps_nothing_in_memory": true })).await?.expect(200);
    assert_eq!(turns("b", fail("conflict", "no")).await?, Some(3), "the same guest goes on");
    assert_eq!(turns("c", simply("trap")).await?, Some(1), "a crash costs it all the same");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_settings_under_load_fails_and_loses_no_call() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|number| {
            let (client, over) = (host.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut count = 0_u64;
                while !over.load(Ordering::Relaxed) {
                    count += 1;
                    let reply = client.call("probe", &format!("actor-{number}"), "increment", "").await?;
                    assert_eq!(reply.expect(200).text(), count.to_string());
                }
                anyhow::Ok(count)
            })
        })
        .collect();
    for round in 0..60 {
        let change = json!({
            "mailbox_capacity": 100 + round, "turn_timeout_ms": 20_000 + round,
            "environment": { "ROUND": round.to_string() },
        });
        patch(&host, change).await?.expect(200);
    }
    over.store(true, Ordering::Relaxed);
    let mut counts = Vec::new();
    for client in clients {
        counts.push(client.await??);
    }
    assert!(counts.iter().sum::<u64>() > 100, "{counts:?}");
    host.kill().await?;
    host.restart().await?;
    for (number, count) in counts.iter().enumerate() {
        let kept = host.call("probe", &format!("actor-{number}"), "get", "").await?.expect(200);
        assert_eq!(kept.text(), count.to_string());
    }
    assert_eq!(settings(&host).await?["environment"]["value"], json!({ "ROUND": "59" }));
    Ok(())
}

/// Over HTTP/2 a client that gives up cancels its request, and whoever answers it hears of that.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_client_gives_up_is_in_force_if_it_is_stored() -> anyhow::Result<()> {
    const SMALL: usize = 1_000;
    const LARGE: usize = 2_000;
    let host = Host::with_probe(Settings::default()).await?;
    let stream = TcpStream::connect(host.base().trim_start_matches("http://")).await?;
    let (mut client, connection) =
        http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut change = |payload_bytes: usize| {
        let request = Request::patch(format!("{}{PATH}", host.base()));
        let request = request.header("content-type", "application/merge-patch+json");
        let body = Full::from(json!({ "payload_bytes": payload_bytes }).to_string());
        request.body(body).map(|request| client.send_request(request))
    };
    let mut took = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        change(SMALL)?.await?;
        took = took.min(begun.elapsed());
    }
    let mut given_up = 0;
    for round in 0..300 {
        let (begun, patience) = (Instant::now(), took.mul_f64(rand::random()));
        // A timer would know whole milliseconds only.
        let losing_patience = async {
            while begun.elapsed() < patience {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            answered = change([LARGE, SMALL][round % 2])? => drop(answered?),
            () = losing_patience => given_up += 1,
        }
        eventually("what is stored is in force", SOON, || async {
            let stored = settings(&host).await.map(|stored| stored["payload_bytes"]["value"].clone());
            let echoed = host.call("probe", "a", "echo", "x".repeat(SMALL + 1)).await;
            match (stored, echoed.map(|echoed| echoed.status)) {
                (Ok(stored), Ok(413)) if stored == SMALL => Ok(()),
                (Ok(stored), Ok(200)) if stored == LARGE => Ok(()),
                other => Err(other),
            }
        })
        .await?;
    }
    assert!(given_up > 0, "each was answered before its client gave up");
    Ok(())
}
