//! The write-ahead log, kept from growing without end.
//!
//! SQLite moves the log into the database by itself, but begins it anew only at a moment at which nobody
//! reads from it. Readers that overlap without a gap, each of them short, can keep that moment away for
//! ever. So when the log has passed its bound, the writer waits a moment for those who read, while no
//! other begins to read from the log. One that reads for longer is not waited for: turns go on, the log
//! grows, and the host says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _};

use super::open::{LOG_FILE, SqliteOptions};

/// Writes between two looks at the log.
const WRITES_BETWEEN_LOOKS: u32 = 16;
/// How long turns wait for readers.
const PATIENCE_MS: u64 = 100;

/// Looks after the log of one database.
pub(super) struct LogKeeper {
    file: PathBuf,
    bytes_max: u64,
    /// At which size it is to be begun anew.
    next: u64,
    writes: u32,
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
            busy_timeout: options.busy_timeout,
        }
    }

    /// Looks at the log after a write. Nothing that goes wrong here makes that write fail.
    pub(super) async fn after_write(&mut self, connection: &mut SqliteConnection) {
        self.writes = (self.writes + 1) % WRITES_BETWEEN_LOOKS;
        if self.writes != 0 {
            return;
        }
        let bytes = fs::metadata(&self.file).map_or(0, |metadata| metadata.len());
        if bytes <= self.next {
            return;
        }
        match begin_anew(connection, self.busy_timeout).await {
            Ok(true) => self.next = self.bytes_max,
            Ok(false) => {
                self.next = bytes + self.bytes_max;
                tracing::warn!(
                    bytes,
                    "the write-ahead log can't be begun anew while something reads from it, a backup or another \
                     program; it grows meanwhile"
                );
            }
            Err(error) => {
                self.next = bytes + self.bytes_max;
                tracing::warn!(%error, bytes, "the write-ahead log was not moved into the database");
            }
        }
    }
}

/// Says whether it was possible.
async fn begin_anew(connection: &mut SqliteConnection, busy_timeout: Duration) -> sqlx::Result<bool> {
    set_patience(connection, PATIENCE_MS).await?;
    let moved = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await;
    set_patience(connection, u64::try_from(busy_timeout.as_millis()).unwrap_or(u64::MAX)).await?;
    Ok(moved?.try_get::<i64, _>(0)? == 0)
}

async fn set_patience(connection: &mut SqliteConnection, ms: u64) -> sqlx::Result<()> {
    let ms = ms.min(i32::MAX as u64);
    // Safe: a number.
    sqlx::query(AssertSqlSafe(format!("PRAGMA busy_timeout = {ms}"))).execute(connection).await?;
    Ok(())
}
