//! Load of the test's own, until it is let go: what guests may do to a machine, done by somebody else.

use std::io::{Seek as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, available_parallelism};

/// The priority of the host's long turns.
const NICENESS: i32 = 5;
/// Through how much memory a thread sweeps: more than caches have.
const SWEPT_BYTES: usize = 56 << 20;

/// See the [module](self).
pub struct Load {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Threads that sweep through memory at a low priority, as many as there are processors.
    pub fn of_memory() -> Self {
        Self::of(available_parallelism().map_or(1, usize::from), sweep)
    }

    /// A thread that writes so many bytes to the disk and syncs them, again and again.
    pub fn of_disk(bytes: usize) -> Self {
        Self::of(1, move |over| write(over, bytes))
    }

    fn of(threads: usize, load: impl Fn(&AtomicBool) + Copy + Send + 'static) -> Self {
        let over = Arc::<AtomicBool>::default();
        let threads = (0..threads).map(|_| {
            let over = Arc::clone(&over);
            std::thread::spawn(move || load(&over))
        });
        Load { threads: threads.collect(), over }
    }
}

fn write(over: &AtomicBool, bytes: usize) {
    let mut file = tempfile::tempfile().expect("a file beside those of hosts");
    let data = vec![1; bytes];
    while !over.load(Ordering::Relaxed) {
        file.rewind().and_then(|()| file.write_all(&data)).and_then(|()| file.sync_data()).expect("a write");
    }
}

fn sweep(over: &AtomicBool) {
    rustix::process::setpriority_process(None, NICENESS).expect("a thread may lower its own priority");
    let mut memory = vec![0_u8; SWEPT_BYTES];
    let mut value = 0_u8;
    while !over.load(Ordering::Relaxed) {
        value = value.wrapping_add(1);
        std::hint::black_box(&mut memory).fill(value);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("a thread of the load does not panic");
        }
    }
}
