//! How connections to the database are set up: one writer, several readers, and a careful look
//! before either.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _};

use super::open::SqliteOptions;

pub(super) const PAGE_BYTES: u64 = 4_096;
/// Statements kept prepared. A commit's texts differ only in how many rows they take.
const WRITER_STATEMENTS: usize = 512;
const READER_STATEMENTS: usize = 64;
/// Page caches, in KiB.
const WRITER_CACHE_KIB: u32 = 64 << 10;
const READER_CACHE_KIB: u32 = 16 << 10;
/// The log shrinks to this after a burst.
const LOG_BYTES_KEPT: u64 = 64 << 20;
/// Rows that may wait between SQLite's thread and the reader of its answer.
const ROWS_BUFFERED: usize = 1_024;

fn base(file: &Path, busy_timeout: Duration) -> SqliteConnectOptions {
    // No memory map: through one, a failing disk is a signal that kills the process, not an error.
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .busy_timeout(busy_timeout)
        .foreign_keys(true)
        .pragma("mmap_size", "0")
        .row_buffer_size(ROWS_BUFFERED)
        .disable_statement_logging()
}

/// The one connection that changes anything; of a database that is new, it says how that is laid out.
pub(super) async fn writer(
    file: &Path,
    is_new: bool,
    options: &SqliteOptions,
) -> sqlx::Result<SqliteConnection> {
    let mut connect = base(file, options.busy_timeout);
    if is_new {
        // `room` gives back what is free. Of another database, SQLite would write the setting anew each time.
        connect = connect.page_size(PAGE_BYTES as u32).auto_vacuum(SqliteAutoVacuum::Incremental);
    }
    let connect = connect
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
        // `log` moves the log: SQLite by itself would not say when that fails.
        .pragma("wal_autocheckpoint", "0")
        .pragma("journal_size_limit", LOG_BYTES_KEPT.to_string())
        .statement_cache_capacity(WRITER_STATEMENTS)
        .pragma("max_page_count", (options.database_bytes_max / PAGE_BYTES).max(1).to_string())
        .thread_name(|_| "store-writer".into());
    SqliteConnection::connect_with(&connect).await
}

/// A connection that can only read.
pub(super) async fn reader(file: &Path, busy_timeout: Duration) -> sqlx::Result<SqliteConnection> {
    let connect = base(file, busy_timeout)
        .read_only(true)
        .pragma("cache_size", format!("-{READER_CACHE_KIB}"))
        .statement_cache_capacity(READER_STATEMENTS)
        .thread_name(|number| format!("store-reader-{number}"));
    SqliteConnection::connect_with(&connect).await
}

/// A connection that may finish what an interrupted creation left, but sets nothing up.
pub(super) async fn recovering(file: &Path, busy_timeout: Duration) -> sqlx::Result<SqliteConnection> {
    SqliteConnection::connect_with(&base(file, busy_timeout)).await
}

/// A connection that copies the database into another file, which may be lost with the process.
pub(super) async fn copying(file: &Path, busy_timeout: Duration) -> sqlx::Result<SqliteConnection> {
    let connect = base(file, busy_timeout)
        .read_only(true)
        .synchronous(SqliteSynchronous::Off)
        .pragma("cache_size", format!("-{READER_CACHE_KIB}"))
        .thread_name(|_| "store-backup".into());
    SqliteConnection::connect_with(&connect).await
}
