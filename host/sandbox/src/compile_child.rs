//! The child process that checks and compiles: the only place where an upload meets the validator and the
//! compiler. It limits itself before it reads a byte, knows neither a file nor a key, and answers with machine code
//! on stdout or a reason on stderr. How it ends says whose fault that is: the component's, or the host's, which
//! lacked something.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use greenroom_core::Limits;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getrlimit, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};

use crate::check::check;
use crate::compile::check_code;
use crate::compile_memory;
use crate::settings::{Reservation, compiling_engine};

/// The child ends with this when the component is refused; the reason is on stderr.
pub(crate) const EXIT_REFUSED: u8 = 2;
/// The child ends with this when the host lacks what it needs; the reason is on stderr.
pub(crate) const EXIT_LACKING: u8 = 3;
/// Others come first.
const NICENESS: i32 = 10;
/// When memory is short, the kernel ends this process before any other.
const OOM_SCORE: &str = "1000";

/// What the parent sends before the component's bytes.
#[derive(Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) memory_bytes: u64,
    pub(crate) cpu_seconds: u64,
    /// What a component may not need more of to start.
    pub(crate) sandbox_memory_bytes: u64,
    pub(crate) sandbox_table_elements: u64,
    /// What the running host sets aside for each linear memory, on which code depends.
    pub(crate) reservation_bytes: u64,
    pub(crate) threads: u64,
}

impl Bounds {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let values = [
            self.memory_bytes,
            self.cpu_seconds,
            self.sandbox_memory_bytes,
            self.sandbox_table_elements,
            self.reservation_bytes,
            self.threads,
        ];
        values.map(u64::to_le_bytes).concat()
    }

    fn read(mut from: impl io::Read) -> io::Result<Self> {
        let mut value = || {
            let mut bytes = [0; 8];
            from.read_exact(&mut bytes).map(|()| u64::from_le_bytes(bytes))
        };
        Ok(Bounds {
            memory_bytes: value()?,
            cpu_seconds: value()?,
            sandbox_memory_bytes: value()?,
            sandbox_table_elements: value()?,
            reservation_bytes: value()?,
            threads: value()?,
        })
    }

    fn limits(&self) -> Limits {
        Limits {
            sandbox_memory_bytes: self.sandbox_memory_bytes as usize,
            sandbox_table_elements: self.sandbox_table_elements as usize,
            ..Limits::default()
        }
    }

    /// Applies to this process from now on. Memory beyond its bound aborts it, and processor time
    /// beyond its bound ends it by a signal of its own. A bound that the host itself has counts where it is lower.
    fn apply(&self) -> io::Result<()> {
        let exactly = |value| Rlimit { current: Some(value), maximum: Some(value) };
        let at_most = |resource, value: u64| getrlimit(resource).maximum.map_or(value, |own| own.min(value));
        // Being the first to go is a courtesy too. What is not dumpable may no longer ask for it.
        let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
        set_parent_process_death_signal(Some(Signal::KILL))?;
        setrlimit(Resource::As, exactly(at_most(Resource::As, self.memory_bytes)))?;
        // Where both are the same, the kernel kills, which looks like somebody else's doing.
        let cpu_seconds = Rlimit {
            current: Some(at_most(Resource::Cpu, self.cpu_seconds)),
            maximum: Some(at_most(Resource::Cpu, self.cpu_seconds.saturating_add(1))),
        };
        setrlimit(Resource::Cpu, cpu_seconds)?;
        setrlimit(Resource::Core, exactly(0))?;
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        // Being nice is a courtesy; a host that may not be is no worse off.
        let _ = rustix::process::nice(NICENESS);
        Ok(())
    }
}

/// The whole of the child: what a host's hidden subcommand calls, with nothing done before it.
///
/// Reads the parent's bounds and a component from stdin, and writes its machine code to stdout.
#[must_use]
pub fn compile_component_child() -> ExitCode {
    match compile() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Refused(reason)) => {
            eprint!("{reason}");
            ExitCode::from(EXIT_REFUSED)
        }
        Err(Failure::Lacking(reason)) => {
            eprint!("{reason}");
            ExitCode::from(EXIT_LACKING)
        }
    }
}

enum Failure {
    /// By a check or a bound that the component has not passed.
    Refused(String),
    /// By the host, whatever the component.
    Lacking(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Lacking(error.to_string())
    }
}

fn compile() -> Result<(), Failure> {
    let mut input = io::stdin().lock();
    let bounds = Bounds::read(&mut input)?;
    compile_memory::tell_when_aborted()?;
    bounds.apply()?;
    // The compiler's own attempt would panic, as if the component were to blame.
    rayon::ThreadPoolBuilder::new()
        .num_threads(bounds.threads as usize)
        .build_global()
        .map_err(|error| Failure::Lacking(format!("it can't start threads: {error}")))?;

    let mut component = Vec::new();
    input.read_to_end(&mut component)?;
    let reservation = Reservation::of(bounds.reservation_bytes);
    let engine = compiling_engine(&Limits::default(), reservation).map_err(io::Error::other)?;
    check(&component, engine.get_wasm_features(), &bounds.limits()).map_err(Failure::Refused)?;
    let code = engine.precompile_component(&component).map_err(|error| refused(&error))?;
    check_code(component.len(), code.len()).map_err(Failure::Refused)?;
    let mut output = io::stdout().lock();
    output.write_all(&code)?;
    output.flush()?;
    Ok(())
}

/// What the compiler says, unless it had no memory: then this process ends as anywhere else without.
fn refused(error: &wasmtime::Error) -> Failure {
    if let Some(short) = error.downcast_ref::<wasmtime::OutOfMemory>() {
        compile_memory::ended_without(short.requested_allocation_size());
    }
    Failure::Refused(format!("the compiler refuses the component: {error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_survive_the_pipe() {
        let bounds = Bounds {
            memory_bytes: u64::MAX - 1,
            cpu_seconds: 12_345,
            sandbox_memory_bytes: 4 << 20,
            sandbox_table_elements: 7,
            reservation_bytes: 128 << 20,
            threads: 3,
        };
        assert_eq!(Bounds::read(bounds.to_bytes().as_slice()).unwrap(), bounds);
    }
}
