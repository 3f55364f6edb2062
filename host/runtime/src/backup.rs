//! Backups of a node in use. One is made and read at a time, so the room that copies take and the work
//! that they are have a bound.

use bytes::Bytes;
use greenroom_core::store::{self, StoreError};
use greenroom_core::{Code, Error};
use tokio::sync::OwnedSemaphorePermit;

use crate::node::Node;

/// A backup of everything durable, to be read from its beginning to its end. Dropped, it makes way for
/// the next.
pub struct Backup {
    copy: Box<dyn store::Backup>,
    _only: OwnedSemaphorePermit,
}

impl Node {
    /// Begins a backup: everything that was acknowledged before this was called, as it is at one moment.
    /// Turns go on meanwhile. Given up when the future is dropped.
    ///
    /// # Errors
    /// `overloaded` while another backup is under way, `store-full` when there is no room for a copy,
    /// `store-unavailable` when it can't be made now. The node goes on.
    pub async fn backup(&self) -> Result<Backup, Error> {
        self.check_not_draining()?;
        let only = self.dispatch.backups.clone().try_acquire_owned().map_err(|_| {
            Error::new(
                Code::Overloaded,
                "another backup is under way, and one is made at a time; try again when it is done",
            )
        })?;
        let copy = self.dispatch.store.backup().await.map_err(|error| refused(&error))?;
        Ok(Backup { copy, _only: only })
    }
}

impl Backup {
    /// How many bytes it has.
    pub fn bytes(&self) -> u64 {
        self.copy.bytes()
    }

    /// The next bytes; none at its end.
    ///
    /// # Errors
    /// The rest can't be read. What was read is no backup.
    pub async fn read(&mut self) -> Result<Bytes, Error> {
        self.copy.read().await.map_err(|error| refused(&error))
    }
}

/// Nothing was changed, whatever the store says of a copy.
fn refused(error: &StoreError) -> Error {
    tracing::error!(%error, "a backup was not made");
    match error {
        StoreError::Full(why) => {
            Error::new(Code::StoreFull, format!("{why}; free some space. No backup was made"))
        }
        _ => Error::new(Code::StoreUnavailable, "no backup could be made; the host's log says why"),
    }
}
