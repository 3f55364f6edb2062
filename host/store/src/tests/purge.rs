//! A purge of much: in parts that are bounded, and to its end whatever happens in between.

use std::path::Path;

use greenroom_core::idempotency::Answer;
use greenroom_core::store::{Store, Undeployed, WriteSet};
use greenroom_core::{IdempotencyRecord, Message, Payload, Timestamp};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::backup::read_all;
use super::open;
use super::opening::of_schema;
use crate::contract::samples::{
    VERSIONS_MAX, actor_type, at, component, idempotency, mail, message, purge, remembers, remove_all, sends,
    task, writes,
};
use crate::{SqliteStore, restore};

/// More than one part removes, in tiny rows and in large ones.
const KEYS: usize = 3_500;
const LARGE_MESSAGES: u128 = 40;
const LARGE_BYTES: usize = 1 << 20;

/// What a part may remove of one table.
const ROWS: i64 = 1_000;
const BYTES: i64 = 9 << 20;

/// A store in which the actor `a` of the type `task` has much.
async fn with_much(directory: &Path) -> SqliteStore {
    let store = open(directory).await;
    let (info, component) = component("task");
    store.deploy(&actor_type("task"), &info, &component, VERSIONS_MAX, at(1)).await.unwrap();
    let keys: Vec<String> = (0..KEYS).map(|number| number.to_string()).collect();
    let state: Vec<_> = keys.iter().map(|key| (key.as_str(), Some("value"))).collect();
    store.commit(&[writes(&task("a"), &state), writes(&task("b"), &[("kept", Some("1"))])]).await.unwrap();
    for number in 0..LARGE_MESSAGES {
        let payload = Payload::new("", vec![7; LARGE_BYTES]);
        let mut large = mail(&task("a"), number, 0);
        large.message = Message { payload, ..message(number) };
        store.commit(&[sends(&task("a"), vec![large])]).await.unwrap();
    }
    store
}

/// How many rows and bytes the tables that are large here have.
async fn extent(directory: &Path) -> [(i64, i64); 2] {
    let options = SqliteConnectOptions::new().filename(directory.join("greenroom.db")).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let mut found = [(0, 0); 2];
    for (place, (table, column)) in [("state", "value"), ("mailbox", "body")].into_iter().enumerate() {
        let text = format!("SELECT count(*), coalesce(sum(octet_length({column})), 0) FROM {table}");
        found[place] = sqlx::query_as(sqlx::AssertSqlSafe(text)).fetch_one(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    found
}

/// Removes what was purged, and says in how many parts, each of which was bounded.
async fn parts(store: &SqliteStore, directory: &Path) -> usize {
    let (mut count, mut before) = (0, extent(directory).await);
    loop {
        let is_left = store.remove_purged().await.unwrap();
        let after = extent(directory).await;
        for ((rows_before, bytes_before), (rows, bytes)) in before.into_iter().zip(after) {
            let removed = (rows_before - rows, bytes_before - bytes);
            assert!(removed.0 <= ROWS && removed.1 <= BYTES, "{removed:?} in one part");
        }
        count += 1;
        before = after;
        if !is_left {
            return count;
        }
    }
}

#[tokio::test]
async fn a_type_goes_in_bounded_parts() {
    let directory = tempfile::tempdir().unwrap();
    let store = with_much(directory.path()).await;
    let before = extent(directory.path()).await;
    assert_eq!(store.undeploy(&actor_type("task"), true).await, Ok(Undeployed::Removed));
    assert_eq!(extent(directory.path()).await, before, "a commit waited for all of it");
    assert!(parts(&store, directory.path()).await >= 8);
    assert_eq!(extent(directory.path()).await, [(0, 0); 2]);
    assert_eq!(store.remove_purged().await, Ok(false));
}

#[tokio::test]
async fn a_large_actor_goes_in_bounded_parts_and_a_small_one_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = with_much(directory.path()).await;
    store.commit(&[purge(&task("b"))]).await.unwrap();
    assert!(!store.is_purging_actor(&task("b")));
    let before = extent(directory.path()).await;
    store.commit(&[purge(&task("a"))]).await.unwrap();
    assert!(store.is_purging_actor(&task("a")));
    assert_eq!(extent(directory.path()).await, before, "a commit waited for all of it");
    assert!(parts(&store, directory.path()).await >= 8);
    assert_eq!(extent(directory.path()).await, [(0, 0); 2]);
    assert!(!store.is_purging_actor(&task("a")));
}

#[tokio::test]
async fn many_small_purges_in_one_batch_are_bounded_together() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let keys: Vec<String> = (0..600).map(|number| number.to_string()).collect();
    let state: Vec<_> = keys.iter().map(|key| (key.as_str(), Some("value"))).collect();
    let actors = ["a", "b", "c"].map(task);
    let sets: Vec<WriteSet> = actors.iter().map(|actor| writes(actor, &state)).collect();
    store.commit(&sets).await.unwrap();
    store.commit(&actors.clone().map(|actor| purge(&actor))).await.unwrap();
    let purging = actors.iter().filter(|actor| store.is_purging_actor(actor)).count();
    assert_eq!((purging, extent(directory.path()).await[0].0), (2, 1_200));
    remove_all(&store).await;
    assert_eq!(extent(directory.path()).await[0].0, 0);
}

#[tokio::test]
async fn the_next_process_goes_on_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = with_much(directory.path()).await;
    store.commit(&[purge(&task("a"))]).await.unwrap();
    assert_eq!(store.remove_purged().await, Ok(true));
    store.close().await;
    let store = open(directory.path()).await;
    assert!(store.is_purging_actor(&task("a")));
    assert!(store.summary(&task("a")).await.unwrap().is_empty());

    assert_eq!(store.undeploy(&actor_type("task"), true).await, Ok(Undeployed::Removed));
    assert!(!store.is_purging_actor(&task("a")), "that of its type takes its place");
    assert_eq!(store.remove_purged().await, Ok(true));
    store.close().await;
    let store = open(directory.path()).await;
    assert!(store.is_purging_type(&actor_type("task")));
    let (info, component) = component("task");
    let too_soon = store.deploy(&actor_type("task"), &info, &component, VERSIONS_MAX, at(2)).await;
    assert!(too_soon.is_err());
    assert!(parts(&store, directory.path()).await > 1);
    assert_eq!(extent(directory.path()).await, [(0, 0); 2]);
    store.deploy(&actor_type("task"), &info, &component, VERSIONS_MAX, at(2)).await.unwrap();
}

#[tokio::test]
async fn the_room_of_what_is_gone_is_given_back_in_parts() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("greenroom.db");
    let store = with_much(directory.path()).await;
    store.commit(&[purge(&task("a"))]).await.unwrap();
    remove_all(&store).await;
    assert!(store.give_back().await.unwrap());
    assert!(store.room().free_bytes > 30 << 20 && store.room().bytes > 0, "{:?}", store.room());
    let mut parts = 0;
    while store.give_back().await.unwrap() {
        parts += 1;
    }
    assert!(parts >= 3, "{parts} parts");
    store.close().await;
    let kept = std::fs::metadata(&file).unwrap().len();
    assert!(kept < 20 << 20, "{kept} bytes");
    let store = open(directory.path()).await;
    assert_eq!(store.state_keys(&task("b"), "", None, 10).await.unwrap(), ["kept"]);
    assert_eq!(store.give_back().await, Ok(false));
}

#[tokio::test]
async fn a_copy_of_an_old_database_gives_back_too() {
    let (directory, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    of_schema(7, directory.path()).await.close().await.unwrap();
    let mode = async |directory: &Path| {
        let options = SqliteConnectOptions::new().filename(directory.join("greenroom.db")).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let mode: i64 = sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        mode
    };
    let store = open(directory.path()).await;
    assert_eq!((mode(directory.path()).await, store.give_back().await), (0, Ok(false)));
    let backup = read_all(&mut *store.backup().await.unwrap()).await;
    let copy = copy.path().join("data");
    restore(&backup[..], &copy).await.unwrap();
    assert_eq!(mode(&copy).await, 2);
}

#[tokio::test]
async fn large_answers_are_forgotten_in_bounded_parts() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    for number in 0..20 {
        let answer = Answer::Replied(Payload::new("", vec![7; LARGE_BYTES]));
        let record = IdempotencyRecord { answer, ..idempotency(&number.to_string()) };
        store.commit(&[remembers(&task("a"), record, 100)]).await.unwrap();
    }
    let mut parts = Vec::new();
    while parts.last() != Some(&0) {
        parts.push(store.forget_idempotency(Timestamp::MAX, 500).await.unwrap());
    }
    assert_eq!(parts, [8, 8, 4, 0]);
}
