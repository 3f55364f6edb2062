//! An alarm that is moved again and again, and hardly ever rings: by the time it was set for, but it
//! may ring earlier.
//!
//! An activation waits for its next message until it has been idle for long enough, and every
//! message moves that time. Setting a timer anew for each of them costs more than letting the old
//! one ring once and find that it is too early.

use std::pin::Pin;

use tokio::time::{Instant, Sleep, sleep_until};

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Waits until `at`, or until an earlier time that it was set for before. Cancel safe.
    pub(crate) async fn ring(&mut self, at: Instant) {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if at < sleep.deadline() || sleep.is_elapsed() {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn it_rings_in_time_or_early_but_never_late() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut alarm = Alarm::default();
        for (asked, rung) in [(10, 10), (20, 20), (15, 20), (30, 30)] {
            alarm.ring(after(asked)).await;
            assert_eq!(Instant::now(), after(rung), "{asked}");
        }
        // Given up before it rang: it stays set, and rings no later than what is asked next.
        let given_up = tokio::time::timeout_at(after(35), alarm.ring(after(40))).await;
        assert!(given_up.is_err());
        alarm.ring(after(60)).await;
        assert_eq!(Instant::now(), after(40));
        assert!(tokio::time::timeout_at(after(41), alarm.ring(after(60))).await.is_err());
        alarm.ring(after(50)).await;
        assert_eq!(Instant::now(), after(50));
    }
}
