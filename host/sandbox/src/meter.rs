//! Measures the processor time of one turn: the time spent inside `poll` of the guest's call,
//! host functions included, and not the time between polls, when others run.
//!
//! It is a wall clock around each poll rather than the thread's own clock, which costs a system
//! call each time it is read. A poll lasts a tick at most, so what others take away from this
//! thread meanwhile is small.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

/// The processor time of the turn under way. Only the thread that polls the turn touches it, so
/// nothing needs ordering.
pub(crate) struct Meter {
    origin: Instant,
    limit: Duration,
    spent_ns: AtomicU64,
    poll_started_ns: AtomicU64,
}

/// A host function panicked; what it said is for the log only.
pub(crate) struct Panicked(pub(crate) Box<dyn Any + Send>);

impl Meter {
    pub(crate) fn new(limit: Duration) -> Self {
        Meter {
            origin: Instant::now(),
            limit,
            spent_ns: AtomicU64::new(0),
            poll_started_ns: AtomicU64::new(0),
        }
    }

    fn now_ns(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    fn current_poll_ns(&self) -> u64 {
        self.now_ns().saturating_sub(self.poll_started_ns.load(Ordering::Relaxed))
    }

    /// Whether the call under way has used up its time. Asked from within a poll.
    pub(crate) fn is_exhausted(&self) -> bool {
        let spent = self.spent_ns.load(Ordering::Relaxed).saturating_add(self.current_poll_ns());
        Duration::from_nanos(spent) >= self.limit
    }

    /// Runs a call, measured from zero. A panic in it comes back as a value: it must not pass
    /// through a host that serves other actors.
    ///
    /// Cancel safe when `call` is.
    pub(crate) async fn measure<T>(&self, call: impl Future<Output = T>) -> Result<T, Panicked> {
        self.spent_ns.store(0, Ordering::Relaxed);
        let mut call = pin!(call);
        std::future::poll_fn(|context| {
            self.poll_started_ns.store(self.now_ns(), Ordering::Relaxed);
            match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))) {
                Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
                Ok(Poll::Pending) => {
                    self.spent_ns.fetch_add(self.current_poll_ns(), Ordering::Relaxed);
                    Poll::Pending
                }
                Err(panic) => Poll::Ready(Err(Panicked(panic))),
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_time_within_polls_counts_and_each_call_starts_anew() {
        let meter = Meter::new(Duration::from_millis(50));
        let waited = meter.measure(async {
            tokio::time::sleep(Duration::from_millis(80)).await;
            meter.is_exhausted()
        });
        assert!(!waited.await.ok().unwrap(), "waiting is free");

        let spun = meter.measure(async {
            for _ in 0..3 {
                std::thread::sleep(Duration::from_millis(20));
                tokio::task::yield_now().await;
            }
            meter.is_exhausted()
        });
        assert!(spun.await.ok().unwrap(), "polls add up");
        assert!(!meter.measure(async { meter.is_exhausted() }).await.ok().unwrap());
    }

    #[tokio::test]
    async fn a_panic_is_a_value() {
        let meter = Meter::new(Duration::from_secs(1));
        let panicked = meter.measure(async { panic!("on purpose") }).await;
        assert!(panicked.is_err_and(|Panicked(said)| said.downcast_ref::<&str>() == Some(&"on purpose")));
    }
}
