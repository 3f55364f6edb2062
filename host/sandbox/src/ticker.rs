//! Advances an engine's epoch, so that guests that compute yield and their time is checked. One thread
//! for each engine, which rests while no guest does anything, and ends once the engine is gone.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// How exactly guests' time is checked, and how far a turn can pass its limit.
const TICK: Duration = Duration::from_millis(1);
/// Ticks until a guest is asked for the first time how long it has computed.
pub(crate) const SHORT_SLICE_TICKS: u64 = 2;
/// How long a guest may compute on the threads that serve everybody. What has not ended by then goes
/// where long turns do.
pub(crate) const SHORT_SLICE: Duration = Duration::from_millis(1);
/// Ticks for which a long turn keeps its thread at a stretch.
pub(crate) const LONG_SLICE_TICKS: u64 = 10;
/// Ticks without any guest at work after which the thread rests.
const REST_AFTER_TICKS: u32 = 100;

/// The thread that ticks, as guests see it. It ends when nobody has this any more.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    /// Whether a guest was at work since the last tick.
    wanted: AtomicBool,
    resting: AtomicBool,
    over: AtomicBool,
}

impl Ticker {
    /// Starts ticking. A tick costs nothing but the wake-up of this thread.
    pub(crate) fn start(engine: &Engine) -> io::Result<Self> {
        let (shared, engine) = (Arc::<Shared>::default(), engine.clone());
        let ticking = Arc::clone(&shared);
        let thread =
            thread::Builder::new().name("epoch-ticker".into()).spawn(move || ticking.tick(&engine))?;
        Ok(Ticker { shared, thread: thread.thread().clone() })
    }

    /// Notes that a guest is at work: it will be interrupted. Costs a look at memory that hardly ever changes.
    pub(crate) fn keep_ticking(&self) {
        if self.shared.wanted.load(Ordering::SeqCst) {
            return;
        }
        self.shared.wanted.store(true, Ordering::SeqCst);
        // The thread says that it rests, then looks whether it is wanted: one of both sees the other.
        if self.shared.resting.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Shared {
    fn tick(&self, engine: &Engine) {
        let mut idle_ticks = 0;
        while !self.over.load(Ordering::SeqCst) {
            if self.wanted.swap(false, Ordering::SeqCst) {
                idle_ticks = 0;
            } else {
                idle_ticks += 1;
            }
            if idle_ticks > REST_AFTER_TICKS {
                self.rest();
            }
            thread::sleep(TICK);
            engine.increment_epoch();
        }
    }

    /// Rests until a guest is at work.
    fn rest(&self) {
        self.resting.store(true, Ordering::SeqCst);
        while !self.wanted.load(Ordering::SeqCst) && !self.over.load(Ordering::SeqCst) {
            thread::park();
        }
        self.resting.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !is_so() {
            assert!(Instant::now() < deadline, "{what}");
            thread::sleep(TICK);
        }
    }

    #[test]
    fn it_rests_while_no_guest_is_at_work_and_goes_on_with_the_next() {
        let ticker = Ticker::start(&Engine::default()).unwrap();
        let rests = || ticker.shared.resting.load(Ordering::SeqCst);
        for _ in 0..3 {
            eventually("it rests", rests);
            ticker.keep_ticking();
            eventually("it ticks", || !rests());
        }
        let shared = Arc::downgrade(&ticker.shared);
        drop(ticker);
        eventually("it ends", || shared.strong_count() == 0);
    }
}
