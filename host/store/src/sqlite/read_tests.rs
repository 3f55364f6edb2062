//! No statement reads what it does not answer: the bytes are counted that SQLite's thread has read from its files.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use greenroom_core::store::{DeadLetter, MailChange, Reminder, Store as _, StoredMessage, WriteSet};
use greenroom_core::{Message, Payload};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _};

use super::statement::{self, Value};
use super::{SqliteOptions, SqliteStore, connect, open, query};
use crate::contract::samples::{changes, letter, mail, message, reminder, reminds, sends, task};

/// What each row carries, and how many rows there are of each kind.
const LARGE: usize = 1 << 20;
const COUNT: u128 = 64;
/// The schema, a few pages of each row, and one row whole.
const READ_BYTES_MAX: u64 = LARGE as u64 + (1 << 20);

/// One actor that has much of everything but reminders, which are another's: whoever asks for an actor gets those whole.
async fn fill(directory: &Path) {
    let store = SqliteStore::open(directory, &SqliteOptions::default()).await.unwrap();
    let (owner, reminded) = (task("large"), task("reminded"));
    let payload = |number: u128| Payload::new("", vec![number as u8; LARGE]);
    for number in 0..COUNT {
        let value = Bytes::from(vec![number as u8; LARGE]);
        let state = vec![(format!("{number:02}"), Some(value))];
        let message = Message { payload: payload(number), ..message(number) };
        let sent = StoredMessage { message: message.clone(), ..mail(&owner, number, 10) };
        let kept = Reminder { payload: payload(number), ..reminder(&format!("{number:02}"), 800) };
        let letter = DeadLetter { message, ..letter(&owner, number) };
        let sets = [
            WriteSet { state, ..WriteSet::empty(owner.clone()) },
            sends(&owner, vec![sent]),
            reminds(&reminded, vec![kept]),
            changes(&owner, MailChange::DeadFiring(Box::new(letter))),
        ];
        store.commit(&sets).await.unwrap();
    }
    store.close().await;
}

/// A reader that has read nothing, and its thread.
async fn reader(directory: &Path) -> (SqliteConnection, String) {
    let file = directory.join(open::DATABASE_FILE);
    let mut connection = connect::reader(&file, Duration::from_secs(5)).await.unwrap();
    let thread = Arc::new(OnceLock::new());
    let seen = Arc::clone(&thread);
    connection.lock_handle().await.unwrap().set_progress_handler(1, move || {
        seen.get_or_init(|| fs::read_link("/proc/thread-self").unwrap());
        true
    });
    sqlx::query("SELECT 1").fetch_one(&mut connection).await.unwrap();
    connection.lock_handle().await.unwrap().remove_progress_handler();
    let thread = thread.get().expect("a statement has steps");
    (connection, format!("/proc/{}/io", thread.display()))
}

/// Bytes that a thread has read from files so far, whether they were in the system's cache or not.
fn read_bytes(thread: &str) -> u64 {
    let counts = fs::read_to_string(thread).unwrap();
    let line = counts.lines().find_map(|line| line.strip_prefix("rchar: ")).expect("it is counted");
    line.parse().unwrap()
}

#[tokio::test]
async fn large_rows_are_not_read_to_be_passed_over_counted_or_measured() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path()).await;
    let actor = |rest: &[Value]| [&["task".into(), "large".into()], rest].concat();
    let (before_all, no_id) = (Value::Integer(-1), Value::Blob(Vec::new()));
    let (nothing, limit) = (Value::Integer(0), Value::Integer(64));
    let until = |ms| Value::Integer(ms);
    let no_text = Value::from("");
    let page = [until(99), before_all.clone(), no_id.clone(), limit.clone(), nothing.clone()];
    let last = [until(10), Value::Blob((COUNT - 1).to_be_bytes().to_vec())];
    for (text, values, rows) in [
        (query::LOAD, actor(&[nothing]), 1),
        (query::SUMMARY, actor(&[]), 1),
        (query::STATE_KEYS, actor(&[no_text.clone(), no_id.clone(), limit.clone()]), 64),
        (query::STATE_VALUE_SIZES, actor(&[no_text.clone(), limit.clone()]), 64),
        (query::EXTENT, actor(std::slice::from_ref(&limit)), 1),
        (query::MAIL, actor(&page), 64),
        (query::ACTORS, vec!["task".into(), no_text.clone(), no_id.clone(), limit.clone()], 2),
        (query::DUE, vec![until(900), before_all.clone(), no_text.clone(), no_text, limit.clone()], 2),
        (query::NEXT_DUE, vec![before_all], 1),
        (query::LATEST_MESSAGE_ID, vec![], 1),
        (query::DEAD_LETTERS, vec![no_id.clone(), limit.clone()], 64),
        (query::DEAD_LETTERS_OF_TYPE, vec![no_id, limit, "task".into()], 64),
        (query::COUNT_DEAD_LETTERS, actor(&[]), 1),
        // One of them, whole.
        (query::ONE_MESSAGE, actor(&last), 1),
    ] {
        let (mut connection, thread) = reader(directory.path()).await;
        let before = read_bytes(&thread);
        let arguments = statement::arguments(values).unwrap();
        let found =
            sqlx::query_with(AssertSqlSafe(text), arguments).fetch_all(&mut connection).await.unwrap();
        let read = read_bytes(&thread) - before;
        connection.close().await.unwrap();
        assert_eq!(found.len(), rows, "{text}");
        assert!(read < READ_BYTES_MAX, "{read} bytes are read by {text}");
    }
}
