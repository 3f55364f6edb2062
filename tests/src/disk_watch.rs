//! When the disk stands still for everybody. A machine's disk may take seconds for a sync that it does in less than a
//! millisecond at other times, whoever asks; what a host's caller waits for then is no fault of the host.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// Between two syncs of a file that nobody else uses.
const PAUSE: Duration = Duration::from_millis(20);
/// A sync that takes longer is a standstill: many times what one takes.
const STANDSTILL: Duration = Duration::from_millis(25);

/// Syncs a file of its own again and again, beside the temporary folders of hosts, until it is told to stop.
pub struct DiskWatch {
    over: Arc<AtomicBool>,
    watching: JoinHandle<std::io::Result<Vec<Standstill>>>,
}

/// From when to when a sync took far too long.
#[derive(Clone, Copy, Debug)]
pub struct Standstill {
    from: Instant,
    to: Instant,
}

impl Standstill {
    /// Whether something from `from` to `to` met it.
    pub fn met(&self, from: Instant, to: Instant) -> bool {
        from < self.to && self.from < to
    }

    /// How long it was.
    pub fn length(&self) -> Duration {
        self.to - self.from
    }
}

impl DiskWatch {
    /// Begins.
    pub fn begin() -> anyhow::Result<Self> {
        let mut file = tempfile::tempfile().context("a file for the watch of the disk")?;
        let over = Arc::<AtomicBool>::default();
        let is_over = Arc::clone(&over);
        let watching = thread::spawn(move || {
            let mut met = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let from = Instant::now();
                file.write_all(&[0; 512])?;
                file.sync_data()?;
                let to = Instant::now();
                if to - from > STANDSTILL {
                    met.push(Standstill { from, to });
                }
                thread::sleep(PAUSE);
            }
            Ok(met)
        });
        Ok(DiskWatch { over, watching })
    }

    /// Ends, with all standstills in order.
    pub fn end(self) -> anyhow::Result<Vec<Standstill>> {
        self.over.store(true, Ordering::Relaxed);
        let met = self.watching.join().map_err(|_| anyhow::anyhow!("the watch of the disk panicked"))?;
        Ok(met?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_a_standstill_has_met_it() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let standstill = Standstill { from: at(10), to: at(20) };
        let met = |from, to| standstill.met(at(from), at(to));
        assert_eq!(
            [met(0, 10), met(0, 11), met(12, 15), met(19, 30), met(20, 30)],
            [false, true, true, true, false]
        );
        assert_eq!(standstill.length(), Duration::from_millis(10));
    }

    #[test]
    fn it_ends_when_it_is_told_to() {
        DiskWatch::begin().unwrap().end().unwrap();
    }
}
