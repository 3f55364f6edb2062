//! Both stores against the contract, and SQLite against what can happen to a data directory.

use std::path::Path;

use crate::{ModelStore, SqliteOptions, SqliteStore, contract};

async fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory, &SqliteOptions::default()).await.unwrap()
}

#[tokio::test]
async fn the_model_keeps_the_contract() {
    contract::check(async || ModelStore::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract() {
    let root = tempfile::tempdir().unwrap();
    let next = std::cell::Cell::new(0);
    contract::check(async || {
        next.set(next.get() + 1);
        open(&root.path().join(next.get().to_string())).await
    })
    .await;
}

mod backup;
mod damage;
mod equivalence;
mod failures;
mod mailbox;
mod opening;
mod purge;
mod retries;
