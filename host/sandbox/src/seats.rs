//! Room for sandboxes. Each takes a place, and mappings of the process's memory, of which the kernel
//! allows so many and no more: were they to run out, the host itself could not go on, so sandboxes
//! are refused well before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Mappings of a sandbox's stack: the stack and its guard.
const STACK_MAPPINGS: usize = 2;
/// Mappings of one linear memory: its initial image, what it has grown by, and what it may yet.
const MEMORY_MAPPINGS: usize = 4;
/// Mappings left to the host's threads, heap and libraries.
const HOST_MAPPINGS: usize = 4_096;
/// The kernel's usual bound, where it can't be read.
const MAX_MAP_COUNT_DEFAULT: usize = 65_530;

/// What there is and what is taken.
pub(crate) struct Seats {
    sandboxes_max: usize,
    memories_max: usize,
    sandboxes: AtomicUsize,
    memories: AtomicUsize,
}

/// One sandbox's room, given back when dropped.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    memories: usize,
}

impl Seats {
    /// Room for as many sandboxes as are wanted and the kernel has mappings for.
    pub(crate) fn new(sandboxes_wanted: usize) -> Arc<Self> {
        let seats = Self::within(max_map_count(), sandboxes_wanted);
        if seats.sandboxes_max < sandboxes_wanted {
            tracing::warn!(
                sandboxes = sandboxes_wanted,
                possible = seats.sandboxes_max,
                "the kernel's vm.max_map_count has no room for that many sandboxes; raise it to use them all"
            );
        }
        Arc::new(seats)
    }

    fn within(max_map_count: usize, sandboxes_wanted: usize) -> Self {
        let mappings = max_map_count.saturating_sub(HOST_MAPPINGS);
        let sandboxes_max = sandboxes_wanted.min(mappings / (STACK_MAPPINGS + MEMORY_MAPPINGS)).max(1);
        let memories_max = ((mappings - STACK_MAPPINGS * sandboxes_max.min(mappings / STACK_MAPPINGS))
            / MEMORY_MAPPINGS)
            .max(crate::structure::MEMORIES_MAX);
        Seats { sandboxes_max, memories_max, sandboxes: AtomicUsize::new(0), memories: AtomicUsize::new(0) }
    }

    /// How many sandboxes there can be.
    pub(crate) fn sandboxes_max(&self) -> usize {
        self.sandboxes_max
    }

    /// How many sandboxes there are.
    pub(crate) fn sandboxes(&self) -> usize {
        self.sandboxes.load(Ordering::Relaxed)
    }

    /// Room for a sandbox with so many linear memories, if there is any left.
    pub(crate) fn take(seats: &Arc<Self>, memories: usize) -> Option<Seat> {
        let sandboxes_taken = seats.sandboxes.fetch_add(1, Ordering::Relaxed);
        let memories_taken = seats.memories.fetch_add(memories, Ordering::Relaxed);
        let seat = Seat { seats: Arc::clone(seats), memories };
        let fits = sandboxes_taken < seats.sandboxes_max && memories_taken + memories <= seats.memories_max;
        fits.then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.sandboxes.fetch_sub(1, Ordering::Relaxed);
        self.seats.memories.fetch_sub(self.memories, Ordering::Relaxed);
    }
}

fn max_map_count() -> usize {
    std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(MAX_MAP_COUNT_DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_given_where_the_kernel_allows_it() {
        assert_eq!(Seats::within(1 << 20, 12_000).sandboxes_max, 12_000);
        assert_eq!(Seats::within(65_530, 12_000).sandboxes_max, 10_239);
        assert_eq!(Seats::within(65_530, 10).sandboxes_max, 10);
        assert_eq!(Seats::within(0, 10).sandboxes_max, 1);
    }

    #[test]
    fn memories_count_too_and_come_back() {
        let seats = Arc::new(Seats::within(65_530, 10_000));
        let most = seats.memories_max / 3;
        assert!(most < 10_000);
        let mut taken: Vec<Seat> = (0..most).map_while(|_| Seats::take(&seats, 3)).collect();
        assert_eq!(taken.len(), most);
        assert!(Seats::take(&seats, 3).is_none());
        assert_eq!(seats.sandboxes(), most, "a refusal takes nothing");
        taken.pop();
        assert!(Seats::take(&seats, 3).is_some());
    }
}
