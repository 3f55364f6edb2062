//! Libraries that stand between a host and the system, so that a test can decide what the system does
//! (`tests/shim`): compiled from C once for all tests of this program, and loaded into the real binary.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context as _, ensure};

use crate::config::Settings;
use crate::guests;

/// With the library that is made of `tests/shim/NAME.c`, and with the variables that its source names.
pub(crate) fn preload(
    settings: Settings,
    name: &'static str,
    variables: &[(&str, &str)],
) -> anyhow::Result<Settings> {
    let preloaded = settings.variable("LD_PRELOAD", &library(name)?.to_string_lossy());
    Ok(variables.iter().fold(preloaded, |settings, (name, value)| settings.variable(name, value)))
}

fn library(name: &'static str) -> anyhow::Result<PathBuf> {
    static COMPILED: Mutex<Option<HashMap<&str, PathBuf>>> = Mutex::new(None);
    // One at a time; who panics here has compiled nothing.
    let mut compiled = COMPILED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let compiled = compiled.get_or_insert_default();
    if let Some(library) = compiled.get(name) {
        return Ok(library.clone());
    }
    let library = compile(name)?;
    compiled.insert(name, library.clone());
    Ok(library)
}

fn compile(name: &str) -> anyhow::Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("shim").join(name).with_extension("c");
    // Other programs may be loading the one of an earlier run.
    let library = guests::target_folder()?.join(format!("{name}-shim-{}.so", std::process::id()));
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(compiler);
    command.args(["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(source);
    let output = command.args(["-ldl", "-lpthread"]).output().context("a C compiler is needed")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(library)
}
