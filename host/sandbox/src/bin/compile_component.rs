//! The compiling child as a program of its own, for this crate's tests. A host runs its own binary
//! with a hidden subcommand that does the same.

use std::process::ExitCode;

fn main() -> ExitCode {
    greenroom_sandbox::compile_component_child()
}
