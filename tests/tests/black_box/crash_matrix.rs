//! P2 to P5, P9 and P10 wherever the host dies: at every fail point there is, by every kind of work at once,
//! for several seeds each, it ends as by `kill -9`, and comes back; and it panics there, and goes on or ends
//! with an error. Afterwards all that was acknowledged is there once, and the database is whole.
//!
//! The points are those of `FailPoint::ALL`, and a run fails that does not reach its point: so there is none
//! that no run dies at. `GREENROOM_CRASH=batch::told@17` repeats a run, `GREENROOM_CRASH_SEEDS=20` takes more
//! of them.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures::StreamExt as _;
use greenroom_core::FailPoint;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::eventually;
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use greenroom_tests::load::{self, Extent, Load};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rustix::process::Signal;

use crate::crash_image::{check_database, copy_data, template};

/// How often the host dies at each point.
const SEEDS: u64 = 4;
/// Runs at a time.
const AT_ONCE: usize = 3;
/// Within that time, a point is reached or is not on the way of anything that the clients do. Deployments come to
/// theirs in a second or two, and in half a minute where two of these tests share one processor.
const REACHED: Duration = Duration::from_mins(4);
/// How long clients go on after a panic: long enough to meet what it has left.
const AFTER_PANIC: Duration = Duration::from_millis(300);
/// What a host ends with that can't go on.
const EXIT_STORE_BROKEN: i32 = 70;

/// How one gets to a point.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It is on the way of every start.
    Start,
    /// It is on the way of whatever the clients do.
    Work,
    /// It is on the way when components are deployed, versions activated and types undeployed.
    Deployments,
    /// It is on the way of a host that is asked to stop.
    Stop,
}

/// The way to a point, and at which time there the host may die at the latest.
fn way(point: FailPoint) -> (Way, u64) {
    use FailPoint as P;
    match point {
        P::SchemaOld | P::SchemaNew => (Way::Start, 1),
        P::DrainBegun | P::DrainEmptied | P::StoreClosing | P::StoreClosed => (Way::Stop, 1),
        P::UploadCompiled | P::UploadCached | P::UploadPrepared | P::UploadWritten | P::UploadStored => {
            (Way::Deployments, 3)
        }
        P::ActivateWritten
        | P::ActivateStored
        | P::UndeployClosed
        | P::UndeployWritten
        | P::UndeployStored
        | P::PurgeWritten
        | P::PurgeStored => (Way::Deployments, 2),
        P::DeadLetterMade => (Way::Work, 4),
        P::DeliveryFailed => (Way::Work, 8),
        P::StoreWritten | P::ActivationLeaving => (Way::Work, 20),
        P::HostFunction => (Way::Work, 2_000),
        _ => (Way::Work, 300),
    }
}

/// One run: where, and everything else.
#[derive(Clone, Copy)]
struct Run {
    point: FailPoint,
    seed: u64,
}

impl Run {
    fn random(self) -> StdRng {
        StdRng::seed_from_u64(self.seed << 8 | self.point as u64)
    }

    /// When the host does what, at its point.
    fn plan(self, action: &str, random: &mut StdRng) -> String {
        format!("{}={action}@{}", self.point.name(), random.random_range(1..=way(self.point).1))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_wherever_the_host_dies() -> anyhow::Result<()> {
    let seeds = match std::env::var("GREENROOM_CRASH_SEEDS") {
        Ok(number) => number.parse()?,
        Err(_) => SEEDS,
    };
    let first = u64::from(rand::random::<u16>());
    let runs =
        FailPoint::ALL.iter().flat_map(|&point| (first..first + seeds).map(move |seed| Run { point, seed }));
    all(runs, "nothing_is_lost_wherever_the_host_dies", dies).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_wherever_the_host_panics() -> anyhow::Result<()> {
    let seed = u64::from(rand::random::<u16>());
    let panics = |point: &&FailPoint| matches!(way(**point).0, Way::Work | Way::Deployments);
    let runs = FailPoint::ALL.iter().filter(panics).map(|&point| Run { point, seed });
    all(runs, "nothing_is_lost_wherever_the_host_panics", |data, run| fails(data, run, "panic")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_fails_is_undone_whole() -> anyhow::Result<()> {
    let first = u64::from(rand::random::<u16>());
    let runs = (first..first + SEEDS).map(|seed| Run { point: FailPoint::StoreWritten, seed });
    all(runs, "a_transaction_that_fails_is_undone_whole", |data, run| fails(data, run, "error")).await
}

/// Makes all runs, or the one that is asked for, and tells of each that fails how to repeat it.
async fn all<F>(
    runs: impl Iterator<Item = Run>,
    test: &str,
    act: impl Fn(tempfile::TempDir, Run) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let mut runs: Vec<Run> = runs.collect();
    if let Ok(wanted) = std::env::var("GREENROOM_CRASH") {
        let (name, seed) = wanted.split_once('@').context("GREENROOM_CRASH is not POINT@SEED")?;
        let seed = seed.parse()?;
        let point = runs.iter().map(|run| run.point).find(|point| point.name() == name);
        runs = vec![Run { point: point.with_context(|| format!("no run dies at {name}"))?, seed }];
    }
    let template = template().await?;
    let act = &act;
    let template = &template;
    let failures: Vec<String> = futures::stream::iter(runs)
        .map(|run| async move {
            let begun = Instant::now();
            let outcome = async { act(copy_data(template.path())?, run).await }.await;
            let (name, seed) = (run.point.name(), run.seed);
            eprintln!(
                "{name}@{seed}: {} after {:?}",
                if outcome.is_ok() { "ok" } else { "failed" },
                begun.elapsed()
            );
            let repeat =
                format!("GREENROOM_CRASH={name}@{seed} cargo test --workspace --test black_box {test}");
            outcome.err().map(|error| format!("{name}, seed {seed}: {error:#}\n    {repeat}"))
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(async |failure| failure)
        .collect()
        .await;
    ensure!(failures.is_empty(), "\n{}", failures.join("\n"));
    Ok(())
}

/// The host dies at the point, and comes back.
async fn dies(directory: tempfile::TempDir, run: Run) -> anyhow::Result<()> {
    let mut random = run.random();
    let armed = load::settings().fail_points(&run.plan("abort", &mut random));
    let way = way(run.point).0;
    if way == Way::Start {
        return dies_at_its_start(directory.path(), run, armed).await;
    }
    let mut host = Host::at(directory.path(), armed).await?;
    let extent = if way == Way::Deployments { Extent::Deployments } else { Extent::Actors };
    let load = Load::start(&host, extent, run.seed)?;
    if way == Way::Stop {
        load.until_acknowledged(random.random_range(10..200)).await?;
        host.signal(Signal::TERM)?;
    }
    let ended = tokio::time::timeout(REACHED, host.ended()).await;
    let status = ended.context("the point was never reached")??;
    ensure!(status.signal() == Some(Signal::ABORT.as_raw()), "it ended otherwise: {status}");
    ensure!(was_reached(&host, run), "it died elsewhere");

    host.restart_with(load::settings()).await?;
    let seen = load.stop(&host).await?;
    seen.judge(&host).await?;
    host.terminate().await?;
    check_database(&host.data()).await
}

/// Once over a database that is new, and once over one that is there.
async fn dies_at_its_start(directory: &Path, run: Run, armed: Settings) -> anyhow::Result<()> {
    let fresh = directory.join("fresh");
    for (folder, has_probe) in [(directory, true), (fresh.as_path(), false)] {
        let started = Host::at(folder, armed.clone()).await;
        let Err(error) = started else { bail!("it started all the same") };
        let reached = format!("fail point {} reached", run.point.name());
        ensure!(error.to_string().contains(&reached), "it ended otherwise: {error}");
        let mut host = Host::at(folder, load::settings()).await?;
        if !has_probe {
            host.deploy("probe", guests::component("probe")?).await?.expect(201);
        }
        host.call("probe", "a", "append", "x").await?.expect(200);
        host.terminate().await?;
        check_database(&host.data()).await?;
    }
    Ok(())
}

/// What the host does fails at the point; afterwards it goes on, or has ended and says so.
async fn fails(directory: tempfile::TempDir, run: Run, action: &str) -> anyhow::Result<()> {
    let armed = load::settings().fail_points(&run.plan(action, &mut run.random()));
    // To print one takes long enough for the panic to seem over when it is not.
    let mut host = Host::at(directory.path(), armed.variable("RUST_BACKTRACE", "0")).await?;
    let load = Load::start(&host, Extent::Deployments, run.seed)?;
    let reached = eventually("the point is reached", REACHED, || async {
        // An error says nothing; what fails says so itself.
        let log = host.log();
        if was_reached(&host, run) || log.contains("a test wants this transaction to fail") {
            Ok(())
        } else {
            Err(())
        }
    });
    reached.await?;
    tokio::time::sleep(AFTER_PANIC).await;
    if !host.get("/readyz").await.is_ok_and(|reply| reply.status == 200) {
        let status = host.ended().await?;
        ensure!(status.code() == Some(EXIT_STORE_BROKEN), "it ended otherwise: {status}");
        host.restart_with(load::settings()).await?;
    }
    let seen = load.stop(&host).await?;
    seen.judge(&host).await?;
    host.terminate().await?;
    check_database(&host.data()).await
}

fn was_reached(host: &Host, run: Run) -> bool {
    host.log().contains(&format!("fail point {} reached", run.point.name()))
}
