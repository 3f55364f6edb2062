//! Opening: who may, what is refused, and that a refusal changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bytes::Bytes;
use greenroom_core::store::{Store, WriteSet};
use greenroom_core::{Address, Timestamp};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};

use super::{damage, open};
use crate::contract::samples;
use crate::sqlite::migrations::MIGRATIONS;
use crate::{OpenError, SqliteOptions, SqliteStore};

const DATABASE: &str = "greenroom.db";

async fn refusal(directory: &Path) -> OpenError {
    match SqliteStore::open(directory, &SqliteOptions::default()).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

/// Asserts that the database can't be opened and stays as it is, and returns why.
async fn refused_untouched(directory: &Path) -> OpenError {
    let file = directory.join(DATABASE);
    let before = fs::read(&file).unwrap();
    let error = refusal(directory).await;
    assert!(fs::read(&file).unwrap() == before, "the file changed: {error}");
    error
}

fn one_write(id: &str) -> WriteSet {
    let address = Address::parse("task", id).unwrap();
    WriteSet { state: vec![("key".into(), Some(Bytes::from(vec![7; 500])))], ..WriteSet::empty(address) }
}

async fn filled(directory: &Path) {
    let store = open(directory).await;
    for number in 0..10 {
        let batch: Vec<_> = (0..100).map(|other| one_write(&format!("{number}-{other}"))).collect();
        store.commit(&batch).await.unwrap();
    }
    store.close().await;
}

async fn change(directory: &Path, statement: &str) {
    let options = SqliteConnectOptions::new().filename(directory.join(DATABASE));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_new_directory_is_for_its_owner_only() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("deep/data");
    let store = open(&directory).await;
    store.commit(&[one_write("a")]).await.unwrap();
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in fs::read_dir(&directory).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
}

#[tokio::test]
async fn a_second_host_is_told_who_has_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let error = refusal(directory.path()).await;
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    store.commit(&[one_write("a")]).await.unwrap();
    store.close().await;
    open(directory.path()).await.check().await.unwrap();
}

#[tokio::test]
async fn a_store_dropped_without_closing_keeps_what_it_committed() {
    let directory = tempfile::tempdir().unwrap();
    for number in 0..3 {
        let store = open(directory.path()).await;
        store.commit(&[one_write(&number.to_string())]).await.unwrap();
        drop(store);
    }
    let store = open(directory.path()).await;
    let listed = store.actors("task".parse().ok().as_ref(), "", None, 10).await.unwrap();
    assert_eq!(listed.len(), 3);
}

#[tokio::test]
async fn a_crash_image_has_all_that_was_committed_and_nothing_else() {
    let (directory, image) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(directory.path()).await;
    let actor_type = "task".parse().unwrap();
    for number in 0..5 {
        store.commit(&[one_write(&number.to_string())]).await.unwrap();
        // What a machine finds that lost its power now: every file as it is, and no lock.
        for name in [DATABASE, "greenroom.db-wal"] {
            fs::copy(directory.path().join(name), image.path().join(name)).unwrap();
        }
        let _ = fs::remove_file(image.path().join("greenroom.db-shm"));
        let found = open(image.path()).await;
        assert_eq!(found.actors(Some(&actor_type), "", None, 10).await.unwrap().len(), number + 1);
        // Not only dropped: its connections would close later, and write into the next image.
        found.close().await;
    }
    // A log whose end was torn off has lost its last commit whole, and no other.
    let log = image.path().join("greenroom.db-wal");
    for name in [DATABASE, "greenroom.db-wal"] {
        fs::copy(directory.path().join(name), image.path().join(name)).unwrap();
    }
    let len = fs::metadata(&log).unwrap().len();
    fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(len - 100).unwrap();
    let found = open(image.path()).await;
    assert_eq!(found.actors(Some(&actor_type), "", None, 10).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_both_versions() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    let row = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
               VALUES (9001, 'newer', TRUE, x'00', 0)";
    change(directory.path(), row).await;
    let error = refused_untouched(directory.path()).await;
    assert!(matches!(error, OpenError::NewerSchema { found: 9001, .. }), "{error}");
    assert!(error.to_string().contains("9001") && error.to_string().contains("up to 9;"), "{error}");
}

/// A new database with the schema that this version had.
pub(super) async fn of_schema(version: i64, directory: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(directory.join(DATABASE)).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let known = MIGRATIONS.iter().filter(|known| known.version <= version).cloned().collect();
    Migrator::with_migrations(known).run(&mut connection).await.unwrap();
    connection
}

#[tokio::test]
async fn what_an_earlier_schema_holds_is_kept() {
    for newest in MIGRATIONS.iter() {
        let directory = tempfile::tempdir().unwrap();
        let mut connection = of_schema(newest.version, directory.path()).await;
        for rows in [
            "INSERT INTO state (actor_type, actor_id, key, value) VALUES ('task', 'a', 'key', x'6f6c64')",
            "INSERT INTO mailbox (actor_type, actor_id, due_at, message_id, method, content_type, body, \
             origin_kind, attempt, sent_at, wake_at) \
             VALUES ('task', 'a', 0, zeroblob(16), 'update', '', x'73656e74', 0, 1, 5, 0)",
        ] {
            sqlx::query(rows).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();

        let store = open(directory.path()).await;
        let address = Address::parse("task", "a").unwrap();
        let old = store.state_value(&address, "key").await.unwrap();
        assert_eq!(old.as_deref(), Some(&b"old"[..]), "schema {}", newest.version);
        let mail = store.mail(&address, Timestamp::MAX, None, 9).await.unwrap().messages;
        assert_eq!(mail.len(), 1, "schema {}", newest.version);
        assert_eq!(mail[0].message.payload.body, "sent");
        store.commit(&[one_write("a")]).await.unwrap();
        assert_eq!(store.load(&address, u64::MAX).await.unwrap().state_size.bytes, 503);
        store.close().await;
    }
}

/// All that can be read of the actor that has a row of every kind.
async fn read(store: &SqliteStore) -> impl PartialEq + std::fmt::Debug {
    let one = samples::task("one");
    (
        store.load(&one, u64::MAX).await,
        store.mail(&one, Timestamp::MAX, None, 9).await,
        store.due(Timestamp::MAX, None, 9).await,
        store.dead_letter(samples::message_id(2)).await,
        store.idempotency_record(&one, &samples::key("key")).await,
        store.actor_types().await,
    )
}

#[tokio::test]
async fn every_row_of_an_earlier_schema_is_what_it_was() {
    /// The first with every column.
    const SCHEMA: i64 = 4;
    const TABLES: [&str; 8] = [
        "actor_type",
        "component",
        "component_version",
        "state",
        "mailbox",
        "reminder",
        "dead_letter",
        "idempotency",
    ];
    let now = tempfile::tempdir().unwrap();
    damage::filled(now.path()).await;
    let directory = tempfile::tempdir().unwrap();
    let mut connection = of_schema(SCHEMA, directory.path()).await;
    let attach = format!("ATTACH '{}' AS now", now.path().join(DATABASE).display());
    sqlx::query(AssertSqlSafe(attach)).execute(&mut connection).await.unwrap();
    for table in TABLES {
        let columns: String =
            sqlx::query_scalar("SELECT group_concat(name) FROM pragma_table_info(?1, 'main')")
                .bind(table)
                .fetch_one(&mut connection)
                .await
                .unwrap();
        let copy = format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}");
        sqlx::query(AssertSqlSafe(copy)).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();

    let (earlier, now) = (open(directory.path()).await, open(now.path()).await);
    let found = read(&earlier).await;
    assert_eq!(found, read(&now).await);
    assert!(!format!("{found:?}").contains("Err"), "{found:?}");
}

#[tokio::test]
async fn an_upgrade_without_room_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut connection = of_schema(6, directory.path()).await;
    let row =
        "INSERT INTO state (actor_type, actor_id, key, value) VALUES ('task', 'a', 'key', zeroblob(3000000))";
    sqlx::query(row).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let small = SqliteOptions { database_bytes_max: 4 << 20, ..SqliteOptions::default() };
    for _ in 0..2 {
        let error = SqliteStore::open(directory.path(), &small).await.err().expect("it was opened");
        assert!(matches!(error, OpenError::Full { .. }), "{error}");
    }
    let store = open(directory.path()).await;
    let value = store.state_value(&Address::parse("task", "a").unwrap(), "key").await.unwrap();
    assert_eq!(value.map(|value| value.len()), Some(3_000_000));
}

#[tokio::test]
async fn a_schema_that_no_release_has_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    change(directory.path(), "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1").await;
    let error = refused_untouched(directory.path()).await;
    assert!(matches!(error, OpenError::ForeignSchema { version: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    for contents in [b"hello".to_vec(), vec![0; 4_096], vec![b'x'; 100_000]] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(DATABASE), contents).unwrap();
        let error = refused_untouched(directory.path()).await;
        assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    }
}

#[tokio::test]
async fn the_database_of_another_program_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(DATABASE), "").unwrap();
    change(directory.path(), "CREATE TABLE theirs (x)").await;
    let error = refused_untouched(directory.path()).await;
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
}

#[tokio::test]
async fn a_truncated_or_damaged_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    let file = directory.path().join(DATABASE);
    let sound = fs::read(&file).unwrap();
    assert!(sound.len() > 40 * 4_096, "{} bytes", sound.len());

    fs::write(&file, &sound[..sound.len() / 2]).unwrap();
    let error = refused_untouched(directory.path()).await;
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");

    let mut header = sound.clone();
    header[..16].fill(0xEE);
    fs::write(&file, header).unwrap();
    let error = refused_untouched(directory.path()).await;
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");

    let mut pages = sound.clone();
    for page in pages.chunks_mut(4_096).skip(20) {
        page[..64].fill(0xEE);
    }
    fs::write(&file, pages).unwrap();
    let error = refused_untouched(directory.path()).await;
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");

    fs::write(&file, &sound).unwrap();
    open(directory.path()).await.check().await.unwrap();
}

#[tokio::test]
async fn a_log_without_its_database_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("greenroom.db-wal");
    fs::write(&log, "turns").unwrap();
    let error = refusal(directory.path()).await;
    assert!(matches!(error, OpenError::DatabaseMissing { .. }), "{error}");
    assert_eq!(fs::read(&log).unwrap(), b"turns");
}

#[tokio::test]
async fn a_database_without_the_log_of_a_host_that_was_killed_is_refused() {
    let (directory, image) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(directory.path()).await;
    store.commit(&[one_write("a")]).await.unwrap();
    for name in [DATABASE, "greenroom.lock"] {
        fs::copy(directory.path().join(name), image.path().join(name)).unwrap();
    }
    for _ in 0..2 {
        let error = refused_untouched(image.path()).await;
        assert!(matches!(error, OpenError::LogMissing { .. }), "{error}");
    }
    fs::copy(directory.path().join("greenroom.db-wal"), image.path().join("greenroom.db-wal")).unwrap();
    let found = open(image.path()).await;
    assert_eq!(found.actors("task".parse().ok().as_ref(), "", None, 10).await.unwrap().len(), 1);
    found.close().await;
    // One that ended by itself leaves none, and needs none.
    assert!(!image.path().join("greenroom.db-wal").exists());
    open(image.path()).await.check().await.unwrap();
}

#[tokio::test]
async fn a_directory_that_is_a_file_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    fs::write(&path, "").unwrap();
    let error = refusal(&path).await;
    assert!(matches!(error, OpenError::Directory { .. }), "{error}");
}

#[tokio::test]
async fn a_database_is_not_checked_again_that_is_as_it_was_left() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    let file = directory.path().join(DATABASE);
    let left = fs::metadata(&file).unwrap().modified().unwrap();
    let mut pages = fs::read(&file).unwrap();
    for page in pages.chunks_mut(4_096).skip(80) {
        page[..64].fill(0xEE);
    }
    fs::write(&file, pages).unwrap();
    // As a disk changes what it keeps, without a new date.
    fs::File::options().write(true).open(&file).unwrap().set_modified(left).unwrap();
    SqliteStore::open(directory.path(), &SqliteOptions::default()).await.unwrap();
    // It has not ended by itself.
    let error = refusal(directory.path()).await;
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn a_directory_that_no_database_can_be_in_is_refused_for_the_true_reason() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let room = tempfile::tempdir().unwrap();
    let (link, nowhere) = (room.path().join("link"), room.path().join("nowhere"));
    std::os::unix::fs::symlink(&nowhere, &link).unwrap();
    let file = room.path().join("file");
    std::fs::write(&file, "").unwrap();
    let long = room.path().join("a".repeat(200)).join("b".repeat(200)).join("c".repeat(200));
    for (directory, reason) in [
        (room.path().join(OsStr::from_bytes(b"caf\xe9")), "not UTF-8"),
        (long, "bytes, and SQLite takes at most 491"),
        (link.clone(), "nowhere, which is not there"),
        (link.join("data"), "nowhere, which is not there"),
        (file, "Not a directory"),
    ] {
        let refused =
            SqliteStore::open(&directory, &SqliteOptions::default()).await.err().unwrap().to_string();
        assert!(refused.contains(reason), "{refused}");
    }
    assert!(!nowhere.exists());
    // The longest that is taken is one that SQLite takes.
    let bytes = 491 - room.path().as_os_str().len();
    let mut longest = room.path().to_path_buf();
    longest.push("d".repeat(bytes / 2 - 1));
    longest.push("e".repeat(491 - longest.as_os_str().len() - 1));
    assert_eq!(longest.as_os_str().len(), 491);
    assert!(SqliteStore::open(&longest, &SqliteOptions::default()).await.is_ok());
}
