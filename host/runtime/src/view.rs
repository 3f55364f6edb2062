//! What the runtime tells people about actors, types and itself.

use std::sync::Arc;
use std::time::Duration;

use greenroom_core::store::{Reminder, VersionRecord};
use greenroom_core::{ActorType, Address, Error, MessageId, Method, Origin, Timestamp};

/// Where an actor is in its lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// Not in memory.
    Dormant,
    /// In memory, with a turn under way or messages waiting.
    Activated,
    /// In memory, with nothing to do.
    Idle,
}

/// Which actors to list. The list is in the order of type, then id.
#[derive(Clone, Debug, Default)]
pub struct ActorQuery {
    /// Only of this type; of every type when absent.
    pub actor_type: Option<ActorType>,
    /// Only those whose id begins with this.
    pub prefix: String,
    /// Only those after this one.
    pub after: Option<Address>,
    /// At most so many.
    pub limit: usize,
}

/// One line of a list of actors.
#[derive(Clone, Debug)]
pub struct ActorSummary {
    /// Which actor.
    pub address: Address,
    /// Where it is in its lifecycle.
    pub lifecycle: Lifecycle,
}

/// One actor, looked at closely.
#[derive(Clone, Debug)]
pub struct ActorView {
    /// Which actor.
    pub address: Address,
    /// Where it is in its lifecycle.
    pub lifecycle: Lifecycle,
    /// The version of its type that it runs, while it is in memory.
    pub version: Option<u32>,
    /// Linear memory of its sandbox in bytes, while it has one.
    pub sandbox_memory_bytes: Option<usize>,
    /// Messages that wait, in memory or stored.
    pub mailbox_length: u64,
    /// Committed state: how many keys.
    pub state_keys: u64,
    /// Committed state: bytes of keys and values.
    pub state_bytes: u64,
    /// Its reminders.
    pub reminders: Vec<Reminder>,
    /// Answers kept for repeats of requests.
    pub answers: u64,
    /// Bytes of those answers.
    pub answer_bytes: u64,
    /// The last turn of this activation.
    pub last_turn: Option<TurnSummary>,
    /// The last error of this activation.
    pub last_error: Option<ErrorSummary>,
}

/// A turn that is over.
#[derive(Clone, Debug)]
pub struct TurnSummary {
    /// The method it ran.
    pub method: Method,
    /// When it began.
    pub at: Timestamp,
    /// How long the guest and its host calls took.
    pub took: Duration,
}

/// An error that an actor ended a turn with.
#[derive(Clone, Debug)]
pub struct ErrorSummary {
    /// When.
    pub at: Timestamp,
    /// The method of the turn.
    pub method: Method,
    /// What.
    pub error: Error,
}

/// A message that waits in a mailbox.
#[derive(Clone, Debug)]
pub struct WaitingMessage {
    /// Its id.
    pub id: MessageId,
    /// What it asks.
    pub method: Method,
    /// Who sent it.
    pub origin: Origin,
    /// The number of the delivery to come.
    pub attempt: u32,
    /// How long it has waited.
    pub age: Duration,
    /// Until when it is not delivered, where it was sent with a delay or waits for a retry.
    pub due_in: Option<Duration>,
    /// Why its last delivery failed, if one has.
    pub last_error: Option<Arc<str>>,
}

/// An actor type.
#[derive(Clone, Debug)]
pub struct ActorTypeView {
    /// Its name.
    pub name: ActorType,
    /// The version that new turns run.
    pub active_version: u32,
    /// The version that was active before it, to go back to.
    pub previous_version: Option<u32>,
    /// All versions that are kept, by number.
    pub versions: Vec<VersionRecord>,
    /// Its actors in memory.
    pub active_actors: usize,
}

/// What a deployment did.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Whether there is a new version; the bytes of the active one again change nothing.
    pub created: bool,
    /// The version that is now active.
    pub version: VersionRecord,
}
