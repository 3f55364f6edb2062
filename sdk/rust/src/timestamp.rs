//! A moment in time, as the host's clock tells it.

use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// A moment, to the millisecond. In JSON a number: milliseconds since the Unix epoch.
///
/// ```
/// use std::time::Duration;
/// use greenroom_sdk::Timestamp;
///
/// let noon = Timestamp::from_unix_ms(43_200_000);
/// assert_eq!((noon + Duration::from_secs(1)).unix_ms(), 43_201_000);
/// assert_eq!(noon.since(Timestamp::from_unix_ms(0)), Duration::from_secs(12 * 60 * 60));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `milliseconds` after the Unix epoch.
    pub const fn from_unix_ms(milliseconds: u64) -> Self {
        Timestamp(milliseconds)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_ms(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    /// The latest moment there is, when the sum is beyond it.
    fn add(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(milliseconds(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;

    /// The Unix epoch, when the difference is before it.
    fn sub(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(milliseconds(duration)))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        SystemTime::UNIX_EPOCH + Duration::from_millis(timestamp.0)
    }
}

/// `duration` in whole milliseconds, rounded up, so that nothing happens too early.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
