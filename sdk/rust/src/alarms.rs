//! Messages that an actor schedules to itself: reminders, which are durable, and timers, which are not.

use std::fmt;

use serde::Serialize;

use crate::host::HostApi;
use crate::{Payload, Reminder, Result, Schedule};

/// This actor's reminders, made by [`Context::reminders`](crate::Context::reminders): they survive
/// restarts, and wake a dormant actor.
///
/// A reminder calls one of the actor's own methods. A method meant for that only should say so:
///
/// ```
/// use std::time::Duration;
/// use greenroom_sdk::prelude::*;
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Egg { boiled: bool }
///
/// #[actor]
/// impl Egg {
///     pub fn boil(&mut self, ctx: &Context, minutes: u64) -> Result {
///         ctx.reminders().set("ready", Schedule::once(Duration::from_secs(60 * minutes)), "ready", &())
///     }
///
///     pub fn ready(&mut self, ctx: &Context) -> Result {
///         if !ctx.origin().is_reminder("ready") {
///             return Err(Failure::permission_denied("the egg knows itself when it is ready"));
///         }
///         self.boiled = true;
///         Ok(())
///     }
/// }
/// # fn main() {}
/// ```
#[derive(Clone, Copy)]
pub struct Reminders<'a> {
    host: &'a dyn HostApi,
}

impl<'a> Reminders<'a> {
    pub(crate) fn new(host: &'a dyn HostApi) -> Self {
        Reminders { host }
    }

    /// Calls this actor's `method` with `arguments` on that schedule. Replaces a reminder of the same
    /// name.
    ///
    /// # Errors
    /// [`resource-exhausted`](crate::ErrorCode::ResourceExhausted) when a limit of the host is passed,
    /// the shortest period included.
    pub fn set(
        &self,
        name: &str,
        schedule: Schedule,
        method: &str,
        arguments: &(impl Serialize + ?Sized),
    ) -> Result {
        self.set_raw(name, schedule, method, Payload::json(arguments)?)
    }

    /// Like [`set`](Reminders::set), with bytes instead of JSON.
    ///
    /// # Errors
    /// As [`set`](Reminders::set).
    pub fn set_raw(&self, name: &str, schedule: Schedule, method: &str, payload: Payload) -> Result {
        Ok(self.host.reminder_set(name, schedule, method, payload)?)
    }

    /// Removes a reminder; says whether there was one.
    pub fn cancel(&self, name: &str) -> bool {
        self.host.reminder_cancel(name)
    }

    /// The reminders that are set.
    pub fn list(&self) -> Vec<Reminder> {
        self.host.reminder_list()
    }
}

/// This actor's timers, made by [`Context::timers`](crate::Context::timers): like [`Reminders`], but
/// in memory only. They cost no write, and are gone when the actor is deactivated.
#[derive(Clone, Copy)]
pub struct Timers<'a> {
    host: &'a dyn HostApi,
}

impl<'a> Timers<'a> {
    pub(crate) fn new(host: &'a dyn HostApi) -> Self {
        Timers { host }
    }

    /// Calls this actor's `method` with `arguments` on that schedule. Replaces a timer of the same
    /// name.
    ///
    /// # Errors
    /// As [`Reminders::set`].
    pub fn set(
        &self,
        name: &str,
        schedule: Schedule,
        method: &str,
        arguments: &(impl Serialize + ?Sized),
    ) -> Result {
        self.set_raw(name, schedule, method, Payload::json(arguments)?)
    }

    /// Like [`set`](Timers::set), with bytes instead of JSON.
    ///
    /// # Errors
    /// As [`Reminders::set`].
    pub fn set_raw(&self, name: &str, schedule: Schedule, method: &str, payload: Payload) -> Result {
        Ok(self.host.timer_set(name, schedule, method, payload)?)
    }

    /// Removes a timer; says whether there was one.
    pub fn cancel(&self, name: &str) -> bool {
        self.host.timer_cancel(name)
    }
}

impl fmt::Debug for Reminders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reminders").finish_non_exhaustive()
    }
}

impl fmt::Debug for Timers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").finish_non_exhaustive()
    }
}
