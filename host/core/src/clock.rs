//! Moments that are stored and shown. The rest of the host asks a [`Clock`], never the operating system, so
//! that a test decides what time it is. Durations and deadlines are measured on a monotonic clock elsewhere.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
    /// Now, on the timeline that everything stored is on. It never goes back, and goes on while the machine's
    /// clock is behind it: who sets that clock back holds up nothing that is due.
    fn now(&self) -> Timestamp;

    /// What the machine's clock says, which somebody may have set back: for whoever compares with clocks
    /// elsewhere.
    fn wall(&self) -> Timestamp;

    /// From here on `now` is no earlier than `at`, when the store was last written to: so the timeline goes
    /// on where an earlier process left it.
    fn not_before(&self, at: Timestamp);
}

/// How [`Clock::now`] comes about: it follows the wall clock forward, and goes on by the monotonic clock
/// where that was set back.
#[derive(Debug, Default)]
pub struct Timeline {
    /// When the process began, by the latest that both clocks together have ever said.
    began_ms: AtomicU64,
}

impl Timeline {
    /// The moment at which the wall clock says `wall`, and the process runs since `elapsed`; of the two, the
    /// wall clock is to be read first, or a pause between both would make the timeline fast.
    pub fn now(&self, wall: Timestamp, elapsed: Duration) -> Timestamp {
        self.not_before(wall, elapsed);
        let began = Timestamp(self.began_ms.load(Ordering::Relaxed));
        began.plus_ms(whole_ms(elapsed))
    }

    /// From here on it is no earlier than `at`; the process runs since `elapsed`.
    pub fn not_before(&self, at: Timestamp, elapsed: Duration) {
        let began = at.unix_ms().saturating_sub(whole_ms(elapsed));
        // Only looked at, unless there is news: every turn asks, on every thread.
        if began > self.began_ms.load(Ordering::Relaxed) {
            self.began_ms.fetch_max(began, Ordering::Relaxed);
        }
    }
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The machine's clocks.
pub struct SystemClock {
    timeline: Timeline,
    began: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock { timeline: Timeline::default(), began: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let wall = self.wall();
        self.timeline.now(wall, self.began.elapsed())
    }

    // The only place that reads the machine's clock.
    #[allow(clippy::disallowed_methods)]
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(Timestamp::EPOCH, |since| Timestamp::from_unix_ms(whole_ms(since)))
    }

    fn not_before(&self, at: Timestamp) {
        self.timeline.not_before(at, self.began.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;
    const TEN_YEARS_MS: u64 = 10 * 365 * 24 * HOUR_MS;

    fn says(timeline: &Timeline, wall_ms: u64, elapsed_ms: u64) -> u64 {
        timeline.now(Timestamp(wall_ms), Duration::from_millis(elapsed_ms)).unix_ms()
    }

    #[test]
    fn it_follows_the_wall_clock_forward_and_goes_on_where_that_is_set_back() {
        let timeline = Timeline::default();
        let start = TEN_YEARS_MS * 2;
        assert_eq!(says(&timeline, start, 0), start);
        assert_eq!(says(&timeline, start + 10, 10), start + 10);
        assert_eq!(says(&timeline, start + HOUR_MS, 20), start + HOUR_MS, "forward");
        assert_eq!(says(&timeline, start, 30), start + HOUR_MS + 10, "an hour back, it goes on");
        assert_eq!(says(&timeline, start - TEN_YEARS_MS, 1_020), start + HOUR_MS + 1_000, "ten years back");
        assert_eq!(says(&timeline, 0, 1_030), start + HOUR_MS + 1_010, "before the Unix epoch");
        let caught_up = start + 2 * HOUR_MS;
        assert_eq!(says(&timeline, caught_up, 1_040), caught_up);
    }

    #[test]
    fn it_goes_on_where_an_earlier_process_left_it() {
        let timeline = Timeline::default();
        timeline.not_before(Timestamp(HOUR_MS), Duration::from_millis(5));
        assert_eq!(says(&timeline, 10, 15), HOUR_MS + 10);
        timeline.not_before(Timestamp(10), Duration::from_millis(25));
        assert_eq!(says(&timeline, 20, 25), HOUR_MS + 20, "earlier is no news");
        timeline.not_before(Timestamp::MAX, Duration::from_millis(30));
        assert_eq!(says(&timeline, u64::MAX >> 1, 40), Timestamp::MAX.unix_ms());
    }

    #[test]
    fn the_machine_s_clock_is_followed() {
        let clock = SystemClock::default();
        let (before, now, after) = (clock.wall(), clock.now(), clock.wall());
        // Milliseconds of two clocks begin at different moments.
        assert!(before <= now && now <= after.plus_ms(1), "{before:?} {now:?} {after:?}");
        clock.not_before(after.plus_ms(HOUR_MS));
        assert!(clock.now() >= after.plus_ms(HOUR_MS) && clock.wall() < after.plus_ms(HOUR_MS));
    }
}
