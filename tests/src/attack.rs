//! The neighbour check: while an attack is under way, a healthy actor answers about as fast as it did before,
//! and the host stays within its memory.
//!
//! How fast is fast is what the same actor needed just before, in the same run: the bounds of its median and of its
//! 99th percentile are so many times the median of before. Its calls are judged by the best of a few windows, each a
//! part of the time: a hiccup of the machine spoils one window, an attack that holds others up spoils all. Calls that met
//! a standstill of the disk do not count, unless it stood still for most of the time. The 99th percentile says nothing
//! of the host where the disk stands still again and again, or where it is that of a few calls; the median does.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::disk_watch::{DiskWatch, Standstill};
use crate::host::Host;
use crate::machine_load::Load;
use crate::process;
use crate::statistics::{Latencies, shown};

/// How many times slower the median of a neighbour's calls may become.
const MEDIAN_SLOWER_MAX: f64 = 3.0;
/// How many times the median of before its 99th percentile may become.
const P99_SLOWER_MAX: f64 = 40.0;
const CALLS_BEFORE: usize = 300;
/// Into how many windows the calls are divided.
const WINDOWS: usize = 3;
/// Fewer calls are no window.
const CALLS_IN_A_WINDOW_MIN: usize = 20;
/// Of how many calls a 99th percentile is one at least.
const CALLS_OF_A_P99_MIN: usize = 100;
/// Where the disk stands still for more than one part in so many of the time, 99th percentiles are the disk's.
const STANDSTILL_PARTS_MAX: u32 = 10;
const CALLS_BETWEEN_LOOKS_AT_MEMORY: usize = 4;

/// How often an attack is made before it counts that a neighbour was slower.
const ATTEMPTS: usize = 5;

/// A neighbour was slower than it may be.
#[derive(Debug)]
struct Slower(String);

impl fmt::Display for Slower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Slower {}

/// Makes an attack again that a neighbour was slower beside: what else the machine did may spoil one attempt, an attack
/// that holds others up spoils all. Every other failure counts at once.
pub async fn in_a_few_attempts<T>(mut attempt: impl AsyncFnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(error) if error.is::<Slower>() => println!("made again, for {error}"),
            other => return other,
        }
    }
    attempt().await
}

/// What a neighbour and the host's memory were like.
#[derive(Default)]
struct Seen {
    calls: Vec<(Instant, Instant)>,
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
        self.calls.push((asked, Instant::now()));
        if self.calls.len().is_multiple_of(CALLS_BETWEEN_LOOKS_AT_MEMORY) {
            self.own_max = self.own_max.max(process::memory(pid)?.anonymous);
        }
        Ok(())
    }

    /// The lowest median and the lowest 99th percentile of the windows. Where there were too few calls for a window,
    /// the quickest stands for both: it too was held up if all were.
    fn best(&self, standstills: &[Standstill]) -> anyhow::Result<Best> {
        let counts = |(from, to): &&(Instant, Instant)| !standstills.iter().any(|it| it.met(*from, *to));
        let took: Vec<Duration> = self.calls.iter().filter(counts).map(|(from, to)| *to - *from).collect();
        if took.len() < CALLS_IN_A_WINDOW_MIN {
            let all = self.calls.iter().map(|(from, to)| *to - *from);
            let quickest = all.min().context("the neighbour was never asked")?;
            return Ok(Best {
                calls: took.len(),
                median: quickest,
                p99: quickest,
                median_slower_max: P99_SLOWER_MAX,
            });
        }
        let windows = (took.len() / CALLS_OF_A_P99_MIN).clamp(1, WINDOWS);
        let each = took.chunks_exact(took.len() / windows).map(|calls| Latencies::from(calls.to_vec()));
        let (mut median, mut p99) = (Duration::MAX, Duration::MAX);
        for calls in each {
            median = median.min(calls.percentile(50.0));
            p99 = p99.min(calls.percentile(99.0));
        }
        Ok(Best { calls: took.len(), median, p99, median_slower_max: MEDIAN_SLOWER_MAX })
    }
}

/// What the best windows were like.
struct Best {
    /// How many calls counted.
    calls: usize,
    median: Duration,
    p99: Duration,
    /// How many times slower the median may have become.
    median_slower_max: f64,
}

impl fmt::Display for Best {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "median {}, p99 {}", shown(self.median), shown(self.p99))
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

/// Runs `attack`, and fails when a neighbour becomes slower than its bounds meanwhile, when the host takes more than
/// `memory_bytes` more than before, or when it ends.
pub async fn while_under_attack<T>(
    host: &mut Host,
    what: &str,
    memory_bytes: u64,
    attack: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let idle = before(host).await?;
    attacked(host, what, memory_bytes, &idle, attack).await
}

/// Like [`while_under_attack`], for guests that use up what all programs of a machine share, whoever does it: the way to
/// its memory, or to its disk. The neighbour is compared with itself beside such a load of the test's own.
pub async fn while_under_attack_like<T>(
    load: Load,
    host: &mut Host,
    what: &str,
    memory_bytes: u64,
    attack: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let idle = before(host).await;
    drop(load);
    attacked(host, what, memory_bytes, &idle?, attack).await
}

async fn before(host: &Host) -> anyhow::Result<Seen> {
    let (client, pid) = ((**host).clone(), host.pid());
    let mut idle = Seen::default();
    for _ in 0..CALLS_BEFORE {
        idle.ask(&client, pid).await?;
    }
    Ok(idle)
}

async fn attacked<T>(
    host: &mut Host,
    what: &str,
    memory_bytes: u64,
    idle: &Seen,
    attack: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let (client, pid) = ((**host).clone(), host.pid());
    let disk = DiskWatch::begin()?;
    let begun = Instant::now();
    let over = Arc::new(AtomicBool::new(false));
    let neighbour = neighbour(client, pid, Arc::clone(&over));
    let outcome = attack.await;
    over.store(true, Ordering::Relaxed);
    let seen = neighbour.await??;
    let lasted = begun.elapsed();
    let mut standstills = disk.end()?;
    let stood_still: Duration = standstills.iter().map(Standstill::length).sum();
    if stood_still > lasted / 2 {
        // Then it is the attack that does that.
        standstills.clear();
    }
    let outcome = outcome?;
    ensure!(host.is_running(), "{what}: the host is down");

    let (calls, grown) = (seen.calls.len(), seen.own_max.saturating_sub(idle.own_max));
    let (idle, attacked) = (idle.best(&[])?, seen.best(&standstills)?);
    let slower = |attacked: Duration| attacked.as_secs_f64() / idle.median.as_secs_f64();
    let (median, p99) = (slower(attacked.median), slower(attacked.p99));
    let told = format!(
        "{what}: {calls} calls of a neighbour, {attacked}; idle {idle}; {median:.1} and {p99:.1} times that median; the disk stood still \
         for {}; {} MiB more",
        shown(stood_still),
        grown >> 20
    );
    println!("{told}");
    let median_max = attacked.median_slower_max;
    ensure!(grown <= memory_bytes, "more memory than {} MiB: {told}", memory_bytes >> 20);
    if median > median_max {
        return Err(Slower(format!("the median is more than {median_max} times as long: {told}")).into());
    }
    let tells_p99 = attacked.calls >= CALLS_OF_A_P99_MIN && stood_still <= lasted / STANDSTILL_PARTS_MAX;
    if tells_p99 && p99 > P99_SLOWER_MAX {
        let text = format!("the 99th percentile is more than {P99_SLOWER_MAX} times that median: {told}");
        return Err(Slower(text).into());
    }
    Ok(outcome)
}
