//! A consistent copy of a database while it is in use.
//!
//! SQLite writes it (`VACUUM INTO`) in one read transaction on a connection of its own, beside the
//! database, and it is read from there: a reader of the copy, however slow, holds nothing that turns
//! need. The copy has no name any more when its reading begins, so that its room is free again when it is
//! dropped, or when the process ends. Room for the turns meanwhile is left free, and a copy that nobody
//! waits for any more is given up.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use greenroom_core::store::{Backup, StoreError, StoreResult};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Row as _};
use tokio::io::AsyncReadExt as _;

use super::failure::{self, Health, Kind};
use super::lock::DirectoryLock;
use super::open::{self, OpenError, SqliteOptions};
use super::{connect, inspect};
use crate::sealed::{SEAL_BYTES, Sealer};

/// What the name of a copy begins with. A number follows: SQLite may still be giving up one copy when
/// the next begins.
const COPY_FILE: &str = "greenroom.backup-";
/// What SQLite may put beside it.
const JOURNAL: &str = "-journal";
/// Left free for what turns write while the copy is made and read.
const ROOM_FOR_TURNS_BYTES: u64 = 64 << 20;
/// Steps of SQLite between two looks at whether anybody still waits: well below a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 1_000;
/// What one read brings.
const READ_BYTES: usize = 256 << 10;

/// The database that copies are made of.
pub(super) struct Source {
    directory: PathBuf,
    busy_timeout: Duration,
    copies: AtomicU64,
}

/// Why there is no copy. The database is as it was.
pub(super) enum CopyError {
    /// There is not enough room.
    NoRoom { needed: u64, free: u64 },
    /// SQLite could not make it.
    Sqlite(sqlx::Error),
    /// The copy can't be written or read.
    File(io::Error),
}

impl From<sqlx::Error> for CopyError {
    fn from(error: sqlx::Error) -> Self {
        CopyError::Sqlite(error)
    }
}

impl From<io::Error> for CopyError {
    fn from(error: io::Error) -> Self {
        CopyError::File(error)
    }
}

impl CopyError {
    /// What it means to a store in use. Only damage of the database breaks it: a copy that can't be
    /// written says nothing of what is stored.
    pub(super) fn met_by(self, health: &Health) -> StoreError {
        match self {
            CopyError::Sqlite(error) => match failure::kind(&error) {
                Kind::Failed => StoreError::Unavailable(format!("the copy can't be written: {error}")),
                _ => health.answer(&error),
            },
            CopyError::NoRoom { .. } => StoreError::Full(self.to_string()),
            CopyError::File(_) => StoreError::Unavailable(self.to_string()),
        }
    }
}

impl std::fmt::Display for CopyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CopyError::NoRoom { needed, free } => write!(
                f,
                "a backup needs {needed} bytes free where the data is, room for turns meanwhile included, and {free} \
                 are free"
            ),
            CopyError::Sqlite(error) => error.fmt(f),
            CopyError::File(error) => write!(f, "the copy can't be used: {error}"),
        }
    }
}

impl Source {
    /// The database in `data_dir`.
    pub(super) fn new(data_dir: &Path, options: &SqliteOptions) -> Self {
        Source { directory: data_dir.into(), busy_timeout: options.busy_timeout, copies: AtomicU64::new(0) }
    }

    /// Makes a copy. When the future is dropped, SQLite stops within a moment.
    pub(super) async fn copy(&self) -> Result<Copy, CopyError> {
        // Absolute: SQLite takes what begins with `file:` for a URI.
        let directory = std::path::absolute(&self.directory)?;
        let mut connection =
            connect::copying(&directory.join(open::DATABASE_FILE), self.busy_timeout).await?;
        let waited_for = WaitedFor::default();
        let look = Arc::clone(&waited_for.0);
        connection
            .lock_handle()
            .await?
            .set_progress_handler(STEPS_BETWEEN_LOOKS, move || look.load(Ordering::Relaxed));

        let needed = pages_bytes(&mut connection).await? + ROOM_FOR_TURNS_BYTES;
        let free = free_bytes(&directory)?;
        if free < needed {
            return Err(CopyError::NoRoom { needed, free });
        }
        let number = self.copies.fetch_add(1, Ordering::Relaxed);
        let named = Named::make(&directory, &format!("{COPY_FILE}{number}"))?;
        let path = named.path.to_str().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the name of the data directory is not UTF-8")
        })?;
        let gives_back: i64 = sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(&mut connection).await?;
        if gives_back == 0 {
            // The copy does, also one of a database that an earlier version has made.
            sqlx::query("PRAGMA auto_vacuum = INCREMENTAL").execute(&mut connection).await?;
        }
        sqlx::query("VACUUM INTO ?1").bind(path).execute(&mut connection).await?;
        let file = File::open(&named.path)?;
        drop(named);
        connection.close().await?;
        let contents = file.metadata()?.len();
        Ok(Copy {
            file: tokio::fs::File::from_std(file),
            bytes: contents + SEAL_BYTES as u64,
            left: contents,
            sealer: Some(Sealer::default()),
        })
    }
}

/// Removes what a process left that ended while it made a copy.
pub(super) fn remove_leftovers(data_dir: &Path) -> Result<(), OpenError> {
    let failed = |path: &Path, source| OpenError::Directory { path: path.into(), source };
    for entry in fs::read_dir(data_dir).map_err(|error| failed(data_dir, error))? {
        let entry = entry.map_err(|error| failed(data_dir, error))?;
        if entry.file_name().as_encoded_bytes().starts_with(COPY_FILE.as_bytes()) {
            fs::remove_file(entry.path()).map_err(|error| failed(&entry.path(), error))?;
        }
    }
    Ok(())
}

/// True until dropped.
struct WaitedFor(Arc<AtomicBool>);

impl Default for WaitedFor {
    fn default() -> Self {
        WaitedFor(Arc::new(AtomicBool::new(true)))
    }
}

impl Drop for WaitedFor {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// A copy's name; it goes when this is dropped.
struct Named {
    path: PathBuf,
}

impl Named {
    /// Made by us, so that it is for its owner only; SQLite takes an empty file.
    fn make(directory: &Path, name: &str) -> Result<Self, CopyError> {
        let path = directory.join(name);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Named { path })
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let mut journal = self.path.clone().into_os_string();
        journal.push(JOURNAL);
        // What is left behind is removed by the next start.
        let _ = fs::remove_file(journal);
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, "a copy for a backup was left behind; the next start removes it");
        }
    }
}

/// Bytes of all pages that hold anything: no copy is larger.
async fn pages_bytes(connection: &mut SqliteConnection) -> sqlx::Result<u64> {
    let text = "SELECT (page_count - freelist_count) * page_size \
                FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    let bytes: i64 = sqlx::query(text).fetch_one(connection).await?.try_get(0)?;
    Ok(bytes.unsigned_abs())
}

fn free_bytes(directory: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(directory)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// A copy that is read, and sealed at its end.
pub(super) struct Copy {
    file: tokio::fs::File,
    bytes: u64,
    /// Of the database; its seal not counted.
    left: u64,
    /// `None` once the seal was read.
    sealer: Option<Sealer>,
}

#[async_trait]
impl Backup for Copy {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    async fn read(&mut self) -> StoreResult<Bytes> {
        if self.left == 0 {
            return Ok(self.sealer.take().map(Sealer::seal).unwrap_or_default().into());
        }
        let some = READ_BYTES.min(usize::try_from(self.left).unwrap_or(READ_BYTES));
        let mut bytes = vec![0; some];
        let failed = |error| StoreError::Unavailable(CopyError::File(error).to_string());
        self.file.read_exact(&mut bytes).await.map_err(failed)?;
        self.left -= some as u64;
        self.sealer.iter_mut().for_each(|sealer| sealer.show(&bytes));
        Ok(bytes.into())
    }
}

/// A backup of a data directory that no host uses; the directory is locked while it is read.
pub struct DirectoryBackup {
    copy: Copy,
    _lock: DirectoryLock,
}

impl DirectoryBackup {
    /// Begins one.
    ///
    /// # Errors
    /// A host has the directory, or there is no sound and whole database in it. Nothing was changed.
    pub async fn begin(data_dir: &Path, options: &SqliteOptions) -> Result<Self, OpenError> {
        let database = data_dir.join(open::DATABASE_FILE);
        if open::bytes_of(&database)? == 0 {
            let source = io::Error::new(io::ErrorKind::NotFound, "there is no database");
            return Err(OpenError::Directory { path: database, source });
        }
        let lock = DirectoryLock::take(data_dir)?;
        remove_leftovers(data_dir)?;
        open::check_log(data_dir, &lock)?;
        inspect::inspect(&database, options, true).await?;
        let copy = Source::new(data_dir, options).copy().await.map_err(|error| match error {
            CopyError::NoRoom { .. } => OpenError::Full { path: data_dir.into(), detail: error.to_string() },
            CopyError::Sqlite(error) => OpenError::from_sqlite(&database, &error),
            CopyError::File(source) => OpenError::Directory { path: data_dir.into(), source },
        })?;
        Ok(DirectoryBackup { copy, _lock: lock })
    }
}

#[async_trait]
impl Backup for DirectoryBackup {
    fn bytes(&self) -> u64 {
        self.copy.bytes()
    }

    async fn read(&mut self) -> StoreResult<Bytes> {
        self.copy.read().await
    }
}
