//! Dispatch: finds the activation of an address, or makes it, and hands messages to it.
//!
//! There is at most one activation of an address: the entry in the map is made before its life
//! begins (single flight) and removed, in one step with closing the mailbox, when it has ended and
//! all of its commits are over, or when nothing of it will be committed any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use greenroom_core::store::{MailChange, Store, StoreError, StoredMessage, WriteSet};
use greenroom_core::{
    ActorType, Address, Clock, Code, Error, Limits, Message, MessageId, MessageIdGenerator, Payload,
    SettingsInForce, Timestamp,
};
use parking_lot::Mutex;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio::time::Instant;

use crate::activation::Activation;
use crate::arrivals::Arrivals;
use crate::background::Background;
use crate::backlog::{Backlogs, mailbox_full};
use crate::committer::{Committed, Committer};
use crate::conversions::Conversions;
use crate::idempotency::{Keyed, Requests};
use crate::life::Life;
use crate::lifecycle;
use crate::long_turns::LongTurns;
use crate::mailbox::{Call, Caller, Refused, Work};
use crate::patience::within;
use crate::population::Population;
use crate::purges::Purges;
use crate::residency::Residency;
use crate::scheduler::Scheduler;
use crate::shares::Place;
use crate::types::Types;
use crate::waits::Waits;

/// How much longer a caller waits than the callee may take, so that it hears the callee's own
/// account of a deadline that passed.
pub(crate) const REPLY_GRACE: Duration = Duration::from_millis(250);

/// How soon the scheduler looks again at what is due after an activation was abandoned.
pub(crate) const LOAD_AGAIN_AFTER_MS: u64 = 1_000;

/// See the [module](self).
pub(crate) struct Dispatch {
    pub(crate) limits: Limits,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: MessageIdGenerator,
    pub(crate) chance: Mutex<StdRng>,
    pub(crate) types: Types,
    pub(crate) waits: Waits,
    pub(crate) committer: Committer,
    pub(crate) scheduler: Scheduler,
    pub(crate) background: Background,
    pub(crate) residency: Residency,
    arrivals: Arrivals,
    long_turns: LongTurns,
    pub(crate) requests: Requests,
    pub(crate) purges: Purges,
    pub(crate) conversions: Conversions,
    draining: AtomicBool,
    drain_begins: Notify,
    pub(crate) broken: watch::Sender<Option<Error>>,
    /// One permit: whoever has it makes a backup.
    pub(crate) backups: Arc<Semaphore>,
    activations: DashMap<Address, Arc<Activation>, ahash::RandomState>,
    pub(crate) population: Population,
    pub(crate) backlogs: Backlogs,
}

/// What holds for one message; see [`Dispatch::terms`].
pub(crate) struct Terms {
    pub(crate) payload_bytes: usize,
    pub(crate) deadline: Instant,
}

impl Dispatch {
    pub(crate) fn new(
        limits: Limits,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        latest: Option<MessageId>,
        seed: Option<u64>,
        types: Types,
        committer: Committer,
    ) -> Self {
        let (ids, chance, processors) = if let Some(seed) = seed {
            // What is simulated is the same on every machine.
            (MessageIdGenerator::seeded(latest, seed), StdRng::seed_from_u64(seed), 2)
        } else {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            (MessageIdGenerator::starting_after(latest), StdRng::from_os_rng(), processors)
        };
        Dispatch {
            residency: Residency::new(&limits),
            arrivals: Arrivals::default(),
            long_turns: LongTurns::default(),
            limits,
            store,
            clock,
            ids,
            chance: Mutex::new(chance),
            types,
            waits: Waits::default(),
            committer,
            scheduler: Scheduler::new(),
            background: Background::new(processors),
            requests: Requests::default(),
            purges: Purges::default(),
            conversions: Conversions::default(),
            draining: AtomicBool::new(false),
            drain_begins: Notify::new(),
            broken: watch::Sender::new(None),
            backups: Arc::new(Semaphore::new(1)),
            activations: DashMap::default(),
            population: Population::default(),
            backlogs: Backlogs::default(),
        }
    }

    /// Asks an actor and waits for the reply until `deadline`. Dropping the future does not cancel
    /// the turn.
    pub(crate) async fn call(
        self: &Arc<Self>,
        to: &Address,
        message: Message,
        deadline: Instant,
        caller: Caller,
    ) -> Result<Payload, Error> {
        let asked = self.ask(to, message, deadline, caller, None);
        within(deadline + REPLY_GRACE, asked).await.unwrap_or_else(|_| Err(self.timed_out(to)))
    }

    /// Asks an actor and waits for the reply, however long that takes. Dropping the future does not
    /// cancel the turn.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        to: &Address,
        message: Message,
        deadline: Instant,
        caller: Caller,
        keyed: Option<Box<Keyed>>,
    ) -> Result<Payload, Error> {
        let (reply, replied) = oneshot::channel();
        // The turn of an actor that calls has only the little stack of its sandbox to lend.
        let rouse = if caller.wait.is_some() { Life::wake } else { Life::lend };
        let is_called = caller.depth > 0;
        let call = Call { message, reply, deadline, arrived: Instant::now(), caller, keyed };
        self.deliver_in_time(to, Work::Call(Box::new(call)), rouse, is_called, deadline).await?;
        let ended = |_| Err(Error::new(Code::Internal, "the actor's activation ended without a reply"));
        replied.await.unwrap_or_else(ended)
    }

    /// The error of a call to that actor whose deadline passed.
    pub(crate) fn timed_out(&self, to: &Address) -> Error {
        let error = |settings: &SettingsInForce| timed_out(to, &settings.limits);
        self.types.with_settings(&to.actor_type, error).unwrap_or_else(|unknown| unknown)
    }

    /// What holds for a message to that actor that arrives now: how large it may be, and until when
    /// its turn may take.
    pub(crate) fn terms(&self, to: &Address) -> Result<Terms, Error> {
        self.types.with_settings(&to.actor_type, |SettingsInForce { limits, .. }| Terms {
            payload_bytes: limits.payload_bytes,
            deadline: Instant::now() + limits.turn_timeout,
        })
    }

    /// Tells an actor that something was stored for it, if it is in memory or may be woken now; says whether it was
    /// told. Otherwise it is left to the scheduler.
    pub(crate) fn hint(self: &Arc<Self>, to: &Address) -> bool {
        let woken = if self.find(to).is_some() {
            None
        } else if let Some(woken) = self.background.by_senders.try_take(&to.actor_type) {
            Some(woken)
        } else {
            return false;
        };
        self.push(to, Work::StoredDue(woken)).is_ok()
    }

    /// Tells an actor that something stored is due, once it may be woken. For the scheduler.
    ///
    /// # Errors
    /// `overloaded` while actors of its type do not get to begin their turns; what activating it tells.
    pub(crate) async fn wake(self: &Arc<Self>, to: &Address) -> Result<(), Error> {
        let woken = match self.find(to) {
            Some(_) => None,
            None => Some(self.background.by_scheduler.take(&to.actor_type).await.ok_or_else(stands_still)?),
        };
        self.push(to, Work::StoredDue(woken))
    }

    /// Hands `work` to the activation of `to`, making it when there is none.
    pub(crate) fn push(self: &Arc<Self>, to: &Address, work: Work) -> Result<(), Error> {
        self.deliver(to, work, Life::wake).map_err(|(error, _)| error)
    }

    /// The same, rousing an idle one so; where there is no room for its activation, waits a moment for that, at most
    /// until `deadline`. `is_called` says whether a turn of another actor waits for this.
    pub(crate) async fn deliver_in_time(
        self: &Arc<Self>,
        to: &Address,
        work: Work,
        rouse: fn(&Life),
        is_called: bool,
        deadline: Instant,
    ) -> Result<(), Error> {
        let mut work = work;
        if !self.arrivals.any(to) {
            match self.deliver(to, work, rouse) {
                Ok(()) => return Ok(()),
                Err((error, back)) if error.code == Code::Overloaded => work = back,
                Err((error, _)) => return Err(error),
            }
        }
        // Boxed, since hardly anybody waits here.
        Box::pin(self.deliver_in_line(to, work, rouse, is_called, deadline)).await
    }

    /// The same behind those who wait for room for that actor already.
    async fn deliver_in_line(
        self: &Arc<Self>,
        to: &Address,
        mut work: Work,
        rouse: fn(&Life),
        is_called: bool,
        deadline: Instant,
    ) -> Result<(), Error> {
        let line = self.arrivals.join(to);
        let Ok(_first) = within(deadline, line.first.lock()).await else { return Err(self.timed_out(to)) };
        loop {
            match self.deliver(to, work, rouse) {
                Ok(()) => return Ok(()),
                Err((error, back)) if error.code == Code::Overloaded => work = back,
                Err((error, _)) => return Err(error),
            }
            let place = self.residency.place_in_time(to, is_called, deadline).await?;
            match self.deliver_to(to, work, rouse, Some(place)) {
                Ok(()) => return Ok(()),
                Err((error, back)) if error.code == Code::Overloaded => work = back,
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// The same without waiting, and gives back what could not be handed over.
    pub(crate) fn deliver(
        self: &Arc<Self>,
        to: &Address,
        work: Work,
        rouse: fn(&Life),
    ) -> Result<(), (Error, Work)> {
        self.deliver_to(to, work, rouse, None)
    }

    /// The same; an activation that is made has that place, if there is one.
    fn deliver_to(
        self: &Arc<Self>,
        to: &Address,
        work: Work,
        rouse: fn(&Life),
        mut place: Option<Place>,
    ) -> Result<(), (Error, Work)> {
        let mut work = work;
        loop {
            let activation = match self.find_or_activate(to, &mut place) {
                Ok(activation) => activation,
                Err(error) => return Err((error, work)),
            };
            match activation.give(work, rouse) {
                Ok(()) => return Ok(()),
                Err(Refused::Closed(back)) => work = back,
                Err(Refused::Full(back)) => {
                    return Err((mailbox_full(to, activation.mailbox.capacity()), back));
                }
            }
        }
    }

    /// The activation of an address, if it is in memory.
    pub(crate) fn find(&self, address: &Address) -> Option<Arc<Activation>> {
        self.activations.get(address).map(|found| Arc::clone(found.value()))
    }

    fn find_or_activate(
        self: &Arc<Self>,
        address: &Address,
        place: &mut Option<Place>,
    ) -> Result<Arc<Activation>, Error> {
        if let Some(found) = self.find(address) {
            return Ok(found);
        }
        let made = self.activations.entry(address.clone()).or_try_insert_with(|| {
            // Asked here, in one step with making the entry: who ends a type's activations finds this one,
            // or it is not made.
            let version = self.types.active(&address.actor_type)?;
            let place = match place.take() {
                Some(place) => place,
                None => self.residency.place(&address.actor_type)?,
            };
            if !self.population.enter(address) {
                return Err(draining());
            }
            let capacity = version.settings.limits.mailbox_capacity;
            let activation = Arc::new(Activation::new(address.clone(), capacity, place));
            self.residency.note(&activation);
            let life = lifecycle::serve(Arc::clone(self), Arc::clone(&activation), version);
            Life::begin(Arc::clone(&activation), Box::pin(life), self.long_turns.clone());
            Ok(activation)
        });
        made.map(|made| Arc::clone(made.value()))
    }

    /// Removes an activation if nothing waits for it; nobody reaches it afterwards.
    pub(crate) fn retire(&self, activation: &Arc<Activation>) -> bool {
        self.remove_if(activation, |activation| activation.mailbox.close_if_empty())
    }

    /// Removes an activation whatever waits for it, and gives that back.
    pub(crate) fn abandon(&self, activation: &Arc<Activation>) -> impl Iterator<Item = Work> + use<> {
        self.remove_if(activation, |_| true);
        activation.mailbox.close().into_iter()
    }

    fn remove_if(&self, activation: &Arc<Activation>, may_go: impl FnOnce(&Activation) -> bool) -> bool {
        // All in one step with removing the entry: the next one of that address comes after it.
        let removed = self.activations.remove_if(&activation.address, |_, found| {
            if !Arc::ptr_eq(found, activation) {
                return false;
            }
            let goes = may_go(activation);
            if goes {
                self.population.leave(&activation.address);
                self.residency.forget(activation);
            } else {
                // It may have been told to go.
                self.residency.note(activation);
            }
            goes
        });
        removed.is_some()
    }

    /// The activations of that type, or of all, by address.
    pub(crate) fn activations_of(&self, actor_type: Option<&ActorType>) -> Vec<Arc<Activation>> {
        let addresses = self.population.list(actor_type, "", None, usize::MAX);
        addresses.iter().filter_map(|address| self.find(address)).collect()
    }

    /// Stores a message from outside; returns when it is durable.
    pub(crate) async fn store_message(&self, message: StoredMessage) -> Result<(), Error> {
        let write_set = WriteSet { sends: vec![message.clone()], ..WriteSet::empty(message.to) };
        self.committer.commit(write_set).await
    }

    /// An error after which the node must end, if it is one.
    pub(crate) fn notice(&self, error: &StoreError) {
        if error.is_final() {
            self.broken.send_replace(Some(Error::new(Code::StoreUnavailable, error.to_string())));
        }
    }

    /// What is still noted here. A node that has nothing to do notes nothing.
    #[cfg(test)]
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let noted = [
            ("activations", self.activations.len()),
            ("activations counted", self.population.count()),
            ("mailboxes with a backlog", self.backlogs.len()),
            ("waits", self.waits.len()),
            ("requests with a key", self.requests.len()),
            ("bytes on the way to the store", self.committer.bytes_on_the_way()),
            ("places in memory", self.residency.taken()),
            ("messages that wait for room", self.arrivals.waiting()),
            ("work that nobody waits for", self.background.taken()),
        ];
        noted.into_iter().filter(|(_, count)| *count > 0).map(|(what, n)| format!("{n} {what}")).collect()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// From now on whoever comes is refused, and what is only prepared is given up.
    pub(crate) fn begin_to_drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.drain_begins.notify_waiters();
    }

    /// What `preparing` comes to, unless the node drains first: nothing has happened then. For what may take long, and
    /// changes nothing yet.
    ///
    /// Cancel safe when `preparing` is.
    pub(crate) async fn unless_draining<T>(
        &self,
        preparing: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let drain_begins = self.drain_begins.notified();
        if self.is_draining() {
            return Err(draining());
        }
        tokio::select! {
            biased;
            () = drain_begins => Err(draining()),
            prepared = preparing => prepared,
        }
    }
}

/// What comes before and after a commit: recipients must be deployed, and they and the scheduler hear of what
/// was stored.
pub(crate) struct AfterCommit(pub(crate) std::sync::Weak<Dispatch>);

impl Committed for AfterCommit {
    /// Nothing is stored for actors of a type that is gone. When the message was sent, it was not.
    fn refusal(&self, write_set: &WriteSet) -> Option<Error> {
        // Most send nothing, and cost nothing here.
        write_set.sends.iter().find_map(|sent| self.0.upgrade()?.types.check(&sent.to.actor_type).err())
    }

    fn committed(&self, write_set: &WriteSet) {
        let Some(dispatch) = self.0.upgrade() else { return };
        dispatch.backlogs.committed(write_set);
        let mut earliest: Option<Timestamp> = None;
        let mut note = |at: Timestamp| earliest = Some(earliest.map_or(at, |before| before.min(at)));
        for sent in &write_set.sends {
            // One that can't be woken now (the node drains, or is full) is left to the scheduler.
            let woken = sent.wake_at <= sent.sent_at && !dispatch.is_draining() && dispatch.hint(&sent.to);
            if !woken {
                note(sent.wake_at);
            }
        }
        for (_, reminder) in &write_set.reminders {
            if let Some(reminder) = reminder {
                note(reminder.wake_at);
            }
        }
        if let Some(MailChange::Retry { wake_at, .. }) = &write_set.mail {
            note(*wake_at);
        }
        if let Some(at) = earliest {
            dispatch.scheduler.note(at);
        }
    }

    fn failed(&self, write_sets: &[WriteSet], error: &StoreError) {
        let Some(dispatch) = self.0.upgrade() else { return };
        dispatch.notice(error);
        if let StoreError::Unknown(_) = error {
            // What it would have woken may be there all the same.
            dispatch.backlogs.forget(write_sets);
            dispatch.scheduler.note(dispatch.clock.now().plus_ms(LOAD_AGAIN_AFTER_MS));
        }
    }
}

fn stands_still() -> Error {
    Error::new(Code::Overloaded, "actors of this type that were woken before do not get to begin their turns")
}

/// The error of a call whose deadline passed.
pub(crate) fn timed_out(address: &Address, limits: &Limits) -> Error {
    Error::new(
        Code::TurnTimeout,
        format!(
            "{address} did not reply before the deadline (turn_timeout, {:?} from the first call's arrival)",
            limits.turn_timeout
        ),
    )
}

/// The error of what comes when the node stops.
pub(crate) fn draining() -> Error {
    Error::new(Code::Draining, "the host is stopping; try again when it is back")
}
