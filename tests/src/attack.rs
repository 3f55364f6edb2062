//! The neighbour check: while an attack is under way, a healthy actor answers about as fast as it did before,
//! and the host stays within its memory.
//!
//! How fast is fast depends on the machine and on what else it does, so the bound is made of what the same
//! actor needed just before, in the same run, and of how long a bit of work takes while others use the
//! processors too; and it is generous, since a test must not fail for a hiccup. What it shows is that an
//! attack holds nobody up for as long as itself takes.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::host::Host;
use crate::process;
use crate::statistics::{Latencies, shown};

/// How much slower a neighbour may become, and what is never too slow.
const SLOWER_MAX: u32 = 5;
const NEVER_TOO_SLOW: Duration = Duration::from_secs(1);
const CALLS_BEFORE: usize = 200;
const CALLS_BETWEEN_LOOKS_AT_MEMORY: usize = 4;

/// What a neighbour and the host's memory were like.
#[derive(Default)]
struct Seen {
    took: Vec<Duration>,
    /// Of memory that is the host's own. Pages of a component's image that thousands of sandboxes share
    /// would count once for each.
    own_max: u64,
}

impl Seen {
    /// Asks the neighbour once.
    async fn ask(&mut self, client: &Client, pid: u32) -> anyhow::Result<()> {
        let asked = Instant::now();
        let reply = client.call("probe", "neighbour", "increment", "").await?;
        ensure!(reply.status == 200, "a neighbour was refused: {} {}", reply.status, reply.text());
        self.took.push(asked.elapsed());
        if self.took.len().is_multiple_of(CALLS_BETWEEN_LOOKS_AT_MEMORY) {
            self.own_max = self.own_max.max(process::memory(pid)?.anonymous);
        }
        Ok(())
    }

    fn p99(self) -> Duration {
        Latencies::from(self.took).percentile(99.0)
    }
}

/// Asks an actor of the type `probe` on and on until told to stop.
fn neighbour(client: Client, pid: u32, over: Arc<AtomicBool>) -> JoinHandle<anyhow::Result<Seen>> {
    tokio::spawn(async move {
        let mut seen = Seen::default();
        while !over.load(Ordering::Relaxed) {
            seen.ask(&client, pid).await?;
        }
        Ok(seen)
    })
}

/// How often its processor time a thread takes for its work, measured until told to stop: 1 on a machine
/// that has nothing else to do.
fn contention(over: &AtomicBool) -> f64 {
    const WORK: Duration = Duration::from_millis(20);
    const PAUSE: Duration = Duration::from_millis(80);
    let used = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
    };
    let (mut took, mut worked) = (Duration::ZERO, Duration::ZERO);
    loop {
        let (begun, before) = (Instant::now(), used());
        while used().saturating_sub(before) < WORK {
            std::hint::spin_loop();
        }
        took += begun.elapsed();
        worked += used().saturating_sub(before);
        if over.load(Ordering::Relaxed) {
            return (took.as_secs_f64() / worked.as_secs_f64()).max(1.0);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Runs `attack`, and fails when a neighbour's 99th percentile goes beyond its bound meanwhile, when the host
/// takes more than `memory_bytes` more than before, or when it ends.
pub async fn while_under_attack<T>(
    host: &mut Host,
    what: &str,
    memory_bytes: u64,
    attack: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let (client, pid) = ((**host).clone(), host.pid());
    let mut idle = Seen::default();
    for _ in 0..CALLS_BEFORE {
        idle.ask(&client, pid).await?;
    }
    let (own_before, idle) = (idle.own_max, idle.p99());
    let over = Arc::new(AtomicBool::new(false));
    let neighbour = neighbour(client, pid, Arc::clone(&over));
    let machine = tokio::task::spawn_blocking({
        let over = Arc::clone(&over);
        move || contention(&over)
    });
    let outcome = attack.await;
    over.store(true, Ordering::Relaxed);
    let seen = neighbour.await??;
    let (outcome, contention) = (outcome?, machine.await?);
    ensure!(host.is_running(), "{what}: the host is down");

    let (calls, grown) = (seen.took.len(), seen.own_max.saturating_sub(own_before));
    let bound = (idle * SLOWER_MAX).max(NEVER_TOO_SLOW).mul_f64(contention);
    let attacked = seen.p99();
    println!(
        "{what}: {calls} calls of a neighbour, p99 {}, idle {}, contention {contention:.1}; {} MiB more",
        shown(attacked),
        shown(idle),
        grown >> 20
    );
    ensure!(attacked <= bound, "{what}: a neighbour waited {}, more than {}", shown(attacked), shown(bound));
    ensure!(grown <= memory_bytes, "{what}: the host has grown by {} MiB", grown >> 20);
    Ok(outcome)
}
