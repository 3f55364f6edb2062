//! Bytes of a database that go bad, anywhere: the store refuses to open, or refuses to answer, or answers
//! as before, and never with a value that was not written. It never panics, and never deletes or mends anything.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use bytes::Bytes;
use greenroom_core::store::{MailChange, Store, StoreError, WriteSet};
use greenroom_core::{Address, Timestamp};
use proptest::prelude::*;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};

use super::open;
use crate::contract::samples;
use crate::{OpenError, SqliteOptions, SqliteStore};

const ACTORS: usize = 60;

fn task(number: usize) -> Address {
    Address::parse("task", &format!("{number:03}")).unwrap()
}

fn state(number: usize) -> Vec<(String, Option<Bytes>)> {
    vec![("key".into(), Some(Bytes::from(vec![number as u8; 700]))), ("other".into(), Some("x".into()))]
}

/// The bytes of a database with state of many actors.
fn sound() -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).await;
        let sets =
            (0..ACTORS).map(|number| WriteSet { state: state(number), ..WriteSet::empty(task(number)) });
        store.commit(&sets.collect::<Vec<_>>()).await.unwrap();
        store.close().await;
        fs::read(directory.path().join("greenroom.db")).unwrap()
    })
}

/// Opens a database of those bytes and reads everything.
async fn read_all(bytes: &[u8], checked: bool) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("greenroom.db");
    fs::write(&file, bytes).unwrap();
    let checked_bytes_max = if checked { u64::MAX } else { 0 };
    let options = SqliteOptions { checked_bytes_max, ..SqliteOptions::default() };
    let store = match SqliteStore::open(directory.path(), &options).await {
        Ok(store) => store,
        Err(error) => {
            assert!(fs::read(&file).unwrap() == bytes, "it was refused and changed: {error}");
            return;
        }
    };
    let mut broken = false;
    for number in 0..ACTORS {
        match store.load(&task(number), u64::MAX).await {
            Ok(loaded) if !broken => {
                for (key, value) in loaded.state.unwrap_or_default() {
                    assert!(state(number).contains(&(key.clone(), Some(value))), "{number}: {key:?}");
                }
            }
            Ok(_) => panic!("a store that met damage answers again"),
            Err(StoreError::Broken(_)) => broken = true,
            Err(StoreError::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    if broken {
        let set = WriteSet { state: state(0), ..WriteSet::empty(task(0)) };
        assert!(matches!(store.commit(&[set]).await, Err(StoreError::Broken(_))));
    }
    store.close().await;
    assert!(fs::metadata(&file).unwrap().len() > 0);
}

/// A column of the list of migrations whose type is no text.
#[tokio::test]
async fn a_table_whose_definition_is_no_text_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).await.close().await;
    let file = directory.path().join("greenroom.db");
    let mut bytes = fs::read(&file).unwrap();
    // Also where SQLite has left an older copy of it.
    let places: Vec<_> = (0..bytes.len()).filter(|place| bytes[*place..].starts_with(b"BIGINT")).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place] = 0xFF;
    }
    fs::write(&file, &bytes).unwrap();
    for checked_bytes_max in [0, u64::MAX] {
        let options = SqliteOptions { checked_bytes_max, ..SqliteOptions::default() };
        let error = SqliteStore::open(directory.path(), &options).await.err().expect("it was opened");
        assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
        assert!(fs::read(&file).unwrap() == bytes);
    }
}

/// A store with a row of every kind.
pub(super) async fn filled(directory: &Path) {
    let store = open(directory).await;
    let one = samples::task("one");
    let (info, bytes) = samples::component("component");
    store.deploy(&one.actor_type, &info, &bytes, 10, samples::at(0)).await.unwrap();
    let sets = [
        samples::writes(&one, &[("key", Some("value"))]),
        samples::sends(&one, vec![samples::mail(&one, 1, 50)]),
        samples::reminds(&one, vec![samples::reminder("alarm", 60)]),
        samples::changes(&one, MailChange::DeadFiring(Box::new(samples::letter(&one, 2)))),
        samples::remembers(&one, samples::idempotency("key"), 10),
    ];
    store.commit(&sets).await.unwrap();
    store.close().await;
}

/// Changes rows behind the store's back. SQLite itself finds nothing wrong with them.
async fn change(directory: &Path, statement: String) {
    let database = SqliteConnectOptions::new().filename(directory.join("greenroom.db"));
    let mut connection = SqliteConnection::connect_with(&database).await.unwrap();
    let changed = sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    assert_eq!(changed.rows_affected(), 1);
    connection.close().await.unwrap();
}

/// Reads one row of every kind, and says what each came to.
async fn read_each(store: &SqliteStore) -> [(&'static str, Option<StoreError>); 8] {
    let one = samples::task("one");
    let digest = samples::component("component").0.digest;
    [
        ("state", store.load(&one, u64::MAX).await.err()),
        ("state", store.state_value(&one, "key").await.err()),
        ("mailbox", store.mail(&one, samples::at(99), None, 9).await.err()),
        ("mailbox", store.mail(&one, Timestamp::MAX, None, 9).await.err()),
        ("reminder", store.summary(&one).await.err()),
        ("dead_letter", store.dead_letter(samples::message_id(2)).await.err()),
        ("idempotency", store.idempotency_record(&one, &samples::key("key")).await.err()),
        ("component", store.component(&digest).await.err()),
    ]
}

#[tokio::test]
async fn a_value_that_is_not_what_was_written_is_never_answered() {
    for (table, changed) in [
        ("state", "key = 'kez'"),
        ("state", "value = x'76616c7564'"),
        ("mailbox", "due_at = 51, wake_at = 51"),
        ("mailbox", "message_id = zeroblob(16)"),
        ("mailbox", "method = 'other'"),
        ("mailbox", "content_type = 'text/plain'"),
        ("mailbox", "body = x'00ff02'"),
        ("mailbox", "origin_kind = 2, origin_name = 'alarm'"),
        ("mailbox", "sent_at = 8"),
        ("reminder", "name = 'alarn'"),
        ("reminder", "method = 'other'"),
        ("reminder", "content_type = 'text/html'"),
        ("reminder", "body = x'00'"),
        ("reminder", "delay_ms = 6"),
        ("reminder", "period_ms = NULL, repetitions = NULL"),
        ("reminder", "repetitions = 4"),
        ("reminder", "due_at = 61"),
        ("reminder", "fired = 2"),
        ("reminder", "firing_id = zeroblob(16)"),
        ("dead_letter", "actor_id = 'two'"),
        ("dead_letter", "body = x'00'"),
        ("dead_letter", "attempt = 2"),
        ("dead_letter", "died_at = 10"),
        ("dead_letter", "error = 'trapper'"),
        ("idempotency", "request_digest = zeroblob(32)"),
        ("idempotency", "at = 12"),
        ("idempotency", "content_type = 'text/plain'"),
        ("idempotency", "body = x'7b7e'"),
        ("component", "bytes = x'636f6d706f6e656e75'"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path()).await;
        change(directory.path(), format!("UPDATE {table} SET {changed}")).await;
        // Also checked whole, it looks sound until the row is read.
        let store = open(directory.path()).await;
        let mut met = false;
        for (read, error) in read_each(&store).await {
            met |= read == table && error.is_some();
            let broken = matches!(error, Some(StoreError::Broken(_)));
            assert!(broken || error.is_none(), "{table} {changed}: {read} {error:?}");
        }
        // The value of a key that has another name now is not there.
        assert!(met, "{table} {changed}: nobody noticed");
        assert!(matches!(store.check().await, Err(StoreError::Broken(_))), "{table} {changed}");
        store.close().await;
    }
}

#[tokio::test]
async fn a_dead_letter_that_is_not_what_was_written_is_not_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    change(directory.path(), "UPDATE dead_letter SET body = x'00'".into()).await;
    let store = open(directory.path()).await;
    let retried = store.retry_dead_letter(samples::message_id(2), samples::at(100)).await;
    assert!(matches!(retried, Err(StoreError::Failed(_))), "{retried:?}");
    store.close().await;
}

#[tokio::test]
async fn rows_from_before_there_were_checksums_are_read_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    for table in ["state", "mailbox", "reminder", "dead_letter", "idempotency"] {
        change(directory.path(), format!("UPDATE {table} SET checksum = NULL")).await;
    }
    let store = open(directory.path()).await;
    for (table, error) in read_each(&store).await {
        assert!(error.is_none(), "{table}: {error:?}");
    }
    store.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_that_go_bad_are_refused_or_answered_as_before(
        places in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..40),
        cut in proptest::option::weighted(0.2, any::<proptest::sample::Index>()),
        checked in any::<bool>(),
    ) {
        static SOUND: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(sound);
        let mut bytes = SOUND.clone();
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()).max(1));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let read = AssertUnwindSafe(|| runtime.block_on(read_all(&bytes, checked)));
        prop_assert!(std::panic::catch_unwind(read).is_ok());
    }
}
