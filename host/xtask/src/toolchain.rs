//! Makes sure that what the steps need of the Rust toolchain is installed, and says what to do
//! where that is impossible.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::steps::{self, Step};

/// What the guests are built for.
pub(crate) const GUEST_TARGET: &str = "wasm32-wasip2";

/// Installs the standard library of the guests' target, when it is missing.
pub(crate) fn ensure_guest_target() -> anyhow::Result<()> {
    if guest_target_is_installed()? {
        return Ok(());
    }
    if !steps::succeeds(&["rustup", "--version"]) {
        bail!("the Rust target {GUEST_TARGET} is not installed and there is no rustup to install it with");
    }
    Step::new("install the guests' target", "rustup", &["target", "add", GUEST_TARGET]).run()?;
    if guest_target_is_installed()? {
        return Ok(());
    }
    bail!("rustup installed {GUEST_TARGET} for another toolchain than the one in use")
}

/// Installs a component of the toolchain (`rustfmt`, `clippy`), when its command is missing.
pub(crate) fn ensure_component(component: &str, subcommand: &str) -> anyhow::Result<()> {
    if steps::succeeds(&["cargo", subcommand, "--version"]) {
        return Ok(());
    }
    Step::new("install a component of the toolchain", "rustup", &["component", "add", component]).run()
}

/// Asks the compiler itself, which also answers where there is no rustup.
fn guest_target_is_installed() -> anyhow::Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", GUEST_TARGET])
        .output()
        .context("could not start rustc")?;
    let directory = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(directory.trim()).is_dir())
}
