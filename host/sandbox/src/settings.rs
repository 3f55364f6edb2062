//! The one place that configures wasmtime. The compiling child and the running host build their
//! engines here, so that what one compiles the other can load; only how instances are allocated,
//! which leaves the machine code alone, differs.

use std::hash::{Hash, Hasher};

use greenroom_core::Limits;
use rustix::param::page_size;
use sha2::{Digest, Sha256};
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig};

use crate::resources::{Amounts, Places};
use crate::structure::CORE_INSTANCES_MAX;

/// What host functions may use of a fiber's stack below the wasm frames: a call to another actor
/// or a read of the state is polled there, and unoptimised builds need far more than optimised.
const HOST_STACK_BYTES: usize = 1536 << 10;
/// Frames shown of a trap; the innermost ones tell what happened.
const BACKTRACE_FRAMES: usize = 16;

/// Half of what a process can address on the usual 47 bits, for all linear memories together.
const MEMORY_POOL_ADDRESS_BYTES: u64 = 64 << 40;
/// Linear memories for which that is enough.
pub(crate) const MEMORIES_ADDRESSABLE: usize =
    (MEMORY_POOL_ADDRESS_BYTES / (Reservation::FULL.bytes + Reservation::FULL.guard_bytes())) as usize;

/// Address space of one linear memory. Compiled code depends on it, so the compiling child and the running host have
/// the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) bytes: u64,
}

impl Reservation {
    /// With all of 32 bits reserved and a guard behind it, compiled code needs no bounds checks.
    pub(crate) const FULL: Self = Reservation { bytes: 4 << 30 };

    pub(crate) fn of(bytes: u64) -> Self {
        Reservation { bytes }
    }

    /// As little as a memory within the limits needs. Of few different sizes, so that a limit that changes a little
    /// leaves what was compiled as it is.
    pub(crate) fn smallest(limits: &Limits) -> Self {
        Reservation { bytes: (limits.sandbox_memory_bytes as u64).next_power_of_two().min(Self::FULL.bytes) }
    }

    /// Where code checks each access, only a small offset need not be checked besides.
    const fn guard_bytes(self) -> u64 {
        if self.bytes == Self::FULL.bytes { 32 << 20 } else { 64 << 10 }
    }
}

/// Room for an instance's own bookkeeping. The largest seen, a Python interpreter's, needs a
/// quarter of it.
const INSTANCE_BYTES: usize = 4 << 20;

/// How large an image of a memory may be whatever it holds; a larger one is made only when half of it is data. Where
/// data is further apart, each sandbox copies it.
const IMAGE_BYTES: u64 = 64 << 10;

/// What the place of a linear memory, of a table and of a stack keeps in memory between two sandboxes: what most
/// sandboxes write. Pages that are wiped instead of given back save the next sandbox its faults, and everybody the
/// interrupts of other processors. Who wrote more gives all of the rest back at once: were that gathered, what a few
/// large ones had would stay.
const MEMORY_KEPT_BYTES: usize = 64 << 10;
const TABLE_KEPT_BYTES: usize = 4 << 10;
const STACK_KEPT_BYTES: usize = 32 << 10;
/// All places together keep one part in so many of `memory_bytes`, or a little more.
const KEPT_PART: u64 = 6;

fn configuration(limits: &Limits, reservation: Reservation) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // One turn at a time: nothing in a sandbox runs beside anything else, and a call costs a
        // microsecond less.
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_custom_page_sizes(false)
        .epoch_interruption(true)
        .memory_reservation(reservation.bytes)
        .memory_guard_size(reservation.guard_bytes())
        .memory_init_cow(true)
        .memory_guaranteed_dense_image_size(IMAGE_BYTES)
        .max_wasm_stack(limits.sandbox_stack_bytes)
        .async_stack_size(limits.sandbox_stack_bytes + HOST_STACK_BYTES)
        // Else a place would keep for ever as much of its stack as the deepest recursion in it has used.
        .async_stack_zeroing(true)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES));
    config
}

fn pool(limits: &Limits, places: Places) -> PoolingAllocationConfig {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let Places { sandboxes, most: Amounts { memories, tables, .. } } = places;

    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(count(sandboxes))
        // They take no room of their own until they live, and each sandbox has its bound.
        .total_core_instances(count(sandboxes.saturating_mul(CORE_INSTANCES_MAX)))
        .total_memories(count(memories))
        .total_tables(count(tables))
        .total_stacks(count(sandboxes))
        .max_component_instance_size(INSTANCE_BYTES)
        .max_core_instance_size(INSTANCE_BYTES)
        .max_memories_per_module(crate::structure::MEMORIES_MAX as u32)
        .max_tables_per_module(crate::structure::TABLES_MAX as u32)
        .max_memory_size(limits.sandbox_memory_bytes)
        .table_elements(limits.sandbox_table_elements);
    let kept = Kept::of(limits.memory_bytes, sandboxes);
    pool.async_stack_keep_resident(kept.stack);
    // Without the kernel's help (before Linux 6.7, or where it is forbidden) each place would keep its first pages
    // whether they were written or not.
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(kept.memory)
            .table_keep_resident(kept.table);
    }
    pool
}

/// What places keep, in bytes.
#[derive(Debug, PartialEq)]
struct Kept {
    memory: usize,
    table: usize,
    stack: usize,
}

impl Kept {
    /// As much as there is room for when all places are in use: less each, in whole pages, where there are many.
    fn of(memory_bytes: u64, sandboxes: usize) -> Self {
        let all = MEMORY_KEPT_BYTES + TABLE_KEPT_BYTES + STACK_KEPT_BYTES;
        let room = usize::try_from(memory_bytes / KEPT_PART).unwrap_or(usize::MAX) / sandboxes.max(1);
        let part = |bytes: usize| (bytes * room.min(all) / all).next_multiple_of(page_size());
        Kept { memory: part(MEMORY_KEPT_BYTES), table: part(TABLE_KEPT_BYTES), stack: part(STACK_KEPT_BYTES) }
    }
}

/// The engine that compiles, and never runs anything.
pub(crate) fn compiling_engine(limits: &Limits, reservation: Reservation) -> wasmtime::Result<Engine> {
    Engine::new(&configuration(limits, reservation))
}

/// The engine that runs, with everything that many sandboxes need set aside beforehand.
pub(crate) fn running_engine(
    limits: &Limits,
    places: Places,
    reservation: Reservation,
) -> wasmtime::Result<Engine> {
    let mut config = configuration(limits, reservation);
    config.allocation_strategy(pool(limits, places));
    Engine::new(&config)
}

/// Names what compiled code depends on besides the component: the version and the settings of the
/// compiler, and the processor.
pub(crate) fn compatibility(engine: &Engine) -> [u8; 32] {
    let mut hasher = ShaHasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}

/// A `Hasher` whose value is the same in every process and every build.
struct ShaHasher(Sha256);

impl Hasher for ShaHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        u64::from_le_bytes([
            digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7],
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_child_compiles_the_host_can_load_whatever_the_limits() {
        let small = Limits {
            sandboxes: 2,
            sandbox_memory_bytes: 1 << 20,
            sandbox_stack_bytes: 64 << 10,
            ..Limits::default()
        };
        for reservation in [Reservation::FULL, Reservation::smallest(&small)] {
            let compiling = compiling_engine(&Limits::default(), Reservation::of(reservation.bytes)).unwrap();
            let running = running_engine(&small, Places::of(&small), reservation).unwrap();
            assert_eq!(compatibility(&compiling), compatibility(&running));
            assert_eq!(compatibility(&running), compatibility(&running));
        }
    }

    #[test]
    fn the_smallest_reservation_has_room_for_a_memory_within_its_limit() {
        let smallest = |sandbox_memory_bytes| {
            Reservation::smallest(&Limits { sandbox_memory_bytes, ..Limits::default() }).bytes
        };
        assert_eq!(smallest(128 << 20), 128 << 20);
        assert_eq!(smallest((128 << 20) + 1), 256 << 20);
        assert_eq!(smallest(4 << 30), Reservation::FULL.bytes);
    }

    #[test]
    fn places_keep_what_there_is_room_for() {
        let most = Kept { memory: MEMORY_KEPT_BYTES, table: TABLE_KEPT_BYTES, stack: STACK_KEPT_BYTES };
        assert_eq!(Kept::of(2 << 30, 100), most);
        for (memory_bytes, sandboxes) in [(2 << 30, 10_000), (256 << 20, 10_000), (0, 1), (u64::MAX, 0)] {
            let Kept { memory, table, stack } = Kept::of(memory_bytes, sandboxes);
            let (all, pages) = ((memory + table + stack) * sandboxes, 3 * page_size() * sandboxes);
            assert!(
                all as u64 <= memory_bytes / KEPT_PART + pages as u64,
                "{memory_bytes} {sandboxes} {all}"
            );
            assert!([memory, table, stack].iter().all(|kept| kept % page_size() == 0));
        }
    }

    #[test]
    fn the_pool_of_the_default_limits_fits_the_address_space() {
        let limits = Limits::default();
        running_engine(&limits, Places::of(&limits), Reservation::FULL).unwrap();
    }
}
