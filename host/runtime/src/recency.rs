//! Who was used least recently, told without looking at everybody.
//!
//! Each is kept in the order of when it was last known to be in use. Using one changes nothing here, so a turn
//! costs nothing for it: whoever looks for the least recently used takes the first, and puts it back at its
//! true place if it was used since. What is known of the others is never later than the truth, so the first
//! that has its true place is the least recently used of all.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use greenroom_core::Address;
use tokio::time::Instant;

use crate::activation::Activation;

/// A place in the order. Among those used at the same time the address decides, so that a simulation repeats itself.
pub(crate) type Position = (Instant, Address);

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Recency {
    order: BTreeMap<Position, Arc<Activation>>,
    known_used: HashMap<Address, Instant, ahash::RandomState>,
}

/// What the one that is first is found to be.
pub(crate) enum Found {
    /// It may go.
    Idle,
    /// It was last in use then.
    Used(Instant),
    /// It is of no interest here any more.
    Gone,
}

impl Recency {
    /// Notes one that was in use at `used`, if it is not here already.
    pub(crate) fn insert(&mut self, activation: &Arc<Activation>, used: Instant) {
        if !self.known_used.contains_key(&activation.address) {
            self.put(Arc::clone(activation), used);
        }
    }

    /// Forgets one, if it is here.
    pub(crate) fn remove(&mut self, address: &Address) {
        if let Some(used) = self.known_used.remove(address) {
            self.order.remove(&(used, address.clone()));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Where the first is.
    pub(crate) fn first(&self) -> Option<&Position> {
        self.order.first_key_value().map(|(position, _)| position)
    }

    /// Takes the first out if it may go, with when it was used; otherwise puts it where it belongs.
    pub(crate) fn take_first_if_idle(
        &mut self,
        look: impl Fn(&Activation, Instant) -> Found,
    ) -> Option<(Arc<Activation>, Instant)> {
        let ((known_used, address), activation) = self.order.pop_first()?;
        self.known_used.remove(&address);
        match look(&activation, known_used) {
            Found::Idle => return Some((activation, known_used)),
            Found::Used(used) => self.put(activation, used),
            Found::Gone => {}
        }
        None
    }

    fn put(&mut self, activation: Arc<Activation>, used: Instant) {
        let address = activation.address.clone();
        self.known_used.insert(address.clone(), used);
        self.order.insert((used, address), activation);
    }
}
