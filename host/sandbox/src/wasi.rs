//! The WASI 0.2 that guests get: clocks, randomness, their type's environment, and output that goes
//! to the actor's log. No arguments, no input, no files, no sockets, no name look-ups.
//!
//! The wall clock stands still within a turn and the monotonic one is coarse, so a guest can't time
//! its neighbours with them. The monotonic one must move, or a guest that sleeps never wakes.

use std::sync::Arc;
use std::time::Duration;

use greenroom_core::sandbox::{Environment, LogLevel, TurnHost};
use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx};

use crate::console::{Console, Output};

/// Handles (streams, pollables, descriptors) that a guest may hold. Real ones hold a few; one that
/// never drops them must not fill the host's memory.
const HANDLES_MAX: usize = 10_000;
/// Random bytes at once; the largest seeds are far smaller.
const RANDOM_BYTES_MAX: u64 = 64 << 10;
const CLOCK_RESOLUTION: Duration = Duration::from_millis(1);

/// The WASI of one sandbox.
pub(crate) struct Wasi {
    pub(crate) context: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) console: Arc<Console>,
}

impl Wasi {
    pub(crate) fn new(environment: &Environment, turn: Option<Arc<dyn TurnHost>>) -> Self {
        let console = Arc::new(Console::new(turn));
        let mut builder = WasiCtx::builder();
        builder
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(RANDOM_BYTES_MAX)
            .wall_clock(TurnClock(Arc::clone(&console)))
            .monotonic_clock(CoarseClock(Instant::now()))
            .stdout(Output::new(&console, LogLevel::Info))
            .stderr(Output::new(&console, LogLevel::Warn));
        for (name, value) in environment {
            builder.env(name, value);
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX);
        Wasi { context: builder.build(), table, console }
    }
}

struct TurnClock(Arc<Console>);

impl HostWallClock for TurnClock {
    fn resolution(&self) -> Duration {
        CLOCK_RESOLUTION
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.0.now().unix_ms())
    }
}

/// Time since the sandbox was made, on the clock that sleeping uses. Never zero: Go's runtime takes that
/// for a clock that does not work, and gives up before it runs any code of the guest.
struct CoarseClock(Instant);

impl HostMonotonicClock for CoarseClock {
    fn resolution(&self) -> u64 {
        CLOCK_RESOLUTION.as_nanos() as u64
    }

    fn now(&self) -> u64 {
        let resolution = self.resolution();
        (self.0.elapsed().as_nanos() as u64 / resolution + 1) * resolution
    }
}
