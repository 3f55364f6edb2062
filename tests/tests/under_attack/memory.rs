//! Memory and the pool of sandboxes are everybody's: however many actors of one type take as much of either as one
//! sandbox may have, and keep it, the host stays within its budget, and another type's actors get theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::host::Host;
use greenroom_tests::hostile;
use greenroom_tests::process;
use tokio::task::JoinHandle;

const MIB: u64 = 1 << 20;
/// How long an attacker keeps what it took, in its turn.
const KEPT: Duration = Duration::from_secs(3);

/// A guest that does `takes` and then sleeps within its turn.
fn sleeper(items: &str, takes: &str) -> anyhow::Result<Vec<u8>> {
    let kept = KEPT.as_nanos();
    hostile::component_of(&format!(
        r#"
(import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $after (param i64) (result i32)))
(import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
{items}
(func $receive {takes} (call $block (call $after (i64.const {kept}))))
"#
    ))
}

/// Looks at the host's own memory, from outside, until told to stop; then says the most there was.
fn watch(pid: u32, over: Arc<AtomicBool>) -> JoinHandle<anyhow::Result<u64>> {
    tokio::spawn(async move {
        let mut most = 0;
        while !over.load(Ordering::Relaxed) {
            most = most.max(process::memory(pid)?.anonymous);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(most)
    })
}

/// First calls of actors of another type, until told to stop; then says how long each took.
fn neighbours(client: Client, over: Arc<AtomicBool>) -> JoinHandle<anyhow::Result<Vec<Duration>>> {
    tokio::spawn(async move {
        let mut took = Vec::new();
        while !over.load(Ordering::Relaxed) {
            let asked = Instant::now();
            let reply = client.call("neighbour", &format!("new-{}", took.len()), "go", "x").await?;
            anyhow::ensure!(
                reply.status == 200,
                "a neighbour was refused: {} {}",
                reply.status,
                reply.text()
            );
            took.push(asked.elapsed());
        }
        Ok(took)
    })
}

/// What an attack came to.
struct Seen {
    served: usize,
    /// What those were told that were refused.
    refused: Vec<String>,
    most_memory: u64,
    neighbours: Vec<Duration>,
}

/// Lets so many actors of a guest attack at once.
async fn attack(host: &Host, component: Vec<u8>, attackers: usize) -> anyhow::Result<Seen> {
    host.deploy("flood", component).await?.expect(201);
    host.deploy("neighbour", hostile::component_of("")?).await?.expect(201);
    let over = Arc::new(AtomicBool::new(false));
    let watching = watch(host.pid(), Arc::clone(&over));
    let neighbours = neighbours((**host).clone(), Arc::clone(&over));
    let calls = (0..attackers).map(|attacker| {
        let client: Client = (**host).clone();
        async move { client.call("flood", &attacker.to_string(), "go", "x").await }
    });
    let replies = futures::future::try_join_all(calls).await;
    over.store(true, Ordering::Relaxed);
    let (served, refused): (Vec<_>, Vec<_>) = replies?.into_iter().partition(|reply| reply.status == 200);
    let refused = refused.iter().map(|reply| {
        let problem = reply.refused(503, "overloaded");
        assert!(problem.retry == "later" && problem.source == "host", "{problem:?}");
        problem.detail
    });
    let seen = Seen {
        served: served.len(),
        refused: refused.collect(),
        most_memory: watching.await??,
        neighbours: neighbours.await??,
    };
    println!(
        "{} of {attackers} served, {} MiB at most, {} first calls of neighbours, the slowest in {:?}",
        seen.served,
        seen.most_memory / MIB,
        seen.neighbours.len(),
        seen.neighbours.iter().max()
    );
    assert!(seen.served > 0, "{:?}", seen.refused.first());
    // They did not have to wait for an attacker's end.
    let mut took = seen.neighbours.clone();
    took.sort_unstable();
    assert!(took[took.len() / 2] < KEPT / 3, "{took:?}");
    Ok(seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_that_grow_to_their_limit_and_sleep_leave_the_host_within_its_memory() -> anyhow::Result<()> {
    const BUDGET: u64 = 768 * MIB;
    let fills = "(memory.fill (i32.const 131072) (i32.const 1) (i32.const 117964800))";
    let grows =
        format!("(if (i32.eq (memory.grow (i32.const 1800)) (i32.const -1)) (then unreachable)) {fills}");
    let grows_little_by_little = "(local $page i32)
        (loop $on
          (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
          (memory.fill (i32.mul (i32.sub (memory.size) (i32.const 16)) (i32.const 65536)) (i32.const 1) (i32.const 1048576))
          (local.set $page (i32.add (local.get $page) (i32.const 1)))
          (br_if $on (i32.lt_u (local.get $page) (i32.const 112))))";
    let is_large = "(memory $large 1800)";
    let fills_it = "(memory.fill $large (i32.const 0) (i32.const 1) (i32.const 117964800))";
    for (items, takes) in [("", &*grows), ("", grows_little_by_little), (is_large, fills_it)] {
        let host = Host::with(Settings::default().limit("memory_bytes", &BUDGET.to_string())).await?;
        let seen = attack(&host, sleeper(items, takes)?, 24).await?;
        assert!(seen.most_memory <= BUDGET, "{} MiB: {takes}", seen.most_memory / MIB);
        let names_it = |text: &String| text.contains("memory_bytes") && text.contains("type flood");
        assert!(!seen.refused.is_empty() && seen.refused.iter().all(names_it), "{:?}", seen.refused);
    }
    Ok(())
}

/// Each takes so little that it needs no reservation.
#[tokio::test(flavor = "multi_thread")]
async fn many_guests_of_a_few_megabytes_leave_the_host_within_its_memory() -> anyhow::Result<()> {
    const BUDGET: u64 = 512 * MIB;
    let items = "(memory $other 60)";
    let takes = "(memory.fill $other (i32.const 0) (i32.const 1) (i32.const 3932160))";
    let host = Host::with(Settings::default().limit("memory_bytes", &BUDGET.to_string())).await?;
    let seen = attack(&host, sleeper(items, takes)?, 260).await?;
    assert!(seen.most_memory <= BUDGET, "{} MiB", seen.most_memory / MIB);
    assert!(!seen.refused.is_empty());
    assert!(seen.refused.iter().all(|text| text.contains("memory_bytes")), "{:?}", seen.refused);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_with_as_many_tables_or_memories_as_they_may_have_leave_some_to_others() -> anyhow::Result<()>
{
    let tables = (0..60).map(|number| format!("(table $t{number} 1 funcref)\n")).collect::<Vec<_>>().concat();
    let memories = (0..15).map(|number| format!("(memory $m{number} 1)\n")).collect::<Vec<_>>().concat();
    for (items, what) in [(tables, "tables"), (memories, "linear memories")] {
        let host = Host::with(Settings::default().limit("sandboxes", "60")).await?;
        let seen = attack(&host, sleeper(&items, "")?, 40).await?;
        assert!(!seen.refused.is_empty(), "they took no more than their part");
        let names_it = |text: &String| text.contains(what) && text.contains("sandboxes");
        assert!(seen.refused.iter().all(names_it), "{:?}", seen.refused);
    }
    Ok(())
}
