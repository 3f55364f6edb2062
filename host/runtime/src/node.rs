//! The runtime from outside: what can be asked of a node.
#![allow(clippy::todo, clippy::unused_async, unused_variables, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use greenroom_core::sandbox::{Environment, SandboxEngine};
use greenroom_core::store::{Reminder, Store};
use greenroom_core::{ActorType, Address, Clock, Error, Limits, MessageId, Method, Payload, Schedule};

use crate::view::{ActorQuery, ActorSummary, ActorTypeView, ActorView, Deployment, WaitingMessage};

/// What a node is made of.
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub engine: Arc<dyn SandboxEngine>,
    pub clock: Arc<dyn Clock>,
    /// Tells the resident memory of the process, in bytes.
    pub resident_bytes: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// How a node behaves.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub limits: Limits,
    /// The environment variables that guests of each type see.
    pub environments: BTreeMap<ActorType, Environment>,
}

/// A running node. Cheap to clone.
#[derive(Clone)]
pub struct Node {}

impl Node {
    /// Starts a node over what the store holds.
    pub async fn start(parts: Parts, config: Config) -> Result<Node, Error> {
        todo!()
    }
    /// The bounds in force.
    pub fn limits(&self) -> &Limits {
        todo!()
    }
    /// Asks an actor and waits for the reply. A dropped future does not cancel the turn.
    pub async fn call(&self, to: &Address, method: Method, payload: Payload) -> Result<Payload, Error> {
        todo!()
    }
    /// Tells an actor: returns when the message is durable.
    pub async fn send(
        &self,
        to: &Address,
        method: Method,
        payload: Payload,
        delay: Duration,
    ) -> Result<MessageId, Error> {
        todo!()
    }
    pub async fn actors(&self, query: &ActorQuery) -> Result<Vec<ActorSummary>, Error> {
        todo!()
    }
    /// # Errors
    /// `unknown-actor-type`; `unknown-actor` when nothing is stored and it is not in memory.
    pub async fn inspect(&self, address: &Address) -> Result<ActorView, Error> {
        todo!()
    }
    /// Deactivates an actor and removes everything it has stored.
    pub async fn delete(&self, address: &Address) -> Result<(), Error> {
        todo!()
    }
    /// Committed state keys, in byte order.
    pub async fn state_keys(
        &self,
        address: &Address,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        todo!()
    }
    pub async fn state_value(&self, address: &Address, key: &str) -> Result<Option<Bytes>, Error> {
        todo!()
    }
    /// Writes (or with `None` deletes) one state value by hand, as a turn of its own. Says whether
    /// the key was there.
    pub async fn repair_state(
        &self,
        address: &Address,
        key: String,
        value: Option<Bytes>,
    ) -> Result<bool, Error> {
        todo!()
    }
    pub async fn reminders(&self, address: &Address) -> Result<Vec<Reminder>, Error> {
        todo!()
    }
    pub async fn set_reminder(
        &self,
        address: &Address,
        name: &str,
        schedule: Schedule,
        method: Method,
        payload: Payload,
    ) -> Result<(), Error> {
        todo!()
    }
    /// Says whether there was one.
    pub async fn cancel_reminder(&self, address: &Address, name: &str) -> Result<bool, Error> {
        todo!()
    }
    /// What waits: in memory, then stored and not yet due.
    pub async fn mailbox(&self, address: &Address) -> Result<Vec<WaitingMessage>, Error> {
        todo!()
    }
    /// Lets go of an actor's memory now; nothing happens when it is dormant.
    pub async fn deactivate(&self, address: &Address) -> Result<(), Error> {
        todo!()
    }
    /// Checks, compiles and deploys a component as the next version of the type.
    pub async fn deploy(&self, actor_type: &ActorType, component: Bytes) -> Result<Deployment, Error> {
        todo!()
    }
    pub async fn actor_types(&self) -> Result<Vec<ActorTypeView>, Error> {
        todo!()
    }
    pub async fn actor_type(&self, actor_type: &ActorType) -> Result<ActorTypeView, Error> {
        todo!()
    }
    /// The bytes that were uploaded. `not-found` when there is no such version.
    pub async fn component(&self, actor_type: &ActorType, version: u32) -> Result<Bytes, Error> {
        todo!()
    }
    /// `actor-type-in-use` while actors have anything stored and `purge` is false.
    pub async fn undeploy(&self, actor_type: &ActorType, purge: bool) -> Result<(), Error> {
        todo!()
    }
    /// Whether it can take work: `draining`, `store-unavailable`.
    pub async fn ready(&self) -> Result<(), Error> {
        todo!()
    }
    /// Takes no more calls from outside, finishes turns under way (at most `drain_timeout`),
    /// deactivates every actor and closes the store.
    pub async fn drain(&self) {
        todo!()
    }
    /// Resolves when the store is broken and the process must end.
    pub async fn broken(&self) -> Error {
        todo!()
    }
}
