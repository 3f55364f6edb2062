//! Messages and replies as they cross into and out of a guest, and the words of the contract that
//! both directions share. Bodies and media types are handed over, not copied.

use std::sync::Arc;

use bytes::Bytes;
use greenroom_core::Address;
use greenroom_core::message::{CallError, ErrorCode, Failure, LimitExceeded, Message, Origin, Payload};
use greenroom_core::sandbox::{LogLevel, RawAddress, RawSchedule, ReminderView};
use wasmtime::component::{ComponentType, Lift, Lower};

use crate::bindings::greenroom::actor::{log, reminders, types};

/// `types.address`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct AddressIn {
    #[component(name = "actor-type")]
    actor_type: String,
    id: String,
}

impl From<&Address> for AddressIn {
    fn from(address: &Address) -> Self {
        AddressIn { actor_type: address.actor_type.to_string(), id: address.id.to_string() }
    }
}

/// `types.payload`, both ways.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct PayloadWire {
    #[component(name = "content-type")]
    content_type: Arc<str>,
    body: Bytes,
}

impl From<Payload> for PayloadWire {
    fn from(payload: Payload) -> Self {
        PayloadWire { content_type: payload.content_type, body: payload.body }
    }
}

impl From<PayloadWire> for Payload {
    fn from(payload: PayloadWire) -> Self {
        Payload { content_type: payload.content_type, body: payload.body }
    }
}

/// `types.origin`.
#[derive(ComponentType, Lower)]
#[component(variant)]
pub(crate) enum OriginIn {
    #[component(name = "client")]
    Client,
    #[component(name = "actor")]
    Actor(AddressIn),
    #[component(name = "reminder")]
    Reminder(Arc<str>),
    #[component(name = "timer")]
    Timer(Arc<str>),
}

/// `types.message`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct MessageIn {
    id: String,
    method: String,
    payload: PayloadWire,
    origin: OriginIn,
    attempt: u32,
}

impl From<Message> for MessageIn {
    fn from(message: Message) -> Self {
        MessageIn {
            id: message.id.to_string(),
            method: message.method.to_string(),
            payload: message.payload.into(),
            origin: match message.origin {
                Origin::Client => OriginIn::Client,
                Origin::Actor(address) => OriginIn::Actor((&address).into()),
                Origin::Reminder(name) => OriginIn::Reminder(name),
                Origin::Timer(name) => OriginIn::Timer(name),
            },
            attempt: message.attempt,
        }
    }
}

impl From<types::Failure> for Failure {
    fn from(failure: types::Failure) -> Self {
        Failure { code: failure.code.into(), message: failure.message }
    }
}

macro_rules! same_cases {
    ($left:ty, $right:ty: $($case:ident)*) => {
        impl From<$left> for $right {
            fn from(value: $left) -> Self { match value { $(<$left>::$case => <$right>::$case,)* } }
        }
    };
}
same_cases!(types::ErrorCode, ErrorCode: InvalidArgument PermissionDenied NotFound Conflict
    FailedPrecondition ResourceExhausted Internal Unimplemented);
same_cases!(ErrorCode, types::ErrorCode: InvalidArgument PermissionDenied NotFound Conflict
    FailedPrecondition ResourceExhausted Internal Unimplemented);
same_cases!(log::Level, LogLevel: Trace Debug Info Warn Error);

impl From<CallError> for types::CallError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Failed(failure) => types::CallError::Failed(types::Failure {
                code: failure.code.into(),
                message: failure.message,
            }),
            CallError::UnknownActorType => types::CallError::UnknownActorType,
            CallError::Deadlock(chain) => types::CallError::Deadlock(chain),
            CallError::Overloaded => types::CallError::Overloaded,
            CallError::Timeout => types::CallError::Timeout,
            CallError::Crashed(detail) => types::CallError::Crashed(detail),
            CallError::Unavailable(detail) => types::CallError::Unavailable(detail),
        }
    }
}

impl From<types::Payload> for Payload {
    fn from(payload: types::Payload) -> Self {
        Payload { content_type: payload.content_type.into(), body: payload.body.into() }
    }
}

impl From<Payload> for types::Payload {
    fn from(payload: Payload) -> Self {
        types::Payload { content_type: payload.content_type.as_ref().into(), body: payload.body.into() }
    }
}

impl From<types::Address> for RawAddress {
    fn from(address: types::Address) -> Self {
        RawAddress { actor_type: address.actor_type, id: address.id }
    }
}

impl From<reminders::Schedule> for RawSchedule {
    fn from(schedule: reminders::Schedule) -> Self {
        RawSchedule {
            delay_ms: schedule.delay_ms,
            period_ms: schedule.period_ms,
            repetitions: schedule.repetitions,
        }
    }
}

impl From<ReminderView> for reminders::Reminder {
    fn from(reminder: ReminderView) -> Self {
        reminders::Reminder {
            name: reminder.name.as_ref().into(),
            method: reminder.method.to_string(),
            due_in_ms: reminder.due_in_ms,
            schedule: reminders::Schedule {
                delay_ms: reminder.schedule.delay_ms(),
                period_ms: reminder.schedule.period_ms(),
                repetitions: reminder.schedule.repetitions(),
            },
        }
    }
}

/// What the contract's functions say of a limit: its text.
pub(crate) fn limit_text(result: Result<(), LimitExceeded>) -> Result<(), String> {
    result.map_err(|LimitExceeded(text)| text)
}
