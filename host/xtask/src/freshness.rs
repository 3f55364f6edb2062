//! Whether what was made is newer than what it was made of.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context as _;

/// What is not a source, wherever it is: tools, and what is made of the sources.
const MADE: [&str; 8] = [
    "node_modules",
    "dist",
    "generated",
    "target",
    "template",
    "__pycache__",
    ".mypy_cache",
    ".pytest_cache",
];

/// Whether `made` is there and newer than all `sources`.
pub(crate) fn is_newer(made: &Path, sources: &[impl AsRef<Path>]) -> anyhow::Result<bool> {
    let Ok(made) = fs::metadata(made).and_then(|metadata| metadata.modified()) else { return Ok(false) };
    for source in sources {
        if latest_change(source.as_ref())? >= made {
            return Ok(false);
        }
    }
    Ok(true)
}

/// When a file, or any source in a folder, changed last. Folders change whenever something is made in
/// them, so their own time says nothing.
fn latest_change(path: &Path) -> anyhow::Result<SystemTime> {
    let unreadable = || format!("could not look at {}", path.display());
    let metadata = fs::metadata(path).with_context(unreadable)?;
    if metadata.is_file() {
        return metadata.modified().with_context(unreadable);
    }
    let mut latest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(path).with_context(unreadable)? {
        let entry = entry?.path();
        let is_made = entry.file_name().is_some_and(|name| MADE.iter().any(|made| name == *made))
            || entry.extension().is_some_and(|extension| extension == "wasm");
        if !is_made {
            latest = latest.max(latest_change(&entry)?);
        }
    }
    Ok(latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &Path, seconds: u64) {
        let file = fs::File::create(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
    }

    #[test]
    fn a_folder_is_as_new_as_the_newest_of_its_sources() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let made = folder.join("made.wasm");
        fs::create_dir_all(folder.join("src/node_modules")).unwrap();
        at(&folder.join("src/a.ts"), 1000);
        assert!(!is_newer(&made, &[folder]).unwrap(), "it is not there");
        at(&made, 2000);
        assert!(is_newer(&made, &[folder]).unwrap());
        at(&folder.join("src/node_modules/tool.js"), 3000);
        assert!(is_newer(&made, &[folder]).unwrap(), "tools are no sources");
        at(&folder.join("src/b.ts"), 3000);
        assert!(!is_newer(&made, &[folder]).unwrap());
        assert!(is_newer(&made, &[folder.join("nowhere")]).is_err());
    }
}
