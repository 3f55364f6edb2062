//! Compiled code that hosts under test hand on to each other, so that each component is compiled once
//! for many tests. A host takes only what was made under its own key, so the key is handed on first,
//! and what was made under another is left.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::guests;

/// The file that a host authenticates its code with.
const KEY: &str = "key";

/// Fills a new folder for compiled code with what others have handed on.
pub(crate) fn take(folder: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let shared = shared()?;
    if shared.join(KEY).exists() {
        hand_on(&shared, folder)?;
    }
    Ok(())
}

/// Hands on what is in the folder.
pub(crate) fn give(folder: &Path) -> anyhow::Result<()> {
    let shared = shared()?;
    if !shared.join(KEY).exists() {
        // Another host may do so at the same time: one of both keys stays.
        let _ = fs::hard_link(folder.join(KEY), shared.join(KEY));
    }
    if fs::read(shared.join(KEY))? == fs::read(folder.join(KEY))? {
        hand_on(folder, &shared)?;
    }
    Ok(())
}

/// Where it is handed on: beside what is built, on the same disk as a rule.
fn shared() -> anyhow::Result<PathBuf> {
    let folder = guests::target_folder()?.join("compiled-by-tests");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    Ok(folder)
}

fn hand_on(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let file = to.join(entry.file_name());
        let is_whole = entry.file_type()?.is_file() && !entry.file_name().to_string_lossy().starts_with('.');
        if is_whole && !file.exists() {
            // What goes away meanwhile, or comes from another host, is nobody's loss.
            let _ = fs::hard_link(entry.path(), &file);
        }
    }
    Ok(())
}
