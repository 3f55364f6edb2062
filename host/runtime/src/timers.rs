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
}

/// About thirty years: as far ahead as a timer can be set.
const FAR: Duration = Duration::from_secs(1 << 30);

fn after(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms).min(FAR)
}

impl Timer {
    pub(crate) fn new(schedule: Schedule, method: Method, payload: Payload, now: Instant) -> Self {
        Timer { method, payload, schedule, due: after(now, schedule.delay_ms()), fired: 0 }
    }
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Timers {
    by_name: BTreeMap<Arc<str>, Timer>,
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
        match timer {
            Some(timer) => drop(self.by_name.insert(name, timer)),
            None => drop(self.by_name.remove(&name)),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.by_name.clear();
    }

    /// When the next one fires.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.by_name.values().map(|timer| timer.due).min()
    }

    /// Takes the one that is due longest at `now`, and plans its next firing; firings that were
    /// missed coalesce into this one.
    pub(crate) fn fire(&mut self, now: Instant) -> Option<(Arc<str>, Timer)> {
        let (name, timer) = self
            .by_name
            .iter_mut()
            .filter(|(_, timer)| timer.due <= now)
            .min_by_key(|(_, timer)| timer.due)?;
        let (name, fired) = (Arc::clone(name), timer.clone());
        timer.fired = timer.fired.saturating_add(1);
        let goes_on = timer.schedule.repetitions().is_none_or(|repetitions| timer.fired < repetitions);
        match timer.schedule.period_ms().filter(|_| goes_on) {
            Some(period_ms) => {
                let late_ms = u64::try_from((now - timer.due).as_millis()).unwrap_or(u64::MAX);
                let periods = late_ms / period_ms + 1;
                timer.due = after(timer.due, periods.saturating_mul(period_ms));
            }
            None => drop(self.by_name.remove(&name)),
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
    async fn an_absurd_delay_is_far_away_and_no_overflow() {
        let timers = timers(Schedule::new(u64::MAX, Some(u64::MAX), None).unwrap(), Instant::now());
        assert!(timers.next_due().is_some());
    }
}
