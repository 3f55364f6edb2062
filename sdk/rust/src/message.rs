//! What an actor receives, apart from the arguments, which arrive as a [`Payload`](crate::Payload).

use std::fmt;

use crate::Address;

/// The message of the turn under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Unique; the same when the message is delivered again.
    pub id: String,
    /// What is asked.
    pub method: String,
    /// Who asks.
    pub origin: Origin,
    /// 1 on the first delivery, one more on each further one.
    pub attempt: u32,
}

/// Who sent a message. Set by the host, so an actor may trust it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Somebody outside, over HTTP.
    Client,
    /// Another actor.
    Actor(Address),
    /// This actor's own reminder of that name.
    Reminder(String),
    /// This actor's own timer of that name.
    Timer(String),
    /// The host itself: the actor is being activated or deactivated, and there is no message.
    Host,
}

impl Origin {
    /// The actor that sent the message, if one did.
    pub fn actor(&self) -> Option<&Address> {
        match self {
            Origin::Actor(address) => Some(address),
            _ => None,
        }
    }

    /// Whether this actor's own reminder `name` sent the message.
    pub fn is_reminder(&self, name: &str) -> bool {
        matches!(self, Origin::Reminder(reminder) if reminder == name)
    }

    /// Whether this actor's own timer `name` sent the message.
    pub fn is_timer(&self, name: &str) -> bool {
        matches!(self, Origin::Timer(timer) if timer == name)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Client => f.write_str("client"),
            Origin::Actor(address) => address.fmt(f),
            Origin::Reminder(name) => write!(f, "reminder {name}"),
            Origin::Timer(name) => write!(f, "timer {name}"),
            Origin::Host => f.write_str("host"),
        }
    }
}
