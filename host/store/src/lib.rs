//! What is durable: state, mailboxes, reminders, dead letters, idempotency records and components.
//!
//! [`SqliteStore`] keeps them in one SQLite database, [`ModelStore`] in memory for tests that make its
//! operations fail, wait or be lost. Both implement [`greenroom_core::store::Store`] and pass the same
//! [`contract`]. Nothing outside this crate knows which database it is.

// SQLite is a name, not code.
#![allow(clippy::doc_markdown)]

pub mod contract;
mod model;
pub mod sealed;
mod sqlite;
#[cfg(test)]
mod tests;

pub use model::{
    Change, CommitFault, Encounter, Encounters, HeldCommits, ModelStore, Observer, Operation, Pause,
};
#[cfg(feature = "fuzz")]
pub use sqlite::fuzz;
pub use sqlite::{DirectoryBackup, OpenError, RestoreError, SqliteOptions, SqliteStore, restore};
