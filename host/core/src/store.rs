//! What is durable, as the rest of the host sees it.
//!
//! The unit of change is the [`WriteSet`] of one turn, and a [`Store`] takes many at once. A store
//! promises: a batch is applied whole or not at all; when [`Store::commit`] has returned `Ok`, the
//! batch survives the loss of the process and of power; what is read after that includes it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::address::{ActorType, Address, Method};
use crate::clock::Timestamp;
use crate::component::{ComponentInfo, Digest};
use crate::error::{Code, Error};
use crate::idempotency::{IdempotencyKey, IdempotencyRecord};
use crate::message::{Message, MessageId, Origin, Payload};
use crate::schedule::Schedule;
use crate::settings::TypeSettings;

/// Everything that one turn changes, applied together. What few turns have is boxed: this is moved with each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteSet {
    /// Whose turn it was.
    pub address: Address,
    /// Remove all that is stored of this actor, before anything else in this set. Where that is much and the set
    /// has nothing else, it is hidden at once and removed in parts ([`Store::remove_purged`]). Until that is over
    /// ([`Store::is_purging_actor`]) nothing else of the actor is committed, and what is sent to it goes too.
    pub purge: bool,
    /// State keys, each at most once: a value to keep, or `None` to delete the key.
    pub state: Vec<(String, Option<Bytes>)>,
    /// What the state comes to after this set. Kept for a load, which then counts nothing, so that once it was told
    /// it is told with every change of the actor's state ([`StoredActor::size_is_kept`]).
    pub state_size: Option<StateSize>,
    /// Reminders by name, each at most once: what to keep, or `None` to remove it.
    pub reminders: Vec<(Arc<str>, Option<Reminder>)>,
    /// Messages to put into mailboxes, in the order sent.
    pub sends: Vec<StoredMessage>,
    /// What becomes of the stored message that caused the turn.
    pub mail: Option<MailChange>,
    /// What to keep for repeats of the request that caused the turn.
    pub idempotency: Option<Box<Remember>>,
}

impl WriteSet {
    /// A set that changes nothing.
    pub fn empty(address: Address) -> Self {
        WriteSet {
            address,
            purge: false,
            state: Vec::new(),
            state_size: None,
            reminders: Vec::new(),
            sends: Vec::new(),
            mail: None,
            idempotency: None,
        }
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        !self.purge
            && self.state.is_empty()
            && self.reminders.is_empty()
            && self.sends.is_empty()
            && self.mail.is_none()
            && self.idempotency.is_none()
    }
}

/// What an actor's state comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateSize {
    /// How many keys.
    pub keys: u64,
    /// Bytes of all keys and values.
    pub bytes: u64,
}

/// A message in a durable mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Whose mailbox.
    pub to: Address,
    /// The message; its `attempt` is the number of the delivery to come.
    pub message: Message,
    /// Not delivered before this moment: when it was sent, or so much later as its sender wanted;
    /// [`Timestamp::EPOCH`] for one that is back from the dead letters.
    pub due_at: Timestamp,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// After a failed delivery, when to try next; otherwise the same as `due_at`.
    pub wake_at: Timestamp,
    /// Why the last delivery failed; `None` before the first has.
    pub error: Option<Arc<str>>,
}

impl StoredMessage {
    /// Where it stands in its mailbox. A mailbox is sorted by this.
    pub fn key(&self) -> MailKey {
        MailKey { due_at: self.due_at, id: self.message.id }
    }
}

/// Where a stored message stands in its mailbox: first by when it is due, then as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailKey {
    /// Its [`StoredMessage::due_at`].
    pub due_at: Timestamp,
    /// Its id.
    pub id: MessageId,
}

impl MailKey {
    /// Where to begin so that this one comes first.
    #[must_use]
    pub fn before(self) -> Self {
        let id = self.id.before();
        let due_at = if id < self.id { self.due_at } else { self.due_at.minus(Duration::from_millis(1)) };
        MailKey { due_at, id }
    }
}

/// What becomes of a stored message after its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailChange {
    /// It took effect: remove it.
    Consumed(MailKey),
    /// It failed: keep it, for another delivery.
    Retry {
        /// Which message.
        key: MailKey,
        /// The number of the next delivery.
        attempt: u32,
        /// When to try next.
        wake_at: Timestamp,
        /// Why it failed.
        error: Option<Arc<str>>,
    },
    /// It failed too often: remove it and keep it as a dead letter.
    Dead {
        /// Which message.
        key: MailKey,
        /// What is kept of it.
        letter: Box<DeadLetter>,
    },
    /// A reminder's firing failed too often: keep it as a dead letter. The reminder's own row is
    /// changed by [`WriteSet::reminders`].
    DeadFiring(Box<DeadLetter>),
}

/// A sent message or a reminder's firing that failed too often, kept for people to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Who did not take it.
    pub to: Address,
    /// The message as last delivered.
    pub message: Message,
    /// When it was given up.
    pub died_at: Timestamp,
    /// The last error.
    pub error: String,
}

/// A line of a list of dead letters: what is known of one without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterSummary {
    /// The message's id.
    pub id: MessageId,
    /// Who did not take it.
    pub to: Address,
    /// What it asked.
    pub method: Method,
    /// Who sent it.
    pub origin: Origin,
    /// How often it was delivered.
    pub attempts: u32,
    /// Media type of its body.
    pub content_type: Arc<str>,
    /// Bytes of its body.
    pub body_bytes: u64,
    /// When it was given up.
    pub died_at: Timestamp,
    /// The last error.
    pub error: String,
}

impl From<&DeadLetter> for DeadLetterSummary {
    fn from(letter: &DeadLetter) -> Self {
        let message = &letter.message;
        DeadLetterSummary {
            id: message.id,
            to: letter.to.clone(),
            method: message.method.clone(),
            origin: message.origin.clone(),
            attempts: message.attempt,
            content_type: Arc::clone(&message.payload.content_type),
            body_bytes: message.payload.body.len() as u64,
            died_at: letter.died_at,
            error: letter.error.clone(),
        }
    }
}

/// A durable alarm of one actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reminder {
    /// Its name, unique within the actor.
    pub name: Arc<str>,
    /// What the actor is sent when it fires.
    pub method: Method,
    /// What it is sent with.
    pub payload: Payload,
    /// When it fires.
    pub schedule: Schedule,
    /// When it fires next.
    pub due_at: Timestamp,
    /// Firings that are over.
    pub fired: u32,
    /// The id of the message that the next firing sends.
    pub firing_id: MessageId,
    /// The number of the delivery to come of that message.
    pub attempt: u32,
    /// After a failed delivery, when to try next; otherwise the same as `due_at`.
    pub wake_at: Timestamp,
}

/// A record to keep for repeats of a request; the oldest of the actor's go for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remember {
    /// The record. It takes the place of one with the same key.
    pub record: IdempotencyRecord,
    /// So many of the actor's newest records stay, this one included.
    pub newest: u32,
    /// A record goes once those that are newer have so many bytes ([`IdempotencyRecord::bytes`]) together.
    pub newer_bytes_max: u64,
}

/// An actor as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredActor {
    /// All of its state, in key order; `None` when there is more than was asked for.
    pub state: Option<Vec<(String, Bytes)>>,
    /// What all of it comes to.
    pub state_size: StateSize,
    /// Whether that is kept ([`WriteSet::state_size`]); otherwise it was counted.
    pub size_is_kept: bool,
    /// Its reminders, by name.
    pub reminders: Vec<Reminder>,
}

/// A page of a durable mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// Messages that are due, and those waiting for another delivery, in mailbox order.
    pub messages: Vec<StoredMessage>,
    /// Whether more of the same kind follow.
    pub more: bool,
}

/// What [`Store::summary`] tells of an actor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredSummary {
    /// What its state comes to.
    pub state_size: StateSize,
    /// Messages in its durable mailbox, due or not.
    pub mail: u64,
    /// Its reminders, by name.
    pub reminders: Vec<Reminder>,
    /// Answers kept for repeats of requests.
    pub answers: u64,
    /// Bytes of those answers.
    pub answer_bytes: u64,
}

impl StoredSummary {
    /// Whether nothing at all is stored.
    pub fn is_empty(&self) -> bool {
        self.state_size.keys == 0 && self.mail == 0 && self.reminders.is_empty() && self.answers == 0
    }
}

/// An actor for which something is due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// Since when.
    pub at: Timestamp,
    /// Which actor.
    pub address: Address,
}

/// An actor type and its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorTypeRecord {
    /// Its name.
    pub name: ActorType,
    /// The version that new turns run.
    pub active_version: u32,
    /// The version that was active before it, to go back to.
    pub previous_version: Option<u32>,
    /// What is set for the type.
    pub settings: TypeSettings,
    /// All versions that are kept, by number.
    pub versions: Vec<VersionRecord>,
}

impl ActorTypeRecord {
    /// The version that new turns run.
    pub fn active(&self) -> Option<&VersionRecord> {
        self.version(self.active_version)
    }

    /// The version of that number.
    pub fn version(&self, number: u32) -> Option<&VersionRecord> {
        self.versions.iter().find(|version| version.number == number)
    }
}

/// One version of an actor type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRecord {
    /// 1, 2, 3 …
    pub number: u32,
    /// What was uploaded.
    pub component: ComponentInfo,
    /// When.
    pub deployed_at: Timestamp,
}

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing was changed; it may work later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Nothing was changed: there is no room.
    #[error("the store is full: {0}")]
    Full(String),
    /// It is not known whether the change was made.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
    /// A write or a sync failed: it is not known whether the change was made, and from here on the store is
    /// broken.
    #[error("the store failed: {0}")]
    Failed(String),
    /// It failed before, or a read has met damage. Nothing was changed; the store takes nothing more.
    #[error("the store is broken: {0}")]
    Broken(String),
}

impl StoreError {
    /// Whether the store takes nothing more, so that the host must stop.
    pub fn is_final(&self) -> bool {
        matches!(self, StoreError::Failed(_) | StoreError::Broken(_))
    }
}

impl From<StoreError> for Error {
    /// Without the store's own words, which are for the log.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Error::new(
                Code::StoreUnavailable,
                "the store can't be reached now; nothing was changed, so try again",
            ),
            StoreError::Full(_) => Error::new(Code::StoreFull, "the store has no room; nothing was changed"),
            StoreError::Broken(_) => Error::new(
                Code::StoreUnavailable,
                "the store is broken, and the host stops; nothing was changed, so try again when it is back",
            ),
            StoreError::Unknown(_) | StoreError::Failed(_) => Error::new(
                Code::OutcomeUnknown,
                "the store failed while the change was being written; look before you repeat it",
            ),
        }
    }
}

/// What a store takes on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes of its largest file, the database.
    pub bytes: u64,
    /// Bytes of that which nothing needs, when they were last counted.
    pub free_bytes: u64,
}

/// Answers of a [`Store`].
pub type StoreResult<T> = Result<T, StoreError>;

/// A copy of everything durable, to be read from its beginning to its end. Dropped, it takes no room
/// any more.
#[async_trait]
pub trait Backup: Send + Sync {
    /// How many bytes it has.
    fn bytes(&self) -> u64;

    /// The next bytes; none at its end.
    async fn read(&mut self) -> StoreResult<Bytes>;
}

/// What [`Store::undeploy`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undeployed {
    /// The type is gone.
    Removed,
    /// Nothing was deployed under that name.
    Unknown,
    /// Actors of the type have something stored, dead letters included, and no purge was asked for.
    InUse,
}

/// Durable things. Every method is cancel safe in that a dropped future leaves either the whole
/// change or none; which of them is known only when it has returned.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Applies the write sets in order, in one transaction. Nobody else calls this while a call is
    /// under way: there is one committer.
    async fn commit(&self, batch: &[WriteSet]) -> StoreResult<()>;

    /// Reads what an activation starts from; an actor of which nothing is stored is empty. State is
    /// brought whole when it has at most `state_bytes_max` bytes, otherwise not at all.
    async fn load(&self, address: &Address, state_bytes_max: u64) -> StoreResult<StoredActor>;

    /// Reads one state value.
    async fn state_value(&self, address: &Address, key: &str) -> StoreResult<Option<Bytes>>;

    /// State keys that begin with `prefix`, in byte order, that come after `after`.
    async fn state_keys(
        &self,
        address: &Address,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<String>>;

    /// Bytes of the values under the keys from `from` on, in byte order. The values are not read.
    async fn state_value_sizes(
        &self,
        address: &Address,
        from: &str,
        limit: usize,
    ) -> StoreResult<Vec<(String, u64)>>;

    /// A page of the durable mailbox: messages due at `now`, and those that wait for another
    /// delivery (`attempt` above 1) whenever that is, in mailbox order, after `after`. At most `limit`, and
    /// fewer where they are large.
    async fn mail(
        &self,
        address: &Address,
        now: Timestamp,
        after: Option<MailKey>,
        limit: usize,
    ) -> StoreResult<Mail>;

    /// The keys of messages that wait for that actor, or for anybody, due or not: at most `limit`. Of one actor, in
    /// mailbox order.
    async fn waiting(&self, address: Option<&Address>, limit: usize) -> StoreResult<Vec<MailKey>>;

    /// Sizes and reminders of one actor.
    async fn summary(&self, address: &Address) -> StoreResult<StoredSummary>;

    /// Actors of a type, or of all, that have anything stored and whose id begins with `prefix`, in order of type
    /// and id, after `after`.
    async fn actors(
        &self,
        actor_type: Option<&ActorType>,
        prefix: &str,
        after: Option<&Address>,
        limit: usize,
    ) -> StoreResult<Vec<Address>>;

    /// Actors with a stored message or a reminder to be looked at by `until` (its `wake_at`), each
    /// with the earliest such moment, sorted, after `after`.
    async fn due(&self, until: Timestamp, after: Option<&Due>, limit: usize) -> StoreResult<Vec<Due>>;

    /// The first `wake_at` later than `after`.
    async fn next_due(&self, after: Timestamp) -> StoreResult<Option<Timestamp>>;

    /// The greatest message id that is stored anywhere.
    async fn latest_message_id(&self) -> StoreResult<Option<MessageId>>;

    /// Brings retries forward: where the next delivery (`attempt` above 1) of a message to an actor of that
    /// type, or of one of its reminders, waits until later than `latest`, it waits until `latest`, or until
    /// it is due if that is later. Changes at most `limit` of each, and says how many in all.
    async fn bound_retries(
        &self,
        actor_type: &ActorType,
        latest: Timestamp,
        limit: usize,
    ) -> StoreResult<usize>;

    /// What is kept of the request to `address` under that key.
    async fn idempotency_record(
        &self,
        address: &Address,
        key: &IdempotencyKey,
    ) -> StoreResult<Option<IdempotencyRecord>>;

    /// Removes idempotency records made at `until` or before, oldest first, at most `limit` and
    /// fewer where they are large; says how many it removed.
    async fn forget_idempotency(&self, until: Timestamp, limit: usize) -> StoreResult<usize>;

    /// Dead letters, of one actor type where it is given, by message id, after `after`.
    async fn dead_letters(
        &self,
        actor_type: Option<&ActorType>,
        after: Option<MessageId>,
        limit: usize,
    ) -> StoreResult<Vec<DeadLetterSummary>>;

    /// One dead letter.
    async fn dead_letter(&self, id: MessageId) -> StoreResult<Option<DeadLetter>>;

    /// How many dead letters an actor has.
    async fn count_dead_letters(&self, address: &Address) -> StoreResult<u64>;

    /// Puts a dead letter back into the mailbox it came from, sent at `now` and due at once, as if it
    /// had never been delivered; says whose mailbox that is, or that there is no such letter. In one
    /// transaction, so a letter goes back once, however many ask for it.
    async fn retry_dead_letter(&self, id: MessageId, now: Timestamp) -> StoreResult<Option<Address>>;

    /// Removes a dead letter; says whether there was one.
    async fn remove_dead_letter(&self, id: MessageId) -> StoreResult<bool>;

    /// Every actor type.
    async fn actor_types(&self) -> StoreResult<Vec<ActorTypeRecord>>;

    /// Makes `component` the next version of `actor_type`, and the active one. Of all versions the
    /// latest `versions_max` are kept, and in any case the active one and the one before it; the
    /// others go, with components that no version has any more.
    async fn deploy(
        &self,
        actor_type: &ActorType,
        info: &ComponentInfo,
        component: &Bytes,
        versions_max: usize,
        now: Timestamp,
    ) -> StoreResult<ActorTypeRecord>;

    /// Makes another version of `actor_type` the active one; `None` when there is no such type or
    /// version. Activating the active one changes nothing.
    async fn activate_version(
        &self,
        actor_type: &ActorType,
        version: u32,
    ) -> StoreResult<Option<ActorTypeRecord>>;

    /// Sets all settings of `actor_type`; `None` when there is no such type.
    async fn set_settings(
        &self,
        actor_type: &ActorType,
        settings: &TypeSettings,
    ) -> StoreResult<Option<ActorTypeRecord>>;

    /// The bytes of a component.
    async fn component(&self, digest: &Digest) -> StoreResult<Option<Bytes>>;

    /// Removes an actor type, its versions and its settings; with `purge`, all that its actors have stored too.
    /// That is hidden at once and removed in parts ([`Store::remove_purged`]); until it is over
    /// ([`Store::is_purging_type`]) nothing is deployed under that name.
    async fn undeploy(&self, actor_type: &ActorType, purge: bool) -> StoreResult<Undeployed>;

    /// Whether something is left of a type that was undeployed. Costs next to nothing.
    fn is_purging_type(&self, actor_type: &ActorType) -> bool;

    /// Whether something is left of what an actor had stored before it was purged. Costs next to nothing.
    fn is_purging_actor(&self, address: &Address) -> bool;

    /// Removes a part of what was purged, in a transaction for which others wait no longer than for an ordinary
    /// one; says whether anything is left. A process goes on where the one before it ended.
    async fn remove_purged(&self) -> StoreResult<bool>;

    /// Gives a part of the room that nothing needs any more back to the disk, as bounded as a part of a purge; says
    /// whether there is more.
    async fn give_back(&self) -> StoreResult<bool>;

    /// What it takes on the disk. Costs little.
    fn room(&self) -> Room;

    /// Begins a backup: a copy of everything as it is between two commits, after every one that was
    /// over before this was called. Nobody calls this while another copy is made or read.
    async fn backup(&self) -> StoreResult<Box<dyn Backup>>;

    /// Whether the store answers.
    async fn check(&self) -> StoreResult<()>;

    /// Finishes what is under way and lets go of files and connections.
    async fn close(&self);
}
