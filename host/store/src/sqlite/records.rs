//! Records that outlive their turn: answers kept for repeats of a request, and dead letters.

use greenroom_core::store::{DeadLetter, DeadLetterSummary, StoreResult, StoredMessage};
use greenroom_core::{ActorType, Address, IdempotencyKey, IdempotencyRecord, Message, MessageId, Timestamp};
use sqlx::sqlite::SqliteConnection;

use super::changes::Delivery;
use super::commit::{DELETE_DEAD_LETTER, PUT_MAIL, mail_row};
use super::purge::PART_BYTES;
use super::rows::{self, Columns};
use super::statement::{Transaction, Value};
use super::{SqliteStore, query};

fn count(limit: usize) -> Value {
    Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX))
}

fn id(id: MessageId) -> Value {
    Value::from(&id.as_bytes()[..])
}

impl SqliteStore {
    pub(super) async fn find_idempotency(
        &self,
        address: &Address,
        key: &IdempotencyKey,
    ) -> StoreResult<Option<IdempotencyRecord>> {
        if self.purges.hide(address) {
            return Ok(None);
        }
        let names = [address.actor_type.as_str().into(), address.id.as_str().into(), key.as_str().into()];
        let found = self.rows(query::IDEMPOTENCY, names).await?;
        self.decoded(|| {
            found.first().map(|row| rows::idempotency(address, key, Columns::from(row, 0))).transpose()
        })
    }

    pub(super) async fn remove_idempotency(&self, until: Timestamp, limit: usize) -> StoreResult<usize> {
        let (until, limit) = (until.unix_ms() as i64, i64::try_from(limit).unwrap_or(i64::MAX));
        self.write(move |connection| {
            Box::pin(async move {
                let forgotten = sqlx::query(query::FORGET_IDEMPOTENCY)
                    .bind(until)
                    .bind(limit)
                    .bind(PART_BYTES)
                    .execute(connection)
                    .await?;
                Ok(forgotten.rows_affected() as usize)
            })
        })
        .await
    }

    pub(super) async fn list_dead_letters(
        &self,
        actor_type: Option<&ActorType>,
        after: Option<MessageId>,
        limit: usize,
    ) -> StoreResult<Vec<DeadLetterSummary>> {
        let bounds = [after.map_or(Value::Blob(Vec::new()), id), count(limit)];
        let found = match actor_type {
            None => self.rows(query::DEAD_LETTERS, bounds).await?,
            Some(name) => {
                let bounds = bounds.into_iter().chain([name.as_str().into()]);
                self.rows(query::DEAD_LETTERS_OF_TYPE, bounds).await?
            }
        };
        self.decoded(|| found.iter().map(|row| rows::dead_letter_summary(Columns::from(row, 0))).collect())
    }

    pub(super) async fn find_dead_letter(&self, letter: MessageId) -> StoreResult<Option<DeadLetter>> {
        let found = self.rows(query::DEAD_LETTER, [id(letter)]).await?;
        self.decoded(|| found.first().map(|row| rows::dead_letter(Columns::from(row, 0))).transpose())
    }

    pub(super) async fn dead_letters_of(&self, address: &Address) -> StoreResult<u64> {
        if self.purges.hide(address) {
            return Ok(0);
        }
        let names = [address.actor_type.as_str().into(), address.id.as_str().into()];
        let found = self.rows(query::COUNT_DEAD_LETTERS, names).await?;
        self.decoded(|| found.first().map_or(Ok(0), |row| Columns::from(row, 0).count()))
    }

    pub(super) async fn revive(&self, letter: MessageId, now: Timestamp) -> StoreResult<Option<Address>> {
        self.write(move |connection| Box::pin(revive(connection, letter, now))).await
    }

    pub(super) async fn delete_dead_letter(&self, letter: MessageId) -> StoreResult<bool> {
        self.write(move |connection| {
            Box::pin(async move {
                let removed = sqlx::query(query::REMOVE_DEAD_LETTER)
                    .bind(letter.as_bytes().to_vec())
                    .execute(connection)
                    .await?;
                Ok(removed.rows_affected() > 0)
            })
        })
        .await
    }
}

/// Makes the letter a message sent `now`, due at once and never delivered. Only one at a time is at work on the
/// connection, so what was read stays so until it is changed.
async fn revive(
    connection: &mut SqliteConnection,
    letter: MessageId,
    now: Timestamp,
) -> sqlx::Result<Option<Address>> {
    let found = sqlx::query(query::DEAD_LETTER)
        .bind(letter.as_bytes().to_vec())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = found else { return Ok(None) };
    let DeadLetter { to, message, .. } = rows::dead_letter(Columns::from(&row, 0))?;
    let at_once = Timestamp::EPOCH;
    let message = Message { attempt: 1, ..message };
    let stored = StoredMessage { to, message, due_at: at_once, sent_at: now, wake_at: at_once, error: None };
    let mut transaction = Transaction::default();
    transaction.push(&DELETE_DEAD_LETTER, [[id(letter)]]);
    transaction.push(&PUT_MAIL, [mail_row(&stored, Delivery::of(&stored))]);
    transaction.run(connection).await?;
    Ok(Some(stored.to))
}
