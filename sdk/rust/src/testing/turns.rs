//! What a test sees of an actor's work: the messages it sent, and those it sent itself.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::{Address, Failure, Origin, Payload, Result};

/// A message that the actor has sent, in a turn that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// To whom.
    pub to: Address,
    /// What is asked.
    pub method: String,
    /// With what.
    pub payload: Payload,
    /// How long after it was sent it is delivered.
    pub delay: Duration,
}

impl Sent {
    /// The arguments, read as JSON.
    ///
    /// # Errors
    /// As [`Payload::to`].
    pub fn arguments<T: DeserializeOwned>(&self) -> Result<T> {
        self.payload.to()
    }
}

/// A reminder's or timer's firing, or a message to itself, that [`TestHost::advance`] delivered.
///
/// [`TestHost::advance`]: crate::testing::TestHost::advance
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The reminder, the timer, or the actor itself.
    pub origin: Origin,
    /// What was asked.
    pub method: String,
    /// What came of it.
    pub result: Result<Payload, Failure>,
}
