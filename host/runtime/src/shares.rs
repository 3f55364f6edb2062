//! How room in memory is shared among actor types, so that a flood of calls to new actors of one type
//! does not keep another type's first calls waiting.
//!
//! *Activations.* A type may have a number of activations in proportion to those that are still free.
//! One type alone gets nine tenths of all that way; the rest is kept for others, and the more types
//! want, the closer they come to equal parts. Nobody needs to be told how many types there are.
//!
//! *Sandboxes.* Idle ones are let go when others want them, so only turns at work take room from
//! each other. When all are at work, the next one that is given back goes to the type that has
//! fewest, among equals to the one that was served longest ago; within a type, first to whom a turn that has
//! a sandbox waits for. When every sandbox is that of a turn that waits for another, none would ever be given
//! back, and one of those who are waited for is refused.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use greenroom_core::{ActorType, Address, Code, Error};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::patience::within;

/// How many activations a type may have for each that is still free.
const PER_FREE: usize = 9;

/// How many turns of one type may wait for each sandbox that there can be; one more is refused at
/// once, since it would hardly be served in time.
const WAITING_PER_SANDBOX: usize = 10;

/// Activations, by type.
pub(crate) struct Activations {
    capacity: usize,
    held: Mutex<HashMap<ActorType, usize, ahash::RandomState>>,
}

/// The place of one activation; given back when dropped.
pub(crate) struct Place {
    activations: Arc<Activations>,
    actor_type: ActorType,
}

impl Activations {
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Activations { capacity, held: Mutex::default() })
    }

    /// A place for one more activation of that type. While memory is short, only for types that have
    /// less than their part of what is in memory.
    ///
    /// # Errors
    /// `overloaded`: the type has as many as it may have now.
    pub(crate) fn take(
        self: &Arc<Self>,
        actor_type: &ActorType,
        memory_is_short: bool,
    ) -> Result<Place, Error> {
        let mut held = self.held.lock();
        let total: usize = held.values().sum();
        let own = held.get(actor_type).copied().unwrap_or(0);
        if memory_is_short && own > 0 && own * held.len() >= total {
            return Err(Error::new(
                Code::Overloaded,
                format!(
                    "the host has used up its memory (memory_bytes), and {own} actors of type {actor_type} are at \
                     work in it; try again later"
                ),
            ));
        }
        let free = self.capacity.saturating_sub(total);
        if own >= free.saturating_mul(PER_FREE) {
            return Err(Error::new(
                Code::Overloaded,
                format!(
                    "{own} actors of type {actor_type} are in memory, its part of {} (activations), and none could \
                     be let go yet; try again later",
                    self.capacity
                ),
            ));
        }
        *held.entry(actor_type.clone()).or_default() += 1;
        Ok(Place { activations: Arc::clone(self), actor_type: actor_type.clone() })
    }

    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.held.lock().values().sum()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.activations.held.lock();
        if let Some(own) = held.get_mut(&self.actor_type) {
            *own -= 1;
            if *own == 0 {
                held.remove(&self.actor_type);
            }
        }
    }
}

/// Sandboxes, by type.
pub(crate) struct Sandboxes {
    capacity: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    held: usize,
    /// How often one was given to somebody who waited.
    given: u64,
    /// Types that have any, or wait for one.
    types: BTreeMap<ActorType, Use>,
}

#[derive(Default)]
struct Use {
    held: usize,
    /// The value of `given` when this type was served last.
    served: u64,
    /// Who waits, and a turn that has a sandbox waits for each: they go first, so that it comes to its end.
    called: VecDeque<Waiter>,
    /// Who else waits.
    others: VecDeque<Waiter>,
}

/// A turn that waits for a sandbox.
struct Waiter {
    sender: oneshot::Sender<SandboxPermit>,
    actor: Address,
}

impl Use {
    fn waiting(&self) -> usize {
        self.called.len() + self.others.len()
    }

    fn forget_those_who_are_gone(&mut self) {
        for queue in [&mut self.called, &mut self.others] {
            queue.retain(|waiting| !waiting.sender.is_closed());
        }
    }
}

/// The right to have one sandbox; over when dropped.
pub(crate) struct SandboxPermit {
    sandboxes: Arc<Sandboxes>,
    actor_type: ActorType,
    /// Whether it counts. One that could not be handed over does not: it is counted for the next.
    counts: bool,
}

/// How asking for a sandbox ends at once.
pub(crate) enum Asked {
    Given(SandboxPermit),
    Waits(oneshot::Receiver<SandboxPermit>),
}

impl Sandboxes {
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Sandboxes { capacity, inner: Mutex::default() })
    }

    /// The right to have one more sandbox, for that actor, or a place among those who wait for it; whoever drops
    /// that waits no longer. `is_called` says whether another turn waits for this one.
    ///
    /// # Errors
    /// `overloaded`: too many wait already.
    pub(crate) fn ask(self: &Arc<Self>, actor: &Address, is_called: bool) -> Result<Asked, Error> {
        let actor_type = &actor.actor_type;
        let mut inner = self.inner.lock();
        let is_free = inner.held < self.capacity;
        let own = inner.types.entry(actor_type.clone()).or_default();
        if is_free {
            own.held += 1;
            inner.held += 1;
            return Ok(Asked::Given(self.permit(actor_type)));
        }
        if own.waiting() >= self.capacity.saturating_mul(WAITING_PER_SANDBOX) {
            own.forget_those_who_are_gone();
        }
        let waiting = own.waiting();
        if waiting >= self.capacity.saturating_mul(WAITING_PER_SANDBOX) {
            return Err(Error::new(
                Code::Overloaded,
                format!(
                    "every sandbox of this host is at work (sandboxes), and {waiting} actors of type {actor_type} \
                     wait for one; try again later"
                ),
            ));
        }
        let (sender, receiver) = oneshot::channel();
        let queue = if is_called { &mut own.called } else { &mut own.others };
        queue.push_back(Waiter { sender, actor: actor.clone() });
        Ok(Asked::Waits(receiver))
    }

    /// Refuses one who waits, if every sandbox is that of a turn that waits for another: none of them would
    /// become free. It is one whom a turn waits for, so that this turn goes on: the last of its type to come, or
    /// `callee`.
    pub(crate) fn refuse_if_stuck(&self, turns_that_wait: usize, callee: Option<&Address>) {
        let mut inner = self.inner.lock();
        if inner.held < self.capacity || turns_that_wait < inner.held {
            return;
        }
        for own in inner.types.values_mut() {
            while let Some(last) = own.called.pop_back() {
                if !last.sender.is_closed() {
                    return;
                }
            }
        }
        if let Some(callee) = callee
            && let Some(own) = inner.types.get_mut(&callee.actor_type)
        {
            own.others.retain(|waiting| waiting.actor != *callee);
        }
    }

    /// Waits for the right to have one more sandbox. Cancel safe.
    ///
    /// # Errors
    /// `overloaded`: none would ever become free, or none did before `deadline`.
    pub(crate) async fn wait(
        receiver: oneshot::Receiver<SandboxPermit>,
        deadline: Instant,
    ) -> Result<SandboxPermit, Error> {
        match within(deadline, receiver).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Error::new(
                Code::Overloaded,
                "every sandbox of this host has a turn that waits for another actor (sandboxes); try again later",
            )),
            Err(_) => Err(Error::new(
                Code::Overloaded,
                "every sandbox of this host is at work (sandboxes); try again later",
            )),
        }
    }

    /// How many are held.
    pub(crate) fn held(&self) -> usize {
        self.inner.lock().held
    }

    /// How many are held or waited for.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        let inner = self.inner.lock();
        inner.held.max(inner.types.len())
    }

    fn permit(self: &Arc<Self>, actor_type: &ActorType) -> SandboxPermit {
        SandboxPermit { sandboxes: Arc::clone(self), actor_type: actor_type.clone(), counts: true }
    }

    /// One that a type had is free: it goes to whoever is next.
    fn give_back(self: &Arc<Self>, actor_type: &ActorType) {
        let mut from = actor_type.clone();
        while let Some((next, sender)) = self.inner.lock().next(&from) {
            match sender.send(self.permit(&next)) {
                Ok(()) => return,
                // Whoever waited is gone: it is free again. Dropping it would come back here.
                Err(mut permit) => {
                    permit.counts = false;
                    from = next;
                }
            }
        }
    }
}

impl Inner {
    /// Takes one back from the type `from`, and counts it for the one who is next, if anybody is.
    fn next(&mut self, from: &ActorType) -> Option<(ActorType, oneshot::Sender<SandboxPermit>)> {
        self.held -= 1;
        if let Some(before) = self.types.get_mut(from) {
            before.held -= 1;
        }
        self.types.retain(|_, kept| kept.held > 0 || kept.waiting() > 0);
        let waiting = self.types.iter_mut().filter(|(_, kept)| kept.waiting() > 0);
        let (name, next) = waiting.min_by_key(|(_, kept)| (kept.held, kept.served))?;
        let Waiter { sender, .. } = next.called.pop_front().or_else(|| next.others.pop_front())?;
        self.given += 1;
        self.held += 1;
        next.served = self.given;
        next.held += 1;
        Some((name.clone(), sender))
    }
}

impl Drop for SandboxPermit {
    fn drop(&mut self) {
        if self.counts {
            self.sandboxes.give_back(&self.actor_type);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ActorType {
        ActorType::new(text).unwrap()
    }

    fn fill(activations: &Arc<Activations>, text: &str) -> Vec<Place> {
        std::iter::from_fn(|| activations.take(&name(text), false).ok()).collect()
    }

    #[test]
    fn one_type_alone_leaves_a_tenth_and_several_come_close_to_equal_parts() {
        let activations = Activations::new(1_000);
        let mut flood = fill(&activations, "a");
        assert_eq!(flood.len(), 900);
        let other = fill(&activations, "b");
        assert_eq!(other.len(), 90);
        assert_eq!(fill(&activations, "c").len(), 9);
        flood.clear();
        assert_eq!(fill(&activations, "a").len(), 819, "nine tenths of what is free");
        drop(other);
        assert!(activations.held.lock().is_empty());
    }

    #[test]
    fn where_there_is_little_a_type_may_have_it_all() {
        for capacity in [1, 2, 5] {
            assert_eq!(fill(&Activations::new(capacity), "a").len(), capacity);
        }
    }

    #[test]
    fn while_memory_is_short_only_those_with_little_get_more() {
        let activations = Activations::new(1_000);
        let take = |text: &str| activations.take(&name(text), true);
        let first = take("a").unwrap();
        assert_eq!(take("a").err().map(|error| error.code), Some(Code::Overloaded));
        let more: Vec<_> = (0..9).map(|_| activations.take(&name("a"), false).unwrap()).collect();
        let others: Vec<_> = (0..4).map(|_| take("b").unwrap()).collect();
        assert!(take("a").is_err() && take("b").is_ok());
        drop((first, more, others));
        assert!(take("a").is_ok());
    }

    fn one_of(actor_type: &str) -> Address {
        Address::parse(actor_type, "one").unwrap()
    }

    fn given(sandboxes: &Arc<Sandboxes>, text: &str) -> SandboxPermit {
        match sandboxes.ask(&one_of(text), true).unwrap() {
            Asked::Given(permit) => permit,
            Asked::Waits(_) => panic!("{text} has to wait"),
        }
    }

    fn waits(sandboxes: &Arc<Sandboxes>, text: &str) -> oneshot::Receiver<SandboxPermit> {
        match sandboxes.ask(&one_of(text), true).unwrap() {
            Asked::Given(_) => panic!("{text} does not have to wait"),
            Asked::Waits(receiver) => receiver,
        }
    }

    #[test]
    fn what_is_given_back_goes_to_the_type_that_has_fewest() {
        let sandboxes = Sandboxes::new(3);
        let mut held: VecDeque<_> = (0..3).map(|_| given(&sandboxes, "a")).collect();
        let (mut a, mut b) = (waits(&sandboxes, "a"), [waits(&sandboxes, "b"), waits(&sandboxes, "b")]);
        held.pop_front();
        let first = b[0].try_recv().unwrap();
        held.pop_front();
        assert!(b[1].try_recv().is_err(), "each has one, and b was served later");
        held.push_back(a.try_recv().unwrap());
        drop(first);
        held.push_back(b[1].try_recv().unwrap());
        assert_eq!(sandboxes.inner.lock().held, 3);
    }

    #[test]
    fn among_equals_the_one_served_longest_ago_is_next() {
        let sandboxes = Sandboxes::new(1);
        let mut held = given(&sandboxes, "a");
        let mut flood: VecDeque<_> = (0..5).map(|_| waits(&sandboxes, "a")).collect();
        let mut other: VecDeque<_> = (0..3).map(|_| waits(&sandboxes, "b")).collect();
        let mut order = String::new();
        for _ in 0..8 {
            drop(held);
            let next = [("a", &mut flood), ("b", &mut other)].into_iter().find_map(|(text, queue)| {
                let permit = queue.front_mut()?.try_recv().ok()?;
                queue.pop_front();
                Some((text, permit))
            });
            let (text, permit) = next.unwrap();
            order.push_str(text);
            held = permit;
        }
        assert_eq!(order, "abababaa");
    }

    #[test]
    fn nothing_is_lost_with_those_who_wait_no_longer() {
        let sandboxes = Sandboxes::new(1);
        for _ in 0..3 {
            let held = given(&sandboxes, "a");
            let (gone, mut stays) = (waits(&sandboxes, "b"), waits(&sandboxes, "c"));
            drop(gone);
            drop(held);
            let held = stays.try_recv().unwrap();
            let unread = waits(&sandboxes, "a");
            drop(held);
            drop(unread);
            assert_eq!(sandboxes.inner.lock().held, 0);
        }
        assert!(sandboxes.inner.lock().types.is_empty());
        assert_eq!(Arc::strong_count(&sandboxes), 1);
    }

    #[test]
    fn so_many_wait_and_one_more_is_told_at_once() {
        let sandboxes = Sandboxes::new(2);
        let held = [given(&sandboxes, "a"), given(&sandboxes, "a")];
        let waiting: Vec<_> = (0..20).map(|_| waits(&sandboxes, "a")).collect();
        assert_eq!(sandboxes.ask(&one_of("a"), false).err().map(|error| error.code), Some(Code::Overloaded));
        assert!(sandboxes.ask(&one_of("b"), false).is_ok(), "another type has a queue of its own");
        drop(waiting);
        assert!(sandboxes.ask(&one_of("a"), false).is_ok());
        drop(held);
    }

    #[test]
    fn when_all_who_have_one_wait_for_others_one_of_those_is_refused() {
        let sandboxes = Sandboxes::new(2);
        let _held = [given(&sandboxes, "a"), given(&sandboxes, "b")];
        let mut called = [waits(&sandboxes, "b"), waits(&sandboxes, "b")];
        let client = Address::parse("c", "client").unwrap();
        let Ok(Asked::Waits(mut last)) = sandboxes.ask(&client, false) else { panic!("there is one free") };
        let mut refused = |turns_that_wait: usize, callee: Option<&Address>| {
            sandboxes.refuse_if_stuck(turns_that_wait, callee);
            let [first, second] = &mut called;
            [first, second, &mut last]
                .map(|waiting| matches!(waiting.try_recv(), Err(oneshot::error::TryRecvError::Closed)))
        };
        assert_eq!(refused(1, None), [false, false, false]);
        assert_eq!(refused(2, None), [false, true, false]);
        assert_eq!(refused(2, None), [true, true, false]);
        assert_eq!(refused(2, None), [true, true, false]);
        assert_eq!(refused(2, Some(&client)), [true, true, true]);
    }
}
