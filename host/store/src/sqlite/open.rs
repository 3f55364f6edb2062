//! Opening a data directory: lock it, look at the database without changing it, and only when all
//! is well bring the schema up to date. Whatever is wrong, nothing is deleted or repaired.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use greenroom_core::FailPoint;
use sqlx::sqlite::SqliteConnection;

use super::lock::{DirectoryLock, LOCK_FILE};
use super::migrations::MIGRATIONS;
use super::{backup, connect, failure, inspect, place};

pub(super) const DATABASE_FILE: &str = "greenroom.db";
pub(super) const LOG_FILE: &str = "greenroom.db-wal";
/// What SQLite undoes the making of a database by, until that has a log.
pub(super) const JOURNAL_FILE: &str = "greenroom.db-journal";

/// How a [`SqliteStore`](super::SqliteStore) is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Connections that read; so many reads go on at once.
    pub readers: usize,
    /// How long to wait for a lock that another process holds on the database.
    pub busy_timeout: Duration,
    /// A database of at most so many bytes is checked whole when it is opened, unless the host before has ended by
    /// itself and nobody has touched the file since. The check reads the file from end to end, about a second for
    /// this default on an ordinary disk; a larger database is checked as it is used, which finds damage later but
    /// then stops the store just the same.
    pub checked_bytes_max: u64,
    /// The database grows no larger than this; a change that needs more room is refused.
    pub database_bytes_max: u64,
    /// A write-ahead log larger than this is begun anew, for which turns wait a moment for readers.
    pub log_bytes_max: u64,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        SqliteOptions {
            readers: 4,
            busy_timeout: Duration::from_secs(5),
            checked_bytes_max: 256 << 20,
            database_bytes_max: 1 << 40,
            log_bytes_max: 256 << 20,
        }
    }
}

/// Why a data directory was not opened. Nothing was changed; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a file in it can't be used.
    #[error("can't use {path}: {source}; check that it can be read and written by the user of the host")]
    Directory {
        /// Which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another host has the directory.
    #[error(
        "the data directory {path} is in use by {holder}; stop that host, or give this one a directory of its own"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Who has it, for example `process 4711, started_unix_ms 1700000000000`.
        holder: String,
    },
    /// The directory's name can't be told to SQLite.
    #[error("the data directory {path:?} is not UTF-8, as SQLite needs it; choose another name")]
    NotUtf8 {
        /// The directory.
        path: PathBuf,
    },
    /// The path is longer than SQLite takes.
    #[error(
        "the path of the data directory {path} has {bytes} bytes, and SQLite takes at most {max}; choose a shorter one"
    )]
    PathTooLong {
        /// Its beginning.
        path: PathBuf,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        max: usize,
    },
    /// The path goes through a link to nothing.
    #[error("{path} is a link to {target}, which is not there; make that directory, or correct the link")]
    DanglingLink {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// There is a write-ahead log, and the database that it belongs to is gone.
    #[error(
        "{path} is missing or empty, but its write-ahead log is still there; put the database back beside the log, or move both away to begin anew"
    )]
    DatabaseMissing {
        /// Where the database should be.
        path: PathBuf,
    },
    /// The write-ahead log that belongs to the database is gone.
    #[error(
        "{path} is missing, and the host that used it was killed or failed, so that its last turns are in that file; put it back beside the database, or restore a backup (or remove {lock} to go on without those turns)"
    )]
    LogMissing {
        /// Where the log should be.
        path: PathBuf,
        /// The file that tells how the last host ended.
        lock: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is not a Greenroom database ({detail}); move it away, or choose another data directory")]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// How that was seen.
        detail: String,
    },
    /// The file is damaged.
    #[error(
        "{path} is damaged ({detail}); nothing was changed: copy the whole directory, then restore a backup"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// A newer Greenroom has written the file.
    #[error(
        "{path} has schema version {found}, and this Greenroom knows versions up to {known}; start the newer Greenroom that wrote it, or restore a backup from before the upgrade"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest one known here.
        known: i64,
    },
    /// The schema is not one that a release has written.
    #[error(
        "{path} has a schema version {version} that differs from the one of this Greenroom; start the build that wrote it"
    )]
    ForeignSchema {
        /// The file.
        path: PathBuf,
        /// Which version differs.
        version: i64,
    },
    /// Another process keeps the database locked.
    #[error("{path} is locked by another process; close programs that have it open, and start again")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// There is no room for the database's own files.
    #[error("there is no room for {path}: {detail}; free some space or raise the size limit")]
    Full {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// SQLite can't open it for another reason.
    #[error("can't open {path}: {detail}; check the disk and the permissions of the directory")]
    Failed {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
}

impl OpenError {
    /// What an error of SQLite means while opening `path`.
    pub(super) fn from_sqlite(path: &Path, error: &sqlx::Error) -> Self {
        let (path, detail) = (path.to_path_buf(), error.to_string());
        match failure::kind(error) {
            failure::Kind::Busy => OpenError::Busy { path },
            failure::Kind::Full => OpenError::Full { path, detail },
            failure::Kind::NotADatabase => OpenError::NotADatabase { path, detail },
            failure::Kind::Corrupt => OpenError::Corrupt { path, detail },
            _ => OpenError::Failed { path, detail },
        }
    }
}

/// What an open store is made of.
pub(super) struct Opened {
    pub(super) writer: SqliteConnection,
    pub(super) readers: Vec<SqliteConnection>,
    pub(super) lock: DirectoryLock,
}

/// Opens `data_dir`, which is made, for its owner only, when it is not there.
pub(super) async fn open(data_dir: &Path, options: &SqliteOptions) -> Result<Opened, OpenError> {
    make_directory(data_dir)?;
    let lock = DirectoryLock::take(data_dir)?;
    backup::remove_leftovers(data_dir)?;
    let file = data_dir.join(DATABASE_FILE);
    let size = bytes_of(&file)?;
    if size == 0 {
        if bytes_of(&data_dir.join(LOG_FILE))? > 0 {
            return Err(OpenError::DatabaseMissing { path: file });
        }
        make_file(data_dir, &file)?;
    } else {
        check_log(data_dir, &lock)?;
        let checked = size <= options.checked_bytes_max && !lock.is_database_as_it_was_left();
        inspect::inspect(&file, options, checked).await?;
    }

    let failed = |error: sqlx::Error| OpenError::from_sqlite(&file, &error);
    let mut writer = connect::writer(&file, size == 0, options).await.map_err(failed)?;
    FailPoint::SchemaOld.reach();
    MIGRATIONS.run(&mut writer).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error)
        | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => failed(error),
        other => OpenError::Failed { path: file.clone(), detail: other.to_string() },
    })?;
    FailPoint::SchemaNew.reach();
    let mut readers = Vec::new();
    for _ in 0..options.readers.max(1) {
        readers.push(connect::reader(&file, options.busy_timeout).await.map_err(failed)?);
    }
    // The log has its name on disk before anybody is told to miss it.
    sync_directory(data_dir)?;
    lock.log_is_in_use().map_err(|source| OpenError::Directory { path: data_dir.join(LOCK_FILE), source })?;
    Ok(Opened { writer, readers, lock })
}

/// Refuses a database whose log is gone although its last turns are in there. To be asked before SQLite looks at
/// the database, for it makes a new log.
pub(super) fn check_log(data_dir: &Path, lock: &DirectoryLock) -> Result<(), OpenError> {
    let log = data_dir.join(LOG_FILE);
    if lock.log_was_in_use() && !log.exists() {
        return Err(OpenError::LogMissing { path: log, lock: data_dir.join(LOCK_FILE) });
    }
    Ok(())
}

pub(super) fn make_directory(data_dir: &Path) -> Result<(), OpenError> {
    place::check(data_dir)?;
    let failed = |source| OpenError::Directory { path: data_dir.into(), source };
    if data_dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(failed)?;
    match data_dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_directory(parent),
        None => Ok(()),
    }
}

/// The log and its index are made by SQLite with the permissions of this file.
fn make_file(data_dir: &Path, file: &Path) -> Result<(), OpenError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(file)
        .map_err(|source| OpenError::Directory { path: file.into(), source })?;
    sync_directory(data_dir)
}

pub(super) fn sync_directory(path: &Path) -> Result<(), OpenError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|source| OpenError::Directory { path: path.into(), source })
}

pub(super) fn bytes_of(file: &Path) -> Result<u64, OpenError> {
    match fs::metadata(file) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(source) => Err(OpenError::Directory { path: file.into(), source }),
    }
}
