//! Threads that sweep through memory at a low priority, as many as there are processors, until they are let go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, available_parallelism};

/// The priority of the host's long turns.
const NICENESS: i32 = 5;
/// Through how much each of them sweeps: more than caches have.
const BYTES: usize = 56 << 20;

/// See the [module](self).
pub struct Sweep {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Sweep {
    /// Starts them.
    pub fn begin() -> Self {
        let over = Arc::<AtomicBool>::default();
        let count = available_parallelism().map_or(1, usize::from);
        let threads = (0..count).map(|_| {
            let over = Arc::clone(&over);
            std::thread::spawn(move || sweep(&over))
        });
        Sweep { threads: threads.collect(), over }
    }
}

fn sweep(over: &AtomicBool) {
    rustix::process::setpriority_process(None, NICENESS).expect("a thread may lower its own priority");
    let mut memory = vec![0_u8; BYTES];
    let mut value = 0_u8;
    while !over.load(Ordering::Relaxed) {
        value = value.wrapping_add(1);
        std::hint::black_box(&mut memory).fill(value);
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("a thread that sweeps does not panic");
        }
    }
}
