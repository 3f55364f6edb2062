//! The write-ahead log, kept from growing without end.
//!
//! It is moved into the database whenever it has got long, here and not by SQLite itself, which would not say
//! that it failed. SQLite writes part of a log that somebody reads without a sync, and does not write that part
//! again when the sync of the rest fails; so after a failure nothing may be written any more.
//!
//! SQLite begins the log anew only at a moment at which nobody reads from it. Readers that overlap without a gap,
//! each of them short, can keep that moment away for ever. So when the log has passed its bound, the writer waits a
//! moment for those who read, while no other begins to read from the log. One that reads for longer is not waited
//! for: turns go on, the log grows, and the host says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _};

use super::connect::PAGE_BYTES;
use super::open::{LOG_FILE, SqliteOptions};

/// Pages in the log before they are moved into the database: 16 MiB, so that pages written again and again are
/// moved once, and a restart still reads the log in a moment.
const CHECKPOINT_PAGES: u64 = 4_096;
const CHECKPOINT_BYTES: u64 = CHECKPOINT_PAGES * PAGE_BYTES;
/// Writes between two looks at the log.
const WRITES_BETWEEN_LOOKS: u64 = 16;
/// How long turns wait for readers.
const PATIENCE_MS: u64 = 100;

/// Looks after the log of one database.
pub(super) struct LogKeeper {
    file: PathBuf,
    bytes_max: u64,
    /// At which size it is to be begun anew.
    next: u64,
    writes: u64,
    /// What those writes have carried: a few large ones fill the log as many small ones do.
    bytes: u64,
    /// At how many writes the log is moved into the database: as many as make it that long, by those before.
    move_at: u64,
    busy_timeout: Duration,
}

impl LogKeeper {
    /// For the log in `data_dir`.
    pub(super) fn new(data_dir: &Path, options: &SqliteOptions) -> Self {
        LogKeeper {
            file: data_dir.join(LOG_FILE),
            bytes_max: options.log_bytes_max,
            next: options.log_bytes_max,
            writes: 0,
            bytes: 0,
            move_at: WRITES_BETWEEN_LOOKS,
            busy_timeout: options.busy_timeout,
        }
    }

    /// Looks at the log after a write that carried so many bytes, which is durable whatever comes of this.
    ///
    /// # Errors
    /// The log could not be moved into the database. What of it was moved before may be lost with the power, while
    /// SQLite believes that it is there, so nothing more may be written: the next start moves all of it.
    pub(super) async fn after_write(
        &mut self,
        bytes: u64,
        connection: &mut SqliteConnection,
    ) -> sqlx::Result<()> {
        self.writes += 1;
        self.bytes += bytes;
        if self.writes >= self.move_at || self.bytes >= CHECKPOINT_BYTES {
            let pages = move_log(connection).await?;
            self.move_at =
                (self.writes * CHECKPOINT_PAGES / pages.max(1)).clamp(WRITES_BETWEEN_LOOKS, CHECKPOINT_PAGES);
            (self.writes, self.bytes) = (0, 0);
        }
        if self.writes.is_multiple_of(WRITES_BETWEEN_LOOKS) { self.bound(connection).await } else { Ok(()) }
    }

    /// Begins the log anew when it has passed its bound.
    async fn bound(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        let bytes = fs::metadata(&self.file).map_or(0, |metadata| metadata.len());
        if bytes <= self.next {
            return Ok(());
        }
        if begin_anew(connection, self.busy_timeout).await? {
            self.next = self.bytes_max;
        } else {
            self.next = bytes + self.bytes_max;
            tracing::warn!(
                bytes,
                "the write-ahead log can't be begun anew while something reads from it, a backup or another \
                 program; it grows meanwhile"
            );
        }
        Ok(())
    }
}

/// Moves what readers let it, and says how many pages the log has.
async fn move_log(connection: &mut SqliteConnection) -> sqlx::Result<u64> {
    let moved = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(connection).await?;
    Ok(moved.try_get::<i64, _>(1)?.unsigned_abs())
}

/// The same as [`empty`], with less patience.
async fn begin_anew(connection: &mut SqliteConnection, busy_timeout: Duration) -> sqlx::Result<bool> {
    set_patience(connection, PATIENCE_MS).await?;
    let emptied = empty(connection).await;
    set_patience(connection, u64::try_from(busy_timeout.as_millis()).unwrap_or(u64::MAX)).await?;
    emptied
}

/// Moves all of the log and empties it, and says whether those who read let it.
pub(super) async fn empty(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    let moved = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await?;
    Ok(moved.try_get::<i64, _>(0)? == 0)
}

async fn set_patience(connection: &mut SqliteConnection, ms: u64) -> sqlx::Result<()> {
    let ms = ms.min(i32::MAX as u64);
    // Safe: a number.
    sqlx::query(AssertSqlSafe(format!("PRAGMA busy_timeout = {ms}"))).execute(connection).await?;
    Ok(())
}
