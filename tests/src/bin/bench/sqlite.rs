//! `SQLite` as a plain server would use it well: one writer that commits what has come together in
//! one transaction, many rows to a statement, on disk before anybody is told.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, Executor as _, QueryBuilder, Sqlite};
use tokio::sync::{mpsc, oneshot};

/// At most so many increments in one transaction.
const GROUP_MAX: usize = 1_024;
/// At most so many rows in one statement.
const ROWS_MAX: usize = 64;

struct Change {
    key: String,
    value: u64,
    done: oneshot::Sender<()>,
}

/// The way to the writer.
pub(crate) struct Writer {
    changes: mpsc::Sender<Change>,
}

impl Writer {
    /// Opens the database and starts the writer.
    pub(crate) async fn open(file: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection = SqliteConnection::connect_with(&options).await.context("could not open")?;
        connection
            .execute(
                "CREATE TABLE IF NOT EXISTS counter (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
            )
            .await?;
        let (changes, mut waiting) = mpsc::channel(4 * GROUP_MAX);
        tokio::spawn(async move {
            let mut group = Vec::with_capacity(GROUP_MAX);
            while waiting.recv_many(&mut group, GROUP_MAX).await > 0 {
                if let Err(error) = commit(&mut connection, &group).await {
                    eprintln!("the commit failed: {error:#}");
                    return;
                }
                for change in group.drain(..) {
                    // Whoever asked may be gone.
                    let _ = change.done.send(());
                }
            }
        });
        Ok(Writer { changes })
    }

    /// Stores a value; whether it is on disk.
    pub(crate) async fn store(&self, key: &str, value: u64) -> bool {
        let (done, is_done) = oneshot::channel();
        let change = Change { key: key.to_owned(), value, done };
        self.changes.send(change).await.is_ok() && is_done.await.is_ok()
    }
}

async fn commit(connection: &mut SqliteConnection, group: &[Change]) -> anyhow::Result<()> {
    // The largest value of a key is its last one.
    let mut latest: HashMap<&str, u64> = HashMap::with_capacity(group.len());
    for change in group {
        let value = latest.entry(&change.key).or_default();
        *value = change.value.max(*value);
    }
    let rows: Vec<(&str, u64)> = latest.into_iter().collect();
    let mut transaction = connection.begin().await?;
    for chunk in rows.chunks(ROWS_MAX) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO counter (key, value) ");
        query.push_values(chunk, |mut row, (key, value)| {
            row.push_bind((*key).to_owned()).push_bind(value.cast_signed());
        });
        query.push(" ON CONFLICT (key) DO UPDATE SET value = excluded.value");
        query.build().execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}
