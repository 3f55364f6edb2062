//! The one connection that writes.
//!
//! Work runs in a task of its own: it ends in a commit or a rollback even when nobody waits for it
//! any more, and the directory stays locked until then.
//!
//! SQLite moves the log into the database when its last connection is closed, and then deletes it: after a failed
//! sync that would be the second attempt, which succeeds whatever the first has lost. So the connection is closed
//! when all of the log was moved, and otherwise left to the end of the process.

use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;

use greenroom_core::FailPoint;
use greenroom_core::store::{StoreError, StoreResult};
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::SqliteStore;
use super::failure::{self, Health};
use super::lock::{CLOCK_TICK, DirectoryLock};
use super::log::{self, LogKeeper};

/// Holds the writing connection.
pub(super) struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    health: Arc<Health>,
    /// `None` once closed.
    open: Arc<Mutex<Option<Open>>>,
}

struct Open {
    /// Never closed by being dropped.
    connection: ManuallyDrop<SqliteConnection>,
    log: LogKeeper,
    lock: DirectoryLock,
}

/// Work on the connection, which begins and commits a transaction by itself.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = sqlx::Result<T>> + Send + 'c>>;

impl Writer {
    pub(super) fn new(
        connection: SqliteConnection,
        log: LogKeeper,
        lock: DirectoryLock,
        health: Arc<Health>,
    ) -> Self {
        Writer {
            shared: Arc::new(Shared {
                health,
                open: Arc::new(Mutex::new(Some(Open {
                    connection: ManuallyDrop::new(connection),
                    log,
                    lock,
                }))),
            }),
        }
    }

    /// Moves the log into the database, closes the connection, and gives up the directory. A log that can't be
    /// moved is left to the next start, which insists on it.
    pub(super) async fn close(&self) {
        let Some(Open { mut connection, lock, .. }) = self.shared.open.lock().await.take() else {
            return;
        };
        FailPoint::StoreClosing.reach();
        if self.shared.health.check().is_err() {
            return;
        }
        match log::empty(&mut connection).await {
            Ok(true) => {}
            Ok(false) => {
                return tracing::warn!("something reads the log; the next start moves it");
            }
            Err(error) => {
                return tracing::warn!(%error, "the log was not moved into the database; the next start does it");
            }
        }
        tokio::time::sleep(CLOCK_TICK).await;
        if let Err(error) = lock.log_is_not_needed() {
            return tracing::warn!(%error, "the lock file can't be written; the log stays");
        }
        if let Err(error) = ManuallyDrop::into_inner(connection).close().await {
            tracing::warn!(%error, "the writing connection did not close cleanly");
        }
        FailPoint::StoreClosed.reach();
    }
}

impl SqliteStore {
    /// Does `work` on the writing connection; after an error, nothing of it remains.
    pub(super) async fn write<T, W>(&self, work: W) -> StoreResult<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        self.write_bytes(0, work).await
    }

    /// The same for work that carries so many bytes into the log.
    pub(super) async fn write_bytes<T, W>(&self, bytes: u64, work: W) -> StoreResult<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        let shared = Arc::clone(&self.writer.shared);
        // In order: whoever waits first writes first, and who goes away before has written nothing.
        let open = Arc::clone(&shared.open).lock_owned().await;
        let task = tokio::spawn(async move { shared.write(open, bytes, work).await });
        match task.await {
            Ok(outcome) => outcome,
            Err(ended) if ended.is_panic() => Err(self.health.failed("writing panicked".into())),
            Err(_) => Err(StoreError::Unknown("the host stopped in the middle of the change".into())),
        }
    }
}

impl Shared {
    async fn write<T, W>(
        &self,
        mut open: OwnedMutexGuard<Option<Open>>,
        bytes: u64,
        work: W,
    ) -> StoreResult<T>
    where
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T>,
    {
        self.health.check()?;
        let Some(Open { connection, log, .. }) = open.as_mut() else {
            return Err(StoreError::Unavailable("the store is closed".into()));
        };
        match work(connection).await {
            Ok(value) => {
                if let Err(error) = log.after_write(bytes, connection).await {
                    self.health.log_was_not_moved(&error);
                }
                Ok(value)
            }
            Err(error) => {
                let answer = self.health.answer_change(&error);
                self.roll_back(connection).await?;
                Err(answer)
            }
        }
    }

    async fn roll_back(&self, connection: &mut SqliteConnection) -> StoreResult<()> {
        /// `SQLITE_ERROR`: SQLite rolled back by itself, or nothing was begun.
        const NO_TRANSACTION: i32 = 1;
        match sqlx::query("ROLLBACK").execute(connection).await {
            Ok(_) => Ok(()),
            Err(error) if failure::extended_code(&error) == Some(NO_TRANSACTION) => Ok(()),
            Err(error) => Err(self.health.failed(format!("a change could not be undone: {error}"))),
        }
    }
}
