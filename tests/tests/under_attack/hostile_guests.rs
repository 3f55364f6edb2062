//! Hostile guests, each a file of `tests/guests/hostile`: whatever one does, it alone ends with the error that
//! names it, its neighbours and the host's memory stay as they were, and the next message finds the actor
//! there again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use greenroom_tests::attack::{in_a_few_attempts, while_under_attack, while_under_attack_like};
use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::host::Host;
use greenroom_tests::hostile;
use greenroom_tests::machine_load::Load;
use greenroom_tests::process;
use greenroom_tests::script::{self, fill, simply};
use serde_json::{Value, json};

/// Actors of the same guest that attack at a time.
const ATTACKERS: usize = 4;
/// What the host may need beside what it had: the attackers' sandboxes, each of 64 MiB, and as much again.
const MEMORY_BYTES: u64 = 2 * ATTACKERS as u64 * (64 << 20);

/// How long several loops may take to be cut, one after the other, on a machine that does much else.
const A_WHILE: Duration = Duration::from_mins(2);

/// Guests that do nothing but write memory.
const SWEEP_MEMORY: [&str; 2] = ["fills-memory", "copies-memory"];

fn settings() -> Settings {
    Settings::default()
        .limit("sandbox_memory_bytes", "64 MiB")
        .limit("turn_cpu", "500ms")
        .limit("turn_timeout", "100s")
        .limit("write_set_bytes", "4 MiB")
        .limit("log_bytes_per_turn", "4 KiB")
}

async fn host_with(settings: Settings, guests: &[&str]) -> anyhow::Result<Host> {
    let host = Host::with_probe(settings).await?;
    for guest in guests {
        host.deploy(guest, hostile::component(guest)?).await?.expect(201);
    }
    Ok(host)
}

/// Lets several actors of a guest attack, each twice, while a neighbour is watched; what the client is told
/// each time must be that status and code.
async fn attack(host: &mut Host, guest: &str, status: u16, code: &str) -> anyhow::Result<()> {
    let client: Client = (**host).clone();
    in_a_few_attempts(async || {
        let attacks = (0..ATTACKERS).map(|attacker| {
            let client = client.clone();
            async move {
                for _ in 0..2 {
                    let reply = client.call(guest, &format!("attacker-{attacker}"), "go", "x").await?;
                    let problem = reply.refused(status, code);
                    anyhow::ensure!(problem.source == "guest", "{guest}: {problem:?}");
                    anyhow::ensure!(problem.detail.len() < 4_000, "{guest}: {problem:?}");
                }
                anyhow::Ok(())
            }
        });
        let attacks = futures::future::try_join_all(attacks);
        if SWEEP_MEMORY.contains(&guest) {
            while_under_attack_like(Load::of_memory(), host, guest, MEMORY_BYTES, attacks).await?;
        } else {
            while_under_attack(host, guest, MEMORY_BYTES, attacks).await?;
        }
        Ok(())
    })
    .await
}

async fn all_attack(guests: &[(&str, u16, &str)]) -> anyhow::Result<Host> {
    let names: Vec<&str> = guests.iter().map(|(guest, ..)| *guest).collect();
    let mut host = host_with(settings(), &names).await?;
    for (guest, status, code) in guests {
        attack(&mut host, guest, *status, code).await?;
    }
    Ok(host)
}

#[tokio::test(flavor = "multi_thread")]
async fn loops_are_cut_wherever_they_are() -> anyhow::Result<()> {
    all_attack(&[
        ("loops-in-receive", 500, "cpu-limit"),
        ("loops-in-activate", 500, "cpu-limit"),
        ("loops-at-its-start", 500, "cpu-limit"),
        ("fills-memory", 500, "cpu-limit"),
        ("copies-memory", 500, "cpu-limit"),
        ("begs-for-memory", 500, "cpu-limit"),
    ])
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_much_is_told_of_what() -> anyhow::Result<()> {
    all_attack(&[
        ("grows-memory", 500, "memory-limit"),
        ("grows-a-table", 500, "memory-limit"),
        ("recurses", 500, "stack-overflow"),
        ("recurses-into-the-host", 500, "stack-overflow"),
        ("writes-without-end", 500, "cpu-limit"),
        ("hands-over-a-giant-value", 500, "actor-trapped"),
        ("leaks-handles", 500, "actor-trapped"),
    ])
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_sleeps_for_ever_is_woken_by_its_deadline() -> anyhow::Result<()> {
    let mut host = host_with(settings().limit("turn_timeout", "1s"), &["sleeps-for-ever"]).await?;
    attack(&mut host, "sleeps-for-ever", 504, "turn-timeout").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_makes_the_host_do_counts_as_its_own_processor_time() -> anyhow::Result<()> {
    const LIMIT: Duration = Duration::from_millis(500);
    /// How many times its limit a turn may cost.
    const DEARER_MAX: u32 = 3;
    let guest = "waits-for-nothing-without-end";
    let host = host_with(settings(), &[guest]).await?;
    let mut least = Duration::MAX;
    for _ in 0..3 {
        let before = process::cpu_time(host.pid())?;
        host.call(guest, "a", "go", "x").await?.refused(500, "cpu-limit");
        least = least.min(process::cpu_time(host.pid())?.saturating_sub(before));
    }
    println!("a turn with {LIMIT:?} of processor time has cost {least:?}");
    anyhow::ensure!(
        least <= LIMIT * DEARER_MAX,
        "a turn with {LIMIT:?} of processor time has cost {least:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_is_the_guests_own_crash() -> anyhow::Result<()> {
    let host = all_attack(&[
        ("answers-from-nowhere", 500, "actor-trapped"),
        ("answers-without-end", 500, "actor-trapped"),
        ("answers-no-case", 500, "actor-trapped"),
        ("answers-no-code", 500, "actor-trapped"),
        ("answers-no-text", 500, "actor-trapped"),
        ("says-it-from-nowhere", 500, "actor-trapped"),
        ("wants-it-nowhere", 500, "actor-trapped"),
        ("writes-then-traps", 500, "actor-trapped"),
    ])
    .await?;
    for key in ["a", "b"] {
        let path = format!("/v1/actors/writes-then-traps/attacker-0/-/state/{key}");
        assert_eq!(host.get(&path).await?.status, 404, "{key} was kept");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_giant_key_is_refused_by_name() -> anyhow::Result<()> {
    let host = host_with(settings(), &["hands-over-a-giant-key"]).await?;
    let told = host.call("hands-over-a-giant-key", "a", "go", "x").await?.expect(200).text();
    assert!(told.contains("state_key_bytes"), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_can_not_be_put_away_is_let_go_all_the_same() -> anyhow::Result<()> {
    let guest = "loops-in-deactivate";
    let mut host = Host::with_probe(settings().limit("idle_timeout", "100ms")).await?;
    host.deploy(guest, hostile::component(guest)?).await?.expect(201);
    let client: Client = (*host).clone();
    let attack = async {
        for round in 0..3 {
            let calls = (0..4).map(|number| {
                let (client, id) = (client.clone(), format!("{round}-{number}"));
                async move { client.call(guest, &id, "go", "x").await }
            });
            for reply in futures::future::try_join_all(calls).await? {
                reply.expect(200);
            }
        }
        eventually("all are gone", A_WHILE, || async {
            match client.get(&format!("/v1/actor-types/{guest}")).await.map(|reply| reply.json::<Value>()) {
                Ok(known) if known["active_actors"] == 0 => Ok(()),
                other => Err(other),
            }
        })
        .await
    };
    while_under_attack(&mut host, guest, MEMORY_BYTES, attack).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_end_is_cut_and_can_not_forge_a_line() -> anyhow::Result<()> {
    let mut host = host_with(settings(), &["logs-without-end"]).await?;
    attack(&mut host, "logs-without-end", 500, "cpu-limit").await?;
    let log = host.log();
    assert!(log.len() < 1 << 20, "the log has {} bytes", log.len());
    assert!(!log.contains('\u{1b}') && !log.contains('\0'), "control characters are escaped");
    assert!(!log.lines().any(|line| line.starts_with("{\"level\":\"ERROR\"")), "no line is forged");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_double_have_an_end() -> anyhow::Result<()> {
    const BUDGET_BYTES: u64 = 512 << 20;
    let guest = "calls-two-more";
    let limits = settings().limit("turn_timeout", "4s").limit("memory_bytes", &BUDGET_BYTES.to_string());
    let mut host = host_with(limits, &[guest]).await?;
    let client: Client = (*host).clone();
    let attack = async {
        let reply = client.call(guest, "x", "go", "x").await?;
        // It took too long, or those it called have been told that it would.
        if reply.status != 200 {
            reply.refused(504, "turn-timeout");
        }
        anyhow::Ok(())
    };
    // Sandboxes come by the thousand, and those that go must leave room: the budget holds, or nearly.
    while_under_attack(&mut host, guest, BUDGET_BYTES / 4 * 5, attack).await?;
    // Whoever is called has less and less time, so all of it ends with the first.
    eventually("it is over", SOON, || async {
        let known = client.get(&format!("/v1/actors/{guest}/x")).await.map(|reply| reply.text());
        match known {
            Ok(text) if text.contains("running") => Err(text),
            _ => Ok(()),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_finds_what_another_had_in_memory() -> anyhow::Result<()> {
    // Two sandboxes, one of them the neighbour's: everybody else gets the place of the one before.
    let settings = settings().limit("sandboxes", "2").limit("turn_cpu", "5s");
    let host = Host::with(settings).await?;
    for guest in ["leaves-a-trace", "looks-for-traces"] {
        host.deploy(guest, hostile::component(guest)?).await?.expect(201);
    }
    for round in 0..6 {
        let id = round.to_string();
        host.call("leaves-a-trace", &id, "go", "x").await?.expect(200);
        host.call("looks-for-traces", &id, "go", "x").await?.expect(200);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_or_sent_message_that_loops_ends_as_a_dead_letter() -> anyhow::Result<()> {
    let limits = settings().limit("delivery_attempts", "3").limit("retry_backoff", "10ms");
    let mut host = Host::with_probe(limits).await?;
    let client: Client = (*host).clone();
    let attack = async {
        let spin = json!([simply("spin")]);
        let alarm = json!({
            "op": "set_reminder", "name": "r", "schedule": { "delay_ms": 0 }, "method": "run", "payload": spin
        });
        script::results(&client, "alarmed", json!([alarm, script::send("told", "run", spin)])).await?;
        eventually("both are given up", A_WHILE, || async {
            let letters = client.get("/v1/dead-letters").await.map_err(|error| error.to_string())?;
            let count = letters.json::<Value>()["items"].as_array().map_or(0, Vec::len);
            if count == 2 { Ok(()) } else { Err(letters.text()) }
        })
        .await
    };
    while_under_attack(&mut host, "spinning deliveries", MEMORY_BYTES, attack).await?;
    for id in ["alarmed", "told"] {
        host.call("probe", id, "increment", "").await?.expect(200);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_never_activates_costs_its_neighbours_nothing() -> anyhow::Result<()> {
    let limits = settings().limit("delivery_attempts", "4").limit("retry_backoff", "10ms");
    let mut host = Host::with_probe(limits).await?;
    let guest = "loops-in-activate";
    host.deploy(guest, hostile::component(guest)?).await?.expect(201);
    let client: Client = (*host).clone();
    let attack = async {
        for id in 0..3 {
            client.tell(guest, &id.to_string(), "go", None, "x").await?.expect(202);
        }
        eventually("all are given up", A_WHILE, || async {
            let letters = client.get("/v1/dead-letters").await.map_err(|error| error.to_string())?;
            let letters: Vec<Value> =
                letters.json::<Value>()["items"].as_array().cloned().unwrap_or_default();
            if letters.len() == 3 { Ok(()) } else { Err(format!("{letters:?}")) }
        })
        .await
    };
    while_under_attack(&mut host, "activations that loop", MEMORY_BYTES, attack).await
}

/// Noise of every kind at once, for some seconds.
#[tokio::test(flavor = "multi_thread")]
async fn spinners_hogs_of_memory_and_of_the_disk_leave_their_neighbours_alone() -> anyhow::Result<()> {
    let mut host = host_with(settings(), &["loops-in-receive", "grows-memory", "writes-without-end"]).await?;
    let client: Client = (*host).clone();
    let over = AtomicBool::new(false);
    let noise = |guest: &'static str, number: usize| {
        let (client, over) = (client.clone(), &over);
        async move {
            while !over.load(Ordering::Relaxed) {
                let status = client.call(guest, &format!("noise-{number}"), "go", "x").await?.status;
                anyhow::ensure!([500, 503, 504].contains(&status), "{guest}: {status}");
            }
            anyhow::Ok(())
        }
    };
    let writer = |number: usize| {
        let (client, over) = (client.clone(), &over);
        async move {
            while !over.load(Ordering::Relaxed) {
                let turn: Vec<Value> = (0..16).map(|key| fill(&format!("k-{key}"), 100 << 10)).collect();
                let status = script::run(&client, &format!("writer-{number}"), json!(turn)).await?.status;
                anyhow::ensure!([200, 503, 504].contains(&status), "a writer: {status}");
            }
            anyhow::Ok(())
        }
    };
    let attack = async {
        let timer = async {
            tokio::time::sleep(Duration::from_secs(8)).await;
            over.store(true, Ordering::Relaxed);
            anyhow::Ok(())
        };
        let guests = ["loops-in-receive", "loops-in-receive", "grows-memory", "writes-without-end"];
        let noise = guests.into_iter().enumerate().map(|(number, guest)| noise(guest, number));
        let (noise, writers) =
            (futures::future::try_join_all(noise), futures::future::try_join_all((0..2).map(writer)));
        tokio::try_join!(timer, noise, writers).map(drop)
    };
    while_under_attack(&mut host, "noise", 2 * MEMORY_BYTES, attack).await
}
