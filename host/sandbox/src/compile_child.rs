//! The child process that checks and compiles: the only place where an upload meets the validator and the
//! compiler. It limits itself before it reads a byte, knows neither a file nor a key, and answers with machine code
//! on stdout or a reason on stderr.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use greenroom_core::Limits;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, set_dumpable_behavior, set_parent_process_death_signal,
    setrlimit,
};

use crate::check::check;
use crate::compile::check_code;
use crate::settings::compiling_engine;

/// The child ends with this when the component is refused; the reason is on stderr.
pub(crate) const EXIT_REFUSED: u8 = 2;
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
}

impl Bounds {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let values =
            [self.memory_bytes, self.cpu_seconds, self.sandbox_memory_bytes, self.sandbox_table_elements];
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
    /// beyond its bound kills it.
    fn apply(&self) -> io::Result<()> {
        let exactly = |value| Rlimit { current: Some(value), maximum: Some(value) };
        // Being the first to go is a courtesy too. What is not dumpable may no longer ask for it.
        let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
        set_parent_process_death_signal(Some(Signal::KILL))?;
        setrlimit(Resource::As, exactly(self.memory_bytes))?;
        setrlimit(
            Resource::Cpu,
            Rlimit { current: Some(self.cpu_seconds), maximum: Some(self.cpu_seconds + 1) },
        )?;
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
        Err(Failure::Io(error)) => {
            eprint!("the compiling process failed: {error}");
            ExitCode::FAILURE
        }
    }
}

enum Failure {
    Refused(String),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}

fn compile() -> Result<(), Failure> {
    let mut input = io::stdin().lock();
    let bounds = Bounds::read(&mut input)?;
    bounds.apply()?;

    let mut component = Vec::new();
    input.read_to_end(&mut component)?;
    let engine = compiling_engine(&Limits::default()).map_err(io::Error::other)?;
    check(&component, engine.get_wasm_features(), &bounds.limits()).map_err(Failure::Refused)?;
    let code = engine
        .precompile_component(&component)
        .map_err(|error| Failure::Refused(format!("the compiler refuses the component: {error:#}")))?;
    check_code(component.len(), code.len()).map_err(Failure::Refused)?;
    let mut output = io::stdout().lock();
    output.write_all(&code)?;
    output.flush()?;
    Ok(())
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
        };
        assert_eq!(Bounds::read(bounds.to_bytes().as_slice()).unwrap(), bounds);
    }
}
