//! Messages that wait for room for the actor they are for, in the order in which they came: the activation that the
//! first of them makes takes no later one before them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use greenroom_core::Address;
use tokio::sync::Mutex;

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Arrivals {
    lines: DashMap<Address, Line, ahash::RandomState>,
    /// How many wait in all: most of the time nobody does, and then nothing is looked up.
    waiting: AtomicUsize,
}

/// Who waits for one actor: whoever has the lock is first, the others stand behind in order.
#[derive(Default)]
struct Line {
    waiting: usize,
    first: Arc<Mutex<()>>,
}

/// A place in a line, given up when this is dropped.
pub(crate) struct InLine<'a> {
    arrivals: &'a Arrivals,
    to: &'a Address,
    pub(crate) first: Arc<Mutex<()>>,
}

impl Arrivals {
    /// Whether somebody waits for that actor.
    pub(crate) fn any(&self, to: &Address) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0 && self.lines.contains_key(to)
    }

    /// Stands at the end of that actor's line.
    pub(crate) fn join<'a>(&'a self, to: &'a Address) -> InLine<'a> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let mut line = self.lines.entry(to.clone()).or_default();
        line.waiting += 1;
        InLine { arrivals: self, to, first: Arc::clone(&line.first) }
    }

    /// How many wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed) + self.lines.len()
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.arrivals.waiting.fetch_sub(1, Ordering::Relaxed);
        self.arrivals.lines.remove_if_mut(self.to, |_, line| {
            line.waiting -= 1;
            line.waiting == 0
        });
    }
}
