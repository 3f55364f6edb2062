//! The timers of one HTTP/1.1 connection. hyper sets one for the head of each request and drops it when the
//! head is there, so they are set and dropped all the time and hardly ever ring.
//!
//! All of a connection's timers share one alarm, which stays set when they are dropped. When it rings for
//! nobody the connection is polled once for nothing; setting an alarm anew for each request costs more.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;
use tokio::time::{Instant as TokioInstant, sleep_until};

type Alarm = Mutex<Option<Pin<Box<tokio::time::Sleep>>>>;

/// See the [module](self). Its timers are to be awaited by one task.
#[derive(Default)]
pub(crate) struct ConnectionTimer(Arc<Alarm>);

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Waiting { alarm: Arc::clone(&self.0), deadline: deadline.into() })
    }

    fn now(&self) -> Instant {
        TokioInstant::now().into()
    }
}

/// Ends at its deadline.
struct Waiting {
    alarm: Arc<Alarm>,
    deadline: TokioInstant,
}

impl Sleep for Waiting {}

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.lock();
        let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(self.deadline)));
        if self.deadline < alarm.deadline() {
            alarm.as_mut().reset(self.deadline);
        }
        loop {
            ready!(alarm.as_mut().poll(context));
            if self.deadline <= alarm.deadline() {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(self.deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_ends_at_its_own_deadline_whatever_the_alarm_was_set_for() {
        let timer = ConnectionTimer::default();
        let start = TokioInstant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let waiting = |seconds| timer.sleep_until(after(seconds).into());
        // Dropped before it ends, as when a head has come: the alarm stays set for it.
        assert!(tokio::time::timeout_at(after(2), waiting(10)).await.is_err());
        waiting(15).await;
        assert_eq!(TokioInstant::now(), after(15), "later than the alarm");
        assert!(tokio::time::timeout_at(after(16), waiting(40)).await.is_err());
        waiting(20).await;
        assert_eq!(TokioInstant::now(), after(20), "sooner than the alarm");
        let (sooner, later) = (waiting(30), waiting(50));
        tokio::join!(
            async {
                later.await;
                assert_eq!(TokioInstant::now(), after(50));
            },
            async {
                sooner.await;
                assert_eq!(TokioInstant::now(), after(30));
            }
        );
        waiting(1).await;
        assert_eq!(TokioInstant::now(), after(50), "long over");
    }

    #[tokio::test(start_paused = true)]
    async fn one_is_moved_by_setting_it_anew() {
        let timer = ConnectionTimer::default();
        let start = TokioInstant::now();
        let mut waiting = timer.sleep(Duration::from_secs(10));
        timer.reset(&mut waiting, (start + Duration::from_secs(5)).into());
        waiting.await;
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }
}
