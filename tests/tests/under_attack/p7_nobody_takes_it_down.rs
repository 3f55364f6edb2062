//! P7: nobody takes the host down. While one actor does its worst, its neighbours answer, the host
//! keeps its size, and the actor itself is there again for its next message.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use greenroom_tests::attack::while_under_attack;
use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, call, simply, work};
use serde_json::{Value, json};

/// What the host may need beside what it had: four sandboxes of 64 MiB.
const MEMORY_BYTES: u64 = 4 * (64 << 20);

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_turn_harms_only_itself() -> anyhow::Result<()> {
    let settings = Settings::default().limit("turn_cpu", "2s").limit("sandbox_memory_bytes", "64 MiB");
    let mut host = Host::with_probe(settings).await?;
    for (operation, code) in [
        ("trap", "actor-trapped"),
        ("spin", "cpu-limit"),
        ("recurse", "stack-overflow"),
        ("recurse_in_memory", "actor-trapped"),
        ("memory_bomb", "memory-limit"),
    ] {
        let attacks = (0..4).map(|attacker| {
            let client = host.clone();
            async move {
                let id = format!("{operation}-{attacker}");
                let problem = script::run(&client, &id, json!([simply(operation)])).await?.refused(500, code);
                anyhow::ensure!(problem.source == "guest", "{problem:?}");
                client.call("probe", &id, "increment", "").await?.expect(200);
                anyhow::Ok(())
            }
        });
        let attack = futures::future::try_join_all(attacks);
        while_under_attack(&mut host, operation, MEMORY_BYTES, attack).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_can_not_activate_says_so_and_heals() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default().limit("turn_cpu", "300ms")).await?;
    for (id, status, code) in [
        ("fail-activate-a", 500, "activation-failed"),
        ("trap-activate-a", 500, "actor-trapped"),
        ("spin-activate-a", 500, "cpu-limit"),
    ] {
        for _ in 0..3 {
            host.call("probe", id, "increment", "").await?.refused(status, code);
        }
        host.put(&format!("/v1/actors/probe/{id}/-/state/healed"), "1").await?.expect(204);
        let reply = host.call("probe", id, "increment", "").await?.expect(200);
        assert_eq!(reply.text(), "1", "{id}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_takes_too_long_ends_at_the_deadline() -> anyhow::Result<()> {
    let settings = Settings::default().limit("turn_timeout", "700ms").limit("turn_cpu", "60s");
    let host = Host::with_probe(settings).await?;
    let slow = json!([work(60_000)]);
    let begun = Instant::now();
    script::run(&host, "alone", slow.clone()).await?.refused(504, "turn-timeout");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());

    // A caller's deadline covers those it calls.
    let reply = script::run(&host, "caller", json!([call("callee", "run", slow)])).await?;
    if reply.status == 200 {
        assert_eq!(reply.json::<Value>(), json!([{ "timeout": true }]));
    } else {
        reply.refused(504, "turn-timeout");
    }
    for id in ["alone", "caller", "callee"] {
        assert_eq!(host.call("probe", id, "increment", "").await?.expect(200).text(), "1", "{id}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_prints_and_logs_is_bounded_and_attributed() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default().limit("log_bytes_per_turn", "4 KiB")).await?;
    let flood = "flood ".repeat(200);
    let mut turn = vec![
        json!({ "op": "log", "level": "warn", "message": "a word of warning" }),
        json!({ "op": "print", "message": "printed by a guest" }),
        json!({ "op": "log", "level": "info", "message": "forged\n{\"level\":\"ERROR\"} \u{1b}[31m" }),
    ];
    turn.extend((0..100).map(|_| json!({ "op": "log", "level": "info", "message": flood })));
    script::results(&host, "chatterbox", json!(turn)).await?;
    host.call("probe", "chatterbox", "get", "").await?.expect(200);
    let log = host.log();
    for said in ["a word of warning", "printed by a guest"] {
        let line = log.lines().find(|line| line.contains(said));
        assert!(line.is_some_and(|line| line.contains("chatterbox")), "{said}: {line:?}");
    }
    assert!(!log.contains('\u{1b}'), "control characters are escaped");
    assert!(!log.lines().any(|line| line.starts_with("{\"level\":\"ERROR\"}")), "no line is forged");
    assert!(log.matches("flood ").count() < 2_000, "the flood is cut");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_many_words_is_neither_logged_nor_kept_whole() -> anyhow::Result<()> {
    const WORDS_BYTES: usize = 2 << 20;
    let settings = Settings::default().limit("delivery_attempts", "3").limit("retry_backoff", "10ms");
    let host = Host::with_probe(settings).await?;
    let words = "x".repeat(WORDS_BYTES);
    let fails = json!([{ "op": "fail", "code": "conflict", "message": words }]);
    let told = script::run(&host, "a", fails.clone()).await?.refused(409, "conflict");
    assert_eq!(told.detail.len(), WORDS_BYTES, "a client is told all of it");
    let tell = script::send("b", "run", fails);
    script::results(&host, "sender", json!([tell])).await?;
    eventually("it is given up", SOON, || async {
        let letters = host.get("/v1/dead-letters").await.map_err(|error| error.to_string())?;
        if letters.json::<Value>()["items"].as_array().is_some_and(|letters| letters.len() == 1) {
            Ok(())
        } else {
            Err(letters.text())
        }
    })
    .await?;
    assert!(host.log().len() < 100 << 10, "the log has {} bytes", host.log().len());
    for id in ["a", "b"] {
        let seen = host.get(&format!("/v1/actors/probe/{id}")).await?.expect(200).text();
        assert!(seen.contains("conflict") && seen.len() < 10 << 10, "{} bytes of {id}", seen.len());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn time_stands_still_in_a_turn_and_chance_does_not() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let random = json!({ "op": "random", "len": 32 });
    let turn = json!([simply("now"), work(30), simply("now"), random, random]);
    let seen = script::results(&host, "a", turn).await?;
    assert_eq!(seen[0], seen[2]);
    assert!(seen[0].as_u64() > Some(1_700_000_000_000), "{}", seen[0]);
    assert_eq!(seen[3].as_str().map(str::len), Some(64));
    assert_ne!(seen[3], seen[4]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_new_actors_is_served() -> anyhow::Result<()> {
    let settings = Settings::default().limit("sandboxes", "50").limit("activations", "100");
    let host = Host::with_probe(settings).await?;
    let calls = (0..400).map(|number| {
        let client = host.clone();
        async move {
            let reply = client.call("probe", &format!("new-{number}"), "increment", "").await?;
            if reply.status != 200 {
                reply.refused(503, "overloaded");
            }
            anyhow::Ok(reply.status == 200)
        }
    });
    let served = futures::future::try_join_all(calls).await?;
    assert!(served.iter().filter(|served| **served).count() >= 50, "{served:?}");
    eventually("few are left in memory", SOON, || async {
        match host.get("/v1/actor-types/probe").await.map(|reply| reply.json::<Value>()) {
            Ok(known) if known["active_actors"].as_u64() <= Some(100) => Ok(()),
            other => Err(other),
        }
    })
    .await?;
    host.call("probe", "afterwards", "increment", "").await?.expect(200);
    Ok(())
}

/// Calls new actors of the type `flood` one after another until it is over; how long those took that
/// were served.
async fn flood(client: Client, number: usize, over: Arc<AtomicBool>) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    for round in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let begun = Instant::now();
        let reply =
            client.call_json("flood", &format!("{number}-{round}"), "run", &json!([work(60)])).await?;
        if reply.status == 200 {
            took.push(begun.elapsed());
        } else {
            reply.refused(503, "overloaded");
            assert_eq!(reply.header("retry-after"), "1");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(took)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_new_actors_of_one_type_does_not_hold_up_another_type() -> anyhow::Result<()> {
    let settings = Settings::default().limit("sandboxes", "4").limit("activations", "60");
    let host = Host::with_probe(settings).await?;
    host.deploy("flood", greenroom_tests::guests::component("probe")?).await?.expect(201);
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        (0..100).map(|number| tokio::spawn(flood(host.clone(), number, Arc::clone(&over)))).collect();
    eventually("the flood is there", SOON, || async {
        match host.get("/v1/actor-types/flood").await.map(|reply| reply.json::<Value>()) {
            Ok(known) if known["active_actors"].as_u64() >= Some(40) => Ok(()),
            other => Err(other),
        }
    })
    .await?;
    let mut took = Vec::new();
    for number in 0..12 {
        let begun = Instant::now();
        host.call("probe", &format!("new-{number}"), "increment", "").await?.expect(200);
        took.push(begun.elapsed());
    }
    over.store(true, Ordering::Relaxed);
    let mut flooding = Vec::new();
    for client in clients {
        flooding.extend(client.await??);
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let (first, others) = (median(&mut took), median(&mut flooding));
    println!(
        "{} of the flood served in {others:?}, first calls of another type in {first:?}",
        flooding.len()
    );
    assert!(first * 3 < others, "{first:?} and {others:?}");
    Ok(())
}
