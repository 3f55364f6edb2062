//! Which actors are in memory, in order: whoever lists them looks at no more than what is listed. A node that stops
//! closes its population: once it has seen that nobody is left, nobody comes any more. A hint that was on its way
//! would otherwise begin a turn over a store that closes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use greenroom_core::{ActorId, ActorType, Address};
use parking_lot::Mutex;

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Population(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    closed: bool,
    count: usize,
    types: BTreeMap<ActorType, BTreeSet<ActorId>>,
}

impl Population {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().count
    }

    /// How many there are of each type that has any.
    pub(crate) fn count_by_type(&self) -> BTreeMap<ActorType, usize> {
        self.0.lock().types.iter().map(|(name, ids)| (name.clone(), ids.len())).collect()
    }

    /// Those of a type, or all; those whose id begins with `prefix`, after `after`, at most `limit`.
    pub(crate) fn list(
        &self,
        actor_type: Option<&ActorType>,
        prefix: &str,
        after: Option<&Address>,
        limit: usize,
    ) -> Vec<Address> {
        let inner = self.0.lock();
        let types = match (actor_type, after) {
            (Some(one), Some(after)) if *one < after.actor_type => return Vec::new(),
            (Some(one), _) => inner.types.range::<ActorType, _>(one..=one),
            (None, Some(after)) => inner.types.range::<ActorType, _>(&after.actor_type..),
            (None, None) => inner.types.range::<ActorType, _>(..),
        };
        let of_type = |(name, ids)| of_type(name, ids, prefix, after);
        types.flat_map(of_type).take(limit).collect()
    }

    /// Counts one more; says whether it may come.
    pub(crate) fn enter(&self, address: &Address) -> bool {
        let mut inner = self.0.lock();
        if inner.closed {
            return false;
        }
        if inner.types.entry(address.actor_type.clone()).or_default().insert(address.id.clone()) {
            inner.count += 1;
        }
        true
    }

    /// Counts one less.
    pub(crate) fn leave(&self, address: &Address) {
        let mut inner = self.0.lock();
        let Some(ids) = inner.types.get_mut(&address.actor_type) else { return };
        if !ids.remove(&address.id) {
            return;
        }
        if ids.is_empty() {
            inner.types.remove(&address.actor_type);
        }
        inner.count -= 1;
    }

    /// Lets nobody come any more, if there is nobody; says whether it is closed.
    pub(crate) fn close_if_empty(&self) -> bool {
        let mut inner = self.0.lock();
        inner.closed |= inner.count == 0;
        inner.closed
    }

    /// Lets nobody come any more; those who are there leave when they like.
    pub(crate) fn close(&self) {
        self.0.lock().closed = true;
    }
}

fn of_type<'a>(
    name: &'a ActorType,
    ids: &'a BTreeSet<ActorId>,
    prefix: &'a str,
    after: Option<&'a Address>,
) -> impl Iterator<Item = Address> + use<'a> {
    let after = after.filter(|after| after.actor_type == *name).map(|after| after.id.as_str());
    let from = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    };
    let ids =
        ids.range::<str, _>((from, Bound::Unbounded)).take_while(move |id| id.as_str().starts_with(prefix));
    ids.map(|id| Address { actor_type: name.clone(), id: id.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(actor_type: &str, id: &str) -> Address {
        Address::parse(actor_type, id).unwrap()
    }

    #[test]
    fn nobody_comes_after_the_last_has_left() {
        let population = Population::default();
        let (one, two) = (address("t", "1"), address("t", "2"));
        assert!(population.enter(&one) && population.enter(&two));
        population.leave(&one);
        assert!(!population.close_if_empty());
        assert!(population.enter(&one));
        population.leave(&one);
        population.leave(&two);
        assert!(population.close_if_empty() && population.close_if_empty());
        assert!(!population.enter(&one));
        assert_eq!(population.count(), 0);
        assert!(population.count_by_type().is_empty());
    }

    #[test]
    fn those_who_are_there_may_still_leave() {
        let population = Population::default();
        let one = address("t", "1");
        assert!(population.enter(&one));
        population.close();
        assert!(!population.enter(&address("t", "2")));
        assert_eq!(population.count(), 1);
        population.leave(&one);
        assert_eq!(population.count(), 0);
    }

    #[test]
    fn they_are_listed_in_order_from_anywhere_on() {
        let population = Population::default();
        let all = [("a", "x1"), ("a", "x2"), ("a", "y"), ("a-b", "x3"), ("b", "x0"), ("b", "z")]
            .map(|(actor_type, id)| address(actor_type, id));
        for one in all.iter().rev() {
            assert!(population.enter(one));
        }
        let types = [None, ActorType::new("a").ok(), ActorType::new("b").ok(), ActorType::new("c").ok()];
        let missing = [address("a", "x"), address("a", "z"), address("aa", "a"), address("c", "a")];
        for actor_type in &types {
            for prefix in ["", "x", "y", "z", "x1"] {
                for after in all.iter().chain(&missing).map(Some).chain([None]) {
                    for limit in [0, 1, 2, 9] {
                        let expected = all.iter().filter(|address| {
                            actor_type.as_ref().is_none_or(|name| address.actor_type == *name)
                                && address.id.as_str().starts_with(prefix)
                                && after.is_none_or(|after| *address > after)
                        });
                        let expected: Vec<_> = expected.take(limit).cloned().collect();
                        let listed = population.list(actor_type.as_ref(), prefix, after, limit);
                        assert_eq!(listed, expected, "{actor_type:?} {prefix} {after:?} {limit}");
                    }
                }
            }
        }
    }
}
