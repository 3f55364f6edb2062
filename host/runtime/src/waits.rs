//! Who waits for whom. A call that would close a circle of waiting actors is refused at once.
//!
//! An actor runs one turn at a time and a turn makes one call at a time, so every actor waits for
//! at most one other: a new wait closes a circle exactly when following the waits from the callee
//! leads back to the caller. That covers a chain of calls that comes back to itself as well as two
//! chains, begun by different clients, that wait for each other.

use std::collections::HashMap;
use std::sync::Arc;

use greenroom_core::Address;
use parking_lot::Mutex;

type Edges = HashMap<Address, (Address, u64), ahash::RandomState>;

/// See the [module](self).
#[derive(Clone, Default)]
pub(crate) struct Waits {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    edges: Edges,
    numbered: u64,
}

/// One actor's wait for another; over when any clone of it is dropped.
#[derive(Clone)]
pub(crate) struct WaitEdge {
    waits: Waits,
    caller: Address,
    number: u64,
}

impl Waits {
    /// Notes that `caller` waits for `callee`.
    ///
    /// # Errors
    /// The circle, from the caller round to the caller.
    pub(crate) fn begin(&self, caller: &Address, callee: &Address) -> Result<WaitEdge, Vec<Address>> {
        let mut inner = self.inner.lock();
        let mut circle = vec![caller.clone(), callee.clone()];
        while let Some(last) = circle.last().filter(|last| *last != caller) {
            if let Some((next, _)) = inner.edges.get(last) {
                circle.push(next.clone());
            } else {
                inner.numbered += 1;
                let number = inner.numbered;
                inner.edges.insert(caller.clone(), (callee.clone(), number));
                return Ok(WaitEdge { waits: self.clone(), caller: caller.clone(), number });
            }
        }
        Err(circle)
    }

    /// How many actors wait for another.
    pub(crate) fn len(&self) -> usize {
        self.inner.lock().edges.len()
    }
}

impl Drop for WaitEdge {
    fn drop(&mut self) {
        let mut inner = self.waits.inner.lock();
        if inner.edges.get(&self.caller).is_some_and(|(_, number)| *number == self.number) {
            inner.edges.remove(&self.caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(id: &str) -> Address {
        Address::parse("t", id).unwrap()
    }

    #[test]
    fn a_circle_is_refused_and_named() {
        let waits = Waits::default();
        let (a, b, c) = (actor("a"), actor("b"), actor("c"));
        let _ab = waits.begin(&a, &b).unwrap();
        let _bc = waits.begin(&b, &c).unwrap();
        assert_eq!(waits.begin(&c, &a).err().unwrap(), [c.clone(), a.clone(), b.clone(), c.clone()]);
        assert_eq!(waits.begin(&c, &c).err().unwrap(), [c.clone(), c.clone()]);
    }

    #[test]
    fn a_wait_that_is_over_closes_no_circle() {
        let waits = Waits::default();
        let (a, b) = (actor("a"), actor("b"));
        let held_by_callee = {
            let held_by_caller = waits.begin(&a, &b).unwrap();
            held_by_caller.clone()
        };
        assert!(waits.begin(&b, &a).is_ok());
        // A clone that outlives its wait does not end a later one.
        let again = waits.begin(&a, &b).unwrap();
        drop(held_by_callee);
        assert!(waits.begin(&b, &a).is_err());
        drop(again);
    }
}
