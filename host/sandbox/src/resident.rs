//! Whether the host's resident memory is beyond its bound, as it is asked many times a turn: the figure is read
//! again when it has become old, and an atomic otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use greenroom_core::Limits;

/// Tells the resident memory of the process, in bytes.
pub type ResidentBytes = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How old a figure may be: a thread touches a few megabytes meanwhile.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(2);
/// From this part of `memory_bytes` on memory is short, in sixteenths. Idle sandboxes go before, and what is taken
/// until the next look fits above.
const SHORT_SIXTEENTHS: u64 = 15;
/// A host of less memory than two full sandboxes takes is short of it only beyond that.
const LEAST_SANDBOXES: u64 = 2;

/// See the [module](self).
pub(crate) struct Resident {
    read: Option<ResidentBytes>,
    short_above: u64,
    origin: Instant,
    /// When it was read last, since the origin.
    read_at_ns: AtomicU64,
    is_short: AtomicBool,
}

impl Resident {
    /// Of a host that can't tell.
    pub(crate) fn unwatched() -> Self {
        Self::new(None, u64::MAX)
    }

    /// Of a host within those limits.
    pub(crate) fn watched(limits: &Limits, read: ResidentBytes) -> Self {
        let least = (limits.sandbox_memory_bytes as u64).saturating_mul(LEAST_SANDBOXES);
        Self::new(Some(read), (limits.memory_bytes / 16 * SHORT_SIXTEENTHS).max(least))
    }

    fn new(read: Option<ResidentBytes>, short_above: u64) -> Self {
        Resident {
            read,
            short_above,
            origin: Instant::now(),
            read_at_ns: AtomicU64::new(0),
            is_short: AtomicBool::new(false),
        }
    }

    /// Whether there is more of it than there should be.
    pub(crate) fn is_short(&self) -> bool {
        let Some(read) = &self.read else { return false };
        let now_ns = self.origin.elapsed().as_nanos() as u64;
        let read_at_ns = self.read_at_ns.load(Ordering::Relaxed);
        let is_old = now_ns.saturating_sub(read_at_ns) >= LOOK_EVERY.as_nanos() as u64;
        // One of those who find it old reads it.
        if is_old
            && self
                .read_at_ns
                .compare_exchange(read_at_ns, now_ns, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.is_short.store(read() > self.short_above, Ordering::Relaxed);
        }
        self.is_short.load(Ordering::Relaxed)
    }
}
