//! The child process that compiles: the only place where an upload meets the compiler. It limits
//! itself before it reads a byte, knows neither a file nor a key, and answers with machine code on
//! stdout or a reason on stderr.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use greenroom_core::Limits;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// The child ends with this when the compiler refuses the component; the reason is on stderr.
pub(crate) const EXIT_REFUSED: u8 = 2;
/// Others come first.
const NICENESS: i32 = 10;

/// What the parent sends before the component's bytes.
pub(crate) struct Bounds {
    pub(crate) memory_bytes: u64,
    pub(crate) cpu_seconds: u64,
}

impl Bounds {
    const BYTES: usize = 16;

    pub(crate) fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.memory_bytes.to_le_bytes());
        bytes[8..].copy_from_slice(&self.cpu_seconds.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let value = u128::from_le_bytes(bytes);
        Bounds { memory_bytes: value as u64, cpu_seconds: (value >> 64) as u64 }
    }

    /// Applies to this process from now on. Memory beyond its bound aborts it, and processor time
    /// beyond its bound kills it.
    fn apply(&self) -> io::Result<()> {
        let exactly = |value| Rlimit { current: Some(value), maximum: Some(value) };
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
    let mut bounds = [0; Bounds::BYTES];
    input.read_exact(&mut bounds)?;
    Bounds::from_bytes(bounds).apply()?;

    let mut component = Vec::new();
    input.read_to_end(&mut component)?;
    let engine = crate::settings::compiling_engine(&Limits::default()).map_err(io::Error::other)?;
    let code = engine
        .precompile_component(&component)
        .map_err(|error| Failure::Refused(format!("the compiler refuses the component: {error:#}")))?;
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
        let bounds =
            Bounds::from_bytes(Bounds { memory_bytes: u64::MAX - 1, cpu_seconds: 12_345 }.to_bytes());
        assert_eq!((bounds.memory_bytes, bounds.cpu_seconds), (u64::MAX - 1, 12_345));
    }
}
