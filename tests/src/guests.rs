//! Where the built binary and the built guests are: beside the program that asks.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

/// The folder of the build profile that the running program is part of, for example `target/debug`.
fn profile_folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("which program is running?")?;
    let folder = program.parent().context("the program is in no folder")?;
    let in_deps = folder.file_name().is_some_and(|name| name == "deps");
    Ok(if in_deps { folder.parent().unwrap_or(folder) } else { folder }.to_path_buf())
}

/// The folder of everything that is built.
pub(crate) fn target_folder() -> anyhow::Result<PathBuf> {
    Ok(profile_folder()?.parent().unwrap_or(Path::new("target")).to_path_buf())
}

/// The same behavior in other bytes: with a custom section at its end.
pub fn variant(component: &[u8], label: u8) -> Vec<u8> {
    let mut bytes = component.to_vec();
    bytes.extend([0, 3, 1, b'v', label]);
    bytes
}

/// The `greenroom` binary: the one named by `GREENROOM_BIN`, or the one of the same build profile.
pub fn host_binary() -> anyhow::Result<PathBuf> {
    let path = match std::env::var_os("GREENROOM_BIN") {
        Some(named) => PathBuf::from(named),
        None => profile_folder()?.join("greenroom"),
    };
    ensure!(path.is_file(), "{} is not built; run `cargo xtask build`", path.display());
    Ok(path)
}

/// The component of the guest of that name that is written in Rust.
pub fn component(name: &str) -> anyhow::Result<Vec<u8>> {
    component_in("rust", name)
}

/// The component of the guest of that name that is written in that language, which is called as its
/// `greenroom.toml` does.
pub fn component_in(language: &str, name: &str) -> anyhow::Result<Vec<u8>> {
    let path = target_folder()?.join("guests").join(language).join(format!("{name}.wasm"));
    std::fs::read(&path).with_context(|| format!("{}: run `cargo xtask guests {language}`", path.display()))
}
