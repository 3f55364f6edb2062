//! When a reminder or a timer fires.

use crate::clock::Timestamp;

/// A schedule as the WIT has it, once checked: a period is never zero and there is at least one
/// firing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schedule {
    delay_ms: u64,
    period_ms: Option<u64>,
    repetitions: Option<u32>,
}

/// Why a schedule is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidSchedule {
    /// The period is shorter than the host allows.
    #[error("invalid schedule: the period is {given_ms} ms, shorter than period_min of {minimum_ms} ms")]
    PeriodTooShort {
        /// What was asked.
        given_ms: u64,
        /// What is allowed.
        minimum_ms: u64,
    },
    /// No firing at all.
    #[error("invalid schedule: repetitions must be at least 1")]
    NoRepetitions,
    /// More than one firing, and no word how far apart.
    #[error("invalid schedule: {0} repetitions need a period")]
    RepetitionsWithoutPeriod(u32),
}

/// Shortest period of a repeating reminder or timer, in milliseconds.
pub const PERIOD_MIN_MS: u64 = 10;

/// A day, in milliseconds.
pub const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Longest delay of a message, a reminder or a timer, and longest period, in milliseconds: a leap year. Not checked by
/// [`Schedule::new`], which also reads what was stored before there was such a bound.
pub const DELAY_MAX_MS: u64 = 366 * DAY_MS;

impl Schedule {
    /// Checks a schedule. `repetitions` is the number of firings in all; none means without end,
    /// or just one when there is no period.
    ///
    /// # Errors
    /// [`InvalidSchedule`] says what to change.
    pub fn new(
        delay_ms: u64,
        period_ms: Option<u64>,
        repetitions: Option<u32>,
    ) -> Result<Self, InvalidSchedule> {
        match (period_ms, repetitions) {
            (_, Some(0)) => Err(InvalidSchedule::NoRepetitions),
            (None, Some(more @ 2..)) => Err(InvalidSchedule::RepetitionsWithoutPeriod(more)),
            (Some(given_ms), _) if given_ms < PERIOD_MIN_MS => {
                Err(InvalidSchedule::PeriodTooShort { given_ms, minimum_ms: PERIOD_MIN_MS })
            }
            _ => Ok(Schedule { delay_ms, period_ms, repetitions }),
        }
    }

    /// The first firing: milliseconds from when it is set.
    pub fn delay_ms(&self) -> u64 {
        self.delay_ms
    }

    /// Milliseconds between firings.
    pub fn period_ms(&self) -> Option<u64> {
        self.period_ms
    }

    /// Firings in all, where that is limited.
    pub fn repetitions(&self) -> Option<u32> {
        self.repetitions
    }

    /// The firing after the one that was due at `due` and is over at `now`, when `fired` firings
    /// are over (that one included); `None` when there is no further one.
    ///
    /// Periods that passed meanwhile are skipped: however late `now` is, they coalesce into the
    /// one firing that is over. Firings keep the grid that `due` lies on.
    pub fn next_after(&self, due: Timestamp, now: Timestamp, fired: u32) -> Option<Timestamp> {
        let period_ms = self.period_ms?;
        if self.repetitions.is_some_and(|repetitions| fired >= repetitions) {
            return None;
        }
        let late_ms = now.unix_ms().saturating_sub(due.unix_ms());
        let periods = late_ms / period_ms + 1;
        Some(due.plus_ms(periods.saturating_mul(period_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    #[test]
    fn without_a_period_it_fires_once() {
        let once = Schedule::new(5, None, None).unwrap();
        assert_eq!(once.next_after(at(5), at(5), 1), None);
    }

    #[test]
    fn missed_periods_coalesce_and_the_grid_stays() {
        let schedule = Schedule::new(0, Some(100), None).unwrap();
        assert_eq!(schedule.next_after(at(1_000), at(1_000), 1), Some(at(1_100)));
        assert_eq!(schedule.next_after(at(1_000), at(1_099), 1), Some(at(1_100)));
        assert_eq!(schedule.next_after(at(1_000), at(1_100), 1), Some(at(1_200)));
        assert_eq!(schedule.next_after(at(1_000), at(9_950), 1), Some(at(10_000)));
    }

    #[test]
    fn repetitions_end_it() {
        let schedule = Schedule::new(0, Some(100), Some(3)).unwrap();
        assert!(schedule.next_after(at(0), at(0), 2).is_some());
        assert_eq!(schedule.next_after(at(0), at(0), 3), None);
    }

    #[test]
    fn nonsense_is_refused_with_the_reason() {
        for (period, repetitions) in
            [(Some(0), None), (Some(9), None), (None, Some(2)), (None, Some(0)), (Some(50), Some(0))]
        {
            assert!(Schedule::new(0, period, repetitions).is_err(), "{period:?} {repetitions:?}");
        }
        let far = Schedule::new(u64::MAX, Some(u64::MAX), None).unwrap();
        assert_eq!(far.next_after(at(0), at(0), 1), Some(Timestamp::MAX));
    }
}
