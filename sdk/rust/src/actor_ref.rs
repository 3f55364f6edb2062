//! Another actor, as this one speaks to it.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Address, CallError, Context, Payload, Result};

/// Another actor, made by [`Context::actor`]. There is always one at any address.
///
/// ```
/// # use greenroom_sdk::{Context, Result};
/// fn introduce(ctx: &Context, user: &str) -> Result {
///     let chat = ctx.actor("chat", user);
///     let greeting: String = chat.call("greeting", &())?;
///     chat.send("process_message", &format!("You said: {greeting}"))
/// }
/// ```
pub struct ActorRef<'a> {
    context: &'a Context,
    address: Address,
}

impl<'a> ActorRef<'a> {
    pub(crate) fn new(context: &'a Context, address: Address) -> Self {
        ActorRef { context, address }
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// [`Context::call`] to this actor.
    ///
    /// # Errors
    /// As [`Context::call`].
    pub fn call<R: DeserializeOwned>(
        &self,
        method: &str,
        arguments: &(impl Serialize + ?Sized),
    ) -> Result<R, CallError> {
        self.context.call(&self.address, method, arguments)
    }

    /// [`Context::call_raw`] to this actor.
    ///
    /// # Errors
    /// As [`Context::call`].
    pub fn call_raw(&self, method: &str, payload: Payload) -> Result<Payload, CallError> {
        self.context.call_raw(&self.address, method, payload)
    }

    /// [`Context::send`] to this actor.
    ///
    /// # Errors
    /// As [`Context::send`].
    pub fn send(&self, method: &str, arguments: &(impl Serialize + ?Sized)) -> Result {
        self.context.send(&self.address, method, arguments)
    }

    /// [`Context::send_after`] to this actor.
    ///
    /// # Errors
    /// As [`Context::send`].
    pub fn send_after(&self, delay: Duration, method: &str, arguments: &(impl Serialize + ?Sized)) -> Result {
        self.context.send_after(delay, &self.address, method, arguments)
    }

    /// [`Context::send_raw`] to this actor.
    ///
    /// # Errors
    /// As [`Context::send`].
    pub fn send_raw(&self, delay: Duration, method: &str, payload: Payload) -> Result {
        self.context.send_raw(delay, &self.address, method, payload)
    }
}

impl fmt::Debug for ActorRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ActorRef").field(&self.address).finish()
    }
}
