//! The timers of one activation: scheduled messages to itself that live in memory only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::{Method, Payload, Schedule};
use tokio::time::Instant;

/// A timer that is set.
#[derive(Clone)]
pub(crate) struct Timer {
    pub(crate) method: Method,
    pub(crate) payload: Payload,
    schedule: Schedule,
    due: Instant,
    fired: u32,
    /// Its number among those of its activation.
    number: u64,
}

/// How often the timers of one activation fire in the long run. Those that are late coalesce.
const FIRING_EVERY: Duration = Duration::from_millis(1);

/// How much of that they may do ahead: a second's firings at once.
const FIRINGS_AHEAD: Duration = Duration::from_secs(1);

/// About thirty years: as far ahead as a timer can be set.
const FAR: Duration = Duration::from_secs(1 << 30);

fn after(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms).min(FAR)
}

impl Timer {
    pub(crate) fn new(schedule: Schedule, method: Method, payload: Payload, now: Instant) -> Self {
        Timer { method, payload, schedule, due: after(now, schedule.delay_ms()), fired: 0, number: 0 }
    }

    fn place(&self) -> (Instant, u64) {
        (self.due, self.number)
    }
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Timers {
    by_name: BTreeMap<Arc<str>, Timer>,
    /// All of them, by when they are due; at the same time those set or fired longest ago go first.
    by_due: BTreeMap<(Instant, u64), Arc<str>>,
    numbered: u64,
    /// What has fired is paid for until then, at [`FIRING_EVERY`] each.
    paid_until: Option<Instant>,
}

impl Timers {
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Timer)> {
        self.by_name.iter()
    }

    /// Sets the timer of that name, or cancels it.
    pub(crate) fn change(&mut self, name: Arc<str>, timer: Option<Timer>) {
        if let Some(before) = self.by_name.remove(&name) {
            self.by_due.remove(&before.place());
        }
        if let Some(mut timer) = timer {
            self.numbered += 1;
            timer.number = self.numbered;
            self.by_due.insert(timer.place(), Arc::clone(&name));
            self.by_name.insert(name, timer);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.by_name.clear();
        self.by_due.clear();
    }

    /// When the next one fires.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let ((due, _), _) = self.by_due.first_key_value()?;
        Some(self.may_fire_from().map_or(*due, |from| from.max(*due)))
    }

    /// From when on one more may fire; `None` when that has passed long ago.
    fn may_fire_from(&self) -> Option<Instant> {
        self.paid_until?.checked_sub(FIRINGS_AHEAD)
    }

    /// Takes the one that is due longest at `now`, and plans its next firing; firings that were
    /// missed coalesce into this one.
    pub(crate) fn fire(&mut self, now: Instant) -> Option<(Arc<str>, Timer)> {
        if self.next_due()? > now {
            return None;
        }
        let (_, name) = self.by_due.pop_first()?;
        let fired = self.by_name.remove(&name)?;
        self.paid_until = Some(self.paid_until.map_or(now, |paid| paid.max(now)) + FIRING_EVERY);
        let firings = fired.fired.saturating_add(1);
        let goes_on = fired.schedule.repetitions().is_none_or(|repetitions| firings < repetitions);
        if let Some(period_ms) = fired.schedule.period_ms().filter(|_| goes_on) {
            let late_ms = u64::try_from((now - fired.due).as_millis()).unwrap_or(u64::MAX);
            let periods = late_ms / period_ms + 1;
            let due = after(fired.due, periods.saturating_mul(period_ms));
            self.change(Arc::clone(&name), Some(Timer { due, fired: firings, ..fired.clone() }));
        }
        Some((name, fired))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timers(schedule: Schedule, now: Instant) -> Timers {
        let mut timers = Timers::default();
        let timer = Timer::new(schedule, Method::new("tick").unwrap(), Payload::new("", ""), now);
        timers.change("t".into(), Some(timer));
        timers
    }

    #[tokio::test(start_paused = true)]
    async fn it_fires_on_its_grid_and_missed_firings_coalesce() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = timers(Schedule::new(10, Some(100), Some(3)).unwrap(), start);
        assert!(timers.fire(at(9)).is_none());
        assert!(timers.fire(at(10)).is_some());
        assert!(timers.fire(at(10)).is_none());
        assert_eq!(timers.next_due(), Some(at(110)));
        assert!(timers.fire(at(430)).is_some());
        assert_eq!(timers.next_due(), Some(at(510)));
        assert!(timers.fire(at(510)).is_some());
        assert_eq!((timers.next_due(), timers.len()), (None, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn in_the_long_run_they_fire_a_thousand_times_a_second_and_all_of_them() {
        let start = Instant::now();
        let mut timers = Timers::default();
        for number in 0..1_000 {
            let schedule = Schedule::new(10, Some(10), None).unwrap();
            let timer = Timer::new(schedule, Method::new("tick").unwrap(), Payload::new("", ""), start);
            timers.change(number.to_string().into(), Some(timer));
        }
        let mut fired: BTreeMap<Arc<str>, u32> = BTreeMap::new();
        for ms in 0..10_000 {
            let now = start + Duration::from_millis(ms);
            while let Some((name, _)) = timers.fire(now) {
                assert_eq!(timers.len(), 1_000);
                *fired.entry(name).or_default() += 1;
            }
            assert!(timers.next_due().unwrap() > now);
        }
        let all: u32 = fired.values().sum();
        assert!((10_000..=11_001).contains(&all), "{all}");
        assert_eq!(fired.len(), 1_000);
        let (least, most) = (fired.values().min().unwrap(), fired.values().max().unwrap());
        assert!(most - least <= 1, "{least} {most}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_set_anew_or_cancelled_does_not_fire_as_before() {
        let start = Instant::now();
        let mut timers = timers(Schedule::new(10, None, None).unwrap(), start);
        let later = Timer::new(
            Schedule::new(20, None, None).unwrap(),
            Method::new("tick").unwrap(),
            Payload::new("", ""),
            start,
        );
        timers.change("t".into(), Some(later));
        assert!(timers.fire(start + Duration::from_millis(19)).is_none());
        timers.change("t".into(), None);
        assert_eq!(timers.next_due(), None);
        assert!(timers.fire(start + Duration::from_secs(1)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_absurd_delay_is_far_away_and_no_overflow() {
        let timers = timers(Schedule::new(u64::MAX, Some(u64::MAX), None).unwrap(), Instant::now());
        assert!(timers.next_due().is_some());
    }
}
