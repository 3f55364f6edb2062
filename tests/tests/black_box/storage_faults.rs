//! P3 and P4 on a disk that fails: the power goes, a write or a sync returns an error, there is no room, and
//! the host is killed at any write of its first start. What a machine would find after a power loss is worked
//! out from every call that SQLite made: what was not synced may be gone, also in parts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures::StreamExt as _;
use greenroom_tests::client::Client;
use greenroom_tests::disk::{Journal, Unsynced, on_such_a_disk};
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use greenroom_tests::load::{self, Extent, Load, Seen};
use greenroom_tests::script::{self, fill, get};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Executor as _};
use tempfile::TempDir;

use crate::crash_image::{check_database, copy_data, template};

/// Power losses, each with another part of what was not synced.
const LOSSES: u64 = 6;
const AT_ONCE: usize = 3;
/// What a host ends with whose store failed.
const EXIT_STORE_BROKEN: i32 = 70;
/// How soon it ends then.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// A host under load on a disk that notes everything.
struct Watched {
    folder: TempDir,
    host: Host,
    load: Load,
}

/// Where the disk notes it.
fn journal(folder: &TempDir) -> PathBuf {
    folder.path().join("disk.journal")
}

impl Watched {
    async fn start(template: &Path, faults: &[(&str, &str)], seed: u64) -> anyhow::Result<Watched> {
        let folder = copy_data(template)?;
        let path = journal(&folder);
        let watched = [("DISK_JOURNAL", path.to_str().context("a path in UTF-8")?)];
        let settings = on_such_a_disk(load::settings(), &[&watched, faults].concat())?;
        let host = Host::at(folder.path(), settings).await?;
        let load = Load::start(&host, Extent::Actors, seed)?;
        Ok(Watched { folder, host, load })
    }

    async fn kill(&mut self) -> anyhow::Result<()> {
        self.host.kill().await
    }

    /// What clients saw, and the host again on what a machine finds that lost its power when it ended.
    async fn after_power_loss(
        self,
        template: &Path,
        unsynced: Unsynced,
        random: &mut StdRng,
    ) -> anyhow::Result<(Journal, Seen, Host, TempDir)> {
        let journal = Journal::read(&journal(&self.folder))?;
        let image = copy_data(template)?;
        journal.lose_power(&image.path().join("data"), unsynced, random)?;
        let host = Host::at(image.path(), load::settings()).await?;
        let seen = self.load.stop(&host).await?;
        Ok((journal, seen, host, image))
    }
}

async fn judge(seen: &Seen, mut host: Host) -> anyhow::Result<()> {
    seen.judge(&host).await?;
    host.terminate().await?;
    check_database(&host.data()).await
}

/// Writes much, so that the log is moved into the database meanwhile.
async fn writes_much(host: &Client) -> anyhow::Result<()> {
    for number in 0..60 {
        // Another value each time: one that is there already would not be written.
        script::results(host, "much", json!([fill(&format!("{}", number % 8), 400_000 + number)])).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_a_power_loss() -> anyhow::Result<()> {
    let first: u64 = u64::from(rand::random::<u16>());
    let template = template().await?;
    let losses = futures::stream::iter(first..first + LOSSES).map(|seed| {
        let template = template.path();
        async move {
            let lost = power_is_lost(template, seed).await;
            lost.with_context(|| format!("seed {seed}"))
        }
    });
    let checkpoints: Vec<anyhow::Result<bool>> = losses.buffer_unordered(AT_ONCE).collect().await;
    let checkpoints = checkpoints.into_iter().collect::<anyhow::Result<Vec<bool>>>()?;
    ensure!(checkpoints.contains(&true), "no log was moved into a database: {checkpoints:?}");
    Ok(())
}

async fn power_is_lost(template: &Path, seed: u64) -> anyhow::Result<bool> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut watched = Watched::start(template, &[], seed).await?;
    if seed.is_multiple_of(2) {
        writes_much(&watched.host).await?;
    }
    watched.load.until_acknowledged(random.random_range(30..400)).await?;
    watched.kill().await?;
    let unsynced = if seed.is_multiple_of(3) { Unsynced::Lost } else { Unsynced::AnyPart };
    let (journal, seen, host, _image) = watched.after_power_loss(template, unsynced, &mut random).await?;
    judge(&seen, host).await?;
    Ok(journal.has_checkpoint())
}

/// The judge of all these tests has to see it when a disk only says that it has synced.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_syncs_nothing_is_caught() -> anyhow::Result<()> {
    let template = template().await?;
    let mut watched = Watched::start(template.path(), &[("DISK_SYNCS_NOTHING", "1")], 1).await?;
    script::results(&watched.host, "a", json!([fill("x", 10)])).await?;
    watched.kill().await?;
    let mut random = StdRng::seed_from_u64(1);
    let (_, seen, host, _image) =
        watched.after_power_loss(template.path(), Unsynced::Lost, &mut random).await?;
    let Err(error) = seen.judge(&host).await else { bail!("nothing was missed") };
    ensure!(format!("{error:#}").contains("acknowledged"), "{error:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_or_sync_that_fails_stops_the_host_and_loses_nothing() -> anyhow::Result<()> {
    let template = template().await?;
    let calls = ["write", "sync"].into_iter();
    let faults = calls.flat_map(|call| [1, 2, 5, 13, 40, 100].map(|number| (call, number)));
    let outcomes = futures::stream::iter(faults).map(|(call, number)| {
        let template = template.path();
        async move {
            let fault = format!("{call} log {number} eio");
            let outcome = disk_fails(template, &fault, number).await;
            outcome.with_context(|| format!("DISK_FAULT='{fault}'"))
        }
    });
    let outcomes: Vec<anyhow::Result<()>> = outcomes.buffer_unordered(AT_ONCE).collect().await;
    outcomes.into_iter().collect()
}

async fn disk_fails(template: &Path, fault: &str, seed: u64) -> anyhow::Result<()> {
    let mut watched = Watched::start(template, &[("DISK_FAULT", fault)], seed).await?;
    let ended = tokio::time::timeout(ENDS_WITHIN, watched.host.ended()).await;
    let status = ended.context("it goes on")??;
    ensure!(status.code() == Some(EXIT_STORE_BROKEN), "it ended otherwise: {status}");
    ensure!(watched.host.log().contains("the store failed and takes nothing more"), "{}", watched.host.log());
    let mut random = StdRng::seed_from_u64(seed);
    let (_, seen, host, _image) = watched.after_power_loss(template, Unsynced::Lost, &mut random).await?;
    judge(&seen, host).await
}

/// Moving the log into the database may fail: the log is kept until that was synced.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_can_not_be_moved_is_kept() -> anyhow::Result<()> {
    let template = template().await?;
    for fault in ["sync db 1 eio", "write db 3 eio"] {
        let mut watched = Watched::start(template.path(), &[("DISK_FAULT", fault)], 1).await?;
        // Whether the host goes on is its own matter.
        let _ = writes_much(&watched.host).await;
        watched.kill().await?;
        let mut random = StdRng::seed_from_u64(1);
        let (journal, seen, host, _image) =
            watched.after_power_loss(template.path(), Unsynced::Lost, &mut random).await?;
        ensure!(journal.has_fault(), "{fault} was never met");
        judge(&seen, host).await.context(fault)?;
    }
    Ok(())
}

/// What was moved while something read the log was not synced. A failed sync may lose it, and another one, as SQLite
/// would make when it closes the database, does not bring it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_moved_in_part_is_kept_when_a_sync_fails() -> anyhow::Result<()> {
    let template = template().await?;
    for asked_to_stop in [true, false] {
        let folder = copy_data(template.path())?;
        let path = journal(&folder);
        let path = path.to_str().context("a path in UTF-8")?;
        let faulty = [("DISK_JOURNAL", path), ("DISK_FAULT", "sync db 1 eio")];
        let mut host = Host::at(folder.path(), on_such_a_disk(load::settings(), &faulty)?).await?;
        // Pages of its own, which nothing writes again.
        script::results(&host, "a", json!([fill("kept", 400_000)])).await?;
        let kept = script::results(&host, "a", json!([get("kept")])).await?;
        let options = SqliteConnectOptions::new().filename(host.data().join("greenroom.db")).read_only(true);
        let mut reader = SqliteConnection::connect_with(&options).await?;
        reader.execute("BEGIN").await?;
        reader.fetch_one("SELECT count(*) FROM state").await?;
        writes_much(&host).await?;
        reader.close().await?;
        let status = if asked_to_stop {
            host.terminate().await?
        } else {
            // Until one of them is refused.
            while writes_much(&host).await.is_ok() {}
            tokio::time::timeout(ENDS_WITHIN, host.ended()).await.context("it goes on")??
        };
        let expected = if asked_to_stop { 0 } else { EXIT_STORE_BROKEN };
        ensure!(status.code() == Some(expected), "{status}: {}", host.log());

        let journal = Journal::read(Path::new(path))?;
        ensure!(journal.has_fault(), "no sync failed");
        let image = copy_data(template.path())?;
        let mut random = StdRng::seed_from_u64(1);
        journal.lose_power(&image.path().join("data"), Unsynced::Lost, &mut random)?;
        let mut host = Host::at(image.path(), load::settings()).await?;
        let found = script::results(&host, "a", json!([get("kept")])).await;
        ensure!(found.with_context(|| format!("asked to stop: {asked_to_stop}"))? == kept);
        host.terminate().await?;
        check_database(&host.data()).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_until_there_is_room() -> anyhow::Result<()> {
    let template = template().await?;
    let folder = copy_data(template.path())?;
    let full = folder.path().join("full");
    let settings = on_such_a_disk(load::settings(), &[("DISK_FULL", full.to_str().context("a path")?)])?;
    let host = Host::at(folder.path(), settings).await?;
    host.call("probe", "a", "append", "before").await?.expect(200);
    std::fs::write(&full, "")?;
    host.call("probe", "a", "append", "never").await?.refused(507, "store-full");
    host.tell("probe", "a", "append", None, "never").await?.refused(507, "store-full");
    host.deploy("other", guests::component("typed")?).await?.refused(507, "store-full");
    ensure!(script::list(&host, "a").await? == ["before"], "reads go on");
    ensure!(host.get("/readyz").await?.status == 200, "it can still take work that writes nothing");
    std::fs::remove_file(&full)?;
    eventually("writes go on", SOON, || async {
        match host.call("probe", "a", "append", "after").await {
            Ok(reply) if reply.status == 200 => Ok(()),
            other => Err(other.map(|reply| reply.text()).map_err(|error| error.to_string())),
        }
    })
    .await?;
    ensure!(script::list(&host, "a").await? == ["before", "after"]);
    Ok(())
}

/// The schema is made in a transaction: a host that is killed at any write of its first start starts again.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_is_killed_anywhere_can_be_repeated() -> anyhow::Result<()> {
    let mut kills = 0;
    for step in 0.. {
        // Close together at first, where the files are made.
        let number = 1 + step + step * step / 4;
        let folder = tempfile::tempdir()?;
        let fault = format!("write any {number} kill");
        let dying = on_such_a_disk(load::settings(), &[("DISK_FAULT", &fault)])?;
        let started = Host::at(folder.path(), dying).await;
        if started.is_ok() {
            break;
        }
        kills += 1;
        let mut host = Host::at(folder.path(), load::settings()).await.context(fault)?;
        host.terminate().await?;
        check_database(&host.data()).await?;
    }
    ensure!(kills >= 8, "the first start has only {kills} writes");
    Ok(())
}
