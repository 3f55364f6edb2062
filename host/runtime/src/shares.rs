//! How room in memory is shared among actor types, so that a flood of calls to new actors of one type
//! does not keep another type's first calls waiting.
//!
//! *Activations.* A type may have a number of activations in proportion to those that are still free.
//! One type alone gets nine tenths of all that way; the rest is kept for others, and the more types
//! want, the closer they come to equal parts. Nobody needs to be told how many types there are. Room is
//! made before a type has its part: one that comes close to it is noted, and its idle ones go.
//!
//! *Sandboxes.* Idle ones are let go when others want them, so only turns at work take room from
//! each other.
//!
//! *Who waits.* Whoever finds no place waits for one. The next that is given back goes to the type that has
//! fewest, among equals to the one that was served longest ago; within a type, first to whom a turn under way
//! waits for. When every sandbox is that of a turn that waits for another, none would ever be given
//! back, and one of those who are waited for is refused.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use greenroom_core::{ActorType, Address, Code, Error};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::patience::within;

/// How many activations a type may have for each that is still free.
const PER_FREE: usize = 9;

/// The part of all activations, one in so many, that is made free ahead of those who come next.
const RESERVE_SHARE: usize = 20;

/// How many of one type may wait for each place that there can be; one more is refused at
/// once, since it would hardly be served in time.
const WAITING_PER_PLACE: usize = 10;

/// What there are places for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    Activations,
    Sandboxes,
}

/// Places in memory, by type.
pub(crate) struct Places {
    of: For,
    capacity: usize,
    /// Told when room is to be made.
    short_of: Arc<Notify>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    held: usize,
    /// How often one was given to somebody who waited.
    given: u64,
    /// The memory is used up: only types that have less than their part of what is in it get more.
    memory_is_short: bool,
    /// Types that have any, or wait for one.
    types: BTreeMap<ActorType, Use>,
    /// Those that wait for one.
    waiting: BTreeSet<ActorType>,
    /// Those that came close to their part, and how many of each were refused, until room was made.
    crowded: BTreeMap<ActorType, usize>,
}

#[derive(Default)]
struct Use {
    held: usize,
    /// The value of `given` when this type was served last.
    served: u64,
    /// Who waits, and a turn under way waits for each: they go first, so that it comes to its end.
    called: VecDeque<Waiter>,
    /// Who else waits.
    others: VecDeque<Waiter>,
}

/// Somebody who waits for a place.
struct Waiter {
    sender: oneshot::Sender<Place>,
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

/// A place in memory; given back when dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    actor_type: ActorType,
    /// Whether it counts. One that could not be handed over does not: it is counted for the next.
    counts: bool,
}

/// How asking for a place ends at once.
pub(crate) enum Asked {
    Given(Place),
    Waits(oneshot::Receiver<Place>),
}

/// A type for which room is to be made.
pub(crate) struct Shortage {
    pub(crate) actor_type: ActorType,
    pub(crate) held: usize,
    /// How many of them are too many.
    pub(crate) excess: usize,
    /// Whether somebody waits for a place, or was refused one.
    pub(crate) is_wanted: bool,
}

impl Places {
    pub(crate) fn new(of: For, capacity: usize, short_of: Arc<Notify>) -> Arc<Self> {
        Arc::new(Places { of, capacity, short_of, inner: Mutex::default() })
    }

    /// A place for one more of that type, now.
    ///
    /// # Errors
    /// `overloaded`: there is none for it.
    pub(crate) fn take(self: &Arc<Self>, actor_type: &ActorType) -> Result<Place, Error> {
        let mut inner = self.inner.lock();
        self.give(&mut inner, actor_type).ok_or_else(|| {
            *inner.crowded.entry(actor_type.clone()).or_default() += 1;
            self.short_of.notify_one();
            self.refusal(&inner, actor_type)
        })
    }

    /// A place for one more, for that actor, or one among those who wait for it; whoever drops
    /// that waits no longer. `is_called` says whether another turn waits for this one.
    ///
    /// # Errors
    /// `overloaded`: too many wait already.
    pub(crate) fn ask(self: &Arc<Self>, actor: &Address, is_called: bool) -> Result<Asked, Error> {
        let actor_type = &actor.actor_type;
        let mut inner = self.inner.lock();
        if let Some(place) = self.give(&mut inner, actor_type) {
            return Ok(Asked::Given(place));
        }
        let waiting_max = self.capacity.saturating_mul(WAITING_PER_PLACE);
        let own = inner.types.entry(actor_type.clone()).or_default();
        if own.waiting() >= waiting_max {
            own.forget_those_who_are_gone();
        }
        if own.waiting() >= waiting_max {
            return Err(self.refusal(&inner, actor_type));
        }
        let (sender, receiver) = oneshot::channel();
        let queue = if is_called { &mut own.called } else { &mut own.others };
        queue.push_back(Waiter { sender, actor: actor.clone() });
        inner.waiting.insert(actor_type.clone());
        drop(inner);
        self.short_of.notify_one();
        Ok(Asked::Waits(receiver))
    }

    /// Refuses one who waits, if every place is that of a turn that waits for another: none of them would
    /// become free. It is one whom a turn waits for, so that this turn goes on: the last of its type to come, or
    /// `callee`.
    pub(crate) fn refuse_if_stuck(&self, turns_that_wait: usize, callee: Option<&Address>) {
        let mut inner = self.inner.lock();
        if inner.held < self.capacity || turns_that_wait < inner.held {
            return;
        }
        inner.forget_those_who_are_gone();
        let last =
            inner.types.iter_mut().find_map(|(name, own)| Some((name.clone(), own.called.pop_back()?)));
        if let Some((actor_type, _refused)) = last {
            inner.tidy(&actor_type);
        } else if let Some(callee) = callee
            && let Some(own) = inner.types.get_mut(&callee.actor_type)
        {
            own.others.retain(|waiting| waiting.actor != *callee);
            inner.tidy(&callee.actor_type);
        }
    }

    /// Waits for the place of `actor`. Cancel safe.
    ///
    /// # Errors
    /// `overloaded`: none would ever become free, or none did before `deadline`.
    pub(crate) async fn wait(
        &self,
        actor: &Address,
        receiver: oneshot::Receiver<Place>,
        deadline: Instant,
    ) -> Result<Place, Error> {
        match within(deadline, receiver).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(Error::new(
                Code::Overloaded,
                "every sandbox of this host has a turn that waits for another actor (sandboxes); try again later",
            )),
            Err(_) => Err(self.refusal(&self.inner.lock(), &actor.actor_type)),
        }
    }

    /// Sets whether the memory is used up, and nobody in it is idle.
    pub(crate) fn set_memory_is_short(self: &Arc<Self>, is_short: bool) {
        let was_short = std::mem::replace(&mut self.inner.lock().memory_is_short, is_short);
        if was_short && !is_short {
            self.hand_over();
        }
    }

    /// The types for which room is to be made: those that came close to their part since this was asked last, and
    /// those that wait.
    pub(crate) fn shortages(&self) -> Vec<Shortage> {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        let crowded = std::mem::take(&mut inner.crowded);
        inner.forget_those_who_are_gone();
        let shortage = |actor_type: &ActorType| {
            let (held, waiting) = inner.types.get(actor_type).map_or((0, 0), |own| (own.held, own.waiting()));
            let wanted = waiting + crowded.get(actor_type).copied().unwrap_or(0);
            // What the type may have while nobody comes, less what is to stay free.
            let rest = self.capacity.saturating_sub(inner.held - held).saturating_sub(self.reserve());
            let most = rest.saturating_mul(PER_FREE) / (PER_FREE + 1);
            Shortage {
                actor_type: actor_type.clone(),
                held,
                excess: held.saturating_sub(most) + wanted,
                is_wanted: wanted > 0,
            }
        };
        let waiting = inner.waiting.iter().filter(|actor_type| !crowded.contains_key(*actor_type));
        crowded.keys().chain(waiting).map(shortage).collect()
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

    /// How many are to stay free for those who come next.
    fn reserve(&self) -> usize {
        self.capacity / RESERVE_SHARE
    }

    /// Whether a type that has `own` may have one more, `reserve` of those that are free aside.
    fn may_have_more(&self, inner: &Inner, own: usize, reserve: usize) -> bool {
        let free = self.capacity.saturating_sub(inner.held).saturating_sub(reserve);
        match self.of {
            For::Sandboxes => free > 0,
            For::Activations => {
                own < free.saturating_mul(PER_FREE) && !(inner.memory_is_short && inner.has_its_part(own))
            }
        }
    }

    fn give(self: &Arc<Self>, inner: &mut Inner, actor_type: &ActorType) -> Option<Place> {
        let own = inner.types.get(actor_type).map_or(0, |own| own.held);
        if !self.may_have_more(inner, own, 0) {
            return None;
        }
        if self.of == For::Activations && !self.may_have_more(inner, own, self.reserve()) {
            inner.crowded.entry(actor_type.clone()).or_default();
            self.short_of.notify_one();
        }
        inner.types.entry(actor_type.clone()).or_default().held += 1;
        inner.held += 1;
        Some(self.place(actor_type))
    }

    fn place(self: &Arc<Self>, actor_type: &ActorType) -> Place {
        Place { places: Arc::clone(self), actor_type: actor_type.clone(), counts: true }
    }

    /// Hands over what is free to those who wait, in their order.
    fn hand_over(self: &Arc<Self>) {
        while let Some((next, sender)) = self.next() {
            if let Err(mut place) = sender.send(self.place(&next)) {
                // Whoever waited is gone: it is free again. Dropping it would come back here.
                place.counts = false;
                self.inner.lock().release(&next);
            }
        }
    }

    /// Counts one for whoever is next among those who wait, if one is free for anybody.
    fn next(&self) -> Option<(ActorType, oneshot::Sender<Place>)> {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        let waiting = inner.waiting.iter().filter_map(|name| Some((name, inner.types.get(name)?)));
        let (name, _) = waiting
            .filter(|(_, own)| own.waiting() > 0 && self.may_have_more(inner, own.held, 0))
            .min_by_key(|(_, own)| (own.held, own.served))?;
        let name = name.clone();
        let next = inner.types.get_mut(&name)?;
        let Waiter { sender, .. } = next.called.pop_front().or_else(|| next.others.pop_front())?;
        inner.given += 1;
        inner.held += 1;
        next.served = inner.given;
        next.held += 1;
        inner.tidy(&name);
        Some((name, sender))
    }

    fn refusal(&self, inner: &Inner, actor_type: &ActorType) -> Error {
        let (own, waiting) = inner.types.get(actor_type).map_or((0, 0), |own| (own.held, own.waiting()));
        let text = match self.of {
            For::Sandboxes => format!(
                "every sandbox of this host is at work (sandboxes), and {waiting} actors of type {actor_type} \
                 wait for one; try again later"
            ),
            For::Activations if inner.memory_is_short => format!(
                "the host has used up its memory (memory_bytes), and {own} actors of type {actor_type} are at \
                 work in it; try again later"
            ),
            For::Activations => format!(
                "{own} actors of type {actor_type} are in memory, its part of {} (activations), and none could \
                 be let go yet; try again later",
                self.capacity
            ),
        };
        Error::new(Code::Overloaded, text)
    }
}

impl Inner {
    /// Whether one that has `own` has at least its part of what is held.
    fn has_its_part(&self, own: usize) -> bool {
        let types = || self.types.values().filter(|own| own.held > 0).count();
        own > 0 && own * types() >= self.held
    }

    fn release(&mut self, actor_type: &ActorType) {
        self.held -= 1;
        if let Some(own) = self.types.get_mut(actor_type) {
            own.held -= 1;
        }
        self.tidy(actor_type);
    }

    fn forget_those_who_are_gone(&mut self) {
        for actor_type in std::mem::take(&mut self.waiting) {
            if let Some(own) = self.types.get_mut(&actor_type) {
                own.forget_those_who_are_gone();
            }
            self.tidy(&actor_type);
        }
    }

    /// Notes whether anybody of that type waits, and forgets a type of which there is nothing.
    fn tidy(&mut self, actor_type: &ActorType) {
        let Some(own) = self.types.get(actor_type) else { return };
        if own.waiting() > 0 {
            self.waiting.insert(actor_type.clone());
            return;
        }
        self.waiting.remove(actor_type);
        if own.held == 0 {
            self.types.remove(actor_type);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.counts {
            self.places.inner.lock().release(&self.actor_type);
            self.places.hand_over();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ActorType {
        ActorType::new(text).unwrap()
    }

    fn places(of: For, capacity: usize) -> Arc<Places> {
        Places::new(of, capacity, Arc::default())
    }

    fn fill(activations: &Arc<Places>, text: &str) -> Vec<Place> {
        std::iter::from_fn(|| activations.take(&name(text)).ok()).collect()
    }

    #[test]
    fn one_type_alone_leaves_a_tenth_and_several_come_close_to_equal_parts() {
        let activations = places(For::Activations, 1_000);
        let mut flood = fill(&activations, "a");
        assert_eq!(flood.len(), 900);
        let other = fill(&activations, "b");
        assert_eq!(other.len(), 90);
        assert_eq!(fill(&activations, "c").len(), 9);
        flood.clear();
        assert_eq!(fill(&activations, "a").len(), 819, "nine tenths of what is free");
        drop(other);
        assert!(activations.inner.lock().types.is_empty());
    }

    #[test]
    fn where_there_is_little_a_type_may_have_it_all() {
        for capacity in [1, 2, 5] {
            assert_eq!(fill(&places(For::Activations, capacity), "a").len(), capacity);
        }
    }

    #[test]
    fn while_memory_is_short_only_those_with_little_get_more() {
        let activations = places(For::Activations, 1_000);
        activations.set_memory_is_short(true);
        let take = |text: &str| activations.take(&name(text));
        let first = take("a").unwrap();
        assert_eq!(take("a").err().map(|error| error.code), Some(Code::Overloaded));
        let mut waits = waits(&activations, "a");
        assert!(waits.try_recv().is_err());
        activations.set_memory_is_short(false);
        let waited = waits.try_recv().unwrap();
        let more: Vec<_> = (0..8).map(|_| take("a").unwrap()).collect();
        activations.set_memory_is_short(true);
        let others: Vec<_> = (0..4).map(|_| take("b").unwrap()).collect();
        assert!(take("a").is_err() && take("b").is_ok());
        drop((first, waited, more, others));
        assert!(take("a").is_ok());
    }

    fn one_of(actor_type: &str) -> Address {
        Address::parse(actor_type, "one").unwrap()
    }

    fn given(sandboxes: &Arc<Places>, text: &str) -> Place {
        match sandboxes.ask(&one_of(text), true).unwrap() {
            Asked::Given(place) => place,
            Asked::Waits(_) => panic!("{text} has to wait"),
        }
    }

    fn waits(sandboxes: &Arc<Places>, text: &str) -> oneshot::Receiver<Place> {
        match sandboxes.ask(&one_of(text), true).unwrap() {
            Asked::Given(_) => panic!("{text} does not have to wait"),
            Asked::Waits(receiver) => receiver,
        }
    }

    #[test]
    fn what_is_given_back_goes_to_the_type_that_has_fewest() {
        let sandboxes = places(For::Sandboxes, 3);
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
        let sandboxes = places(For::Sandboxes, 1);
        let mut held = given(&sandboxes, "a");
        let mut flood: VecDeque<_> = (0..5).map(|_| waits(&sandboxes, "a")).collect();
        let mut other: VecDeque<_> = (0..3).map(|_| waits(&sandboxes, "b")).collect();
        let mut order = String::new();
        for _ in 0..8 {
            drop(held);
            let next = [("a", &mut flood), ("b", &mut other)].into_iter().find_map(|(text, queue)| {
                let place = queue.front_mut()?.try_recv().ok()?;
                queue.pop_front();
                Some((text, place))
            });
            let (text, place) = next.unwrap();
            order.push_str(text);
            held = place;
        }
        assert_eq!(order, "abababaa");
    }

    #[test]
    fn nothing_is_lost_with_those_who_wait_no_longer() {
        let sandboxes = places(For::Sandboxes, 1);
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
        let sandboxes = places(For::Sandboxes, 2);
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
        let sandboxes = places(For::Sandboxes, 2);
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
