//! The committer: puts the write sets of many actors into one transaction, again and again.
//!
//! While one batch is on its way to disk the next one gathers, so the cost of a sync is shared by
//! all turns that ended meanwhile. There is one committer, and it works in order: what an actor
//! submits is committed in the order submitted, and what follows a commit (recipients and the
//! scheduler are told of what was stored, then gates open) is over before the next one begins. What
//! must be done between two commits pauses it ([`Committer::pause`]).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use greenroom_core::store::{MailChange, Store, StoreError, WriteSet};
use greenroom_core::{Address, Code, Error, FailPoint};
use greenroom_metrics::Metrics;
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use crate::gate::Gate;

/// Write sets in one transaction at most.
const BATCH_WRITE_SETS_MAX: usize = 1_024;

/// Bytes of write sets that wait or are being written; a turn that ends beyond waits here.
const BYTES_ON_THE_WAY_MAX: usize = 64 << 20;

/// What a row costs beside what it carries, so that many empty ones are bounded too.
const ROW_OVERHEAD_BYTES: usize = 512;

/// One turn's changes on their way to the store. Boxed, since every activation's task has room for
/// what it may have to hand over.
struct Submission {
    write_set: Box<WriteSet>,
    gate: Arc<Gate>,
    sequence: u64,
    room: OwnedSemaphorePermit,
}

/// Who is asked before a commit, and told after it: see [`Committer::start`].
pub(crate) trait Committed: Send + Sync + 'static {
    /// Why the write set must not be committed, if it must not; then it fails alone, and what is built on it.
    fn refusal(&self, write_set: &WriteSet) -> Option<Error>;
    /// The write sets are durable; their replies are still held. Must not block.
    fn committed(&self, write_set: &WriteSet);
    /// The store did not say that they are; when it is broken, it will take nothing more.
    fn failed(&self, write_sets: &[WriteSet], error: &StoreError);
}

/// Hands write sets to the committer.
pub(crate) struct Committer {
    sender: mpsc::Sender<Submission>,
    room: Arc<Semaphore>,
    /// Held from the choice of what is in a batch until its gates are open.
    committing: Arc<Mutex<()>>,
}

impl Committer {
    /// Starts the committer; it ends when the handle is dropped and all that was submitted is
    /// committed.
    pub(crate) fn start(store: Arc<dyn Store>, metrics: Arc<Metrics>, after: impl Committed) -> Self {
        let (sender, receiver) = mpsc::channel(BATCH_WRITE_SETS_MAX);
        let committing = Arc::new(Mutex::new(()));
        let batches = Arc::clone(&committing);
        tokio::spawn(async move {
            if AssertUnwindSafe(run(store, receiver, &batches, &metrics, &after))
                .catch_unwind()
                .await
                .is_err()
            {
                // Nothing can be written any more, and nobody would ever hear of it.
                after.failed(&[], &StoreError::Broken("the committer panicked".into()));
            }
        });
        Committer { sender, room: Arc::new(Semaphore::new(BYTES_ON_THE_WAY_MAX)), committing }
    }

    /// Hands over a write set of the activation that owns `gate`. One caller at a time per gate.
    ///
    /// When it has returned, with the write set's number at the gate, whatever is held there waits
    /// for this write set.
    pub(crate) async fn submit(&self, write_set: Box<WriteSet>, gate: &Arc<Gate>) -> u64 {
        let bytes = write_set_bytes(&write_set).min(BYTES_ON_THE_WAY_MAX);
        let room = Arc::clone(&self.room)
            .acquire_many_owned(bytes as u32)
            .await
            .expect("the semaphore is never closed");
        let sequence = gate.submit();
        let submission = Submission { write_set, gate: Arc::clone(gate), sequence, room };
        if self.sender.send(submission).await.is_err() {
            gate.fail(&Error::new(Code::Draining, "the host is stopping"));
        }
        sequence
    }

    /// Commits a write set that is no activation's, and returns when it is durable.
    pub(crate) async fn commit(&self, write_set: WriteSet) -> Result<(), Error> {
        let gate = Arc::new(Gate::default());
        self.submit(Box::new(write_set), &gate).await;
        gate.wait().await
    }

    /// Waits until the batch that is being committed is over, and what follows it done. As long as what
    /// this returns lives, nothing is committed; what was submitted and not committed waits, and is looked
    /// at anew. Cancel safe.
    pub(crate) async fn pause(&self) -> MutexGuard<'_, ()> {
        self.committing.lock().await
    }

    #[cfg(test)]
    pub(crate) fn bytes_on_the_way(&self) -> usize {
        BYTES_ON_THE_WAY_MAX - self.room.available_permits()
    }

    /// Waits until everything that was submitted before is committed, and what follows a commit done.
    ///
    /// # Errors
    /// Why a commit meanwhile failed.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        self.commit(WriteSet::empty(nobody())).await
    }
}

/// An empty write set has an address like any other; nothing is stored under it.
fn nobody() -> Address {
    Address::parse("flush", "flush").expect("both are valid names")
}

fn write_set_bytes(write_set: &WriteSet) -> usize {
    let state =
        write_set.state.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, bytes::Bytes::len));
    let sends = write_set.sends.iter().map(|sent| sent.to.id.as_str().len() + sent.message.payload.len());
    let reminders = write_set
        .reminders
        .iter()
        .map(|(name, reminder)| name.len() + reminder.as_ref().map_or(0, |reminder| reminder.payload.len()));
    let dead = write_set.mail.iter().map(|change| match change {
        MailChange::Dead { letter, .. } | MailChange::DeadFiring(letter) => letter.message.payload.len(),
        MailChange::Consumed(_) | MailChange::Retry { .. } => 0,
    });
    let kept = write_set.idempotency.iter().map(|remember| remember.record.answer.len());
    state.chain(sends).chain(reminders).chain(dead).chain(kept).map(|bytes| bytes + ROW_OVERHEAD_BYTES).sum()
}

async fn run(
    store: Arc<dyn Store>,
    mut receiver: mpsc::Receiver<Submission>,
    committing: &Mutex<()>,
    metrics: &Metrics,
    after: &impl Committed,
) {
    let mut gathered = Vec::with_capacity(BATCH_WRITE_SETS_MAX);
    let mut write_sets = Vec::with_capacity(BATCH_WRITE_SETS_MAX);
    let mut gates: Vec<(Arc<Gate>, u64)> = Vec::with_capacity(BATCH_WRITE_SETS_MAX);
    let mut refused: Vec<(Arc<Gate>, Error)> = Vec::new();
    while receiver.recv_many(&mut gathered, BATCH_WRITE_SETS_MAX).await > 0 {
        let _committing = committing.lock().await;
        let mut rooms = Vec::with_capacity(gathered.len());
        for submission in gathered.drain(..) {
            let Submission { write_set, gate, sequence, room } = submission;
            // Built on a turn whose commit failed: it must not be written.
            if gate.failure().is_some() || refused.iter().any(|(other, _)| Arc::ptr_eq(other, &gate)) {
                continue;
            }
            if let Some(error) = after.refusal(&write_set) {
                refused.push((gate, error));
                continue;
            }
            write_sets.push(*write_set);
            gates.push((gate, sequence));
            rooms.push(room);
        }
        FailPoint::BatchGathered.reach();
        let started = Instant::now();
        match store.commit(&write_sets).await {
            Ok(()) => {
                metrics.committed(write_sets.len(), started.elapsed());
                for write_set in &write_sets {
                    after.committed(write_set);
                }
                FailPoint::BatchTold.reach();
                for (gate, sequence) in &gates {
                    gate.open(*sequence);
                    FailPoint::GateOpened.reach();
                }
            }
            Err(error) => {
                metrics.commit_failed();
                tracing::error!(%error, turns = write_sets.len(), "a commit failed");
                after.failed(&write_sets, &error);
                let error = Error::from(error);
                for (gate, _) in &gates {
                    gate.fail(&error);
                }
            }
        }
        // Not before what the same activations have in this batch is told.
        for (gate, error) in refused.drain(..) {
            gate.fail(&error);
        }
        write_sets.clear();
        gates.clear();
    }
}

#[cfg(test)]
mod tests {
    use greenroom_core::store::{DeadLetter, MailChange, WriteSet};
    use greenroom_core::{Address, Message, MessageIdGenerator, Method, Origin, Payload, Timestamp};

    use super::write_set_bytes;
    use crate::turn::stored;

    #[test]
    fn what_is_on_its_way_counts_also_when_it_carries_little_or_is_dead() {
        let to = Address::parse("t", &"x".repeat(512)).unwrap();
        let message = |body: usize| Message {
            id: MessageIdGenerator::starting_after(None).next(Timestamp::EPOCH),
            method: Method::new("m").unwrap(),
            payload: Payload::new("", vec![0; body]),
            origin: Origin::Client,
            attempt: 1,
        };
        let sends = (0..1_000).map(|_| stored(to.clone(), message(0), Timestamp::EPOCH, 0)).collect();
        let empty = WriteSet { sends, ..WriteSet::empty(to.clone()) };
        assert!(write_set_bytes(&empty) > 1_000_000);
        let letter = Box::new(DeadLetter {
            to: to.clone(),
            message: message(1 << 20),
            died_at: Timestamp::EPOCH,
            error: String::new(),
        });
        let dead = WriteSet { mail: Some(MailChange::DeadFiring(letter)), ..WriteSet::empty(to) };
        assert!(write_set_bytes(&dead) > 1 << 20);
    }
}
