//! Greenroom's words as types.
//!
//! What every other crate agrees on: validated names, messages and payloads, the one error table,
//! the limits, time, and the traits that stand between the parts ([`store::Store`],
//! [`sandbox::SandboxEngine`], [`clock::Clock`]). Values are checked once, when they are made; a
//! value of one of these types is valid wherever it is met. Nothing here does I/O or knows a
//! runtime, an engine, a database or a protocol.

pub mod address;
pub mod clock;
pub mod component;
pub mod error;
pub mod fail_point;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod idempotency;
pub mod limits;
pub mod message;
pub mod number;
pub mod plain;
pub mod sandbox;
pub mod schedule;
pub mod settings;
pub mod store;

pub use address::{ActorId, ActorType, Address, InvalidName, Method};
pub use clock::{Clock, SystemClock, Timeline, Timestamp};
pub use component::{ComponentInfo, Digest};
pub use error::{Code, Error, Retry, Source};
pub use fail_point::FailPoint;
pub use idempotency::{IdempotencyKey, IdempotencyRecord};
pub use limits::Limits;
pub use message::{
    CallError, ErrorCode, Failure, LimitExceeded, Message, MessageId, MessageIdGenerator, Origin, Payload,
};
pub use schedule::Schedule;
pub use settings::{SettingsInForce, TypeSettings};
