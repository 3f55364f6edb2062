//! How many activations there are. A node that stops closes its population: once it has seen that nobody is
//! left, nobody comes any more. A hint that was on its way would otherwise begin a turn over a store that closes.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Set in the count once nobody may come any more.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Population(AtomicUsize);

impl Population {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed) & !CLOSED
    }

    /// Counts one more; says whether it may come.
    pub(crate) fn enter(&self) -> bool {
        let one_more = |count: usize| (count & CLOSED == 0).then_some(count + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// Counts one less.
    pub(crate) fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Lets nobody come any more, if there is nobody; says whether it is closed.
    pub(crate) fn close_if_empty(&self) -> bool {
        let closed = self.0.compare_exchange(0, CLOSED, Ordering::Relaxed, Ordering::Relaxed);
        closed.map_or_else(|count| count & CLOSED != 0, |_| true)
    }

    /// Lets nobody come any more; those who are there leave when they like.
    pub(crate) fn close(&self) {
        self.0.fetch_or(CLOSED, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_comes_after_the_last_has_left() {
        let population = Population::default();
        assert!(population.enter() && population.enter());
        population.leave();
        assert!(!population.close_if_empty());
        assert!(population.enter());
        population.leave();
        population.leave();
        assert!(population.close_if_empty() && population.close_if_empty());
        assert!(!population.enter());
        assert_eq!(population.count(), 0);
    }

    #[test]
    fn those_who_are_there_may_still_leave() {
        let population = Population::default();
        assert!(population.enter());
        population.close();
        assert!(!population.enter());
        assert_eq!(population.count(), 1);
        population.leave();
        assert_eq!(population.count(), 0);
    }
}
