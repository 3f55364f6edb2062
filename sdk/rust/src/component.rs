//! The actor as a component: the contract's exports over an [`Activation`], and the contract's imports
//! as the [`HostApi`]. The only place where the contract's types meet the SDK's.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::activation::Activation;
use crate::bindings::exports::greenroom::actor::behavior as exported;
use crate::bindings::greenroom::actor::{context, log, messaging, reminders, state, timers, types};
use crate::host::{HostApi, LimitExceeded};
use crate::{
    Actor, Address, CallErrorKind, ErrorCode, Failure, Level, Message, Origin, Payload, Reminder, Schedule,
};

/// The one actor of a component. A component is one sandbox, and a sandbox serves one actor.
pub struct Slot<A>(RefCell<Option<Activation<A>>>);

impl<A: Actor> Slot<A> {
    /// Nobody yet.
    #[allow(clippy::new_without_default)] // a static is made with it
    pub const fn new() -> Self {
        Slot(RefCell::new(None))
    }

    /// The contract's `activate`.
    pub fn activate(&self, me: exported::Address) -> Result<(), exported::Failure> {
        let me = Address { actor_type: me.actor_type, id: me.id };
        let mut slot = self.0.borrow_mut();
        let activation = slot.insert(Activation::new(Rc::new(Imports), me));
        activation.activate().map_err(failure_out)
    }

    /// The contract's `receive`.
    pub fn receive(&self, message: exported::Message) -> Result<exported::Payload, exported::Failure> {
        let types::Message { id, method, payload, origin, attempt } = message;
        let message = Message { id, method, origin: origin_in(origin), attempt };
        match self.0.borrow_mut().as_mut() {
            Some(activation) => {
                activation.receive(message, payload_in(payload)).map(payload_out).map_err(failure_out)
            }
            None => Err(failure_out(Failure::internal("a message came before the activation"))),
        }
    }

    /// The contract's `deactivate`, which has no failure: a trap keeps what was written so far from
    /// being committed.
    pub fn deactivate(&self) {
        if let Some(mut activation) = self.0.borrow_mut().take()
            && let Err(failure) = activation.deactivate()
        {
            panic!("deactivating failed: {failure}");
        }
    }
}

/// Makes the actor type `$actor` the behavior of this component.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_actor {
    ($actor:ty) => {
        const _: () = {
            use $crate::__private::{Slot, behavior};

            struct Component;

            ::std::thread_local! {
                static SLOT: Slot<$actor> = const { Slot::new() };
            }

            impl behavior::Guest for Component {
                fn activate(me: behavior::Address) -> ::std::result::Result<(), behavior::Failure> {
                    SLOT.with(|slot| slot.activate(me))
                }

                fn receive(
                    message: behavior::Message,
                ) -> ::std::result::Result<behavior::Payload, behavior::Failure> {
                    SLOT.with(|slot| slot.receive(message))
                }

                fn deactivate() {
                    SLOT.with(Slot::deactivate)
                }
            }

            $crate::__private::bindings::export_behavior!(
                Component with_types_in $crate::__private::bindings
            );
        };
    };
}

/// The host's functions, imported.
struct Imports;

impl HostApi for Imports {
    fn state_get(&self, key: &str) -> Option<Vec<u8>> {
        state::get(key)
    }

    fn state_set(&self, key: &str, value: &[u8]) -> Result<(), LimitExceeded> {
        state::set(key, value).map_err(LimitExceeded)
    }

    fn state_delete(&self, key: &str) -> bool {
        state::delete(key)
    }

    fn state_keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
        state::keys(prefix, after, limit)
    }

    fn call(&self, to: &Address, method: &str, payload: Payload) -> Result<Payload, CallErrorKind> {
        messaging::call(&address_out(to), method, &payload_out(payload))
            .map(payload_in)
            .map_err(call_error_in)
    }

    fn send(&self, to: &Address, method: &str, payload: Payload, delay_ms: u64) -> Result<(), LimitExceeded> {
        messaging::send(&address_out(to), method, &payload_out(payload), delay_ms).map_err(LimitExceeded)
    }

    fn reminder_set(
        &self,
        name: &str,
        schedule: Schedule,
        method: &str,
        payload: Payload,
    ) -> Result<(), LimitExceeded> {
        reminders::set(name, schedule_out(schedule), method, &payload_out(payload)).map_err(LimitExceeded)
    }

    fn reminder_cancel(&self, name: &str) -> bool {
        reminders::cancel(name)
    }

    fn reminder_list(&self) -> Vec<Reminder> {
        reminders::list().into_iter().map(reminder_in).collect()
    }

    fn timer_set(
        &self,
        name: &str,
        schedule: Schedule,
        method: &str,
        payload: Payload,
    ) -> Result<(), LimitExceeded> {
        timers::set(name, schedule_out(schedule), method, &payload_out(payload)).map_err(LimitExceeded)
    }

    fn timer_cancel(&self, name: &str) -> bool {
        timers::cancel(name)
    }

    fn now_ms(&self) -> u64 {
        context::now_ms()
    }

    fn random(&self, len: u32) -> Vec<u8> {
        context::random(len)
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Trace => log::Level::Trace,
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::write(level, message);
    }
}

fn address_out(address: &Address) -> types::Address {
    types::Address { actor_type: address.actor_type.clone(), id: address.id.clone() }
}

fn payload_in(payload: types::Payload) -> Payload {
    Payload { content_type: payload.content_type, body: payload.body }
}

fn payload_out(payload: Payload) -> types::Payload {
    types::Payload { content_type: payload.content_type, body: payload.body }
}

fn origin_in(origin: types::Origin) -> Origin {
    match origin {
        types::Origin::Client => Origin::Client,
        types::Origin::Actor(types::Address { actor_type, id }) => Origin::Actor(Address { actor_type, id }),
        types::Origin::Reminder(name) => Origin::Reminder(name),
        types::Origin::Timer(name) => Origin::Timer(name),
    }
}

fn schedule_out(schedule: Schedule) -> reminders::Schedule {
    let Schedule { delay_ms, period_ms, repetitions } = schedule;
    reminders::Schedule { delay_ms, period_ms, repetitions }
}

fn reminder_in(reminder: reminders::Reminder) -> Reminder {
    let reminders::Schedule { delay_ms, period_ms, repetitions } = reminder.schedule;
    Reminder {
        name: reminder.name,
        method: reminder.method,
        due_in: Duration::from_millis(reminder.due_in_ms),
        schedule: Schedule { delay_ms, period_ms, repetitions },
    }
}

fn failure_in(failure: types::Failure) -> Failure {
    let code = match failure.code {
        types::ErrorCode::InvalidArgument => ErrorCode::InvalidArgument,
        types::ErrorCode::PermissionDenied => ErrorCode::PermissionDenied,
        types::ErrorCode::NotFound => ErrorCode::NotFound,
        types::ErrorCode::Conflict => ErrorCode::Conflict,
        types::ErrorCode::FailedPrecondition => ErrorCode::FailedPrecondition,
        types::ErrorCode::ResourceExhausted => ErrorCode::ResourceExhausted,
        types::ErrorCode::Internal => ErrorCode::Internal,
        types::ErrorCode::Unimplemented => ErrorCode::Unimplemented,
    };
    Failure { code, message: failure.message }
}

fn failure_out(failure: Failure) -> types::Failure {
    let code = match failure.code {
        ErrorCode::InvalidArgument => types::ErrorCode::InvalidArgument,
        ErrorCode::PermissionDenied => types::ErrorCode::PermissionDenied,
        ErrorCode::NotFound => types::ErrorCode::NotFound,
        ErrorCode::Conflict => types::ErrorCode::Conflict,
        ErrorCode::FailedPrecondition => types::ErrorCode::FailedPrecondition,
        ErrorCode::ResourceExhausted => types::ErrorCode::ResourceExhausted,
        ErrorCode::Internal => types::ErrorCode::Internal,
        ErrorCode::Unimplemented => types::ErrorCode::Unimplemented,
    };
    types::Failure { code, message: failure.message }
}

fn call_error_in(error: types::CallError) -> CallErrorKind {
    match error {
        types::CallError::Failed(failure) => CallErrorKind::Failed(failure_in(failure)),
        types::CallError::UnknownActorType => CallErrorKind::UnknownActorType,
        types::CallError::Deadlock(chain) => CallErrorKind::Deadlock(chain),
        types::CallError::Overloaded => CallErrorKind::Overloaded,
        types::CallError::Timeout => CallErrorKind::Timeout,
        types::CallError::Crashed(detail) => CallErrorKind::Crashed(detail),
        types::CallError::Unavailable(detail) => CallErrorKind::Unavailable(detail),
    }
}
