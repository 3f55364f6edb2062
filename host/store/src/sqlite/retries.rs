//! Retries that wait for too long are brought forward.

use greenroom_core::store::{MailKey, Reminder, StoreResult};
use greenroom_core::{ActorType, Address, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::commit::{PUT_REMINDER, RETRY_MAIL, reminder_row, retry_row};
use super::rows::{self, Columns};
use super::statement::Transaction;
use super::{SqliteStore, query};

impl SqliteStore {
    pub(super) async fn bring_forward(
        &self,
        actor_type: &ActorType,
        latest: Timestamp,
        limit: usize,
    ) -> StoreResult<usize> {
        let late = Late { actor_type: actor_type.clone(), latest, limit };
        self.write(move |connection| Box::pin(late.bring_forward(connection))).await
    }
}

/// Retries of actors of that type, later than that, so many of messages and of reminders at most.
struct Late {
    actor_type: ActorType,
    latest: Timestamp,
    limit: usize,
}

impl Late {
    /// Only one at a time is at work on the connection, so what was read stays so until it is changed.
    async fn bring_forward(self, connection: &mut SqliteConnection) -> sqlx::Result<usize> {
        let mail = self.found(query::LATE_MAIL_RETRIES, connection).await?;
        let mail = mail.iter().map(|row| self.mail(row)).collect::<sqlx::Result<Vec<_>>>()?;
        let reminders = self.found(query::LATE_REMINDER_RETRIES, connection).await?;
        let reminders = reminders.iter().map(|row| self.reminder(row)).collect::<sqlx::Result<Vec<_>>>()?;
        let count = mail.len() + reminders.len();
        if count > 0 {
            let mut transaction = Transaction::default();
            let earlier = |key: MailKey| key.due_at.max(self.latest);
            transaction.push(
                &RETRY_MAIL,
                mail.iter().map(|(to, key, attempt)| retry_row(to, *key, *attempt, earlier(*key))),
            );
            transaction.push(
                &PUT_REMINDER,
                reminders.iter().map(|(owner, reminder)| reminder_row(owner, &reminder.name, reminder)),
            );
            transaction.run(connection).await?;
        }
        Ok(count)
    }

    async fn found(
        &self,
        query: &'static str,
        connection: &mut SqliteConnection,
    ) -> sqlx::Result<Vec<SqliteRow>> {
        sqlx::query(query)
            .bind(self.actor_type.as_str())
            .bind(self.latest.unix_ms() as i64)
            .bind(i64::try_from(self.limit).unwrap_or(i64::MAX))
            .fetch_all(connection)
            .await
    }

    fn actor(&self, columns: &mut Columns<'_>) -> sqlx::Result<Address> {
        Ok(Address { actor_type: self.actor_type.clone(), id: columns.actor_id()? })
    }

    fn mail(&self, row: &SqliteRow) -> sqlx::Result<(Address, MailKey, u32)> {
        let mut columns = Columns::from(row, 0);
        let to = self.actor(&mut columns)?;
        let key = MailKey { due_at: columns.moment()?, id: columns.message_id()? };
        Ok((to, key, columns.small()?))
    }

    fn reminder(&self, row: &SqliteRow) -> sqlx::Result<(Address, Reminder)> {
        let mut columns = Columns::from(row, 0);
        let owner = self.actor(&mut columns)?;
        let reminder = rows::reminder(&owner, columns)?;
        let wake_at = reminder.due_at.max(self.latest);
        Ok((owner, Reminder { wake_at, ..reminder }))
    }
}
