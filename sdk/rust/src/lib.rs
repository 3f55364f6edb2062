//! Write Greenroom actors in Rust.
//!
//! An actor is a struct whose fields are durable and whose public methods can be called by their
//! address, `task/task-123`, from anywhere: over HTTP, or from another actor. It exists always, it
//! does one thing at a time, and each message either takes effect as a whole or not at all.
//!
//! ```
//! use greenroom_sdk::prelude::*;
//!
//! /// A counter with a ceiling.
//! #[derive(Default, Serialize, Deserialize)]
//! pub struct Counter {
//!     count: u32,
//! }
//!
//! #[actor]
//! impl Counter {
//!     /// Adds `amount`; says what the count is now.
//!     pub fn add(&mut self, amount: u32) -> Result<u32> {
//!         if self.count + amount > 100 {
//!             return Err(Failure::failed_precondition("the counter ends at 100"));
//!         }
//!         self.count += amount;
//!         Ok(self.count)
//!     }
//!
//!     /// Says what the count is.
//!     pub fn get(&self) -> u32 {
//!         self.count
//!     }
//! }
//!
//! // Actors are tested natively, without a host:
//! # fn main() -> Result {
//! use greenroom_sdk::testing::TestHost;
//!
//! let mut counter = TestHost::<Counter>::new("counter-1");
//! assert_eq!(counter.call("add", &99)?, 99);
//! assert_eq!(counter.call("add", &2).unwrap_err().code, ErrorCode::FailedPrecondition);
//! counter.restart()?;
//! assert_eq!(counter.call("get", &())?, 99);
//! # Ok(())
//! # }
//! ```
//!
//! # The parts
//! - [`#[actor]`](actor) makes an `impl` block an actor type. It says what a method may look like.
//! - [`Context`] is what a method asks for to know its address, the sender and the time, and to reach
//!   [state under keys](State), [reminders and timers](Reminders) and [other actors](ActorRef).
//! - [`Failure`] is how a method refuses a message, with one of eight [codes](ErrorCode).
//! - [`testing::TestHost`] runs an actor in an ordinary `#[test]`.
//!
//! A component holds one actor type: one `#[actor]` in a crate of `crate-type = ["cdylib", "rlib"]`,
//! built for `wasm32-wasip2`. The [`rlib`] half is for native tests.
//!
//! [`rlib`]: https://doc.rust-lang.org/reference/linkage.html

mod activation;
mod actor;
mod actor_ref;
mod address;
mod alarms;
mod arguments;
mod call_error;
mod context;
mod failure;
mod host;
mod json;
mod message;
mod payload;
pub mod prelude;
#[doc(hidden)]
pub mod reply;
mod schedule;
mod state;
pub mod testing;
mod timestamp;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;
#[cfg(target_family = "wasm")]
mod component;

pub use actor::Actor;
pub use actor_ref::ActorRef;
pub use address::Address;
pub use alarms::{Reminders, Timers};
pub use call_error::{CallError, CallErrorKind};
pub use context::{Context, Level};
pub use failure::{ErrorCode, Failure, Result};
pub use message::{Message, Origin};
pub use payload::Payload;
pub use schedule::{Reminder, Schedule};
pub use state::{ACTOR_KEY, State};
pub use timestamp::Timestamp;

pub use serde_json::{self, json};

#[doc = include_str!("actor.md")]
pub use greenroom_sdk_macros::actor;

/// What the generated code uses.
#[doc(hidden)]
pub mod __private {
    pub use crate::actor::{AResultIsCalledResult, HookOutcome, IsAResult, Outcome, unknown_method};
    pub use crate::arguments::Arguments;
    pub use crate::reply;

    #[cfg(target_family = "wasm")]
    pub use crate::bindings::{self, exports::greenroom::actor::behavior};
    #[cfg(target_family = "wasm")]
    pub use crate::component::Slot;
}

/// The examples of the read-me compile, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
