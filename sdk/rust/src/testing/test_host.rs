//! One actor under test: its messages, its clock, and what it left in the world.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::activation::Activation;
use crate::host::HostApi as _;
use crate::testing::world::{World, later};
use crate::testing::{Delivered, Sent};
use crate::{
    Actor, Address, CallErrorKind, Level, Message, Origin, Payload, Reminder, Result, State, Timestamp,
};

/// When every test begins: 2026-01-01, midnight UTC.
const BEGIN_MS: u64 = 1_767_225_600_000;

/// A host for one actor of the type `A`. See [the module](crate::testing) for an example.
///
/// Messages come from a [client](Origin::Client) unless they are given another origin. The actor is
/// activated by its first message, as it would be by the host.
pub struct TestHost<A: Actor> {
    world: Rc<World>,
    activation: Activation<A>,
    me: Address,
    messages: u64,
}

impl<A: Actor> TestHost<A> {
    /// The actor `id` of a type called like the struct, in lower case.
    pub fn new(id: &str) -> Self {
        TestHost::at(Address::new(A::NAME.to_lowercase(), id))
    }

    /// The actor at `me`.
    pub fn at(me: impl Into<Address>) -> Self {
        let me = me.into();
        let world = Rc::new(World::new(me.clone(), BEGIN_MS));
        let activation = Activation::new(world.clone(), me.clone());
        TestHost { world, activation, me, messages: 0 }
    }

    /// The actor's address.
    pub fn me(&self) -> &Address {
        &self.me
    }

    /// Calls a method; the reply as JSON, `null` when it is empty.
    ///
    /// # Errors
    /// What the actor failed with.
    pub fn call(&mut self, method: &str, arguments: &(impl Serialize + ?Sized)) -> Result<serde_json::Value> {
        self.call_as(method, arguments)
    }

    /// Calls a method; the reply as an `R`.
    ///
    /// # Errors
    /// What the actor failed with; `invalid-argument` when the reply is not an `R`.
    pub fn call_as<R: DeserializeOwned>(
        &mut self,
        method: &str,
        arguments: &(impl Serialize + ?Sized),
    ) -> Result<R> {
        self.call_raw(Origin::Client, method, Payload::json(arguments)?)?.to()
    }

    /// Calls a method as somebody else would.
    ///
    /// # Errors
    /// What the actor failed with.
    pub fn call_from(
        &mut self,
        origin: Origin,
        method: &str,
        arguments: &(impl Serialize + ?Sized),
    ) -> Result<serde_json::Value> {
        self.call_raw(origin, method, Payload::json(arguments)?)?.to()
    }

    /// Calls a method with bytes, for bytes.
    ///
    /// # Errors
    /// What the actor failed with.
    pub fn call_raw(&mut self, origin: Origin, method: &str, payload: Payload) -> Result<Payload> {
        if !self.activation.is_loaded() {
            self.activate()?;
        }
        self.messages += 1;
        let message = Message {
            id: format!("message-{}", self.messages),
            method: method.to_owned(),
            origin,
            attempt: 1,
        };
        self.world.turn(|| self.activation.receive(message, payload))
    }

    /// Answers the calls that the actor makes. Without it nothing is deployed but the actor.
    ///
    /// ```
    /// # use greenroom_sdk::{prelude::*, testing::TestHost};
    /// # fn script<A: greenroom_sdk::Actor>(host: &mut TestHost<A>) {
    /// host.on_call(|to, method, payload| match (to.actor_type.as_str(), method) {
    ///     ("task", "get_task") => Ok(Payload::json(&greenroom_sdk::json!({"id": to.id}))?),
    ///     ("task", _) => Err(Failure::unimplemented("only get_task").into()),
    ///     _ => Err(CallErrorKind::Unavailable("in this test".to_owned())),
    /// });
    /// # }
    /// ```
    pub fn on_call(
        &mut self,
        respond: impl FnMut(&Address, &str, &Payload) -> Result<Payload, CallErrorKind> + 'static,
    ) {
        *self.world.responder.borrow_mut() = Box::new(respond);
    }

    /// Moves the clock, and delivers on the way what becomes due, in its order: reminders, timers, and
    /// messages that the actor sent itself. A zero duration delivers what is due already.
    ///
    /// A firing whose turn fails is reported, and not tried again; the real host would.
    pub fn advance(&mut self, duration: Duration) -> Vec<Delivered> {
        let until_ms = later(self.world.now_ms(), duration);
        let mut delivered = Vec::new();
        while let Some(due) = self.world.take_due(until_ms) {
            self.world.move_to(due.at_ms.max(self.world.now_ms()));
            let result = self.call_raw(due.origin.clone(), &due.method, due.payload);
            delivered.push(Delivered { origin: due.origin, method: due.method, result });
        }
        self.world.move_to(until_ms);
        delivered
    }

    /// Deactivates the actor, as when it was idle, and activates it again from what is stored. Timers
    /// are gone.
    ///
    /// # Errors
    /// What `#[deactivate]`, reading the state or `#[activate]` failed with.
    pub fn restart(&mut self) -> Result {
        let deactivated = self.world.turn(|| self.activation.deactivate());
        self.crash();
        deactivated?;
        self.activate()
    }

    /// Drops the actor from memory, as when the host was killed. Its next message activates it.
    pub fn crash(&mut self) {
        self.activation.discard();
        self.world.effects.borrow_mut().timers.clear();
    }

    fn activate(&mut self) -> Result {
        self.world.turn(|| self.activation.activate())
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.world.now_ms())
    }

    /// All messages that the actor has sent since the last [`take_sent`](TestHost::take_sent), those to
    /// itself included.
    pub fn sent(&self) -> Vec<Sent> {
        self.world.effects.borrow().sent.clone()
    }

    /// Like [`sent`](TestHost::sent), and begins anew.
    pub fn take_sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.world.effects.borrow_mut().sent)
    }

    /// The reminders that are set, by name.
    pub fn reminders(&self) -> Vec<Reminder> {
        self.world.list(&self.world.effects.borrow().reminders)
    }

    /// The timers that are set, by name.
    pub fn timers(&self) -> Vec<Reminder> {
        self.world.list(&self.world.effects.borrow().timers)
    }

    /// What the actor has said, failed turns included.
    pub fn logs(&self) -> Vec<(Level, String)> {
        self.world.logs.borrow().clone()
    }

    /// What is stored under `key`, as JSON; the actor's struct is under `actor`.
    ///
    /// # Errors
    /// As [`State::get`].
    pub fn stored<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        State::new(&*self.world).get(key)
    }

    /// The bytes that are stored under `key`.
    pub fn stored_bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.world.state_get(key)
    }

    /// All keys that something is stored under.
    pub fn stored_keys(&self) -> Vec<String> {
        self.world.effects.borrow().state.keys().cloned().collect()
    }

    /// Puts bytes under `key` behind the actor's back and drops it from memory: what an earlier version
    /// of it may have stored.
    pub fn store_bytes(&mut self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.crash();
        self.world.effects.borrow_mut().state.insert(key.to_owned(), bytes.into());
    }
}

impl<A: Actor> fmt::Debug for TestHost<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestHost").field("me", &self.me).field("now", &self.now()).finish_non_exhaustive()
    }
}
