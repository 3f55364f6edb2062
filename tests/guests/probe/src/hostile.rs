//! What no guest should do.

use std::hint::black_box;

/// Never returns.
pub(crate) fn spin() -> ! {
    loop {
        black_box(0);
    }
}

/// Computes for a while: about so many million rounds.
pub(crate) fn work(million_rounds: u64) -> u64 {
    let mut sum = 0_u64;
    for round in 0..million_rounds * 1_000_000 {
        sum = black_box(sum.wrapping_add(round));
    }
    sum
}

/// Runs out of stack: Ackermann's function, which no compiler makes a loop of, and whose frames are
/// all on the stack of the engine.
pub(crate) fn recurse(m: u64, n: u64) -> u64 {
    match (m, n) {
        (0, n) => n + 1,
        (m, 0) => recurse(m - 1, 1),
        (m, n) => recurse(m - 1, recurse(m, n - 1)),
    }
}

/// Runs out of the stack that Rust keeps in linear memory.
pub(crate) fn recurse_in_memory(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if frame[0] == u64::MAX { 0 } else { black_box(recurse_in_memory(depth + 1)) + frame[1] }
}

/// Takes memory, and touches it, until there is no more.
pub(crate) fn memory_bomb() -> ! {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        taken.push(black_box(vec![1; 1 << 20]));
    }
}

/// Crashes.
#[allow(clippy::panic)] // it is what was asked for
pub(crate) fn trap() -> ! {
    panic!("the probe was asked to trap")
}
