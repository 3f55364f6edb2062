//! Runs one fuzz target: over given inputs, or over inputs made from its corpus for some time.
//!
//! As it is, inputs are made by chance from a seed, on any toolchain: enough to notice that something broke.
//! With the feature `libfuzzer` the same targets are guided by the coverage of the crates under test;
//! `cargo xtask fuzz` builds and runs it so. The targets are in the crates that they exercise, each in a
//! module `fuzz`; [`guest`] is the one that goes through several.

#![cfg_attr(feature = "libfuzzer", no_main)]

mod guest;
#[cfg(not(feature = "libfuzzer"))]
mod mutation;
#[cfg(not(feature = "libfuzzer"))]
mod run;

use std::process::ExitCode;

/// A function that panics when something that is promised does not hold.
type Target = fn(&[u8]);

/// All, by name.
const TARGETS: [(&str, Target); 12] = [
    ("cache", greenroom_sandbox::fuzz::cache),
    ("component", greenroom_sandbox::fuzz::component),
    ("guest", guest::guest),
    ("headers", greenroom_http::fuzz::headers),
    ("manifest", greenroom_project::fuzz::manifest),
    ("names", greenroom_core::fuzz::names),
    ("path", greenroom_http::fuzz::path),
    ("problem", greenroom_http::fuzz::problem),
    ("rows", greenroom_store::fuzz::rows),
    ("schedule", greenroom_core::fuzz::schedule),
    ("settings", greenroom_core::fuzz::settings),
    ("typed", greenroom_sandbox::fuzz::typed),
];

fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

/// Whether this process was started by the engine to compile a component.
fn is_compiling_child() -> bool {
    std::env::args().nth(1).as_deref() == Some(guest::COMPILE)
}

#[cfg(not(feature = "libfuzzer"))]
fn main() -> ExitCode {
    if is_compiling_child() { greenroom_sandbox::compile_component_child() } else { run::main() }
}

/// libFuzzer has a `main` and options of its own; which target it runs is in the environment.
#[cfg(feature = "libfuzzer")]
static CHOSEN: std::sync::LazyLock<Target> = std::sync::LazyLock::new(|| {
    let name = std::env::var("GREENROOM_FUZZ_TARGET").unwrap_or_default();
    target(&name).unwrap_or_else(|| panic!("GREENROOM_FUZZ_TARGET names no target: {name:?}"))
});

#[cfg(feature = "libfuzzer")]
libfuzzer_sys::fuzz_target!(
    init: {
        if is_compiling_child() {
            let codes = [ExitCode::SUCCESS, ExitCode::FAILURE];
            let ended = greenroom_sandbox::compile_component_child();
            std::process::exit(codes.iter().position(|code| *code == ended).map_or(2, |code| code as i32))
        }
    },
    |bytes: &[u8]| CHOSEN(bytes)
);
