//! A store in memory, simple enough to be obviously right, that does as a test tells it: its
//! operations fail, wait or are late, and it tells of each change as it is made. Clones share the contents, so a test can drop a whole runtime in
//! the middle of a turn and start another over what was committed.

mod contents;
mod faults;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use greenroom_core::store::{
    ActorTypeRecord, Backup, DeadLetter, DeadLetterSummary, Due, Mail, MailKey, Room, Store, StoreError,
    StoreResult, StoredActor, StoredSummary, Undeployed, WriteSet,
};
use greenroom_core::{
    ActorId, ActorType, Address, ComponentInfo, Digest, IdempotencyKey, IdempotencyRecord, MessageId,
    Timestamp, TypeSettings,
};
use parking_lot::Mutex;

use contents::Contents;
use faults::Faults;
pub use faults::{CommitFault, Encounter, Encounters, HeldCommits, Operation, Pause};

/// The durable things of a host, in memory.
#[derive(Clone, Default)]
pub struct ModelStore {
    shared: Arc<Shared>,
}

/// A change that was made, told in the moment it is.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// A batch of turns was committed.
    Committed(&'a [WriteSet]),
    /// A dead letter went back into its mailbox.
    LetterRetried(MessageId),
    /// A dead letter was removed.
    LetterRemoved(MessageId),
    /// Retries of a type that waited until later than `latest` were brought forward.
    RetriesBounded {
        /// Which type.
        actor_type: &'a ActorType,
        /// To which moment.
        latest: Timestamp,
    },
    /// A version of a type was deployed.
    TypeDeployed(&'a ActorType),
    /// A type was undeployed.
    TypeRemoved {
        /// Which.
        actor_type: &'a ActorType,
        /// Whether all that its actors had stored went with it.
        purge: bool,
    },
}

/// Is told of changes.
pub type Observer = Arc<dyn Fn(Change<'_>) + Send + Sync>;

#[derive(Default)]
struct Shared {
    contents: Arc<Mutex<Contents>>,
    committed: Arc<Mutex<Vec<Vec<WriteSet>>>>,
    observer: Mutex<Option<Observer>>,
    faults: Faults,
}

impl ModelStore {
    /// An empty store without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next `count` commits change nothing and return `error`. After one that returns
    /// [`StoreError::Failed`] the store refuses everything, as a real one does.
    pub fn fail_next_commits(&self, count: usize, error: StoreError) {
        self.shared.faults.plan(count, CommitFault::Refused(error));
    }

    /// The next `count` commits meet `fault`, after those planned before.
    pub fn plan_next_commits(&self, count: usize, fault: CommitFault) {
        self.shared.faults.plan(count, fault);
    }

    /// From now on, commits wait before they change anything, until the answer is released or
    /// dropped. A waiting commit whose future is dropped changes nothing.
    pub fn hold_commits(&self) -> HeldCommits {
        self.shared.faults.hold()
    }

    /// Every commit takes so long, on tokio's clock: half of it before what it changes can be read,
    /// half of it after.
    pub fn set_commit_latency(&self, latency: Duration) {
        self.shared.faults.set_latency(latency);
    }

    /// From now on every operation meets what `encounters` says.
    pub fn set_encounters(&self, encounters: Encounters) {
        self.shared.faults.set_encounters(encounters);
    }

    /// From now on `observer` is told of every change.
    pub fn observe(&self, observer: Observer) {
        *self.shared.observer.lock() = Some(observer);
    }

    /// From now on the store refuses everything with [`StoreError::Broken`]; [`Self::mend`] ends it.
    pub fn break_down(&self, why: &str) {
        self.shared.faults.break_down(why);
    }

    /// Forgets that the store was broken, as a restart after a repair does.
    pub fn mend(&self) {
        self.shared.faults.mend();
    }

    /// The store as the next process finds it: what was committed is there, and whatever the
    /// process before still does fails.
    #[must_use]
    pub fn crash(&self) -> ModelStore {
        self.break_down("the process that used it has crashed");
        let (contents, committed) = (Arc::clone(&self.shared.contents), Arc::clone(&self.shared.committed));
        ModelStore { shared: Arc::new(Shared { contents, committed, ..Shared::default() }) }
    }

    /// How many batches were committed.
    pub fn commits(&self) -> usize {
        self.shared.committed.lock().len()
    }

    /// Every committed batch, in order.
    pub fn committed(&self) -> Vec<Vec<WriteSet>> {
        self.shared.committed.lock().clone()
    }

    /// How many idempotency records are kept of an actor, too old ones included.
    pub fn idempotency_keys(&self, address: &Address) -> usize {
        self.shared.contents.lock().idempotency_keys(address)
    }

    fn apply(&self, batch: &[WriteSet]) {
        self.shared.contents.lock().apply(batch);
        self.shared.committed.lock().push(batch.to_vec());
        self.tell(Change::Committed(batch));
    }

    fn tell(&self, change: Change<'_>) {
        let observer = self.shared.observer.lock().clone();
        if let Some(observer) = observer {
            observer(change);
        }
    }

    async fn read<T>(&self, read: impl FnOnce(&Contents) -> T) -> StoreResult<T> {
        let faults = &self.shared.faults;
        let Encounter { before, fault, after } = faults.encounter(Operation::Read);
        before.pass().await;
        faults.check()?;
        if let Some(fault) = fault {
            return Err(faults.meet(fault));
        }
        let read = read(&self.shared.contents.lock());
        after.pass().await;
        faults.check()?;
        Ok(read)
    }

    async fn write<T>(&self, write: impl FnOnce(&mut Contents) -> T) -> StoreResult<T> {
        let faults = &self.shared.faults;
        let Encounter { before, fault, after } = faults.encounter(Operation::Change);
        before.pass().await;
        faults.check()?;
        if let Some(refused @ CommitFault::Refused(_)) = fault {
            return Err(faults.meet(refused));
        }
        let written = write(&mut self.shared.contents.lock());
        after.pass().await;
        faults.check_change()?;
        fault.map_or(Ok(written), |fault| Err(faults.meet(fault)))
    }
}

/// A backup of the model.
struct TextBackup {
    bytes: u64,
    left: Bytes,
}

#[async_trait]
impl Backup for TextBackup {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    async fn read(&mut self) -> StoreResult<Bytes> {
        let some = self.left.len().min(1_000);
        Ok(self.left.split_to(some))
    }
}

#[async_trait]
impl Store for ModelStore {
    async fn commit(&self, batch: &[WriteSet]) -> StoreResult<()> {
        self.shared.faults.check()?;
        if batch.iter().all(WriteSet::is_empty) {
            return Ok(());
        }
        let faults = &self.shared.faults;
        let Encounter { before, fault: met, after } = faults.encounter(Operation::Commit);
        before.pass().await;
        faults.wait().await;
        faults.check()?;
        let fault = faults.next().or(met);
        if !matches!(fault, Some(CommitFault::Refused(_))) {
            self.apply(batch);
        }
        faults.half_latency().await;
        after.pass().await;
        // What was done before the process crashed is done, but nobody hears of it.
        faults.check_change()?;
        fault.map_or(Ok(()), |fault| Err(faults.meet(fault)))
    }

    async fn load(&self, address: &Address, state_bytes_max: u64) -> StoreResult<StoredActor> {
        self.read(|contents| contents.load(address, state_bytes_max)).await
    }

    async fn state_value(&self, address: &Address, key: &str) -> StoreResult<Option<Bytes>> {
        self.read(|contents| contents.state_value(address, key)).await
    }

    async fn state_keys(
        &self,
        address: &Address,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<String>> {
        self.read(|contents| contents.state_keys(address, prefix, after, limit)).await
    }

    async fn state_value_sizes(
        &self,
        address: &Address,
        from: &str,
        limit: usize,
    ) -> StoreResult<Vec<(String, u64)>> {
        self.read(|contents| contents.state_value_sizes(address, from, limit)).await
    }

    async fn mail(
        &self,
        address: &Address,
        now: Timestamp,
        after: Option<MailKey>,
        limit: usize,
    ) -> StoreResult<Mail> {
        self.read(|contents| contents.mail(address, now, after, limit)).await
    }

    async fn summary(&self, address: &Address) -> StoreResult<StoredSummary> {
        self.read(|contents| contents.summary(address)).await
    }

    async fn actors(
        &self,
        actor_type: &ActorType,
        prefix: &str,
        after: Option<&ActorId>,
        limit: usize,
    ) -> StoreResult<Vec<ActorId>> {
        self.read(|contents| contents.actors(actor_type, prefix, after, limit)).await
    }

    async fn due(&self, until: Timestamp, after: Option<&Due>, limit: usize) -> StoreResult<Vec<Due>> {
        self.read(|contents| contents.due(until, after, limit)).await
    }

    async fn next_due(&self, after: Timestamp) -> StoreResult<Option<Timestamp>> {
        self.read(|contents| contents.next_due(after)).await
    }

    async fn latest_message_id(&self) -> StoreResult<Option<MessageId>> {
        self.read(Contents::latest_message_id).await
    }

    async fn bound_retries(
        &self,
        actor_type: &ActorType,
        latest: Timestamp,
        limit: usize,
    ) -> StoreResult<usize> {
        let bounded = |contents: &mut Contents| {
            let bounded = contents.bound_retries(actor_type, latest, limit);
            if bounded > 0 {
                self.tell(Change::RetriesBounded { actor_type, latest });
            }
            bounded
        };
        self.write(bounded).await
    }

    async fn idempotency_record(
        &self,
        address: &Address,
        key: &IdempotencyKey,
    ) -> StoreResult<Option<IdempotencyRecord>> {
        self.read(|contents| contents.idempotency_record(address, key)).await
    }

    async fn forget_idempotency(&self, until: Timestamp, limit: usize) -> StoreResult<usize> {
        self.write(|contents| contents.forget_idempotency(until, limit)).await
    }

    async fn dead_letters(
        &self,
        actor_type: Option<&ActorType>,
        after: Option<MessageId>,
        limit: usize,
    ) -> StoreResult<Vec<DeadLetterSummary>> {
        self.read(|contents| contents.dead_letters(actor_type, after, limit)).await
    }

    async fn dead_letter(&self, id: MessageId) -> StoreResult<Option<DeadLetter>> {
        self.read(|contents| contents.dead_letter(id)).await
    }

    async fn count_dead_letters(&self, address: &Address) -> StoreResult<u64> {
        self.read(|contents| contents.count_dead_letters(address)).await
    }

    async fn retry_dead_letter(&self, id: MessageId, now: Timestamp) -> StoreResult<Option<Address>> {
        let retried = |contents: &mut Contents| {
            contents.retry_dead_letter(id, now).inspect(|_| self.tell(Change::LetterRetried(id)))
        };
        self.write(retried).await
    }

    async fn remove_dead_letter(&self, id: MessageId) -> StoreResult<bool> {
        let removed = |contents: &mut Contents| {
            let removed = contents.remove_dead_letter(id);
            if removed {
                self.tell(Change::LetterRemoved(id));
            }
            removed
        };
        self.write(removed).await
    }

    async fn actor_types(&self) -> StoreResult<Vec<ActorTypeRecord>> {
        self.read(Contents::actor_types).await
    }

    async fn deploy(
        &self,
        actor_type: &ActorType,
        info: &ComponentInfo,
        component: &Bytes,
        versions_max: usize,
        now: Timestamp,
    ) -> StoreResult<ActorTypeRecord> {
        let deployed = |contents: &mut Contents| {
            let record = contents.deploy(actor_type, info, component, versions_max, now);
            self.tell(Change::TypeDeployed(actor_type));
            record
        };
        self.write(deployed).await
    }

    async fn activate_version(
        &self,
        actor_type: &ActorType,
        version: u32,
    ) -> StoreResult<Option<ActorTypeRecord>> {
        self.write(|contents| contents.activate_version(actor_type, version)).await
    }

    async fn set_settings(
        &self,
        actor_type: &ActorType,
        settings: &TypeSettings,
    ) -> StoreResult<Option<ActorTypeRecord>> {
        self.write(|contents| contents.set_settings(actor_type, settings)).await
    }

    async fn component(&self, digest: &Digest) -> StoreResult<Option<Bytes>> {
        self.read(|contents| contents.component(digest)).await
    }

    async fn undeploy(&self, actor_type: &ActorType, purge: bool) -> StoreResult<Undeployed> {
        let undeployed = |contents: &mut Contents| {
            let undeployed = contents.undeploy(actor_type, purge);
            if undeployed == Undeployed::Removed {
                self.tell(Change::TypeRemoved { actor_type, purge });
            }
            undeployed
        };
        self.write(undeployed).await
    }

    fn is_purging_type(&self, actor_type: &ActorType) -> bool {
        self.shared.contents.lock().is_purging(actor_type)
    }

    fn is_purging_actor(&self, _: &Address) -> bool {
        false
    }

    /// What was purged is gone at once; only its name is not free before this.
    async fn remove_purged(&self) -> StoreResult<bool> {
        if self.shared.contents.lock().has_purged() {
            self.write(Contents::forget_purged).await?;
        }
        Ok(false)
    }

    /// It takes no more room than it needs.
    async fn give_back(&self) -> StoreResult<bool> {
        Ok(false)
    }

    fn room(&self) -> Room {
        Room::default()
    }

    /// A text that tells everything. Nothing can be made of it again.
    async fn backup(&self) -> StoreResult<Box<dyn Backup>> {
        let text = self.read(|contents| format!("{contents:?}")).await?;
        Ok(Box::new(TextBackup { bytes: text.len() as u64, left: text.into() }))
    }

    async fn check(&self) -> StoreResult<()> {
        self.shared.faults.check()
    }

    /// The contents stay, for the next runtime.
    async fn close(&self) {}
}
