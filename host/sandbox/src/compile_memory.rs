//! Tells whether a compiling child that found no memory has passed its own bound, or was refused memory that its
//! bound allows: the first is the component's doing, the second the host's lack.
//!
//! A process that finds no memory says how much it wanted and aborts. What it had by then nobody can see any more
//! when it is gone, so it says that too while it aborts. Both stand in its last words.

use std::alloc::{Layout, handle_alloc_error};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use rustix::param::page_size;

pub(crate) const SIGABRT: i32 = 6;
/// What the standard library says before the number of bytes.
const WANTED: &str = "memory allocation of ";
/// What the child says before what the kernel tells of its memory, in pages: first its address space.
const HAD: &str = "it had ";
/// What an allocator may want at once for a request that is smaller.
const ALLOCATED_AT_ONCE: u64 = 128 << 20;

/// From now on this process says what memory it has when it aborts.
pub(crate) fn tell_when_aborted() -> io::Result<()> {
    let statm = File::open("/proc/self/statm")?;
    let tell = move || {
        let mut had = [0; 256];
        let length = statm.read_at(&mut had, 0).unwrap_or(0);
        let _ = rustix::io::write(io::stderr(), HAD.as_bytes());
        let _ = rustix::io::write(io::stderr(), &had[..length]);
    };
    // SAFETY: a signal's handler may not allocate or lock; this one reads into its stack and writes from there.
    #[allow(unsafe_code)]
    unsafe {
        signal_hook_registry::register(SIGABRT, tell)?;
    }
    // Where the compiler can't hand such an error on, it panics with it.
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        if panic.payload_as_str().is_some_and(|text| text.contains("out-of-memory")) {
            ended_without(1);
        }
    }));
    Ok(())
}

/// Ends this process as one that found no memory for so many bytes.
pub(crate) fn ended_without(bytes: usize) -> ! {
    handle_alloc_error(Layout::array::<u8>(bytes).unwrap_or(Layout::new::<u8>()))
}

/// What the last words of an aborted child say of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoMemory {
    /// What it had, in bytes of address space.
    pub(crate) had: u64,
    /// What it wanted besides.
    pub(crate) wanted: u64,
}

impl NoMemory {
    /// `None` when it was not memory that it lacked.
    pub(crate) fn of(last_words: &str) -> Option<Self> {
        let after = |words: &str| {
            let number = last_words.split_once(words)?.1.split(|c: char| !c.is_ascii_digit()).next()?;
            number.parse::<u64>().ok()
        };
        Some(NoMemory { had: after(HAD)?.saturating_mul(page_size() as u64), wanted: after(WANTED)? })
    }

    /// Whether the bound was what it lacked memory by.
    pub(crate) fn is_by(self, bound: u64) -> bool {
        self.had.saturating_add(self.wanted).saturating_add(ALLOCATED_AT_ONCE) > bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn last_words_say_what_was_there_and_what_was_wanted() {
        let pages = GIB / page_size() as u64;
        let words = format!("memory allocation of 512 bytes failed\nit had {pages} 300 100 1 0 2 0\n");
        assert_eq!(NoMemory::of(&words), Some(NoMemory { had: GIB, wanted: 512 }));
        for others in
            ["", "it had 12 300", "memory allocation of 512 bytes failed", "memory allocation of it had "]
        {
            assert_eq!(NoMemory::of(others), None, "{others}");
        }
    }

    #[test]
    fn only_who_comes_to_the_bound_has_passed_it() {
        let is_by = |had, wanted| NoMemory { had, wanted }.is_by(4 * GIB);
        assert!(is_by(4 * GIB - 4_096, 8_192) && is_by(4 * GIB - (64 << 20), 64) && is_by(0, u64::MAX));
        assert!(!is_by(2 * GIB, GIB) && !is_by(0, 0));
    }
}
