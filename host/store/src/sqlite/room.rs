//! Room in the database that is free is given back to the disk, a part at a time.
//!
//! SQLite keeps pages that are not used for what comes next. So does this, a share of the database; the rest is
//! moved to the end of the file and cut off, some pages in a transaction. That takes a database that was made for it
//! (`auto_vacuum`): one of an earlier version keeps its file as large as it was, until it is restored from a backup.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use greenroom_core::store::StoreResult;
use sqlx::sqlite::SqliteConnection;

use super::SqliteStore;
use super::connect::PAGE_BYTES;

/// Pages given back in one transaction.
const PART_PAGES: u64 = 1_024;
/// Free pages that are kept in any case.
const KEPT_PAGES: u64 = (16 << 20) / PAGE_BYTES;
/// The share of the database's pages that is kept free, one in so many.
const KEPT_ONE_IN: u64 = 8;
/// `PRAGMA auto_vacuum` of a database that gives pages back when it is asked to.
const INCREMENTAL: u64 = 2;

impl SqliteStore {
    /// Gives a part of the free room back; says whether there is more.
    pub(super) async fn give_back_room(&self) -> StoreResult<bool> {
        let free_bytes = Arc::clone(&self.free_bytes);
        self.write(move |connection| Box::pin(give_back(connection, free_bytes))).await
    }
}

async fn give_back(connection: &mut SqliteConnection, free_bytes: Arc<AtomicU64>) -> sqlx::Result<bool> {
    let free = number(connection, "PRAGMA freelist_count").await?;
    free_bytes.store(free * PAGE_BYTES, Ordering::Relaxed);
    let kept = KEPT_PAGES.max(number(connection, "PRAGMA page_count").await? / KEPT_ONE_IN);
    if free <= kept || number(connection, "PRAGMA auto_vacuum").await? != INCREMENTAL {
        return Ok(false);
    }
    // Safe: a number.
    let text = format!("PRAGMA incremental_vacuum({})", PART_PAGES.min(free - kept));
    sqlx::query(sqlx::AssertSqlSafe(text)).execute(connection).await?;
    Ok(free - kept > PART_PAGES)
}

async fn number(connection: &mut SqliteConnection, text: &'static str) -> sqlx::Result<u64> {
    let number: i64 = sqlx::query_scalar(text).fetch_one(connection).await?;
    Ok(number.unsigned_abs())
}
