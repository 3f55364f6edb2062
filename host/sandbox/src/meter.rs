//! Measures the processor time of one turn: the time spent inside `poll` of the guest's call,
//! host functions included, and not the time between polls, when others run.
//!
//! The first poll of a call is timed by the wall clock, which costs next to nothing, and most calls
//! have only that one. Further polls are timed by the thread's own clock, which costs a system call
//! but is not fooled when a busy machine runs something else meanwhile. A poll of a guest that computes
//! lasts a slice, so what the first one may count too much is small. Each wait counts as much as it costs
//! the host to set aside what waits and to take it up again, which is outside `poll`.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::ticker::{SHORT_SLICE, Ticker};

/// What a wait costs the host besides the polls around it: timers, wake-ups, system calls. Half of what was measured in an
/// unoptimised build, with the hostile guest `waits-for-nothing-without-end`.
const WAIT_COST: Duration = Duration::from_micros(40);

/// The processor time of the turn under way. Only the thread that polls the turn touches it, so
/// nothing needs ordering.
pub(crate) struct Meter {
    origin: Instant,
    limit: Duration,
    spent_ns: AtomicU64,
    poll_started_ns: AtomicU64,
    /// Whether the poll under way is timed by the thread's own clock.
    on_thread_clock: AtomicBool,
    /// What has a guest interrupted that computes.
    ticker: Arc<Ticker>,
}

/// A host function panicked; what it said is for the log only.
pub(crate) struct Panicked(pub(crate) Box<dyn Any + Send>);

impl Meter {
    pub(crate) fn new(limit: Duration, ticker: Arc<Ticker>) -> Self {
        Meter {
            origin: Instant::now(),
            limit,
            spent_ns: AtomicU64::new(0),
            poll_started_ns: AtomicU64::new(0),
            on_thread_clock: AtomicBool::new(false),
            ticker,
        }
    }

    fn now_ns(&self) -> u64 {
        if self.on_thread_clock.load(Ordering::Relaxed) {
            thread_ns()
        } else {
            self.origin.elapsed().as_nanos() as u64
        }
    }

    fn current_poll_ns(&self) -> u64 {
        self.now_ns().saturating_sub(self.poll_started_ns.load(Ordering::Relaxed))
    }

    /// What the call under way, or the last one, has used.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent_ns.load(Ordering::Relaxed).saturating_add(self.current_poll_ns()))
    }

    /// Whether the call under way has computed for longer than short turns do. Has it interrupted again.
    pub(crate) fn is_long(&self) -> bool {
        self.ticker.keep_ticking();
        self.spent() >= SHORT_SLICE
    }

    /// Whether the call under way, or the last one, has used up its time.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.spent() >= self.limit
    }

    /// Runs a call, measured from zero. A panic in it comes back as a value: it must not pass
    /// through a host that serves other actors.
    ///
    /// Cancel safe when `call` is.
    pub(crate) async fn measure<T>(&self, call: impl Future<Output = T>) -> Result<T, Panicked> {
        self.spent_ns.store(0, Ordering::Relaxed);
        self.on_thread_clock.store(false, Ordering::Relaxed);
        let mut call = pin!(call);
        std::future::poll_fn(|context| {
            self.ticker.keep_ticking();
            self.poll_started_ns.store(self.now_ns(), Ordering::Relaxed);
            let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
            self.spent_ns.fetch_add(self.current_poll_ns(), Ordering::Relaxed);
            self.poll_started_ns.store(u64::MAX, Ordering::Relaxed);
            match polled {
                Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
                Ok(Poll::Pending) => {
                    self.spent_ns.fetch_add(WAIT_COST.as_nanos() as u64, Ordering::Relaxed);
                    self.on_thread_clock.store(true, Ordering::Relaxed);
                    Poll::Pending
                }
                Err(panic) => Poll::Ready(Err(Panicked(panic))),
            }
        })
        .await
    }
}

/// Processor time of this thread.
fn thread_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(limit: Duration) -> Meter {
        Meter::new(limit, Arc::new(Ticker::start(&wasmtime::Engine::default()).unwrap()))
    }

    fn spin(ms: u64) {
        let started = thread_ns();
        while thread_ns() - started < ms * 1_000_000 {}
    }

    #[tokio::test]
    async fn only_time_within_polls_counts_and_each_call_starts_anew() {
        let meter = meter(Duration::from_millis(50));
        let waited = meter.measure(async {
            tokio::time::sleep(Duration::from_millis(80)).await;
            meter.is_exhausted()
        });
        assert!(!waited.await.ok().unwrap(), "waiting is free");

        let spun = meter.measure(async {
            for _ in 0..3 {
                spin(20);
                tokio::task::yield_now().await;
            }
        });
        spun.await.ok().unwrap();
        assert!(meter.is_exhausted(), "polls add up");

        let held_up = meter.measure(async {
            tokio::task::yield_now().await;
            std::thread::sleep(Duration::from_millis(80));
            meter.is_exhausted()
        });
        assert!(!held_up.await.ok().unwrap(), "what others do on a busy machine is free");
        assert!(!meter.measure(async { meter.is_exhausted() }).await.ok().unwrap());

        let waited_often = meter.measure(async {
            while !meter.is_exhausted() {
                tokio::task::yield_now().await;
            }
        });
        let waited_often = tokio::time::timeout(Duration::from_mins(1), waited_often).await;
        assert!(waited_often.is_ok(), "waits add up");
    }

    #[tokio::test]
    async fn a_panic_is_a_value() {
        let meter = meter(Duration::from_secs(1));
        let panicked = meter.measure(async { panic!("on purpose") }).await;
        assert!(panicked.is_err_and(|Panicked(said)| said.downcast_ref::<&str>() == Some(&"on purpose")));
    }
}
