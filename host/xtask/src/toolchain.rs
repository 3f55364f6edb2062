//! Makes sure that what the steps need of the Rust toolchain is installed, and says what to do
//! where that is impossible.

use anyhow::bail;
use greenroom_project::{ProjectError, Tools, ensure_target};

use crate::steps::{self, Step};

/// What the guests are built for.
pub(crate) const GUEST_TARGET: &str = "wasm32-wasip2";

/// Installs the standard library of the guests' target, when it is missing.
pub(crate) fn ensure_guest_target(tools: &Tools) -> anyhow::Result<()> {
    if is_installed(tools)? {
        return Ok(());
    }
    if !steps::succeeds(&["rustup", "--version"]) {
        bail!("the Rust target {GUEST_TARGET} is not installed and there is no rustup to install it with");
    }
    Step::new("install the guests' target", "rustup", &["target", "add", GUEST_TARGET]).run()?;
    if is_installed(tools)? {
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

fn is_installed(tools: &Tools) -> anyhow::Result<bool> {
    match ensure_target(tools, &steps::root()) {
        Ok(()) => Ok(true),
        Err(ProjectError::Missing { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
