//! What [`#[actor]`](crate::actor) makes of an `impl` block. Nothing here is called by hand.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Context, Failure, Payload, Result};

/// An actor type. [`#[actor]`](crate::actor) implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an actor",
    note = "put `#[greenroom_sdk::actor]` on an `impl {Self}` block"
)]
pub trait Actor: Default + Serialize + DeserializeOwned + 'static {
    /// The struct's name.
    const NAME: &'static str;
    /// Its methods, in the order they are written.
    const METHODS: &'static [&'static str];

    /// Does what one message asks.
    #[doc(hidden)]
    fn receive(&mut self, context: &mut Context, method: &str, payload: Payload) -> Result<Outcome>;

    /// Runs the method marked `#[activate]`.
    #[doc(hidden)]
    fn activate(&mut self, context: &mut Context) -> Result {
        let _ = context;
        Ok(())
    }

    /// Runs the method marked `#[deactivate]`.
    #[doc(hidden)]
    fn deactivate(&mut self, context: &mut Context) -> Result {
        let _ = context;
        Ok(())
    }
}

/// What a method brought.
#[doc(hidden)]
pub struct Outcome {
    pub(crate) reply: Payload,
    /// Whether the method could change the struct.
    pub(crate) may_have_changed: bool,
}

impl Outcome {
    /// Of a method with `&self`.
    pub fn of_reading(reply: Payload) -> Self {
        Outcome { reply, may_have_changed: false }
    }

    /// Of a method with `&mut self`.
    pub fn of_writing(reply: Payload) -> Self {
        Outcome { reply, may_have_changed: true }
    }
}

/// The failure for a method that the actor `A` has not.
#[doc(hidden)]
pub fn unknown_method<A: Actor>(method: &str) -> Failure {
    let methods = if A::METHODS.is_empty() { "none".to_owned() } else { A::METHODS.join(", ") };
    Failure::unimplemented(format_args!("{} has no method `{method}`; it has {methods}", A::NAME))
}

/// What a method marked `#[activate]` or `#[deactivate]` may return.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`#[activate]` and `#[deactivate]` methods return nothing or `Result<()>`"
)]
pub trait HookOutcome {
    /// As a result.
    fn into_result(self) -> Result;
}

impl HookOutcome for () {
    fn into_result(self) -> Result {
        Ok(())
    }
}

impl<E: Into<Failure>> HookOutcome for Result<(), E> {
    fn into_result(self) -> Result {
        self.map_err(Into::into)
    }
}

/// Is ambiguous for a `Result`, so that one behind a type alias of another name does not compile
/// instead of being written as `{"Ok": …}`.
#[doc(hidden)]
pub trait AResultIsCalledResult<Marker> {
    /// Does nothing.
    fn check() {}
}

/// The marker that makes [`AResultIsCalledResult`] ambiguous.
#[doc(hidden)]
pub struct IsAResult;

impl<T: ?Sized> AResultIsCalledResult<()> for T {}
impl<T, E> AResultIsCalledResult<IsAResult> for Result<T, E> {}
