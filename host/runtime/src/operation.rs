//! What people who run a node may do to one actor by hand. Each is a turn of its own, in the
//! actor's queue like any message, without the guest.

use greenroom_core::{MessageId, Method, Payload, Schedule};

use bytes::Bytes;

/// See the [module](self). Each answers whether there was something before.
pub(crate) enum Operation {
    /// Write or delete one state value.
    RepairState(String, Option<Bytes>),
    /// Set a reminder.
    SetReminder(String, Schedule, Method, Payload),
    /// Cancel a reminder.
    CancelReminder(String),
    /// Remove a message that waits.
    CancelMessage(MessageId),
    /// Deliver a message again at once that waits for that.
    RetryMessage(MessageId),
    /// Remove everything that is stored, and leave memory.
    Purge,
    /// Leave memory.
    Deactivate,
}
