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
    ActorType, Address, Clock, Code, Error, Limits, Message, MessageIdGenerator, Payload, SettingsInForce,
    Timestamp,
};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::Instant;

use crate::activation::Activation;
use crate::committer::{Committed, Committer};
use crate::conversions::Conversions;
use crate::idempotency::{Keyed, Requests};
use crate::life::Life;
use crate::lifecycle;
use crate::mailbox::{Call, Refused, Work};
use crate::patience::within;
use crate::population::Population;
use crate::residency::Residency;
use crate::scheduler::Scheduler;
use crate::types::Types;
use crate::waits::{WaitEdge, Waits};

/// How much longer a caller waits than the callee may take, so that it hears the callee's own
/// account of a deadline that passed.
pub(crate) const REPLY_GRACE: Duration = Duration::from_millis(250);

/// Actors whose waiting messages are counted at most. Beyond, those for whom fewest wait are counted anew, from
/// nothing: they are the furthest from their bound.
const BACKLOGS_MAX: usize = 100_000;

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
    pub(crate) residency: Residency,
    pub(crate) requests: Requests,
    pub(crate) conversions: Conversions,
    pub(crate) draining: AtomicBool,
    pub(crate) broken: watch::Sender<Option<Error>>,
    /// One permit: whoever has it makes a backup.
    pub(crate) backups: Arc<Semaphore>,
    activations: DashMap<Address, Arc<Activation>, ahash::RandomState>,
    pub(crate) population: Population,
    /// Stored messages that wait, by recipient, as far as it is known that they do: those from before the
    /// node started are not counted.
    backlog: DashMap<Address, usize, ahash::RandomState>,
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
        ids: MessageIdGenerator,
        chance: StdRng,
        types: Types,
        committer: Committer,
    ) -> Self {
        Dispatch {
            residency: Residency::new(&limits),
            limits,
            store,
            clock,
            ids,
            chance: Mutex::new(chance),
            types,
            waits: Waits::default(),
            committer,
            scheduler: Scheduler::new(),
            requests: Requests::default(),
            conversions: Conversions::default(),
            draining: AtomicBool::new(false),
            broken: watch::Sender::new(None),
            backups: Arc::new(Semaphore::new(1)),
            activations: DashMap::default(),
            population: Population::default(),
            backlog: DashMap::default(),
        }
    }

    /// Asks an actor and waits for the reply until `deadline`. Dropping the future does not cancel
    /// the turn.
    pub(crate) async fn call(
        self: &Arc<Self>,
        to: &Address,
        message: Message,
        deadline: Instant,
        depth: u32,
        wait: Option<WaitEdge>,
    ) -> Result<Payload, Error> {
        let asked = self.ask(to, message, deadline, depth, wait, None);
        within(deadline + REPLY_GRACE, asked).await.unwrap_or_else(|_| Err(self.timed_out(to)))
    }

    /// Asks an actor and waits for the reply, however long that takes. Dropping the future does not
    /// cancel the turn.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        to: &Address,
        message: Message,
        deadline: Instant,
        depth: u32,
        wait: Option<WaitEdge>,
        keyed: Option<Box<Keyed>>,
    ) -> Result<Payload, Error> {
        let (reply, replied) = oneshot::channel();
        // The turn of an actor that calls has only the little stack of its sandbox to lend.
        let rouse = if wait.is_some() { Life::wake } else { Life::lend };
        let call = Call { message, reply, deadline, arrived: Instant::now(), depth, wait, keyed };
        self.deliver(to, Work::Call(Box::new(call)), rouse).map_err(|(error, _)| error)?;
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

    /// Tells an actor that something stored is due.
    pub(crate) fn hint(self: &Arc<Self>, to: &Address) -> Result<(), Error> {
        self.push(to, Work::StoredDue)
    }

    /// Hands `work` to the activation of `to`, making it when there is none.
    pub(crate) fn push(self: &Arc<Self>, to: &Address, work: Work) -> Result<(), Error> {
        self.deliver(to, work, Life::wake).map_err(|(error, _)| error)
    }

    /// The same, rousing an idle one so, and gives back what could not be handed over.
    pub(crate) fn deliver(
        self: &Arc<Self>,
        to: &Address,
        work: Work,
        rouse: fn(&Life),
    ) -> Result<(), (Error, Work)> {
        let mut work = work;
        loop {
            let activation = match self.find_or_activate(to) {
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

    fn find_or_activate(self: &Arc<Self>, address: &Address) -> Result<Arc<Activation>, Error> {
        if let Some(found) = self.find(address) {
            return Ok(found);
        }
        let made = self.activations.entry(address.clone()).or_try_insert_with(|| {
            // Asked here, in one step with making the entry: who ends a type's activations finds this one,
            // or it is not made.
            let version = self.types.active(&address.actor_type)?;
            let place = self.residency.place(&address.actor_type)?;
            if !self.population.enter() {
                return Err(draining());
            }
            let capacity = version.settings.limits.mailbox_capacity;
            let activation = Arc::new(Activation::new(address.clone(), capacity, place));
            let life = lifecycle::serve(Arc::clone(self), Arc::clone(&activation), version);
            Life::begin(Arc::clone(&activation), Box::pin(life));
            Ok(activation)
        });
        made.map(|made| Arc::clone(made.value()))
    }

    /// Removes an activation if nothing waits for it; nobody reaches it afterwards.
    pub(crate) fn retire(&self, activation: &Arc<Activation>) -> bool {
        let removed = self.activations.remove_if(&activation.address, |_, found| {
            Arc::ptr_eq(found, activation) && activation.mailbox.close_if_empty()
        });
        if removed.is_some() {
            self.population.leave();
        }
        removed.is_some()
    }

    /// Removes an activation whatever waits for it, and gives that back.
    pub(crate) fn abandon(&self, activation: &Arc<Activation>) -> impl Iterator<Item = Work> + use<> {
        let removed =
            self.activations.remove_if(&activation.address, |_, found| Arc::ptr_eq(found, activation));
        if removed.is_some() {
            self.population.leave();
        }
        activation.mailbox.close().into_iter()
    }

    /// Looks at every activation, in no order.
    pub(crate) fn each_activation(&self, mut look: impl FnMut(&Arc<Activation>)) {
        for entry in &self.activations {
            look(entry.value());
        }
    }

    /// The activations of those types, by address.
    pub(crate) fn activations_of(&self, of: impl Fn(&ActorType) -> bool) -> Vec<Arc<Activation>> {
        let mut found = Vec::new();
        self.each_activation(|activation| {
            if of(&activation.address.actor_type) {
                found.push(Arc::clone(activation));
            }
        });
        found.sort_unstable_by(|a, b| a.address.cmp(&b.address));
        found
    }

    /// Whether one more message may be sent to that address now, after those that the same turn has sent.
    pub(crate) fn check_send(&self, to: &Address, sent: &[StoredMessage]) -> Result<(), Error> {
        let capacity =
            self.types.with_settings(&to.actor_type, |settings| settings.limits.mailbox_capacity)?;
        let waiting = self.backlog.get(to).map_or(0, |count| *count);
        // They are counted one by one only where it matters.
        let is_full = waiting + sent.len() >= capacity
            && waiting + sent.iter().filter(|sent| sent.to == *to).count() >= capacity;
        if is_full { Err(mailbox_full(to, capacity)) } else { Ok(()) }
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
            ("mailboxes with a backlog", self.backlogs()),
            ("waits", self.waits.len()),
            ("requests with a key", self.requests.len()),
            ("bytes on the way to the store", self.committer.bytes_on_the_way()),
            ("places in memory", self.residency.taken()),
        ];
        noted.into_iter().filter(|(_, count)| *count > 0).map(|(what, n)| format!("{n} {what}")).collect()
    }

    /// For how many actors what waits is counted.
    #[cfg(test)]
    pub(crate) fn backlogs(&self) -> usize {
        self.backlog.len()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Counts a message that was put into a durable mailbox.
    pub(crate) fn count_sent(&self, to: &Address) {
        if let Some(mut count) = self.backlog.get_mut(to) {
            *count += 1;
            return;
        }
        let mut least = 1;
        while self.backlog.len() >= BACKLOGS_MAX {
            self.backlog.retain(|_, count| *count > least);
            least *= 2;
        }
        *self.backlog.entry(to.clone()).or_default() += 1;
    }

    /// Counts a message that is in a durable mailbox no more.
    fn uncount_sent(&self, to: &Address) {
        if let dashmap::Entry::Occupied(mut entry) = self.backlog.entry(to.clone()) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }

    /// Counts anew, from nothing, what waits for those who may have taken a message or not: a count that
    /// is too low lets a few messages too many in, one that is too high would never come down again.
    fn forget_backlog(&self, write_sets: &[WriteSet]) {
        for write_set in write_sets.iter().filter(|write_set| write_set.purge || write_set.mail.is_some()) {
            self.backlog.remove(&write_set.address);
        }
    }

    /// Nothing waits any more for actors of a type that is gone.
    pub(crate) fn forget_backlog_of(&self, actor_type: &ActorType) {
        self.backlog.retain(|address, _| address.actor_type != *actor_type);
    }

    fn count_backlog(&self, write_set: &WriteSet) {
        for sent in &write_set.sends {
            self.count_sent(&sent.to);
        }
        if let Some(MailChange::Consumed(_) | MailChange::Dead { .. }) = write_set.mail {
            self.uncount_sent(&write_set.address);
        }
        if write_set.purge {
            self.backlog.remove(&write_set.address);
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
        dispatch.count_backlog(write_set);
        let mut earliest: Option<Timestamp> = None;
        let mut note = |at: Timestamp| earliest = Some(earliest.map_or(at, |before| before.min(at)));
        for sent in &write_set.sends {
            // One that can't be woken now (the node drains, or is full) is left to the scheduler.
            let woken =
                sent.wake_at <= sent.sent_at && !dispatch.is_draining() && dispatch.hint(&sent.to).is_ok();
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
            dispatch.forget_backlog(write_sets);
            dispatch.scheduler.note(dispatch.clock.now().plus_ms(LOAD_AGAIN_AFTER_MS));
        }
    }
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

fn mailbox_full(address: &Address, capacity: usize) -> Error {
    Error::new(
        Code::MailboxFull,
        format!("{capacity} messages wait for {address} already (mailbox_capacity); try again later"),
    )
}
