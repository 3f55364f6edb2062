//! The read-only connections. Every read is one statement, so each sees one moment of the database
//! and none keeps the write-ahead log from being moved for long.
//!
//! sqlx's own pool asks the connection whether it lives before and after each use, a round trip to
//! another thread each time; a local file needs neither.

use greenroom_core::store::{StoreError, StoreResult};
use parking_lot::Mutex;
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Semaphore, SemaphorePermit};

/// A fixed number of connections, lent one at a time.
pub(super) struct Readers {
    permits: Semaphore,
    /// At least as many as there are permits.
    idle: Mutex<Vec<SqliteConnection>>,
    total: u32,
}

/// A connection on loan. Dropped in the middle of an answer it is still usable: SQLite's thread
/// notices that nobody listens and resets the statement before the next one.
pub(super) struct Reader<'a> {
    readers: &'a Readers,
    connection: Option<SqliteConnection>,
    _permit: SemaphorePermit<'a>,
}

impl Readers {
    pub(super) fn new(connections: Vec<SqliteConnection>) -> Self {
        Readers {
            permits: Semaphore::new(connections.len()),
            total: connections.len() as u32,
            idle: Mutex::new(connections),
        }
    }

    /// Waits for a connection.
    pub(super) async fn take(&self) -> StoreResult<Reader<'_>> {
        let closed = || StoreError::Unavailable("the store is closed".into());
        let permit = self.permits.acquire().await.map_err(|_| closed())?;
        let connection = self.idle.lock().pop().ok_or_else(closed)?;
        Ok(Reader { readers: self, connection: Some(connection), _permit: permit })
    }

    /// Waits for reads under way, closes the connections and refuses further reads.
    pub(super) async fn close(&self) {
        // Failing to acquire means that it was closed before.
        let Ok(_all) = self.permits.acquire_many(self.total).await else { return };
        self.permits.close();
        let connections = std::mem::take(&mut *self.idle.lock());
        for connection in connections {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "a reading connection did not close cleanly");
            }
        }
    }
}

impl Reader<'_> {
    /// The connection.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("there until dropped")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.readers.idle.lock().extend(self.connection.take());
    }
}
