//! The one place that configures wasmtime. The compiling child and the running host build their
//! engines here, so that what one compiles the other can load; only how instances are allocated,
//! which leaves the machine code alone, differs.

use std::hash::{Hash, Hasher};

use greenroom_core::Limits;
use sha2::{Digest, Sha256};
use wasmtime::{Config, Engine, PoolingAllocationConfig};

/// What host functions may use of a fiber's stack below the wasm frames: a call to another actor
/// or a read of the state is polled there, and unoptimised builds need far more than optimised.
const HOST_STACK_BYTES: usize = 1536 << 10;
/// Frames shown of a trap; the innermost ones tell what happened.
const BACKTRACE_FRAMES: usize = 16;

/// Address space of one linear memory: with all of 32 bits reserved and a guard behind it, compiled
/// code needs no bounds checks.
const MEMORY_RESERVATION_BYTES: u64 = 4 << 30;
const MEMORY_GUARD_BYTES: u64 = 32 << 20;
/// Half of what a process can address on the usual 47 bits, for all linear memories together.
const MEMORY_POOL_ADDRESS_BYTES: u64 = 64 << 40;

/// Linear memories of a sandbox for which the pool has room on average. Most languages make one;
/// Python and JavaScript components have two or three.
const MEMORIES_PER_SANDBOX: u32 = 3;
/// Likewise tables. Components made by linking shared libraries have one for each adapter.
const TABLES_PER_SANDBOX: u32 = 8;
/// Likewise core instances, which take no room of their own until they live.
const CORE_INSTANCES_PER_SANDBOX: u32 = 64;
/// Room for an instance's own bookkeeping. The largest seen, a Python interpreter's, needs a
/// quarter of it.
const INSTANCE_BYTES: usize = 4 << 20;

fn configuration(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // One turn at a time: nothing in a sandbox runs beside anything else, and a call costs a
        // microsecond less.
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_custom_page_sizes(false)
        .epoch_interruption(true)
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .memory_guard_size(MEMORY_GUARD_BYTES)
        .memory_init_cow(true)
        .max_wasm_stack(limits.sandbox_stack_bytes)
        .async_stack_size(limits.sandbox_stack_bytes + HOST_STACK_BYTES)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES));
    config
}

fn pool(limits: &Limits, sandboxes: usize) -> PoolingAllocationConfig {
    let sandboxes = u32::try_from(sandboxes).unwrap_or(u32::MAX);
    let memories_addressable = MEMORY_POOL_ADDRESS_BYTES / (MEMORY_RESERVATION_BYTES + MEMORY_GUARD_BYTES);
    let memories = u64::from(sandboxes.saturating_mul(MEMORIES_PER_SANDBOX)).min(memories_addressable);

    // A place keeps nothing of its last sandbox. Pages that are wiped for the next one instead of given back
    // save it some faults, but a sandbox that goes since memory is short must leave more room, not less.
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(sandboxes)
        .total_core_instances(sandboxes.saturating_mul(CORE_INSTANCES_PER_SANDBOX))
        .total_memories(memories as u32)
        .total_tables(sandboxes.saturating_mul(TABLES_PER_SANDBOX))
        .total_stacks(sandboxes)
        .max_component_instance_size(INSTANCE_BYTES)
        .max_core_instance_size(INSTANCE_BYTES)
        .max_memories_per_module(crate::structure::MEMORIES_MAX as u32)
        .max_tables_per_module(crate::structure::TABLES_MAX as u32)
        .max_memory_size(limits.sandbox_memory_bytes)
        .table_elements(limits.sandbox_table_elements);
    pool
}

/// The engine that compiles, and never runs anything.
pub(crate) fn compiling_engine(limits: &Limits) -> wasmtime::Result<Engine> {
    Engine::new(&configuration(limits))
}

/// The engine that runs, with everything that many sandboxes need set aside beforehand.
pub(crate) fn running_engine(limits: &Limits, sandboxes: usize) -> wasmtime::Result<Engine> {
    let mut config = configuration(limits);
    config.allocation_strategy(pool(limits, sandboxes));
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
        let compiling = compiling_engine(&Limits::default()).unwrap();
        let running = running_engine(&small, small.sandboxes).unwrap();
        assert_eq!(compatibility(&compiling), compatibility(&running));
        assert_eq!(compatibility(&running), compatibility(&running));
    }

    #[test]
    fn the_pool_of_the_default_limits_fits_the_address_space() {
        let limits = Limits::default();
        running_engine(&limits, limits.sandboxes).unwrap();
    }
}
