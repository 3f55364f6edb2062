//! A data directory made of a backup.
//!
//! Nothing is put where anything is: a directory with data in it, or with a host at work on it, is
//! refused. The database gets its name only when it is there whole, is what was backed up, and is of a
//! schema that this build knows; until then a start finds no database. What was made is removed when it
//! comes to nothing.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::inspect;
use super::lock::{DirectoryLock, LOCK_FILE};
use super::open::{self, DATABASE_FILE, JOURNAL_FILE, LOG_FILE, OpenError, SqliteOptions};
use crate::sealed::{NotABackup, Unsealing, Whole};

/// The database until it is known to be whole.
const PARTIAL_FILE: &str = "greenroom.db.partial";

/// What is read of a backup at a time.
const COPIED_BYTES: usize = 1 << 20;

/// Why a data directory was not made of a backup. What was there is as it was; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup can't be read.
    #[error("the backup can't be read: {0}; check its name and its permissions")]
    Unreadable(io::Error),
    /// What was read is not a backup.
    #[error(transparent)]
    NotABackup(#[from] NotABackup),
    /// The backup has a schema that is not known here.
    #[error(
        "the backup has schema version {found}, and this Greenroom knows versions up to {known}; restore it with the Greenroom that made it, or a later one"
    )]
    NewerSchema {
        /// Its schema version.
        found: i64,
        /// The newest one known here.
        known: i64,
    },
    /// What was backed up was not sound.
    #[error("the backup holds a database that is not sound ({0}); take an earlier backup")]
    Unsound(String),
    /// There is data already.
    #[error("{path} has data already; restore into a directory that is empty or not there")]
    HasData {
        /// The directory.
        path: PathBuf,
    },
    /// The directory can't be written.
    #[error("can't write {path}: {source}; check its permissions and the room on its disk")]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory can't be used.
    #[error(transparent)]
    Directory(OpenError),
}

/// Makes `data_dir` of the backup that `source` brings.
///
/// # Errors
/// [`RestoreError`]; whatever was in `data_dir` is as it was.
pub async fn restore(source: impl Read, data_dir: &Path) -> Result<Whole, RestoreError> {
    if has_data(data_dir)? {
        DirectoryLock::look(data_dir).map_err(RestoreError::Directory)?;
        return Err(RestoreError::HasData { path: data_dir.into() });
    }
    let mut made = Made::of(data_dir);
    open::make_directory(data_dir).map_err(RestoreError::Directory)?;
    let lock = DirectoryLock::take(data_dir).map_err(RestoreError::Directory)?;
    // A host may have come and gone.
    if has_data(data_dir)? {
        return Err(RestoreError::HasData { path: data_dir.into() });
    }
    let partial = data_dir.join(PARTIAL_FILE);
    made.file = Some(partial.clone());
    let whole = copy(source, &partial)?;
    inspect::inspect(&partial, &SqliteOptions::default(), true).await.map_err(|error| match error {
        OpenError::NewerSchema { found, known, .. } => RestoreError::NewerSchema { found, known },
        OpenError::Corrupt { detail, .. } | OpenError::NotADatabase { detail, .. } => {
            RestoreError::Unsound(detail)
        }
        OpenError::ForeignSchema { version, .. } => {
            RestoreError::Unsound(format!("its schema version {version} is not the one of this Greenroom"))
        }
        other => RestoreError::Directory(other),
    })?;
    // Before there is a database: a start would miss the log of the one that was here.
    let note = data_dir.join(LOCK_FILE);
    lock.log_is_not_needed().map_err(|source| RestoreError::Write { path: note, source })?;
    remove_journal(data_dir)?;
    let database = data_dir.join(DATABASE_FILE);
    fs::rename(&partial, &database).map_err(|source| RestoreError::Write { path: database, source })?;
    made.keep();
    open::sync_directory(data_dir).map_err(RestoreError::Directory)?;
    drop(lock);
    Ok(whole)
}

fn has_data(data_dir: &Path) -> Result<bool, RestoreError> {
    for name in [DATABASE_FILE, LOG_FILE] {
        if open::bytes_of(&data_dir.join(name)).map_err(RestoreError::Directory)? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes what a first start left that was killed while it made the database, as SQLite does where the database is
/// empty. Beside another database it would be an order to make that empty again.
fn remove_journal(data_dir: &Path) -> Result<(), RestoreError> {
    let path = data_dir.join(JOURNAL_FILE);
    match fs::remove_file(&path) {
        Ok(()) => open::sync_directory(data_dir).map_err(RestoreError::Directory),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(RestoreError::Write { path, source }),
    }
}

/// Writes what is before the seal of `source` to the file `path`, and waits until it is on disk.
fn copy(mut source: impl Read, path: &Path) -> Result<Whole, RestoreError> {
    let failed = |source| RestoreError::Write { path: path.into(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut unsealing = Unsealing::new(file.map_err(failed)?);
    let mut buffer = vec![0; COPIED_BYTES];
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(RestoreError::Unreadable(error)),
        };
        unsealing.write_all(&buffer[..count]).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => NotABackup::Foreign.into(),
            _ => failed(error),
        })?;
    }
    let (whole, file) = unsealing.finish()?;
    file.sync_all().map_err(failed)?;
    Ok(whole)
}

/// What a restore has made so far; removed again unless it is kept.
struct Made {
    file: Option<PathBuf>,
    /// The directory and those above it that were not there, innermost first, and the lock file in it.
    directories: Vec<PathBuf>,
    kept: bool,
}

impl Made {
    /// Nothing yet; `data_dir` and what is missing above it is about to be made.
    fn of(data_dir: &Path) -> Self {
        let missing = data_dir
            .ancestors()
            .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
            .map(Path::to_path_buf);
        Made { file: None, directories: missing.collect(), kept: false }
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Made {
    /// What can't be removed does no harm: a start takes none of it for a database.
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        if let Some(file) = &self.file {
            let _ = fs::remove_file(file);
        }
        // In a directory that was there before, the lock file stays: another host may wait for it.
        if let Some(directory) = self.directories.first() {
            let _ = fs::remove_file(directory.join(LOCK_FILE));
        }
        for directory in &self.directories {
            let _ = fs::remove_dir(directory);
        }
    }
}
