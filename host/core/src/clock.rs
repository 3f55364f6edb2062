//! Wall-clock time. The rest of the host asks a [`Clock`], never the operating system, so that a
//! test decides what time it is. Durations and deadlines are measured on a monotonic clock
//! elsewhere; this is for what is stored and shown.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment: milliseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The Unix epoch: before anything that happens here.
    pub const EPOCH: Timestamp = Timestamp(0);
    /// The latest moment that every store can hold (2^53 milliseconds, in the year 287396).
    pub const MAX: Timestamp = Timestamp(1 << 53);

    /// From milliseconds since the Unix epoch; later than [`Timestamp::MAX`] becomes it.
    pub fn from_unix_ms(ms: u64) -> Self {
        Timestamp(ms.min(Self::MAX.0))
    }

    /// Milliseconds since the Unix epoch.
    pub fn unix_ms(self) -> u64 {
        self.0
    }

    /// That much later, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self::from_unix_ms(self.0.saturating_add(ms))
    }

    /// That much earlier, at least [`Timestamp::EPOCH`].
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_sub(ms))
    }

    /// How long from `self` until `later`; zero when it has passed.
    pub fn until(self, later: Timestamp) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now. Never earlier than an answer given before.
    fn now(&self) -> Timestamp;
}

/// The machine's clock, kept from running backwards within one process.
#[derive(Default)]
pub struct SystemClock {
    latest_ms: AtomicU64,
}

impl Clock for SystemClock {
    // The only place that reads the machine's clock.
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        let ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        let before = self.latest_ms.fetch_max(ms, Ordering::Relaxed);
        Timestamp::from_unix_ms(before.max(ms))
    }
}
