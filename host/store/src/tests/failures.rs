//! Failures while open: no room, another process, damage, and callers that go away.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use greenroom_core::Address;
use greenroom_core::store::{Store, StoreError, WriteSet};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Executor as _};

use super::open;
use crate::{CommitFault, ModelStore, OpenError, SqliteOptions, SqliteStore};

fn task(id: &str) -> Address {
    Address::parse("task", id).unwrap()
}

fn write(id: &str, bytes: usize) -> WriteSet {
    let value = Bytes::from(vec![7; bytes]);
    WriteSet { state: vec![("key".into(), Some(value))], ..WriteSet::empty(task(id)) }
}

async fn open_with(directory: &Path, options: SqliteOptions) -> SqliteStore {
    SqliteStore::open(directory, &options).await.unwrap()
}

#[tokio::test]
async fn a_full_store_refuses_whole_batches_and_goes_on_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let small = SqliteOptions { database_bytes_max: 1 << 20, ..SqliteOptions::default() };
    let store = open_with(directory.path(), small).await;
    store.commit(&[write("kept", 1_000)]).await.unwrap();
    let before = store.load(&task("kept"), u64::MAX).await.unwrap();
    // The first of the batch has room, the whole has not.
    let batch = [write("kept", 10), write("small", 10), write("large", 2 << 20)];
    for _ in 0..3 {
        let error = store.commit(&batch).await.unwrap_err();
        assert!(matches!(error, StoreError::Full(_)), "{error}");
    }
    assert_eq!(store.load(&task("kept"), u64::MAX).await, Ok(before));
    assert!(store.summary(&task("small")).await.unwrap().is_empty());
    store.commit(&[write("small", 10)]).await.unwrap();
    store.check().await.unwrap();
    store.close().await;

    let store = open(directory.path()).await;
    store.commit(&batch).await.unwrap();
    assert_eq!(store.summary(&task("large")).await.unwrap().state_size.bytes, (2 << 20) + 3);
}

#[tokio::test]
async fn a_full_store_takes_no_component() {
    let directory = tempfile::tempdir().unwrap();
    let small = SqliteOptions { database_bytes_max: 1 << 20, ..SqliteOptions::default() };
    let store = open_with(directory.path(), small).await;
    let bytes = Bytes::from(vec![1; 2 << 20]);
    let info = greenroom_core::ComponentInfo {
        digest: greenroom_core::Digest::of(&bytes),
        size_bytes: bytes.len() as u64,
        imports: Vec::new(),
    };
    let now = greenroom_core::Timestamp::EPOCH;
    let error = store.deploy(&"task".parse().unwrap(), &info, &bytes, 10, now).await.unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    assert_eq!(store.actor_types().await, Ok(Vec::new()));
    store.commit(&[write("a", 10)]).await.unwrap();
}

#[tokio::test]
async fn a_database_that_another_process_writes_to_is_unavailable_for_a_while() {
    let directory = tempfile::tempdir().unwrap();
    let impatient = SqliteOptions { busy_timeout: Duration::from_millis(20), ..SqliteOptions::default() };
    let store = open_with(directory.path(), impatient).await;
    let other = SqliteConnectOptions::new().filename(directory.path().join("greenroom.db"));
    let mut other = SqliteConnection::connect_with(&other).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let error = store.commit(&[write("a", 10)]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(store.summary(&task("a")).await.unwrap().is_empty());
    other.execute("ROLLBACK").await.unwrap();
    store.commit(&[write("a", 10)]).await.unwrap();
}

#[tokio::test]
async fn damage_met_while_running_stops_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let batch: Vec<_> = (0..1_000).map(|number| write(&format!("{number:04}"), 500)).collect();
    store.commit(&batch).await.unwrap();
    store.close().await;
    let file = directory.path().join("greenroom.db");
    let mut pages = fs::read(&file).unwrap();
    for page in pages.chunks_mut(4_096).skip(40) {
        page[..64].fill(0xEE);
    }
    fs::write(&file, pages).unwrap();

    let unchecked = SqliteOptions { checked_bytes_max: 0, ..SqliteOptions::default() };
    let store = open_with(directory.path(), unchecked).await;
    store.check().await.unwrap();
    let mut met = None;
    for number in 0..1_000 {
        if let Err(error) = store.load(&task(&format!("{number:04}")), u64::MAX).await {
            met = Some(error);
            break;
        }
    }
    assert!(matches!(met, Some(StoreError::Broken(_))), "{met:?}");
    assert_eq!(Some(store.check().await.unwrap_err()), met);
    assert_eq!(Some(store.commit(&[write("a", 10)]).await.unwrap_err()), met);
    assert_eq!(Some(store.commit(&[]).await.unwrap_err()), met);
    store.close().await;
}

/// Asserts that there is a log with something in it, and that no start goes on without it.
async fn assert_log_is_needed(directory: &Path) {
    let (log, aside) = (directory.join("greenroom.db-wal"), directory.join("aside"));
    assert!(log_bytes(directory) > 0);
    fs::rename(&log, &aside).unwrap();
    let error = SqliteStore::open(directory, &SqliteOptions::default()).await.err().expect("it was opened");
    assert!(matches!(error, OpenError::LogMissing { .. }), "{error}");
    fs::rename(&aside, &log).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_broke_keeps_its_log_however_it_ends() {
    /// Within this, SQLite has closed a connection that was dropped.
    const CLOSED: Duration = Duration::from_millis(300);
    for closed in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).await;
        store.commit(&[write("a", 10)]).await.unwrap();
        let changed = "UPDATE state SET value = x'00'";
        let other = SqliteConnectOptions::new().filename(directory.path().join("greenroom.db"));
        let mut other = SqliteConnection::connect_with(&other).await.unwrap();
        other.execute(changed).await.unwrap();
        other.close().await.unwrap();
        let met = store.load(&task("a"), u64::MAX).await;
        assert!(matches!(met, Err(StoreError::Broken(_))), "{met:?}");
        if closed {
            store.close().await;
        } else {
            drop(store);
            tokio::time::sleep(CLOSED).await;
        }
        assert_log_is_needed(directory.path()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_something_reads_is_left_to_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let impatient = SqliteOptions { busy_timeout: Duration::from_millis(20), ..SqliteOptions::default() };
    let store = open_with(directory.path(), impatient).await;
    store.commit(&[write("a", 10)]).await.unwrap();
    let other = SqliteConnectOptions::new().filename(directory.path().join("greenroom.db")).read_only(true);
    let mut other = SqliteConnection::connect_with(&other).await.unwrap();
    other.execute("BEGIN").await.unwrap();
    other.fetch_one("SELECT count(*) FROM state").await.unwrap();
    store.commit(&[write("b", 10)]).await.unwrap();
    store.close().await;
    other.close().await.unwrap();
    assert_log_is_needed(directory.path()).await;
    let store = open(directory.path()).await;
    assert_eq!(store.summary(&task("b")).await.unwrap().state_size.keys, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_leaves_all_or_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    for round in 0..100_u64 {
        let ids: Vec<String> = (0..300).map(|number| format!("{round}-{number}")).collect();
        let batch: Vec<_> = ids.iter().map(|id| write(id, 100)).collect();
        let _ = tokio::time::timeout(Duration::from_micros(round * 40), store.commit(&batch)).await;
        // A commit that was begun goes before this one.
        store.commit(&[write("after", 1)]).await.unwrap();
        let mut kept = 0;
        for id in &ids {
            kept += store.summary(&task(id)).await.unwrap().state_size.keys;
        }
        assert!(kept == 0 || kept == 300, "{kept} of 300 in round {round}");
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_leaves_its_connection_usable() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let owner = task("a");
    let state = (0..5_000).map(|number| (format!("{number}"), Some(Bytes::from(vec![1; 50])))).collect();
    store.commit(&[WriteSet { state, ..WriteSet::empty(owner.clone()) }]).await.unwrap();
    for round in 0..50 {
        let load = store.load(&owner, u64::MAX);
        let _ = tokio::time::timeout(Duration::from_micros(round * 50), load).await;
    }
    assert_eq!(store.load(&owner, u64::MAX).await.unwrap().state.unwrap().len(), 5_000);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    store.close().await;
    store.close().await;
    let unavailable = StoreError::Unavailable("the store is closed".into());
    assert_eq!(store.check().await, Err(unavailable.clone()));
    assert_eq!(store.commit(&[write("a", 1)]).await, Err(unavailable));
}

#[tokio::test]
async fn the_models_commits_fail_as_planned() {
    let store = ModelStore::new();
    let full = StoreError::Full("planned".into());
    let unknown = StoreError::Unknown("planned".into());
    store.fail_next_commits(2, full.clone());
    store.plan_next_commits(1, CommitFault::AppliedBut(unknown.clone()));
    for _ in 0..2 {
        assert_eq!(store.commit(&[write("a", 1)]).await, Err(full.clone()));
    }
    assert_eq!(store.commits(), 0);
    assert_eq!(store.commit(&[write("a", 1)]).await, Err(unknown));
    assert_eq!(store.commit(&[write("b", 1)]).await, Ok(()));
    assert_eq!(store.committed(), [[write("a", 1)], [write("b", 1)]]);

    store.fail_next_commits(1, StoreError::Failed("planned".into()));
    assert_eq!(store.commit(&[write("c", 1)]).await, Err(StoreError::Failed("planned".into())));
    assert_eq!(store.commit(&[write("c", 1)]).await, Err(StoreError::Broken("planned".into())));
    assert_eq!(store.check().await, Err(StoreError::Broken("planned".into())));
    store.mend();
    assert_eq!(store.summary(&task("c")).await.map(|summary| summary.state_size.keys), Ok(0));
}

#[tokio::test(start_paused = true)]
async fn the_models_commits_wait_while_held() {
    let store = ModelStore::new();
    let held = store.hold_commits();
    let other = store.clone();
    let lost = tokio::spawn(async move { other.commit(&[write("lost", 1)]).await });
    held.arrived().await;
    lost.abort();
    assert!(lost.await.unwrap_err().is_cancelled());
    assert_eq!(held.waiting(), 0);

    let other = store.clone();
    let kept = tokio::spawn(async move { other.commit(&[write("kept", 1)]).await });
    held.arrived().await;
    assert_eq!(store.commits(), 0);
    held.release();
    assert_eq!(kept.await.unwrap(), Ok(()));
    assert_eq!(store.committed(), [[write("kept", 1)]]);

    store.set_commit_latency(Duration::from_secs(3));
    let begun = tokio::time::Instant::now();
    store.commit(&[write("late", 1)]).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
}

/// Writes 30,000 bytes other than before to one of so many actors.
fn rewrite(number: u32, actors: u32) -> WriteSet {
    let value = Bytes::from(number.to_be_bytes().repeat(7_500));
    WriteSet {
        state: vec![("key".into(), Some(value))],
        ..WriteSet::empty(task(&(number % actors).to_string()))
    }
}

/// Bytes of the write-ahead log now.
fn log_bytes(directory: &Path) -> u64 {
    fs::metadata(directory.join("greenroom.db-wal")).unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_without_a_gap_do_not_let_the_log_grow_without_end() {
    const BOUND: u64 = 2 << 20;
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions { log_bytes_max: BOUND, ..SqliteOptions::default() };
    let store = Arc::new(open_with(directory.path(), options).await);
    let batch: Vec<_> = (0..4_000).map(|number| write(&number.to_string(), 500)).collect();
    store.commit(&batch).await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, over) = (Arc::clone(&store), Arc::clone(&over));
            tokio::spawn(async move {
                let mut reads = 0_u64;
                while !over.load(Ordering::Relaxed) {
                    store.actors(&"task".parse().unwrap(), "", None, 100).await.unwrap();
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    let mut largest = 0;
    for number in 0..1_200 {
        store.commit(&[rewrite(number, 50)]).await.unwrap();
        largest = largest.max(log_bytes(directory.path()));
    }
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    // Over 40 MB were written. Between two looks it may grow, and on a busy machine a reader be waited for in vain.
    assert!(largest < 8 * BOUND, "{largest} bytes");
}

#[tokio::test]
async fn a_few_large_writes_are_moved_like_many_small_ones() {
    const BYTES: usize = 8 << 20;
    let directory = tempfile::tempdir().unwrap();
    let store = open_with(directory.path(), SqliteOptions::default()).await;
    let mut largest = 0;
    for _ in 0..12 {
        store.commit(&[write("a", BYTES)]).await.unwrap();
        largest = largest.max(log_bytes(directory.path()));
    }
    assert!(largest < 5 * BYTES as u64, "{largest} bytes");
}

#[tokio::test]
async fn a_reader_that_stays_lets_the_log_grow_but_holds_up_no_turn() {
    const BOUND: u64 = 1 << 20;
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions { log_bytes_max: BOUND, ..SqliteOptions::default() };
    let store = open_with(directory.path(), options).await;
    store.commit(&[write("a", 10)]).await.unwrap();
    let other = SqliteConnectOptions::new().filename(directory.path().join("greenroom.db")).read_only(true);
    let mut other = SqliteConnection::connect_with(&other).await.unwrap();
    other.execute("BEGIN").await.unwrap();
    other.fetch_one("SELECT count(*) FROM state").await.unwrap();
    let begun = std::time::Instant::now();
    for number in 0..200 {
        store.commit(&[rewrite(number, 20)]).await.unwrap();
    }
    assert!(log_bytes(directory.path()) > 4 * BOUND, "{}", log_bytes(directory.path()));
    // It is asked to give way once for each growth by the bound, not with each turn.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    other.execute("COMMIT").await.unwrap();
    for number in 200..400 {
        store.commit(&[rewrite(number, 20)]).await.unwrap();
    }
    assert!(log_bytes(directory.path()) < 3 * BOUND, "{}", log_bytes(directory.path()));
}
