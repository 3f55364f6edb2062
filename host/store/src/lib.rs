//! What is durable: state, mailboxes, reminders, dead letters, idempotency records and components.
//!
//! [`SqliteStore`] keeps them in one SQLite database, [`ModelStore`] in memory for tests that make
//! commits fail, wait or be lost. Both implement [`greenroom_core::store::Store`] and pass the same
//! [`contract`]. Nothing outside this crate knows which database it is.

// SQLite is a name, not code.
#![allow(clippy::doc_markdown)]

pub mod contract;
mod model;
mod sqlite;
#[cfg(test)]
mod tests;

pub use model::{CommitFault, HeldCommits, ModelStore};
#[cfg(feature = "fuzz")]
pub use sqlite::fuzz;
pub use sqlite::{OpenError, SqliteOptions, SqliteStore};
