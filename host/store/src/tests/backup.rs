//! Backups of a database in use, and data directories made of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use greenroom_core::Address;
use greenroom_core::store::{Backup, Store, WriteSet};

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::open;
use crate::sealed::{NotABackup, SEAL_BYTES, Sealer};
use crate::{DirectoryBackup, OpenError, RestoreError, SqliteOptions, SqliteStore, restore};

fn task(id: &str) -> Address {
    Address::parse("task", id).unwrap()
}

fn write(id: &str, text: &str) -> WriteSet {
    let value = Bytes::from(text.repeat(100));
    WriteSet { state: vec![("key".into(), Some(value))], ..WriteSet::empty(task(id)) }
}

pub(super) async fn read_all(backup: &mut dyn Backup) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let next = backup.read().await.unwrap();
        if next.is_empty() {
            assert_eq!(all.len() as u64, backup.bytes());
            return all;
        }
        all.extend_from_slice(&next);
    }
}

async fn backup_of(store: &SqliteStore) -> Vec<u8> {
    read_all(&mut *store.backup().await.unwrap()).await
}

async fn refusal(backup: &[u8], data: &Path) -> RestoreError {
    restore(backup, data).await.map(|_| panic!("it was restored")).unwrap_err()
}

/// Every file below a directory and what is in it.
fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_backup_restored_is_what_was_there_when_it_began() {
    let root = tempfile::tempdir().unwrap();
    let store = open(&root.path().join("one")).await;
    store.commit(&[write("a", "one"), write("b", "two")]).await.unwrap();
    let mut backup = store.backup().await.unwrap();
    store.commit(&[write("a", "later"), write("c", "later")]).await.unwrap();
    let backup = read_all(&mut *backup).await;

    let data = root.path().join("deep/two");
    let whole = restore(&backup[..], &data).await.unwrap();
    assert_eq!(whole.bytes, backup.len() as u64);
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    let database = fs::metadata(data.join("greenroom.db")).unwrap();
    assert_eq!(database.permissions().mode() & 0o777, 0o600);
    let restored = open(&data).await;
    let value = |text: &str| Ok(Some(Bytes::from(text.repeat(100))));
    assert_eq!(restored.state_value(&task("a"), "key").await, value("one"));
    assert_eq!(restored.state_value(&task("b"), "key").await, value("two"));
    assert_eq!(restored.state_value(&task("c"), "key").await, Ok(None));
    restored.commit(&[write("d", "goes on")]).await.unwrap();
    assert_eq!(store.state_value(&task("a"), "key").await, value("later"));
}

#[tokio::test]
async fn a_copy_leaves_no_file_whether_it_was_read_or_not() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    store.commit(&[write("a", "one")]).await.unwrap();
    let names = || contents(directory.path()).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    let before = names();
    let backup = store.backup().await.unwrap();
    assert_eq!(names(), before, "its room is free when it is dropped");
    drop(backup);
    backup_of(&store).await;
    assert_eq!(names(), before);
    store.close().await;

    // A process that ended in the middle of one.
    let leave_behind = || {
        for name in ["greenroom.backup-0", "greenroom.backup-0-journal"] {
            fs::write(directory.path().join(name), "half").unwrap();
        }
    };
    let is_clean = || names().iter().all(|path| !path.to_string_lossy().contains("backup"));
    leave_behind();
    open(directory.path()).await.close().await;
    assert!(is_clean(), "{:?}", names());
    leave_behind();
    let options = SqliteOptions::default();
    let mut backup = DirectoryBackup::begin(directory.path(), &options).await.unwrap();
    assert!(is_clean(), "{:?}", names());
    read_all(&mut backup).await;
}

/// Every commit writes one number to both actors, so a copy in which they differ is of no one moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_of_one_moment_whatever_is_committed_meanwhile() {
    let root = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&root.path().join("data")).await);
    let filler: Vec<_> = (0..2_000).map(|number| write(&format!("filler-{number}"), "some text")).collect();
    store.commit(&filler).await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (store, over) = (Arc::clone(&store), Arc::clone(&over));
        async move {
            let mut number = 0;
            while !over.load(Ordering::Relaxed) {
                number += 1;
                let text = format!("{number};");
                store.commit(&[write("a", &text), write("z", &text)]).await.unwrap();
            }
            number
        }
    });
    for round in 0..5 {
        let backup = backup_of(&store).await;
        let data = root.path().join(round.to_string());
        restore(&backup[..], &data).await.unwrap();
        let copy = open(&data).await;
        let (one, other) =
            (copy.state_value(&task("a"), "key").await, copy.state_value(&task("z"), "key").await);
        assert_eq!(one, other, "round {round}");
        assert_eq!(
            copy.actors("task".parse().ok().as_ref(), "filler", None, 9_999).await.unwrap().len(),
            2_000
        );
        copy.close().await;
    }
    over.store(true, Ordering::Relaxed);
    assert!(writing.await.unwrap() > 5, "there was no load");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_nobody_waits_for_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let batch: Vec<_> = (0..5_000).map(|number| write(&number.to_string(), "text to copy")).collect();
    store.commit(&batch).await.unwrap();
    for round in 0..20_u64 {
        let patience = std::time::Duration::from_micros(round * 300);
        let _ = tokio::time::timeout(patience, store.backup()).await;
        store.commit(&[write("a", "goes on")]).await.unwrap();
    }
    assert!(backup_of(&store).await.len() > 5_000 * 1_000);
}

#[tokio::test]
async fn a_directory_with_data_or_a_host_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let store = open(&data).await;
    store.commit(&[write("a", "one")]).await.unwrap();
    let backup = backup_of(&store).await;

    let before = contents(&data);
    let error = refusal(&backup, &data).await;
    let holder = format!("process {}", std::process::id());
    assert!(matches!(&error, RestoreError::Directory(OpenError::InUse { .. })), "{error}");
    assert!(error.to_string().contains(&holder), "{error}");
    assert!(contents(&data) == before);
    store.close().await;

    let before = contents(&data);
    let error = refusal(&backup, &data).await;
    assert!(matches!(error, RestoreError::HasData { .. }), "{error}");
    assert!(contents(&data) == before);

    // A log without its database is data, too.
    let torn = root.path().join("torn");
    fs::create_dir(&torn).unwrap();
    fs::write(torn.join("greenroom.db-wal"), "turns").unwrap();
    let error = refusal(&backup, &torn).await;
    assert!(matches!(error, RestoreError::HasData { .. }), "{error}");
    assert_eq!(contents(&torn).len(), 1);
}

#[tokio::test]
async fn what_is_no_whole_backup_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    let store = open(&root.path().join("source")).await;
    store.commit(&[write("a", "one")]).await.unwrap();
    let backup = backup_of(&store).await;
    let plain = fs::read(root.path().join("source/greenroom.db")).unwrap();
    let mut flipped = backup.clone();
    let place = flipped.windows(6).rposition(|window| window == b"oneone").unwrap();
    flipped[place] ^= 0x20;

    let data = root.path().join("made/data");
    for (what, bytes, expected) in [
        ("another file", b"hello".as_slice(), NotABackup::Foreign),
        ("a web page", b"<!doctype html><title>Log in</title>", NotABackup::Foreign),
        ("nothing", b"", NotABackup::Foreign),
        ("a database", &plain, NotABackup::Unsealed),
        ("half", &backup[..backup.len() / 2], NotABackup::Unsealed),
        ("all but its end", &backup[..backup.len() - 1], NotABackup::Unsealed),
        ("a flipped bit in a value", &flipped, NotABackup::Damaged),
    ] {
        let error = refusal(bytes, &data).await;
        assert!(matches!(&error, RestoreError::NotABackup(why) if *why == expected), "{what}: {error}");
        assert!(!root.path().join("made").exists(), "{what}");
    }
    restore(&backup[..], &data).await.unwrap();
}

/// A sealed copy of a database on which `statement` was run.
async fn changed(statement: &'static str) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let backup = backup_of(&store).await;
    let database = directory.path().join("changed");
    fs::write(&database, &backup[..backup.len() - SEAL_BYTES]).unwrap();
    let mut connection =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&database)).await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let contents = fs::read(&database).unwrap();
    let mut sealer = Sealer::default();
    sealer.show(&contents);
    [contents, sealer.seal()].concat()
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_both_versions() {
    let root = tempfile::tempdir().unwrap();
    let row = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
               VALUES (9001, 'newer', TRUE, x'00', 0)";
    let backup = changed(row).await;
    let data = root.path().join("data");
    let error = refusal(&backup, &data).await;
    assert!(matches!(error, RestoreError::NewerSchema { found: 9001, .. }), "{error}");
    assert!(error.to_string().contains("9001"), "{error}");
    assert!(!data.exists());

    let foreign = changed("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1").await;
    let error = refusal(&foreign, &data).await;
    assert!(matches!(error, RestoreError::Unsound(_)), "{error}");
    assert!(!data.exists());
}

#[tokio::test]
async fn a_directory_without_the_log_of_a_host_that_was_killed_gives_no_backup() {
    let (directory, image) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(directory.path()).await;
    store.commit(&[write("a", "one")]).await.unwrap();
    for name in ["greenroom.db", "greenroom.lock"] {
        fs::copy(directory.path().join(name), image.path().join(name)).unwrap();
    }
    let options = SqliteOptions::default();
    // Neither the first attempt makes a log that the second, or a host, would take for the lost one.
    for _ in 0..2 {
        let error = DirectoryBackup::begin(image.path(), &options).await.err().expect("it was begun");
        assert!(matches!(error, OpenError::LogMissing { .. }), "{error}");
    }
    let error = SqliteStore::open(image.path(), &options).await.err().expect("it was opened");
    assert!(matches!(error, OpenError::LogMissing { .. }), "{error}");
    fs::copy(directory.path().join("greenroom.db-wal"), image.path().join("greenroom.db-wal")).unwrap();
    let mut backup = DirectoryBackup::begin(image.path(), &options).await.unwrap();
    let copy = directory.path().join("copy");
    restore(&read_all(&mut backup).await[..], &copy).await.unwrap();
    assert!(open(&copy).await.state_value(&task("a"), "key").await.unwrap().is_some());
}

#[tokio::test]
async fn a_backup_is_restored_where_a_host_was_killed_and_its_files_were_moved_away() {
    let (directory, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(directory.path()).await;
    store.commit(&[write("a", "one")]).await.unwrap();
    let backup = read_all(&mut *store.backup().await.unwrap()).await;
    fs::copy(directory.path().join("greenroom.lock"), killed.path().join("greenroom.lock")).unwrap();
    restore(&backup[..], killed.path()).await.unwrap();
    assert!(open(killed.path()).await.state_value(&task("a"), "key").await.unwrap().is_some());
}

/// The journal of a transaction that began with no page: its head fills a sector, and no page follows.
fn journal_of_a_first_start() -> Vec<u8> {
    const SECTOR: u32 = 512;
    const PAGE: u32 = 4_096;
    let (pages_saved, nonce, pages_before) = (0_u32, 7_u32, 0_u32);
    let mut head = vec![0xD9, 0xD5, 0x05, 0xF9, 0x20, 0xA1, 0x63, 0xD7];
    for number in [pages_saved, nonce, pages_before, SECTOR, PAGE] {
        head.extend(number.to_be_bytes());
    }
    head.resize(SECTOR as usize, 0);
    head
}

#[tokio::test]
async fn a_backup_is_restored_where_a_first_start_was_killed() {
    let (directory, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(directory.path()).await;
    store.commit(&[write("a", "one")]).await.unwrap();
    let backup = backup_of(&store).await;
    fs::write(killed.path().join("greenroom.db"), "").unwrap();
    fs::write(killed.path().join("greenroom.db-journal"), journal_of_a_first_start()).unwrap();
    restore(&backup[..], killed.path()).await.unwrap();
    assert!(open(killed.path()).await.state_value(&task("a"), "key").await.unwrap().is_some());
}

#[tokio::test]
async fn a_directory_that_no_host_uses_is_backed_up_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let options = SqliteOptions::default();
    let refused = |error: Option<OpenError>| error.expect("it was begun");
    let error = refused(DirectoryBackup::begin(&data, &options).await.err());
    assert!(matches!(error, OpenError::Directory { .. }), "{error}");
    assert!(!data.exists());

    let store = open(&data).await;
    store.commit(&[write("a", "one")]).await.unwrap();
    let error = refused(DirectoryBackup::begin(&data, &options).await.err());
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    // Killed: what it wrote is in the log only.
    drop(store);
    let mut backup = loop {
        match DirectoryBackup::begin(&data, &options).await {
            Ok(backup) => break backup,
            Err(OpenError::InUse { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    let bytes = read_all(&mut backup).await;
    drop(backup);
    restore(&bytes[..], &root.path().join("copy")).await.unwrap();
    let copy = open(&root.path().join("copy")).await;
    assert!(copy.state_value(&task("a"), "key").await.unwrap().is_some());
    open(&data).await.check().await.unwrap();
}
