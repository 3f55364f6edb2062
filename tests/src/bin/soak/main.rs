//! All attacks at once for some minutes, beside an actor that has nothing to do with them. It answers to the end,
//! the host stays within its memory, and what the attacks took is given back when they are over.

mod attacks;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Parser;
use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::eventually;
use greenroom_tests::host::Host;
use greenroom_tests::process;
use greenroom_tests::statistics::{Latencies, shown};
use greenroom_tests::{guests, hostile};

/// Mixes all attacks for some minutes and looks at what they leave.
#[derive(Parser)]
#[command(name = "soak")]
struct Options {
    /// How long the attacks go on
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
}

/// The host's `memory_bytes`, and what it may have beside it for an instant.
const BUDGET_BYTES: u64 = 1 << 30;
const BESIDE_BUDGET_BYTES: u64 = 512 << 20;
/// How long the host may take to give back what the attacks took.
const GIVES_BACK_WITHIN: Duration = Duration::from_mins(3);
/// What may be left then: code and images of the types, arenas of the allocator, pages of the database.
const MEMORY_LEFT_BYTES: u64 = 256 << 20;
const DESCRIPTORS_LEFT: usize = 32;
const LOG_LINES_SHOWN: usize = 20;
/// How many times slower than before the attacks the neighbour's median may be in the best minute.
const SLOWER_MAX: f64 = 5.0;

#[tokio::main]
async fn main() -> ExitCode {
    match soak(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nFAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What the host has at an instant.
struct Took {
    memory: u64,
    descriptors: usize,
}

impl Took {
    fn of(host: &Host) -> anyhow::Result<Self> {
        Ok(Took { memory: host.memory()?.anonymous, descriptors: process::descriptors(host.pid())? })
    }
}

async fn soak(options: &Options) -> anyhow::Result<()> {
    let settings = Settings::default()
        .limit("memory_bytes", &BUDGET_BYTES.to_string())
        .limit("turn_cpu", "1s")
        .limit("idle_timeout", "5s")
        .limit("delivery_attempts", "3")
        .limit("retry_backoff", "100ms");
    let mut host = Host::with_probe(settings).await?;
    let outcome = attack(&mut host, options).await;
    if outcome.is_err() {
        let log = host.log();
        let errors = log.lines().filter(|line| line.contains("ERROR"));
        eprintln!(
            "the host's last errors:\n{}",
            errors.rev().take(LOG_LINES_SHOWN).collect::<Vec<_>>().join("\n")
        );
    }
    outcome
}

async fn attack(host: &mut Host, options: &Options) -> anyhow::Result<()> {
    host.deploy("attacker", guests::component("probe")?).await?.expect(201);
    for guest in attacks::HOSTILE {
        host.deploy(guest, hostile::component(guest)?).await?.expect(201);
    }
    let client: Client = (**host).clone();
    let idle = minute(&client, Duration::from_secs(10)).await?;
    let before = Took::of(host)?;
    println!("before: {}, {} MiB, {} descriptors", idle.told(), before.memory >> 20, before.descriptors);

    let over = Arc::<AtomicBool>::default();
    let attacks = attacks::begin(&client, &over);
    let ends = Instant::now() + Duration::from_secs_f64(options.minutes * 60.0);
    let (mut best, mut most) = (f64::INFINITY, 0);
    while Instant::now() < ends {
        let left = ends.saturating_duration_since(Instant::now());
        let seen = minute(&client, left.min(Duration::from_mins(1))).await?;
        let took = Took::of(host)?;
        best = best.min(seen.median.as_secs_f64() / idle.median.as_secs_f64());
        most = most.max(took.memory);
        println!("{}; {} MiB, {} descriptors", seen.told(), took.memory >> 20, took.descriptors);
        ensure!(host.is_running(), "the host is down");
    }
    over.store(true, Ordering::Relaxed);
    let mut done = 0;
    for attack in attacks {
        done += attack.await??;
    }
    println!("{done} attacks were made; the best minute's median was {best:.1} times that of before");
    ensure!(best <= SLOWER_MAX, "the neighbour's median was {best:.1} times slower in every minute");
    ensure!(
        most <= BUDGET_BYTES + BESIDE_BUDGET_BYTES,
        "{} MiB were taken, of a budget of {} MiB",
        most >> 20,
        BUDGET_BYTES >> 20
    );

    for guest in attacks::HOSTILE.iter().chain(&["attacker"]) {
        client.delete(&format!("/v1/actor-types/{guest}?purge=true")).await?.expect(204);
    }
    eventually("what the attacks took is given back", GIVES_BACK_WITHIN, || async {
        let took = Took::of(host).map_err(|error| error.to_string())?;
        let is_back = took.memory <= before.memory + MEMORY_LEFT_BYTES
            && took.descriptors <= before.descriptors + DESCRIPTORS_LEFT;
        let told = format!("{} MiB, {} descriptors", took.memory >> 20, took.descriptors);
        println!("afterwards: {told}");
        tokio::time::sleep(Duration::from_secs(5)).await;
        if is_back { Ok(()) } else { Err(told) }
    })
    .await?;
    ensure!(host.terminate().await?.success(), "the host did not stop in order");
    println!("the host has given back what the attacks took, and stopped in order");
    Ok(())
}

/// What a neighbour saw for a while.
struct Seen {
    calls: usize,
    median: Duration,
    p99: Duration,
}

impl Seen {
    fn told(&self) -> String {
        format!("{} calls of a neighbour, median {}, p99 {}", self.calls, shown(self.median), shown(self.p99))
    }
}

async fn minute(client: &Client, time: Duration) -> anyhow::Result<Seen> {
    let ends = Instant::now() + time;
    let mut took = Vec::new();
    while Instant::now() < ends || took.is_empty() {
        let asked = Instant::now();
        let reply = client.call("probe", "neighbour", "increment", "").await?;
        ensure!(reply.status == 200, "a neighbour was refused: {} {}", reply.status, reply.text());
        took.push(asked.elapsed());
    }
    let all = Latencies::from(took);
    Ok(Seen { calls: all.count(), median: all.percentile(50.0), p99: all.percentile(99.0) })
}
