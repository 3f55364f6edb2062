//! Whether a data directory can be where it is asked to be. What SQLite or the system would refuse with words that
//! point elsewhere is named here, before anything is made.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::open::{DATABASE_FILE, OpenError};

/// Of a database's path in SQLite on Unix (`mxPathname`), with the longest ending of the files beside it.
const DATABASE_PATH_BYTES_MAX: usize = 512 - "-journal".len();

/// Refuses a directory that no database can be in.
pub(super) fn check(data_dir: &Path) -> Result<(), OpenError> {
    if data_dir.to_str().is_none() {
        return Err(OpenError::NotUtf8 { path: data_dir.into() });
    }
    if let Some(link) = data_dir.ancestors().find(|part| is_dangling(part)) {
        let target = fs::read_link(link).unwrap_or_default();
        return Err(OpenError::DanglingLink { path: link.into(), target });
    }
    let absolute = fs::canonicalize(data_dir).or_else(|_| std::path::absolute(data_dir));
    let absolute = absolute.map_err(|source| OpenError::Directory { path: data_dir.into(), source })?;
    let bytes = absolute.as_os_str().len();
    let max = DATABASE_PATH_BYTES_MAX - DATABASE_FILE.len() - "/".len();
    if bytes > max {
        return Err(OpenError::PathTooLong { path: shortened(&absolute), bytes, max });
    }
    if data_dir.exists() && !data_dir.is_dir() {
        let source = io::Error::from(rustix::io::Errno::NOTDIR);
        return Err(OpenError::Directory { path: data_dir.into(), source });
    }
    Ok(())
}

fn is_dangling(path: &Path) -> bool {
    path.is_symlink() && matches!(path.try_exists(), Ok(false))
}

/// The beginning of a path that is too long to be read.
fn shortened(path: &Path) -> PathBuf {
    const CHARS_SHOWN: usize = 80;
    let text = path.to_string_lossy();
    let end = text.char_indices().nth(CHARS_SHOWN).map_or(text.len(), |(end, _)| end);
    format!("{}…", &text[..end]).into()
}
