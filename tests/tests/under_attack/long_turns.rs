//! P7 for whoever computes: guests that loop, however many, take no time from short turns, and one type's
//! loops leave another type its share.

use std::time::{Duration, Instant};

use greenroom_tests::attack::{in_a_few_attempts, while_under_attack, while_under_attack_like};
use greenroom_tests::client::{Client, Reply};
use greenroom_tests::config::Settings;
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use greenroom_tests::machine_load::Load;
use greenroom_tests::script::{self, fill, simply, work};
use serde_json::{Value, json};

/// What the host may need for the sandboxes of those who attack.
const MEMORY_BYTES: u64 = 256 << 20;

async fn calls_at_once(client: &Client, count: usize, turn: &Value) -> anyhow::Result<Vec<Reply>> {
    let calls = (0..count).map(|number| {
        let id = format!("attacker-{number}");
        async move { script::run(client, &id, turn.clone()).await }
    });
    futures::future::try_join_all(calls).await
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_loops_hold_up_nobody_and_end_at_their_own_limit() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default().limit("turn_cpu", "1s")).await?;
    let client: Client = (*host).clone();
    let turn = json!([simply("spin")]);
    let attack = calls_at_once(&client, 8, &turn);
    let replies = while_under_attack(&mut host, "eight loops", MEMORY_BYTES, attack).await?;
    for reply in replies {
        reply.refused(500, "cpu-limit");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_loops_of_one_type_hold_up_nobody() -> anyhow::Result<()> {
    let settings = Settings::default().limit("turn_cpu", "200ms").limit("turn_timeout", "2m");
    let mut host = Host::with_probe(settings).await?;
    let client: Client = (*host).clone();
    let turn = json!([simply("spin")]);
    let attack = calls_at_once(&client, 64, &turn);
    for reply in while_under_attack(&mut host, "64 loops", MEMORY_BYTES, attack).await? {
        reply.refused(500, "cpu-limit");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_guests_make_the_host_do_holds_up_nobody() -> anyhow::Result<()> {
    const ROUNDS: usize = 6;
    let mut host = Host::with_probe(Settings::default()).await?;
    let client: Client = (*host).clone();
    let line = json!({ "op": "log", "level": "info", "message": "said again and again" });
    let large: Value = (0..4).map(|key| fill(&format!("k-{key}"), 1 << 20)).collect();
    let attacks: [(&str, Value, Option<fn() -> Load>); 4] = [
        ("replies of 3 MiB", json!([{ "op": "big", "bytes": 3 << 20 }]), None),
        ("many lines of log", json!(vec![line; 20_000]), None),
        ("a host call for each of many words", json!(vec![simply("now"); 50_000]), None),
        // Four at a time are one transaction.
        ("4 MiB of state", large, Some(|| Load::of_disk(16 << 20))),
    ];
    for (what, turn, load) in attacks {
        in_a_few_attempts(async || {
            let attack = async {
                for _ in 0..ROUNDS {
                    for reply in calls_at_once(&client, 4, &turn).await? {
                        reply.expect(200);
                    }
                }
                anyhow::Ok(())
            };
            match load {
                Some(load) => while_under_attack_like(load(), &mut host, what, MEMORY_BYTES, attack).await,
                None => while_under_attack(&mut host, what, MEMORY_BYTES, attack).await,
            }
        })
        .await?;
    }
    Ok(())
}

/// How long a turn of the type `other` takes that computes.
async fn computes_for(client: &Client) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    client.call_json("other", "alone", "run", &json!([work(200)])).await?.expect(200);
    Ok(begun.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loops_of_one_type_leave_another_type_its_share_of_long_turns() -> anyhow::Result<()> {
    const LOOPS: usize = 40;
    const MEASURED: usize = 3;
    /// Half of two processors is all that one turn can use; on one processor it is half of that.
    const SLOWER_MAX: u32 = 4;
    let settings = Settings::default().limit("turn_cpu", "3s").limit("turn_timeout", "2m");
    let host = Host::with_probe(settings).await?;
    host.deploy("other", guests::component("probe")?).await?.expect(201);
    let mut alone = Duration::MAX;
    for _ in 0..MEASURED {
        alone = alone.min(computes_for(&host).await?);
    }
    let client: Client = (*host).clone();
    let loops = tokio::spawn(async move { calls_at_once(&client, LOOPS, &json!([simply("spin")])).await });
    let mut beside = Duration::MAX;
    for _ in 0..MEASURED {
        beside = beside.min(computes_for(&host).await?);
    }
    anyhow::ensure!(!loops.is_finished(), "the loops were over before anything was measured");
    println!("alone {alone:?}, beside {LOOPS} loops of another type {beside:?}");
    anyhow::ensure!(beside <= alone * SLOWER_MAX, "alone {alone:?}, beside loops {beside:?}");
    loops.abort();
    Ok(())
}
