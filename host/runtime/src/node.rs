//! The runtime from outside: what can be asked of a node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use greenroom_core::component::Description;
use greenroom_core::sandbox::{Environment, SandboxEngine};
use greenroom_core::settings::SettingView;
use greenroom_core::store::{Reminder, Store, StoredMessage};
use greenroom_core::{
    ActorType, Address, Clock, Code, Error, FailPoint, Limits, Message, MessageId, Method, Origin, Payload,
    Schedule, Timestamp,
};
use greenroom_metrics::Metrics;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::committer::Committer;
use crate::dispatch::{AfterCommit, Dispatch, draining};
use crate::idempotency;
use crate::life::Life;
use crate::mailbox::{Caller, Work};
use crate::operation::Operation;
use crate::purges;
use crate::residency::{Residency, ResidentBytes};
use crate::retries;
use crate::scheduler::Scheduler;
use crate::store_watch;
use crate::to_its_end::to_its_end;
use crate::turn::{check_delay, check_payload, stored};
use crate::types::Types;
use crate::view::{
    ActorQuery, ActorSummary, ActorTypeView, ActorView, Deployment, Lifecycle, WaitingMessage,
};

/// Stored messages that are read at a time to be looked at: their bodies are read with them.
const MAIL_PAGE: usize = 64;

/// How often a draining node looks whether everybody has left.
const DRAIN_LOOK_EVERY: Duration = Duration::from_millis(5);

/// What a node is made of.
pub struct Parts {
    /// Where everything durable is.
    pub store: Arc<dyn Store>,
    /// What runs components.
    pub engine: Arc<dyn SandboxEngine>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Tells the resident memory of the process, in bytes.
    pub resident_bytes: ResidentBytes,
}

/// How a node behaves.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The bounds in force.
    pub limits: Limits,
    /// The environment variables that guests of each type see.
    pub environments: BTreeMap<ActorType, Environment>,
    /// What chance begins with, where a node has to do the same again (in a simulation); otherwise
    /// every node has its own luck.
    pub seed: Option<u64>,
}

/// A running node. Cheap to clone. Every method is cancel safe: a change whose future is dropped
/// may still be made.
#[derive(Clone)]
pub struct Node {
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) resident_bytes: ResidentBytes,
}

impl Node {
    /// Starts a node over what the store holds.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn start(parts: Parts, config: Config) -> Result<Node, Error> {
        let Parts { store, engine, clock, resident_bytes } = parts;
        let latest = store.latest_message_id().await?;
        if let Some(latest) = latest {
            // What is due was planned by then: no clock that was set back makes it wait for longer than it would have.
            clock.not_before(latest.made_at());
        }
        let Config { limits, environments, seed } = config;
        let types =
            Types::load(Arc::clone(&store), engine, Arc::clone(&clock), limits.clone(), environments).await?;
        for actor_type in types.names() {
            let limits = types.with_settings(&actor_type, |settings| settings.limits.clone())?;
            retries::bound(&*store, &actor_type, &limits, clock.now()).await?;
        }
        let metrics = Arc::new(Metrics::default());
        let dispatch = Arc::new_cyclic(|dispatch| {
            let after = AfterCommit(dispatch.clone());
            let committer = Committer::start(Arc::clone(&store), Arc::clone(&metrics), after);
            Dispatch::new(limits, store, clock, latest, seed, types, committer)
        });
        if dispatch.store.waiting(None, 1).await?.is_empty() {
            dispatch.backlogs.nothing_waits();
        }
        tokio::spawn(Scheduler::run(Arc::downgrade(&dispatch)));
        tokio::spawn(idempotency::forget_old(Arc::downgrade(&dispatch)));
        tokio::spawn(purges::run(Arc::downgrade(&dispatch)));
        tokio::spawn(store_watch::run(Arc::downgrade(&dispatch)));
        tokio::spawn(Residency::keep(Arc::downgrade(&dispatch), Arc::clone(&resident_bytes)));
        Ok(Node { dispatch, metrics, resident_bytes })
    }

    /// The bounds in force.
    pub fn limits(&self) -> &Limits {
        &self.dispatch.limits
    }

    /// How many actors are in memory.
    pub fn active_actors(&self) -> usize {
        self.dispatch.population.count()
    }

    /// Asks an actor and waits for the reply. A dropped future does not cancel the turn.
    ///
    /// # Errors
    /// The guest's failure, or why there was no reply.
    pub async fn call(&self, to: &Address, method: Method, payload: Payload) -> Result<Payload, Error> {
        self.check_not_draining()?;
        let terms = self.dispatch.terms(to)?;
        check_payload(&payload, terms.payload_bytes)?;
        let message = self.message(method, payload);
        self.dispatch.call(to, message, terms.deadline, Caller::default()).await
    }

    /// Tells an actor: returns when the message is durable. It is delivered no sooner than `delay`
    /// from now.
    ///
    /// # Errors
    /// Nothing was stored, unless the code is `outcome-unknown`.
    pub async fn send(
        &self,
        to: &Address,
        method: Method,
        payload: Payload,
        delay: Duration,
    ) -> Result<MessageId, Error> {
        self.check_not_draining()?;
        check_payload(&payload, self.dispatch.terms(to)?.payload_bytes)?;
        let delay_ms = check_delay(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX))?;
        self.dispatch.look_up_backlog(to).await?;
        self.dispatch.check_send(to, delay_ms, &[])?;
        // Before the id's: a message is due by what its id says, whatever becomes of the clock in between.
        let now = self.dispatch.clock.now();
        let message = self.message(method, payload);
        let id = message.id;
        self.dispatch.store_message(stored(to.clone(), message, now, delay_ms)).await?;
        Ok(id)
    }

    /// Actors that have anything stored or are in memory, in order.
    pub async fn actors(&self, query: &ActorQuery) -> Result<Vec<ActorSummary>, Error> {
        let ActorQuery { actor_type, prefix, after, limit } = query;
        let (actor_type, limit) = (actor_type.as_ref(), *limit);
        let is_deployed = |address: &Address| self.dispatch.types.check(&address.actor_type).is_ok();
        let mut addresses = BTreeSet::new();
        let mut after_stored = after.clone();
        loop {
            let stored = self.dispatch.store.actors(actor_type, prefix, after_stored.as_ref(), limit).await?;
            let is_last = stored.len() < limit;
            after_stored = stored.last().cloned();
            // Of a type that goes, some may be left.
            addresses.extend(stored.into_iter().filter(is_deployed));
            if is_last || addresses.len() >= limit {
                break;
            }
        }
        let active = self.dispatch.population.list(actor_type, prefix, after.as_ref(), limit);
        addresses.extend(active.into_iter().filter(is_deployed));
        let summary = |address: Address| ActorSummary { lifecycle: self.lifecycle(&address), address };
        Ok(addresses.into_iter().take(limit).map(summary).collect())
    }

    /// Looks at one actor.
    ///
    /// # Errors
    /// `unknown-actor-type`; `unknown-actor` when nothing is stored and it is not in memory.
    pub async fn inspect(&self, address: &Address) -> Result<ActorView, Error> {
        self.dispatch.types.check(&address.actor_type)?;
        let stored = self.dispatch.store.summary(address).await?;
        let active = self.dispatch.find(address);
        if active.is_none() && stored.is_empty() {
            return Err(Error::new(
                Code::UnknownActor,
                format!("{address} has nothing stored and is not active; its first message activates it"),
            ));
        }
        let mut view = ActorView {
            address: address.clone(),
            lifecycle: self.lifecycle(address),
            version: None,
            sandbox_memory_bytes: None,
            mailbox_length: stored.mail,
            state_keys: stored.state_size.keys,
            state_bytes: stored.state_size.bytes,
            reminders: stored.reminders,
            answers: stored.answers,
            answer_bytes: stored.answer_bytes,
            last_turn: None,
            last_error: None,
        };
        if let Some(activation) = active {
            let status = activation.status.lock();
            view.mailbox_length += activation.mailbox.len() as u64;
            view.version = status.version;
            view.sandbox_memory_bytes = status.sandbox_memory_bytes;
            view.last_turn.clone_from(&status.last_turn);
            view.last_error.clone_from(&status.last_error);
        }
        Ok(view)
    }

    /// Deactivates an actor and removes everything it has stored.
    pub async fn delete(&self, address: &Address) -> Result<(), Error> {
        self.operate(address, Operation::Purge).await.map(drop)
    }

    /// Committed state keys that begin with `prefix`, in byte order, after `after`.
    pub async fn state_keys(
        &self,
        address: &Address,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        self.dispatch.types.check(&address.actor_type)?;
        Ok(self.dispatch.store.state_keys(address, prefix, after, limit).await?)
    }

    /// One committed state value.
    pub async fn state_value(&self, address: &Address, key: &str) -> Result<Option<Bytes>, Error> {
        self.dispatch.types.check(&address.actor_type)?;
        Ok(self.dispatch.store.state_value(address, key).await?)
    }

    /// Writes (or with `None` deletes) one state value by hand, as a turn of its own. Says whether
    /// the key was there.
    pub async fn repair_state(
        &self,
        address: &Address,
        key: String,
        value: Option<Bytes>,
    ) -> Result<bool, Error> {
        self.operate(address, Operation::RepairState(key, value)).await
    }

    /// The actor's reminders, by name.
    pub async fn reminders(&self, address: &Address) -> Result<Vec<Reminder>, Error> {
        self.dispatch.types.check(&address.actor_type)?;
        Ok(self.dispatch.store.summary(address).await?.reminders)
    }

    /// Sets a reminder by hand.
    pub async fn set_reminder(
        &self,
        address: &Address,
        name: &str,
        schedule: Schedule,
        method: Method,
        payload: Payload,
    ) -> Result<(), Error> {
        self.operate(address, Operation::SetReminder(name.to_owned(), schedule, method, payload))
            .await
            .map(drop)
    }

    /// Cancels a reminder by hand; says whether there was one.
    pub async fn cancel_reminder(&self, address: &Address, name: &str) -> Result<bool, Error> {
        self.operate(address, Operation::CancelReminder(name.to_owned())).await
    }

    /// What waits: the calls in memory, then what is stored, each in order. At most as many as one
    /// mailbox holds of each.
    pub async fn mailbox(&self, address: &Address) -> Result<Vec<WaitingMessage>, Error> {
        self.dispatch.types.check(&address.actor_type)?;
        let now = Instant::now();
        let mut waiting = self.dispatch.find(address).map_or_else(Vec::new, |activation| {
            activation.mailbox.calls(|call| waiting(&call.message, now - call.arrived, None, None))
        });
        let clock_now = self.dispatch.clock.now();
        let most = waiting.len() + self.limits().mailbox_capacity;
        let mut after = None;
        loop {
            let page = (most - waiting.len()).min(MAIL_PAGE);
            // Due or not.
            let page = self.dispatch.store.mail(address, Timestamp::MAX, after, page).await?;
            after = page.messages.last().map(StoredMessage::key).or(after);
            waiting.extend(page.messages.iter().map(|stored| {
                let due_in = Some(clock_now.until(stored.wake_at)).filter(|wait| !wait.is_zero());
                let age = stored.sent_at.until(clock_now);
                self::waiting(&stored.message, age, due_in, stored.error.clone())
            }));
            if !page.more || waiting.len() >= most {
                return Ok(waiting);
            }
        }
    }

    /// Removes a message that waits in an actor's mailbox; says whether it was there. What is delivered at that moment
    /// is not stopped.
    pub async fn cancel_message(&self, address: &Address, id: MessageId) -> Result<bool, Error> {
        self.dispatch.types.check(&address.actor_type)?;
        self.operate(address, Operation::CancelMessage(id)).await
    }

    /// Delivers a message at once that waits for another delivery; says whether there was one.
    pub async fn retry_message(&self, address: &Address, id: MessageId) -> Result<bool, Error> {
        self.dispatch.types.check(&address.actor_type)?;
        self.operate(address, Operation::RetryMessage(id)).await
    }

    /// Lets go of an actor's memory now; nothing happens when it is dormant.
    pub async fn deactivate(&self, address: &Address) -> Result<(), Error> {
        self.dispatch.types.check(&address.actor_type)?;
        if self.dispatch.find(address).is_none() {
            return Ok(());
        }
        self.operate(address, Operation::Deactivate).await.map(drop)
    }

    /// Checks, compiles and deploys a component as the next version of the type.
    ///
    /// # Errors
    /// `component-rejected`, with everything that is wrong with it.
    pub async fn deploy(&self, actor_type: &ActorType, component: Bytes) -> Result<Deployment, Error> {
        let preparing = self.dispatch.types.prepare(component.clone());
        let behavior = self.dispatch.unless_draining(preparing).await?;
        let (dispatch, name) = (Arc::clone(&self.dispatch), actor_type.clone());
        to_its_end(async move {
            let changing = dispatch.changing_free_name(&name).await?;
            let deployment = dispatch.types.deploy(changing, &name, &component, behavior).await?;
            // What is stored for its actors already, if anything is.
            dispatch.scheduler.note(Timestamp::EPOCH);
            Ok(deployment)
        })
        .await
    }

    /// Every actor type, by name.
    pub async fn actor_types(&self) -> Result<Vec<ActorTypeView>, Error> {
        let active = self.dispatch.population.count_by_type();
        let mut records = self.dispatch.store.actor_types().await?;
        records.sort_by(|a, b| a.name.cmp(&b.name));
        let view = |record: greenroom_core::store::ActorTypeRecord| ActorTypeView {
            active_actors: active.get(&record.name).copied().unwrap_or(0),
            name: record.name,
            active_version: record.active_version,
            previous_version: record.previous_version,
            versions: record.versions,
        };
        Ok(records.into_iter().map(view).collect())
    }

    /// One actor type.
    ///
    /// # Errors
    /// `unknown-actor-type`.
    pub async fn actor_type(&self, actor_type: &ActorType) -> Result<ActorTypeView, Error> {
        self.dispatch.types.check(actor_type)?;
        let found = self.actor_types().await?.into_iter().find(|view| view.name == *actor_type);
        found.ok_or_else(|| Error::new(Code::UnknownActorType, format!("{actor_type} was just undeployed")))
    }

    /// Makes another version of the type the active one, back or forward: each actor runs it from
    /// its next turn on, with state and mailbox kept.
    ///
    /// # Errors
    /// `not-found` when no such version is kept; `activation-failed` when its code can't be prepared.
    /// The active version stays.
    pub async fn activate_version(
        &self,
        actor_type: &ActorType,
        version: u32,
    ) -> Result<ActorTypeView, Error> {
        let preparing = self.dispatch.types.prepare_again(actor_type, version);
        let behavior = self.dispatch.unless_draining(preparing).await?;
        let (dispatch, name) = (Arc::clone(&self.dispatch), actor_type.clone());
        to_its_end(async move { dispatch.types.activate(&name, version, behavior).await }).await?;
        self.actor_type(actor_type).await
    }

    /// Every setting of a type, and whose it is.
    ///
    /// # Errors
    /// `unknown-actor-type`.
    pub async fn settings(&self, actor_type: &ActorType) -> Result<Vec<SettingView>, Error> {
        self.dispatch.types.settings(actor_type).await
    }

    /// Changes the settings of a type by a JSON Merge Patch: what it names is set, `null` gives a
    /// setting back to the host. Each actor has the new ones from its next turn on.
    ///
    /// # Errors
    /// `invalid-request`, with the place in the patch; nothing was changed.
    pub async fn change_settings(
        &self,
        actor_type: &ActorType,
        patch: &Value,
    ) -> Result<Vec<SettingView>, Error> {
        self.check_not_draining()?;
        let (dispatch, name, patch) = (Arc::clone(&self.dispatch), actor_type.clone(), patch.clone());
        to_its_end(async move { dispatch.types.change_settings(&name, &patch).await }).await?;
        self.settings(actor_type).await
    }

    /// What can be asked of the actors of a type: what the active version says of itself.
    ///
    /// # Errors
    /// `unknown-actor-type`; `activation-failed` when its code can't be prepared; `version-conflict` when the
    /// type changes at that moment.
    pub async fn describe(&self, actor_type: &ActorType) -> Result<Description, Error> {
        let version = self.dispatch.types.active(actor_type)?;
        let preparing = self.dispatch.types.code(actor_type, &version);
        Ok(self.dispatch.unless_draining(preparing).await?.behavior.describe())
    }

    /// The bytes that were uploaded.
    ///
    /// # Errors
    /// `not-found` when there is no such version; `version-conflict` when it goes at that moment.
    pub async fn component(&self, actor_type: &ActorType, version: u32) -> Result<Bytes, Error> {
        let view = self.actor_type(actor_type).await?;
        let Some(record) = view.versions.iter().find(|record| record.number == version) else {
            let latest = view.versions.last().map_or(0, |latest| latest.number);
            let text = format!("{actor_type} has no version {version}; its latest is {latest}");
            return Err(Error::new(Code::NotFound, text));
        };
        self.dispatch.types.component(actor_type, record).await
    }

    /// Whether it can take work.
    ///
    /// # Errors
    /// `draining`, `store-unavailable`.
    pub async fn ready(&self) -> Result<(), Error> {
        self.check_not_draining()?;
        Ok(self.dispatch.store.check().await?)
    }

    /// Takes no more calls from outside, finishes turns under way (at most `drain_timeout`),
    /// deactivates every actor and closes the store.
    pub async fn drain(&self) {
        self.dispatch.begin_to_drain();
        FailPoint::DrainBegun.reach();
        let deadline = Instant::now() + self.limits().drain_timeout;
        for activation in self.dispatch.activations_of(None) {
            drop(activation.tell(Work::Deactivate));
        }
        let population = &self.dispatch.population;
        while !population.close_if_empty() && Instant::now() < deadline {
            tokio::time::sleep(DRAIN_LOOK_EVERY).await;
        }
        population.close();
        let left = population.count();
        if left > 0 {
            tracing::warn!(left, "some actors were still at work after drain_timeout; their turns are lost");
        }
        FailPoint::DrainEmptied.reach();
        // Everything submitted before this is committed when this is.
        let flush = self.dispatch.committer.flush();
        if tokio::time::timeout(self.limits().drain_timeout, flush).await.is_err() {
            tracing::error!("the store did not take the last writes in time");
        }
        self.dispatch.store.close().await;
    }

    /// Resolves when the store is broken, or the node can't go on for another reason, and the process
    /// must end. Cancel safe.
    pub async fn broken(&self) -> Error {
        let mut broken = self.dispatch.broken.subscribe();
        let error = broken.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
        error.unwrap_or_else(|| Error::new(Code::StoreUnavailable, "the node has ended"))
    }

    pub(crate) fn message(&self, method: Method, payload: Payload) -> Message {
        let id = self.dispatch.ids.next(self.dispatch.clock.now());
        Message { id, method, payload, origin: Origin::Client, attempt: 1 }
    }

    async fn operate(&self, address: &Address, operation: Operation) -> Result<bool, Error> {
        self.check_not_draining()?;
        let (reply, receiver) = oneshot::channel();
        let work = Work::Operation(Box::new(operation), reply);
        let deadline = self.dispatch.terms(address)?.deadline;
        self.dispatch.deliver_in_time(address, work, Life::wake, false, deadline).await?;
        receiver
            .await
            .unwrap_or_else(|_| Err(Error::new(Code::Internal, "the actor's activation ended; try again")))
    }

    fn lifecycle(&self, address: &Address) -> Lifecycle {
        self.dispatch.find(address).map_or(Lifecycle::Dormant, |activation| activation.lifecycle())
    }

    pub(crate) fn check_not_draining(&self) -> Result<(), Error> {
        if self.dispatch.is_draining() {
            return Err(draining());
        }
        Ok(())
    }
}

fn waiting(
    message: &Message,
    age: Duration,
    due_in: Option<Duration>,
    last_error: Option<Arc<str>>,
) -> WaitingMessage {
    WaitingMessage {
        id: message.id,
        method: message.method.clone(),
        origin: message.origin.clone(),
        attempt: message.attempt,
        age,
        due_in,
        last_error,
    }
}
