//! Retries that wait for too long are brought forward, where they are: none of what they carry is read into memory.

use greenroom_core::store::StoreResult;
use greenroom_core::{ActorType, Timestamp};
use sqlx::sqlite::SqliteConnection;

use super::{SqliteStore, query};

impl SqliteStore {
    pub(super) async fn bring_forward(
        &self,
        actor_type: &ActorType,
        latest: Timestamp,
        limit: usize,
    ) -> StoreResult<usize> {
        let late = Late {
            actor_type: actor_type.as_str().to_owned(),
            latest: latest.unix_ms() as i64,
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
        };
        self.write(move |connection| Box::pin(late.bring_forward(connection))).await
    }
}

/// Retries of actors of that type, later than that, so many of messages and of reminders at most.
struct Late {
    actor_type: String,
    latest: i64,
    limit: i64,
}

impl Late {
    async fn bring_forward(self, connection: &mut SqliteConnection) -> sqlx::Result<usize> {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
        let mut count = 0;
        for text in [query::BOUND_MAIL_RETRIES, query::BOUND_REMINDER_RETRIES] {
            let bounded = sqlx::query(text)
                .bind(&self.actor_type)
                .bind(self.latest)
                .bind(self.limit)
                .execute(&mut *connection)
                .await?;
            count += bounded.rows_affected() as usize;
        }
        sqlx::query("COMMIT").execute(connection).await?;
        Ok(count)
    }
}
