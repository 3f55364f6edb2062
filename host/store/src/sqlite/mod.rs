//! One SQLite database in a data directory.
//!
//! One connection writes, a few read, and a lock keeps other hosts out. A commit that was begun is
//! finished even when its caller goes away, so the writer is never left inside a transaction. After
//! a failed write or sync, or damage, the store answers nothing but
//! [`StoreError::Broken`](greenroom_core::store::StoreError::Broken).

mod actors;
mod backup;
mod changes;
mod checksum;
mod commit;
mod connect;
mod failure;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod inspect;
mod lock;
mod log;
pub(crate) mod migrations;
mod open;
mod place;
mod purge;
mod query;
mod readers;
mod records;
mod restore;
mod retries;
mod room;
mod rows;
mod statement;
mod types;
mod writer;

#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod read_tests;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use greenroom_core::store::{
    ActorTypeRecord, Backup, DeadLetter, DeadLetterSummary, Due, Mail, MailKey, Room, Store, StoreResult,
    StoredActor, StoredSummary, Undeployed, WriteSet,
};
use greenroom_core::{
    ActorType, Address, ComponentInfo, Digest, IdempotencyKey, IdempotencyRecord, MessageId, Timestamp,
    TypeSettings,
};
use sqlx::sqlite::SqliteRow;

pub use backup::DirectoryBackup;
use backup::Source;
use failure::Health;
use log::LogKeeper;
pub use open::{OpenError, SqliteOptions};
use purge::{Purge, Purges};
use readers::Readers;
pub use restore::{RestoreError, restore};
use statement::Value;
use writer::Writer;

/// The durable things of a host, in SQLite.
pub struct SqliteStore {
    database: Source,
    health: Arc<Health>,
    readers: Readers,
    writer: Writer,
    purges: Arc<Purges>,
    file: PathBuf,
    /// Of the file, when it was last looked at.
    free_bytes: Arc<AtomicU64>,
}

impl SqliteStore {
    /// Opens the database in `data_dir`; both are made if they are not there.
    ///
    /// # Errors
    /// [`OpenError`] when another host has the directory, or the database is not one that this
    /// build can keep safe. Nothing was changed then.
    pub async fn open(data_dir: &Path, options: &SqliteOptions) -> Result<Self, OpenError> {
        let mut opened = open::open(data_dir, options).await?;
        let purges = Purges::read(&mut opened.writer).await;
        let failed = |error| OpenError::from_sqlite(&data_dir.join(open::DATABASE_FILE), &error);
        let health = Arc::new(Health::default());
        Ok(SqliteStore {
            database: Source::new(data_dir, options),
            readers: Readers::new(opened.readers),
            writer: Writer::new(
                opened.writer,
                LogKeeper::new(data_dir, options),
                opened.lock,
                Arc::clone(&health),
            ),
            health,
            purges: Arc::new(purges.map_err(failed)?),
            file: data_dir.join(open::DATABASE_FILE),
            free_bytes: Arc::default(),
        })
    }

    /// All rows of one statement.
    async fn rows(
        &self,
        text: &'static str,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> StoreResult<Vec<SqliteRow>> {
        self.health.check()?;
        let arguments = statement::arguments(values).map_err(|error| self.health.answer(&error))?;
        let mut reader = self.readers.take().await?;
        sqlx::query_with(text, arguments)
            .fetch_all(reader.connection())
            .await
            .map_err(|error| self.health.answer(&error))
    }

    /// What `decode` makes of rows; a row that can't be one of ours is damage.
    fn decoded<T>(&self, decode: impl FnOnce() -> sqlx::Result<T>) -> StoreResult<T> {
        decode().map_err(|error| self.health.answer(&error))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, batch: &[WriteSet]) -> StoreResult<()> {
        let large =
            if batch.iter().any(|set| set.purge) { self.large_purges(batch).await? } else { BTreeSet::new() };
        let transaction = commit::transaction(batch, &large);
        if transaction.is_empty() {
            return self.health.check();
        }
        let purges = Arc::clone(&self.purges);
        self.write_bytes(transaction.bytes(), move |connection| {
            Box::pin(async move {
                transaction.run(connection).await?;
                for address in large {
                    purges.begin(Purge::Actor(address));
                }
                Ok(())
            })
        })
        .await
    }

    async fn load(&self, address: &Address, state_bytes_max: u64) -> StoreResult<StoredActor> {
        self.load_actor(address, state_bytes_max).await
    }

    async fn state_value(&self, address: &Address, key: &str) -> StoreResult<Option<Bytes>> {
        self.read_state(address, key).await
    }

    async fn state_keys(
        &self,
        address: &Address,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<String>> {
        self.list_state(address, prefix, after, limit).await
    }

    async fn state_value_sizes(
        &self,
        address: &Address,
        from: &str,
        limit: usize,
    ) -> StoreResult<Vec<(String, u64)>> {
        self.list_value_sizes(address, from, limit).await
    }

    async fn mail(
        &self,
        address: &Address,
        now: Timestamp,
        after: Option<MailKey>,
        limit: usize,
    ) -> StoreResult<Mail> {
        self.read_mail(address, now, after, limit).await
    }

    async fn waiting(&self, address: Option<&Address>, limit: usize) -> StoreResult<Vec<MailKey>> {
        self.list_waiting(address, limit).await
    }

    async fn summary(&self, address: &Address) -> StoreResult<StoredSummary> {
        self.summarize(address).await
    }

    async fn actors(
        &self,
        actor_type: Option<&ActorType>,
        prefix: &str,
        after: Option<&Address>,
        limit: usize,
    ) -> StoreResult<Vec<Address>> {
        self.list_actors(actor_type, prefix, after, limit).await
    }

    async fn due(&self, until: Timestamp, after: Option<&Due>, limit: usize) -> StoreResult<Vec<Due>> {
        self.list_due(until, after, limit).await
    }

    async fn next_due(&self, after: Timestamp) -> StoreResult<Option<Timestamp>> {
        self.find_next_due(after).await
    }

    async fn latest_message_id(&self) -> StoreResult<Option<MessageId>> {
        self.find_latest_message_id().await
    }

    async fn bound_retries(
        &self,
        actor_type: &ActorType,
        latest: Timestamp,
        limit: usize,
    ) -> StoreResult<usize> {
        self.bring_forward(actor_type, latest, limit).await
    }

    async fn idempotency_record(
        &self,
        address: &Address,
        key: &IdempotencyKey,
    ) -> StoreResult<Option<IdempotencyRecord>> {
        self.find_idempotency(address, key).await
    }

    async fn forget_idempotency(&self, until: Timestamp, limit: usize) -> StoreResult<usize> {
        self.remove_idempotency(until, limit).await
    }

    async fn dead_letters(
        &self,
        actor_type: Option<&ActorType>,
        after: Option<MessageId>,
        limit: usize,
    ) -> StoreResult<Vec<DeadLetterSummary>> {
        self.list_dead_letters(actor_type, after, limit).await
    }

    async fn dead_letter(&self, id: MessageId) -> StoreResult<Option<DeadLetter>> {
        self.find_dead_letter(id).await
    }

    async fn count_dead_letters(&self, address: &Address) -> StoreResult<u64> {
        self.dead_letters_of(address).await
    }

    async fn retry_dead_letter(&self, id: MessageId, now: Timestamp) -> StoreResult<Option<Address>> {
        self.revive(id, now).await
    }

    async fn remove_dead_letter(&self, id: MessageId) -> StoreResult<bool> {
        self.delete_dead_letter(id).await
    }

    async fn actor_types(&self) -> StoreResult<Vec<ActorTypeRecord>> {
        self.list_types().await
    }

    async fn deploy(
        &self,
        actor_type: &ActorType,
        info: &ComponentInfo,
        component: &Bytes,
        versions_max: usize,
        now: Timestamp,
    ) -> StoreResult<ActorTypeRecord> {
        self.add_version(actor_type, info, component, versions_max, now).await
    }

    async fn activate_version(
        &self,
        actor_type: &ActorType,
        version: u32,
    ) -> StoreResult<Option<ActorTypeRecord>> {
        self.change_version(actor_type, version).await
    }

    async fn set_settings(
        &self,
        actor_type: &ActorType,
        settings: &TypeSettings,
    ) -> StoreResult<Option<ActorTypeRecord>> {
        self.change_settings(actor_type, settings).await
    }

    async fn component(&self, digest: &Digest) -> StoreResult<Option<Bytes>> {
        self.read_component(digest).await
    }

    async fn undeploy(&self, actor_type: &ActorType, purge: bool) -> StoreResult<Undeployed> {
        self.remove_type(actor_type, purge).await
    }

    fn is_purging_type(&self, actor_type: &ActorType) -> bool {
        self.purges.has_type(actor_type)
    }

    fn is_purging_actor(&self, address: &Address) -> bool {
        self.purges.has_actor(address)
    }

    async fn remove_purged(&self) -> StoreResult<bool> {
        self.remove_part_of_purged().await
    }

    async fn give_back(&self) -> StoreResult<bool> {
        self.give_back_room().await
    }

    fn room(&self) -> Room {
        let bytes = fs::metadata(&self.file).map_or(0, |metadata| metadata.len());
        Room { bytes, free_bytes: self.free_bytes.load(Ordering::Relaxed) }
    }

    async fn backup(&self) -> StoreResult<Box<dyn Backup>> {
        self.health.check()?;
        let copy = self.database.copy().await.map_err(|error| error.met_by(&self.health))?;
        Ok(Box::new(copy))
    }

    async fn check(&self) -> StoreResult<()> {
        self.rows(query::CHECK, []).await.map(|_| ())
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
