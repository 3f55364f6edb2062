//! The actor's door to the host during one turn: who it is, who asks, what time it is, and everything
//! that it may do besides changing its own struct.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::HostApi;
use crate::{
    ActorRef, Address, CallError, CallErrorKind, Message, Origin, Payload, Reminders, Result, State, Timers,
    Timestamp,
};

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the names are the usual ones
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Most random bytes that the host gives at once.
const RANDOM_BYTES_MAX: usize = 4_096;

/// What a method is handed besides its arguments, if it asks for it with a parameter of the type
/// `&Context` or `&mut Context`.
///
/// State, reminders, timers and sent messages are part of the turn: they take effect together when
/// the method succeeds, and not at all when it fails. A [`call`](Context::call) is a turn of the
/// callee's own, which stays done even if the caller fails afterwards.
pub struct Context {
    host: Rc<dyn HostApi>,
    me: Address,
    message: Option<Message>,
}

impl Context {
    pub(crate) fn new(host: Rc<dyn HostApi>, me: Address, message: Option<Message>) -> Self {
        Context { host, me, message }
    }

    /// This actor's address.
    pub fn me(&self) -> &Address {
        &self.me
    }

    /// The message of this turn; `None` while the actor is activated or deactivated.
    pub fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// Who sent the message of this turn.
    pub fn origin(&self) -> &Origin {
        self.message.as_ref().map_or(&Origin::Host, |message| &message.origin)
    }

    /// The time; the same all through a turn.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.host.now_ms())
    }

    /// `len` cryptographically secure random bytes.
    pub fn random_bytes(&self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let part = (len - bytes.len()).min(RANDOM_BYTES_MAX);
            bytes.extend(self.host.random(part as u32));
        }
        bytes
    }

    /// State under keys of its own, for what is too large to be saved whole after every change.
    pub fn state(&self) -> State<'_> {
        State::new(&*self.host)
    }

    /// Durable alarms: they survive restarts, and wake a dormant actor.
    pub fn reminders(&self) -> Reminders<'_> {
        Reminders::new(&*self.host)
    }

    /// Alarms in memory only: gone when the actor is deactivated.
    pub fn timers(&self) -> Timers<'_> {
        Timers::new(&*self.host)
    }

    /// Another actor, to call or to send to.
    pub fn actor(&self, actor_type: impl Into<String>, id: impl Into<String>) -> ActorRef<'_> {
        ActorRef::new(self, Address::new(actor_type, id))
    }

    /// Asks an actor, and waits for its reply.
    ///
    /// `arguments` are one value, a tuple or an object, as the method takes them; `&()` is none.
    /// The reply is read as `R`; `call::<()>` takes any reply and drops it.
    ///
    /// # Errors
    /// [`CallError`] names the call and what went wrong. Only [`CallErrorKind::Timeout`] and
    /// [`CallErrorKind::InvalidReply`] leave it possible that the callee did what was asked.
    pub fn call<R: DeserializeOwned>(
        &self,
        to: impl Into<Address>,
        method: &str,
        arguments: &(impl Serialize + ?Sized),
    ) -> Result<R, CallError> {
        let to = to.into();
        let reply = Payload::json(arguments)
            .map_err(|failure| CallErrorKind::InvalidArguments(failure.message))
            .and_then(|payload| self.host.call(&to, method, payload))
            .and_then(|mut reply| {
                if size_of::<R>() == 0 {
                    reply.body.clear();
                }
                reply.to().map_err(|failure| CallErrorKind::InvalidReply(failure.message))
            });
        reply.map_err(|kind| CallError { to, method: method.to_owned(), kind })
    }

    /// Like [`call`](Context::call), with bytes instead of JSON.
    ///
    /// # Errors
    /// As [`call`](Context::call).
    pub fn call_raw(
        &self,
        to: impl Into<Address>,
        method: &str,
        payload: Payload,
    ) -> Result<Payload, CallError> {
        let to = to.into();
        let reply = self.host.call(&to, method, payload);
        reply.map_err(|kind| CallError { to, method: method.to_owned(), kind })
    }

    /// Tells an actor: once this turn has succeeded, the message is delivered and processed exactly
    /// once. Messages to one actor arrive in the order they were sent.
    ///
    /// # Errors
    /// [`resource-exhausted`](crate::ErrorCode::ResourceExhausted) when a limit of the host is passed.
    pub fn send(
        &self,
        to: impl Into<Address>,
        method: &str,
        arguments: &(impl Serialize + ?Sized),
    ) -> Result {
        self.send_after(Duration::ZERO, to, method, arguments)
    }

    /// Like [`send`](Context::send), delivered no sooner than `delay` from now.
    ///
    /// # Errors
    /// As [`send`](Context::send).
    pub fn send_after(
        &self,
        delay: Duration,
        to: impl Into<Address>,
        method: &str,
        arguments: &(impl Serialize + ?Sized),
    ) -> Result {
        self.send_raw(delay, to, method, Payload::json(arguments)?)
    }

    /// Like [`send_after`](Context::send_after), with bytes instead of JSON.
    ///
    /// # Errors
    /// As [`send`](Context::send).
    pub fn send_raw(
        &self,
        delay: Duration,
        to: impl Into<Address>,
        method: &str,
        payload: Payload,
    ) -> Result {
        let delay_ms = crate::timestamp::milliseconds(delay);
        Ok(self.host.send(&to.into(), method, payload, delay_ms)?)
    }

    /// Says something to the people who run the actor. Said at once: also by a turn that fails.
    ///
    /// ```
    /// # use greenroom_sdk::{Context, Level};
    /// fn received(ctx: &Context, parcels: u32) {
    ///     ctx.log(Level::Info, format_args!("{parcels} parcels received"));
    ///     ctx.warn("the shelf is full"); // the same, by a method for each level
    /// }
    /// ```
    pub fn log(&self, level: Level, message: impl fmt::Display) {
        self.host.log(level, &message.to_string());
    }
}

macro_rules! levels {
    ($($name:ident $level:ident $article:literal),*) => {
        impl Context {$(
            #[doc = concat!("[`log`](Context::log) at ", $article, " level.")]
            pub fn $name(&self, message: impl fmt::Display) {
                self.log(Level::$level, message);
            }
        )*}
    };
}

levels!(trace Trace "trace", debug Debug "debug", info Info "info", warn Warn "warn", error Error "error");

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("me", &self.me)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}
