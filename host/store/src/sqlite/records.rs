//! Records that outlive their turn: replies kept for repeats of a request, and dead letters.

use greenroom_core::store::{DeadLetter, IdempotencyRecord, StoreResult};
use greenroom_core::{Address, MessageId};

use super::rows::{self, Columns};
use super::statement::Value;
use super::{SqliteStore, query};

impl SqliteStore {
    /// The record kept of a request under that idempotency key.
    pub async fn idempotency_record(
        &self,
        address: &Address,
        key: &str,
    ) -> StoreResult<Option<IdempotencyRecord>> {
        let names = [address.actor_type.as_str().into(), address.id.as_str().into(), key.into()];
        let found = self.rows(query::IDEMPOTENCY, names).await?;
        self.decoded(|| found.first().map(|row| rows::idempotency(key, Columns::from(row, 0))).transpose())
    }

    /// Dead letters by message id, after `after`.
    pub async fn dead_letters(&self, after: Option<MessageId>, limit: usize) -> StoreResult<Vec<DeadLetter>> {
        let after = Value::Blob(after.map_or(Vec::new(), |id| id.as_bytes().to_vec()));
        let limit = Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.rows(query::DEAD_LETTERS, [after, limit]).await?;
        self.decoded(|| found.iter().map(|row| rows::dead_letter(Columns::from(row, 0))).collect())
    }
}
