//! What an error of SQLite means to the rest of the host, and the memory of a failure after which
//! the store must not be used: a sync that failed once may report success the next time although
//! the data is gone, so it is never tried again.

use std::sync::OnceLock;

use greenroom_core::store::{StoreError, StoreResult};
use sqlx::Error;

/// SQLite's primary result codes that are told apart.
mod code {
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const NOTADB: i32 = 26;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
}

/// What kind of error it is, whoever meets it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Another connection holds a lock.
    Busy,
    /// No room.
    Full,
    /// The file is not a database.
    NotADatabase,
    /// The file is damaged.
    Corrupt,
    /// The disk, its permissions, or the connection's own thread failed.
    Failed,
    /// A read-only connection met an unfinished rollback.
    NeedsRollback,
    /// Any other; nothing was changed.
    Other,
}

/// `SQLITE_READONLY_ROLLBACK`.
const READONLY_ROLLBACK: i32 = 776;

/// SQLite's extended result code, if the error is SQLite's.
pub(super) fn extended_code(error: &Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Which kind `error` is.
pub(super) fn kind(error: &Error) -> Kind {
    match error {
        Error::Io(_) | Error::WorkerCrashed => return Kind::Failed,
        Error::ColumnDecode { .. } | Error::Decode(_) => return Kind::Corrupt,
        _ => {}
    }
    let Some(extended) = extended_code(error) else { return Kind::Other };
    match extended & 0xFF {
        _ if extended == READONLY_ROLLBACK => Kind::NeedsRollback,
        code::BUSY | code::LOCKED => Kind::Busy,
        code::FULL => Kind::Full,
        code::NOTADB => Kind::NotADatabase,
        code::CORRUPT => Kind::Corrupt,
        code::IOERR | code::READONLY => Kind::Failed,
        _ => Kind::Other,
    }
}

/// Whether the store may be used, and why not.
#[derive(Default)]
pub(super) struct Health {
    broken: OnceLock<String>,
}

impl Health {
    /// Refuses when the store is broken.
    pub(super) fn check(&self) -> StoreResult<()> {
        match self.broken.get() {
            Some(why) => Err(StoreError::Broken(why.clone())),
            None => Ok(()),
        }
    }

    /// Remembers that the store is broken, and why. The first reason stays.
    fn broke(&self, why: String) -> String {
        if self.broken.set(why.clone()).is_ok() {
            tracing::error!(%why, "the store failed and takes nothing more; stop the host and look at its disk");
        }
        self.broken.get().cloned().unwrap_or(why)
    }

    /// Remembers that, unless there was only no room or another process had the database: then nothing was lost.
    pub(super) fn log_was_not_moved(&self, error: &Error) {
        match kind(error) {
            Kind::Full | Kind::Busy => {
                tracing::warn!(%error, "the log was not moved into the database; it grows");
            }
            _ => drop(self.broke(format!("the log could not be moved into the database: {error}"))),
        }
    }

    /// What to answer after a change broke the store.
    pub(super) fn failed(&self, why: String) -> StoreError {
        StoreError::Failed(self.broke(why))
    }

    /// What to answer after `error` of a change.
    pub(super) fn answer_change(&self, error: &Error) -> StoreError {
        match self.answer(error) {
            StoreError::Broken(why) => StoreError::Failed(why),
            other => other,
        }
    }

    /// What to answer after `error` of a read.
    pub(super) fn answer(&self, error: &Error) -> StoreError {
        match kind(error) {
            Kind::Full => StoreError::Full(format!("{error}; free some space or raise the size limit")),
            Kind::Busy => StoreError::Unavailable(format!("another process holds the database: {error}")),
            Kind::Other => StoreError::Unavailable(error.to_string()),
            Kind::NotADatabase | Kind::Corrupt | Kind::Failed | Kind::NeedsRollback => {
                StoreError::Broken(self.broke(error.to_string()))
            }
        }
    }
}
