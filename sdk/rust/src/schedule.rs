//! When a reminder or a timer fires.

use std::time::Duration;

use crate::timestamp::milliseconds;

/// When a reminder or a timer fires, counted from the moment it is set.
///
/// ```
/// use std::time::Duration;
/// use greenroom_sdk::Schedule;
///
/// let minute = Duration::from_secs(60);
/// Schedule::once(minute);                           // in a minute
/// Schedule::every(minute);                          // in a minute, and every minute after
/// Schedule::every(minute).times(3);                 // three times in all
/// Schedule::every(minute).starting_in(Duration::ZERO); // now, and every minute after
/// ```
///
/// The host refuses a period shorter than 10 ms, and no firings at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub(crate) delay_ms: u64,
    pub(crate) period_ms: Option<u64>,
    pub(crate) repetitions: Option<u32>,
}

impl Schedule {
    /// One firing, `delay` from now.
    pub fn once(delay: Duration) -> Self {
        Schedule { delay_ms: milliseconds(delay), period_ms: None, repetitions: None }
    }

    /// A firing after each `period`, without end.
    pub fn every(period: Duration) -> Self {
        let period_ms = milliseconds(period);
        Schedule { delay_ms: period_ms, period_ms: Some(period_ms), repetitions: None }
    }

    /// The first firing `delay` from now, whatever the period.
    #[must_use]
    pub fn starting_in(self, delay: Duration) -> Self {
        Schedule { delay_ms: milliseconds(delay), ..self }
    }

    /// At most `count` firings in all.
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        Schedule { repetitions: Some(count), ..self }
    }

    /// How long after it is set it fires first.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    /// The time between firings, if there is more than one.
    pub fn period(&self) -> Option<Duration> {
        self.period_ms.map(Duration::from_millis)
    }

    /// Firings in all; `None` is without end, or just one without a period.
    pub fn repetitions(&self) -> Option<u32> {
        self.repetitions
    }
}

/// A reminder or a timer that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reminder {
    /// Its name.
    pub name: String,
    /// The method it calls.
    pub method: String,
    /// How long until it fires next; zero when it is due.
    pub due_in: Duration,
    /// The schedule it was set with.
    pub schedule: Schedule,
}
