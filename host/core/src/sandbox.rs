//! A component at work, as the rest of the host sees it.
//!
//! [`SandboxEngine`] turns bytes into a [`Behavior`], a behavior makes [`Sandbox`]es, and while a
//! sandbox runs a turn its guest reaches the host through that turn's [`TurnHost`].

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::address::{ActorType, Address};
use crate::clock::Timestamp;
use crate::component::{ComponentInfo, Description};
use crate::error::{Code, Error};
use crate::message::{CallError, Failure, LimitExceeded, Message, Payload};
use crate::schedule::Schedule;
use crate::settings::SettingsInForce;

/// The environment variables that guests of a type see.
pub type Environment = BTreeMap<String, String>;

/// Why a component can't become a behavior.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// The component itself is at fault; the text says how, for whoever uploaded it.
    #[error("{0}")]
    Rejected(String),
    /// The host lacks something that it may have again later; the text is for whoever waits for it.
    #[error("{0}")]
    Lacking(String),
    /// The host is at fault; the text is for the log.
    #[error("{0}")]
    Failed(String),
}

/// Checks and compiles components.
#[async_trait]
pub trait SandboxEngine: Send + Sync + 'static {
    /// Checks a component and compiles it, or takes what was compiled of the same bytes before.
    /// Runs none of its code.
    async fn prepare(&self, component: Bytes) -> Result<Arc<dyn Behavior>, PrepareError>;

    /// For which types sandboxes at work wait for room, which idle ones could make.
    fn room_wanted(&self) -> Vec<RoomWanted> {
        Vec::new()
    }
}

/// Sandboxes of a type wait for room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomWanted {
    /// Which type; its own idle ones go first.
    pub actor_type: ActorType,
    /// Whether those of other types have to go too: this one has less than they.
    pub from_others: bool,
}

/// A compiled component: the code of one version of an actor type.
#[async_trait]
pub trait Behavior: Send + Sync + 'static {
    /// What was checked.
    fn info(&self) -> &ComponentInfo;

    /// How much memory its code takes, with all that its sandboxes share.
    fn code_bytes(&self) -> u64 {
        self.info().size_bytes
    }

    /// What can be asked of its actors.
    fn describe(&self) -> Description {
        Description { methods: Vec::new(), takes_any_method: true }
    }

    /// Takes a message before any sandbox is entered for it: finds its method and converts its
    /// arguments.
    ///
    /// # Errors
    /// There is no such method, or the payload does not fit it. Nothing ran.
    fn accept(&self, message: Message) -> Result<Accepted, Error> {
        Ok(Accepted::Message(message))
    }

    /// Whether [`Behavior::accept`] converts the payload of that message, which takes time in proportion to it.
    fn converts(&self, _message: &Message) -> bool {
        false
    }

    /// Makes a sandbox for the actor `me`, with the environment and within the limits of its type.
    /// Initialisers of the guest run within `turn`.
    ///
    /// Cancel safe: nothing is left of a sandbox that is not returned.
    async fn instantiate(
        &self,
        me: &Address,
        settings: &Arc<SettingsInForce>,
        turn: Arc<dyn TurnHost>,
    ) -> Result<Box<dyn Sandbox>, Trap>;
}

/// A message that a behavior takes.
pub enum Accepted {
    /// For the guest's `receive`.
    Message(Message),
    /// For a function of the guest's own.
    Method(MethodCall),
}

/// A function and its arguments in the form of the engine whose behavior made it; for sandboxes of
/// that behavior.
pub struct MethodCall(pub Box<dyn Any + Send>);

/// One component instance with its own memory, serving one activation.
///
/// After any `Err`, and after a future of it was dropped unfinished, a sandbox must be dropped;
/// it refuses to be entered again.
#[async_trait]
pub trait Sandbox: Send {
    /// Calls the guest's `activate`, if it has one.
    async fn activate(&mut self, turn: Arc<dyn TurnHost>, me: &Address) -> Result<Result<(), Failure>, Trap>;

    /// Calls the guest's `receive`.
    async fn receive(
        &mut self,
        turn: Arc<dyn TurnHost>,
        message: Message,
    ) -> Result<Result<Payload, Failure>, Trap>;

    /// Calls a function of the guest's own. The error is the guest's answer, or what is wrong with
    /// it.
    async fn call(
        &mut self,
        _turn: Arc<dyn TurnHost>,
        _call: MethodCall,
    ) -> Result<Result<Payload, Error>, Trap> {
        Err(Trap::Host(Error::new(Code::Internal, "this sandbox has no functions of its guest's own")))
    }

    /// Calls the guest's `deactivate`, if it has one.
    async fn deactivate(&mut self, turn: Arc<dyn TurnHost>) -> Result<(), Trap>;

    /// Bytes of linear memory it has.
    fn memory_bytes(&self) -> usize;
}

/// Why a sandbox stopped in the middle of its work. It is of no further use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trap {
    /// The guest trapped; what the engine says, with the guest's stack.
    Crashed(String),
    /// It trapped after more memory was refused to it.
    MemoryLimit(String),
    /// It recursed too deep.
    StackOverflow(String),
    /// It used up its processor time.
    CpuLimit(String),
    /// A host function gave the turn up.
    Host(Error),
    /// There is no room for another sandbox now.
    NoRoom,
}

impl From<Trap> for Error {
    fn from(trap: Trap) -> Self {
        match trap {
            Trap::Crashed(detail) => Error::new(Code::ActorTrapped, detail),
            Trap::MemoryLimit(detail) => Error::new(Code::MemoryLimit, detail),
            Trap::StackOverflow(detail) => Error::new(Code::StackOverflow, detail),
            Trap::CpuLimit(detail) => Error::new(Code::CpuLimit, detail),
            Trap::Host(error) => error,
            Trap::NoRoom => Error::new(Code::Overloaded, "no room for another sandbox; try again"),
        }
    }
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// What a guest is told of one of its reminders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReminderView {
    /// Its name.
    pub name: Arc<str>,
    /// What it sends.
    pub method: crate::address::Method,
    /// Milliseconds until it fires next; 0 when it is due.
    pub due_in_ms: u64,
    /// When it fires.
    pub schedule: Schedule,
}

/// A schedule as the guest gave it, not yet checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawSchedule {
    /// The first firing: milliseconds from now.
    pub delay_ms: u64,
    /// Then again every so many milliseconds.
    pub period_ms: Option<u64>,
    /// Firings in all.
    pub repetitions: Option<u32>,
}

/// An address as the guest gave it, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawAddress {
    /// The actor type.
    pub actor_type: String,
    /// The actor id.
    pub id: String,
}

/// The host functions of one turn; each is the WIT function of the same name. `Err(Error)` gives
/// the turn up: the sandbox stops the guest with [`Trap::Host`].
#[async_trait]
#[allow(missing_docs)] // the WIT says what each does
pub trait TurnHost: Send + Sync {
    /// What the machine's clock says; the same all through a turn.
    fn now(&self) -> Timestamp;

    /// The guest has used up the slice of processor time that short turns have, and is about to yield. What is left
    /// of its turn belongs where it holds up nobody.
    fn becomes_long(&self) {}

    async fn state_get(&self, key: String) -> Result<Option<Bytes>, Error>;
    async fn state_set(&self, key: String, value: Bytes) -> Result<Result<(), LimitExceeded>, Error>;
    async fn state_delete(&self, key: String) -> Result<bool, Error>;
    async fn state_keys(
        &self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<String>, Error>;

    async fn call(
        &self,
        to: RawAddress,
        method: String,
        payload: Payload,
    ) -> Result<Result<Payload, CallError>, Error>;
    async fn send(
        &self,
        to: RawAddress,
        method: String,
        payload: Payload,
        delay_ms: u64,
    ) -> Result<Result<(), LimitExceeded>, Error>;

    fn reminder_set(
        &self,
        name: String,
        schedule: RawSchedule,
        method: String,
        payload: Payload,
    ) -> Result<Result<(), LimitExceeded>, Error>;
    fn reminder_cancel(&self, name: String) -> Result<bool, Error>;
    fn reminder_list(&self) -> Result<Vec<ReminderView>, Error>;

    fn timer_set(
        &self,
        name: String,
        schedule: RawSchedule,
        method: String,
        payload: Payload,
    ) -> Result<Result<(), LimitExceeded>, Error>;
    fn timer_cancel(&self, name: String) -> Result<bool, Error>;

    /// What the guest says: `log.write`, and each line of its stdout (info) and stderr (warn).
    fn log(&self, level: LogLevel, message: &str);
}
