//! Checks and compiles components in child processes, a few at a time, each with bounded memory, processor
//! time, wall-clock time and output. Whatever a component does to the validator or the compiler, it does to a
//! child that is then gone.
//!
//! A component is refused for what it is, or for a bound that it has really passed. What the host lacked, be it
//! memory, descriptors, processes or time, is the host's fault.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use greenroom_core::Limits;
use greenroom_core::sandbox::PrepareError;
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::compile_child::{Bounds, EXIT_LACKING, EXIT_REFUSED};
use crate::compile_memory::{NoMemory, SIGABRT};
use crate::settings::Reservation;

/// Bytes of code for each of a component's own: compilers' output needs three to eight.
const CODE_PER_BYTE: u64 = 32;
/// Code that a component may have however small it is.
const CODE_BYTES_MIN: u64 = 1 << 20;
/// Threads of one compilation: more bring little, and each takes address space.
const THREADS_MAX: usize = 8;
/// What is kept of a child's last words.
const REASON_BYTES_MAX: u64 = 32 << 10;

/// How components are compiled, and what is kept of it.
#[derive(Clone, Debug)]
pub struct CompileSettings {
    /// The program that compiles: one whose `arguments` make it call
    /// [`compile_component_child`](crate::compile_component_child).
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Components checked and compiled at a time.
    pub concurrency: usize,
    /// Address space of one compilation.
    pub memory_bytes: u64,
    /// Processor time of one compilation, over all its threads.
    pub cpu: Duration,
    /// How long one compilation may take, however little of the processors it gets.
    pub timeout: Duration,
    /// Compiled code kept on disk; what was not used for longest goes first.
    pub cache_bytes: u64,
}

impl CompileSettings {
    /// Compiles with this very program, called with `arguments`.
    pub fn with_own_program(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        CompileSettings {
            // The program that runs, even after its file has been replaced by a newer one.
            program: PathBuf::from("/proc/self/exe"),
            arguments: arguments.into_iter().map(Into::into).collect(),
            concurrency: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: 4 << 30,
            cpu: Duration::from_mins(2),
            timeout: Duration::from_mins(15),
            cache_bytes: 2 << 30,
        }
    }
}

/// How much code a component of so many bytes may have.
fn code_bytes_max(component_bytes: usize) -> u64 {
    CODE_BYTES_MIN + CODE_PER_BYTE * component_bytes as u64
}

/// Checks how much code a component came to.
///
/// # Errors
/// It is too much; the text is for whoever uploaded it.
pub(crate) fn check_code(component_bytes: usize, code_bytes: usize) -> Result<(), String> {
    let bound = code_bytes_max(component_bytes);
    if code_bytes as u64 > bound {
        return Err(format!(
            "the component of {component_bytes} bytes becomes {code_bytes} bytes of code and data, more than {bound} \
             ({CODE_PER_BYTE} for each of its own, CODE_PER_BYTE, and {CODE_BYTES_MIN})"
        ));
    }
    Ok(())
}

/// Checks a component against `limits` and compiles it, for memories with that reservation.
///
/// Cancel safe: a dropped compilation's child is killed.
pub(crate) async fn compile(
    settings: &CompileSettings,
    limits: &Limits,
    reservation: Reservation,
    component: Bytes,
) -> Result<Vec<u8>, PrepareError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let bounds = Bounds {
        memory_bytes: settings.memory_bytes,
        cpu_seconds: settings.cpu.as_secs().max(1),
        sandbox_memory_bytes: limits.sandbox_memory_bytes as u64,
        sandbox_table_elements: limits.sandbox_table_elements as u64,
        reservation_bytes: reservation.bytes,
        threads: threads as u64,
    };
    let mut child = Command::new(&settings.program)
        .args(&settings.arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // What a terminal says to the host, to end after the turns under way, is not for the children of those.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| lacking(&format!("it can't be started: {error}")))?;
    match timeout(settings.timeout, converse(&mut child, &bounds, &component)).await {
        Ok(Ok((status, code, reason))) => outcome(settings, status, code, &reason),
        Ok(Err(error)) => Err(lacking(&format!("it can't be talked to: {error}"))),
        Err(_) => Err(lacking(&format!(
            "the host is too busy: after {:?} (compile.timeout) it was not done, though it had less processor time than \
             {:?} (compile.cpu); if there is never more, raise the former",
            settings.timeout, settings.cpu
        ))),
    }
}

async fn converse(
    child: &mut Child,
    bounds: &Bounds,
    component: &[u8],
) -> io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let send = async {
        // A child that dies before it has read everything tells why by how it ends.
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(&bounds.to_bytes()).await;
            let _ = stdin.write_all(component).await;
        }
    };
    let ((), code, reason) =
        tokio::join!(send, read(stdout, code_bytes_max(component.len())), read(stderr, REASON_BYTES_MAX));
    let (code, reason) = (code?, reason?);
    Ok((child.wait().await?, code, reason))
}

async fn read(from: Option<impl AsyncRead + Unpin>, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // Closing the pipe at the bound ends a child that has more to say.
        from.take(bytes_max).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

fn outcome(
    settings: &CompileSettings,
    status: ExitStatus,
    code: Vec<u8>,
    reason: &[u8],
) -> Result<Vec<u8>, PrepareError> {
    const REFUSED: i32 = EXIT_REFUSED as i32;
    const LACKING: i32 = EXIT_LACKING as i32;
    const PANICKED: i32 = 101;
    const SIGKILL: i32 = 9;
    const SIGSEGV: i32 = 11;
    const SIGXCPU: i32 = 24;

    let reason = String::from_utf8_lossy(reason);
    match (status.code(), status.signal()) {
        (Some(0), _) if !code.is_empty() => Ok(code),
        (Some(REFUSED), _) => Err(PrepareError::Rejected(reason.into_owned())),
        (Some(LACKING), _) => Err(lacking(&reason)),
        (_, Some(SIGXCPU))
            if getrlimit(Resource::Cpu).maximum.is_some_and(|own| own < settings.cpu.as_secs()) =>
        {
            Err(lacking("the host may have less processor time itself (`ulimit -t`) than compile.cpu allows"))
        }
        (_, Some(SIGXCPU)) => Err(too_expensive(&format!(
            "it took more processor time than {:?}; make it smaller, or raise compile.cpu (GREENROOM_COMPILE_CPU) of \
             the host",
            settings.cpu
        ))),
        (_, Some(SIGABRT)) => Err(aborted(settings, &reason)),
        (Some(PANICKED), _) | (_, Some(SIGSEGV)) => Err(crashed(&reason)),
        (_, Some(SIGKILL)) => Err(lacking(
            "it was killed (SIGKILL), which the kernel does when the machine or the host's cgroup is short of memory, \
             or an operator",
        )),
        (_, Some(signal)) => {
            Err(lacking(&format!("it was ended by signal {signal}, which it did not raise itself")))
        }
        _ => Err(PrepareError::Failed(format!("the compiling process ended with {status}: {reason}"))),
    }
}

/// What an end by its own hand means.
fn aborted(settings: &CompileSettings, last_words: &str) -> PrepareError {
    let bound = settings.memory_bytes;
    match NoMemory::of(last_words) {
        Some(no_memory) if no_memory.is_by(bound) => too_expensive(&format!(
            "it took more than {bound} bytes of memory; make it smaller, or raise compile.memory_bytes \
             (GREENROOM_COMPILE_MEMORY_BYTES) of the host"
        )),
        Some(NoMemory { had, wanted }) => lacking(&format!(
            "the system refused it {wanted} bytes of memory when it had {had}, though it may have {bound} \
             (compile.memory_bytes)"
        )),
        None if last_words.contains("overflowed its stack") => {
            too_expensive("the compiler recursed too deep")
        }
        None => crashed(last_words),
    }
}

fn crashed(last_words: &str) -> PrepareError {
    tracing::error!(reason = last_words, "the compiler crashed on a component");
    PrepareError::Rejected("the compiler failed on this component".into())
}

fn too_expensive(why: &str) -> PrepareError {
    PrepareError::Rejected(format!("the component is too expensive to compile: {why}"))
}

fn lacking(why: &str) -> PrepareError {
    PrepareError::Lacking(format!(
        "the process that checks and compiles had no success, by no fault of the component: {why}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: ExitStatus, reason: &str) -> Result<Vec<u8>, PrepareError> {
        outcome(&CompileSettings::with_own_program([""; 0]), status, Vec::new(), reason.as_bytes())
    }

    #[test]
    fn who_is_to_blame_shows_in_how_the_child_ends() {
        let signal = |signal| ExitStatus::from_raw(signal);
        let exit = |code| ExitStatus::from_raw(code << 8);
        let no_memory = |had: u64| {
            let pages = had / rustix::param::page_size() as u64;
            format!("memory allocation of 100 bytes failed\nit had {pages} 1 1\n")
        };
        for (status, reason, says) in [
            (exit(2), "no actor".to_owned(), "no actor"),
            (signal(24), String::new(), "compile.cpu"),
            (signal(6), no_memory(4 << 30), "compile.memory_bytes"),
            (signal(6), "thread 'main' has overflowed its stack".to_owned(), "too deep"),
            (signal(6), "assertion".to_owned(), "failed on this component"),
            (exit(101), "panicked".to_owned(), "failed on this component"),
        ] {
            let outcome = ended(status, &reason);
            assert!(
                matches!(&outcome, Err(PrepareError::Rejected(why)) if why.contains(says)),
                "{outcome:?}"
            );
        }
        for (status, reason, says) in [
            (exit(3), "Too many open files".to_owned(), "Too many open files"),
            (signal(9), String::new(), "SIGKILL"),
            (signal(15), String::new(), "signal 15"),
            (signal(6), no_memory(1 << 30), "the system refused it"),
        ] {
            let outcome = ended(status, &reason);
            assert!(matches!(&outcome, Err(PrepareError::Lacking(why)) if why.contains(says)), "{outcome:?}");
        }
        for status in [exit(0), exit(1)] {
            assert!(matches!(ended(status, ""), Err(PrepareError::Failed(_))));
        }
    }

    #[test]
    fn code_has_a_bound_made_of_the_components_size() {
        for (component_bytes, most) in
            [(0, 1 << 20), (1_000, (1 << 20) + 32_000), (64 << 20, (1 << 20) + (2 << 30))]
        {
            assert_eq!(check_code(component_bytes, most), Ok(()));
            let refusal = check_code(component_bytes, most + 1).unwrap_err();
            assert!(refusal.contains("CODE_PER_BYTE") && refusal.contains(&most.to_string()), "{refusal}");
        }
    }
}
