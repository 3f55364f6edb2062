//! From what wasmtime says to what the rest of the host, and in the end a client, is told: which
//! limit and its value, or the trap with the guest's own stack. Nothing of the host shows.

use std::fmt::Write as _;

use greenroom_core::sandbox::{PrepareError, Trap};
use greenroom_core::{Code, Error, Limits};
use wasmtime::{PoolConcurrencyLimitError, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::limiter::Refused;
use crate::structure::CORE_INSTANCES_MAX;
use crate::typed::room::VALUES_MAX;

/// Longest function name shown in a stack.
const FRAME_CHARS_MAX: usize = 120;
/// Longest reason shown.
const REASON_CHARS_MAX: usize = 400;

/// Why the host stops a guest in the middle of its code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// A host function gave the turn up.
    #[error("{0}")]
    Turn(Error),
    /// The processor time is used up.
    #[error("out of processor time")]
    CpuLimit,
    /// The guest asks for something of a turn while it is in none.
    #[error("a host function was called outside of a turn")]
    NoTurn,
}

/// A host function's error, as what stops the guest.
pub(crate) fn gave_up(error: Error) -> Stop {
    Stop::Turn(error)
}

/// Says why a guest stopped. `refused` is what the limiter refused it since the turn began.
pub(crate) fn trap_of(error: &wasmtime::Error, refused: Option<&Refused>, limits: &Limits) -> Trap {
    match error.downcast_ref::<Stop>() {
        Some(Stop::Turn(error)) => return Trap::Host(error.clone()),
        Some(Stop::CpuLimit) => {
            let limit = humane(limits.turn_cpu);
            return Trap::CpuLimit(format!("used up turn_cpu ({limit}){}", stack_of(error)));
        }
        Some(Stop::NoTurn) | None => {}
    }
    if error.is::<PoolConcurrencyLimitError>() || is_out_of_memory(error) {
        return Trap::NoRoom;
    }
    if error.downcast_ref() == Some(&wasmtime::Trap::StackOverflow) {
        let limit = limits.sandbox_stack_bytes;
        return Trap::StackOverflow(format!(
            "recursed beyond sandbox_stack_bytes ({limit} bytes){}",
            stack_of(error)
        ));
    }
    let reason = reason_of(error, limits);
    let detail = format!("{reason}{}", stack_of(error));
    match refused {
        Some(Refused::Memory(limit)) => Trap::MemoryLimit(format!(
            "needs more memory than sandbox_memory_bytes ({limit} bytes) allows: {detail}"
        )),
        Some(Refused::Table(limit)) => Trap::MemoryLimit(format!(
            "needs a larger table than sandbox_table_elements ({limit}) allows: {detail}"
        )),
        Some(Refused::Shared(error)) => {
            Trap::Host(Error::new(error.code, format!("{}: {detail}", error.detail)))
        }
        None => Trap::Crashed(detail),
    }
}

/// What a host function's panic becomes. What it said goes to the log, not to a client.
pub(crate) fn host_panicked(said: &(dyn std::any::Any + Send)) -> Trap {
    let said = said
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| said.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text");
    tracing::error!(panic = said, "a host function panicked; its turn fails");
    Trap::Host(Error::new(Code::Internal, "a host function failed"))
}

fn reason_of(error: &wasmtime::Error, limits: &Limits) -> String {
    if let Some(trap) = error.downcast_ref::<wasmtime::Trap>() {
        return trap.to_string();
    }
    if let Some(I32Exit(status)) = error.downcast_ref() {
        return format!("the guest exited with status {status}; an actor returns instead");
    }
    let root = error.root_cause().to_string();
    if root.contains("instance count too high") {
        return format!(
            "makes more than {CORE_INSTANCES_MAX} core instances, which is what a component may make"
        );
    }
    if root.contains("fuel allocated for hostcalls") {
        let limit = limits.payload_bytes;
        return format!(
            "handed the host more at once than payload_bytes ({limit} bytes) allows, or an answer of more \
             than {VALUES_MAX} values"
        );
    }
    shown(&root, REASON_CHARS_MAX)
}

/// The kernel has no more mappings or address space for the process.
fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    const ENOMEM: i32 = 12;
    error.is::<wasmtime::OutOfMemory>() || system_errors(error).any(|number| number == ENOMEM)
}

/// Whether it is the system that refused something, which is the host's lack whatever the component does.
pub(crate) fn is_lack(error: &wasmtime::Error) -> bool {
    is_out_of_memory(error) || system_errors(error).next().is_some()
}

/// Why a component can't be made ready by an error that [is a lack](is_lack).
pub(crate) fn lacking(error: &wasmtime::Error) -> PrepareError {
    PrepareError::Lacking(format!(
        "the host has no room for the component's code now: {}",
        error.root_cause()
    ))
}

fn system_errors(error: &wasmtime::Error) -> impl Iterator<Item = i32> {
    error.chain().filter_map(|cause| {
        let of_the_kernel = cause.downcast_ref::<rustix::io::Errno>().map(|error| error.raw_os_error());
        of_the_kernel.or_else(|| cause.downcast_ref::<std::io::Error>()?.raw_os_error())
    })
}

/// The guest's stack, innermost frame first.
fn stack_of(error: &wasmtime::Error) -> String {
    let mut text = String::new();
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return text };
    for frame in backtrace.frames() {
        let function = match frame.symbols().first().and_then(|symbol| symbol.name()).or(frame.func_name()) {
            Some(name) => shown(name, FRAME_CHARS_MAX),
            None => format!("function {}", frame.func_index()),
        };
        let _ = write!(text, "\n  at {function}");
    }
    text
}

/// Text that a guest had a hand in, without control characters and cut to a bound.
fn shown(text: &str, chars_max: usize) -> String {
    let mut shown: String =
        text.chars().take(chars_max).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(chars_max).is_some() {
        shown.push('…');
    }
    shown
}

fn humane(duration: std::time::Duration) -> String {
    format!("{duration:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_error_comes_out_as_it_went_in() {
        let error = Error::new(Code::StateLimit, "full");
        let limits = Limits::default();
        let stopped = wasmtime::Error::from(Stop::Turn(error.clone())).context("somewhere");
        assert_eq!(trap_of(&stopped, Some(&Refused::Memory(1)), &limits), Trap::Host(error));
    }

    #[test]
    fn a_refusal_names_its_limit_and_value() {
        let limits = Limits::default();
        let trap = wasmtime::Error::from(wasmtime::Trap::UnreachableCodeReached);
        let Trap::MemoryLimit(text) = trap_of(&trap, Some(&Refused::Memory(65536)), &limits) else {
            panic!()
        };
        assert!(
            text.contains("sandbox_memory_bytes (65536 bytes)") && text.contains("unreachable"),
            "{text}"
        );
        let Trap::MemoryLimit(text) = trap_of(&trap, Some(&Refused::Table(7)), &limits) else { panic!() };
        assert!(text.contains("sandbox_table_elements (7)"), "{text}");
        assert!(matches!(trap_of(&trap, None, &limits), Trap::Crashed(text) if text.contains("unreachable")));
    }

    #[test]
    fn no_room_is_not_the_guests_doing() {
        let error = wasmtime::Error::from(std::io::Error::from_raw_os_error(12)).context("mapping a stack");
        assert_eq!(trap_of(&error, None, &Limits::default()), Trap::NoRoom);
    }

    #[test]
    fn what_the_system_refuses_is_a_lack() {
        let no_descriptors = wasmtime::Error::from(std::io::Error::from_raw_os_error(24)).context("an image");
        assert!(is_lack(&no_descriptors) && !is_out_of_memory(&no_descriptors));
        assert!(!is_lack(&wasmtime::Error::from(wasmtime::Trap::StackOverflow)));
    }

    #[test]
    fn what_guests_say_is_bounded_and_plain() {
        assert_eq!(shown("a\u{1b}[31m\nb", 100), "a [31m b");
        assert_eq!(shown("äöü", 2), "äö…");
        assert_eq!(shown("a\u{85}", 2), "a ", "as long as it may be");
    }
}
