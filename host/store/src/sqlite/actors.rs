//! Reads of actors: what one has stored, which there are, and for which something is due.

use bytes::Bytes;
use greenroom_core::store::{
    Due, Mail, MailKey, StateSize, StoreResult, StoredActor, StoredMessage, StoredSummary,
};
use greenroom_core::{ActorId, ActorType, Address, MessageId, Timestamp};
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::rows::{self, Columns};
use super::{query, statement::Value};

/// Bodies up to this are read with the page that they are in, larger ones one by one.
const MAIL_SMALL_BYTES: usize = 16 << 10;
/// Bytes of messages' bodies after which a page has no more of them: a mailbox may have gigabytes.
const MAIL_PAGE_BYTES: usize = 1 << 20;
/// Moments looked at in one statement when searching what is due.
const DUE_PAGE: usize = 1_000;

fn actor(address: &Address) -> [Value; 2] {
    [address.actor_type.as_str().into(), address.id.as_str().into()]
}

fn count(limit: usize) -> Value {
    Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX))
}

fn moment(at: Timestamp) -> Value {
    Value::Integer(at.unix_ms() as i64)
}

/// The texts that begin with `prefix` and come after `after`: from the first value on, before the
/// second. Text sorts by its bytes, and any text before any blob.
fn text_range(prefix: &str, after: Option<&str>) -> [Value; 2] {
    let from = match after {
        // Nothing lies between a text and the same text with a zero byte.
        Some(after) if after >= prefix => format!("{after}\0"),
        _ => prefix.to_owned(),
    };
    let end = after_prefix(prefix).map_or(Value::Blob(Vec::new()), Value::Text);
    [Value::Text(from), end]
}

/// The first text after all that begin with `prefix`; none if there is none.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // The range knows that there are no characters from U+D800 to U+DFFF.
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// The values of [`query::MAIL`].
fn mail_range(address: &Address, now: Timestamp, after: Option<MailKey>, limit: usize) -> [Value; 7] {
    let [actor_type, id] = actor(address);
    let (due_at, message) = match after {
        Some(key) => (moment(key.due_at), Value::from(&key.id.as_bytes()[..])),
        None => (Value::Integer(-1), Value::Blob(Vec::new())),
    };
    [actor_type, id, moment(now), due_at, message, count(limit), count(MAIL_SMALL_BYTES)]
}

impl SqliteStore {
    pub(super) async fn load_actor(
        &self,
        address: &Address,
        state_bytes_max: u64,
    ) -> StoreResult<StoredActor> {
        if self.purges.hide(address) {
            return Ok(StoredActor { state: Some(Vec::new()), ..StoredActor::default() });
        }
        let bound = Value::Integer(i64::try_from(state_bytes_max).unwrap_or(i64::MAX));
        let found = self.rows(query::LOAD, actor(address).into_iter().chain([bound])).await?;
        self.decoded(|| {
            let mut loaded = StoredActor::default();
            let mut state = Vec::new();
            for row in &found {
                let mut columns = Columns::from(row, 0);
                match columns.integer()? {
                    0 => {
                        loaded.size_is_kept = columns.integer()? != 0;
                        loaded.state_size = StateSize { keys: columns.count()?, bytes: columns.count()? };
                    }
                    1 => {
                        let key = columns.text()?;
                        state.push((key.to_owned(), rows::state_value(address, key, &mut columns)?));
                    }
                    _ => loaded.reminders.push(rows::reminder(address, columns)?),
                }
            }
            if loaded.state_size.bytes <= state_bytes_max {
                state.sort_unstable_by(|one, other| one.0.cmp(&other.0));
                loaded.state_size.keys = state.len() as u64;
                loaded.state = Some(state);
            }
            loaded.reminders.sort_unstable_by(|one, other| one.name.cmp(&other.name));
            Ok(loaded)
        })
    }

    pub(super) async fn summarize(&self, address: &Address) -> StoreResult<StoredSummary> {
        if self.purges.hide(address) {
            return Ok(StoredSummary::default());
        }
        let found = self.rows(query::SUMMARY, actor(address)).await?;
        self.decoded(|| {
            let mut summary = StoredSummary::default();
            for row in &found {
                let mut columns = Columns::from(row, 0);
                if columns.integer()? == 0 {
                    summary.state_size = StateSize { keys: columns.count()?, bytes: columns.count()? };
                    summary.mail = columns.count()?;
                    summary.answers = columns.count()?;
                    summary.answer_bytes = columns.count()?;
                } else {
                    summary.reminders.push(rows::reminder(address, columns)?);
                }
            }
            summary.reminders.sort_unstable_by(|one, other| one.name.cmp(&other.name));
            Ok(summary)
        })
    }

    pub(super) async fn read_state(&self, address: &Address, key: &str) -> StoreResult<Option<Bytes>> {
        if self.purges.hide(address) {
            return Ok(None);
        }
        let found = self.rows(query::STATE_VALUE, actor(address).into_iter().chain([key.into()])).await?;
        self.decoded(|| {
            let value = |row| rows::state_value(address, key, &mut Columns::from(row, 0));
            found.first().map(value).transpose()
        })
    }

    pub(super) async fn list_state(
        &self,
        address: &Address,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<String>> {
        if self.purges.hide(address) {
            return Ok(Vec::new());
        }
        let range = actor(address).into_iter().chain(text_range(prefix, after)).chain([count(limit)]);
        let found = self.rows(query::STATE_KEYS, range).await?;
        self.decoded(|| found.iter().map(|row| Ok(Columns::from(row, 0).text()?.to_owned())).collect())
    }

    pub(super) async fn list_value_sizes(
        &self,
        address: &Address,
        from: &str,
        limit: usize,
    ) -> StoreResult<Vec<(String, u64)>> {
        if self.purges.hide(address) {
            return Ok(Vec::new());
        }
        let range = actor(address).into_iter().chain([from.into(), count(limit)]);
        let found = self.rows(query::STATE_VALUE_SIZES, range).await?;
        let size = |row| {
            let mut columns = Columns::from(row, 0);
            Ok((columns.text()?.to_owned(), columns.count()?))
        };
        self.decoded(|| found.iter().map(size).collect())
    }

    pub(super) async fn read_mail(
        &self,
        address: &Address,
        now: Timestamp,
        after: Option<MailKey>,
        limit: usize,
    ) -> StoreResult<Mail> {
        if self.purges.hide(address) {
            return Ok(Mail::default());
        }
        let found = self.rows(query::MAIL, mail_range(address, now, after, limit.saturating_add(1))).await?;
        let (mut messages, mut bytes, mut seen) = (Vec::new(), 0, 0);
        for row in found.iter().take(limit) {
            if bytes >= MAIL_PAGE_BYTES {
                break;
            }
            seen += 1;
            let stored = match self.decoded(|| rows::message_or_key(address, row))? {
                Ok(small) => Some(small),
                Err(key) => self.read_message(address, key).await?,
            };
            // Unless it has gone meanwhile.
            if let Some(stored) = stored {
                bytes += stored.message.payload.body.len();
                messages.push(stored);
            }
        }
        Ok(Mail { messages, more: found.len() > seen })
    }

    async fn read_message(&self, to: &Address, key: MailKey) -> StoreResult<Option<StoredMessage>> {
        let [actor_type, id] = actor(to);
        let values = [actor_type, id, moment(key.due_at), Value::from(&key.id.as_bytes()[..])];
        let found = self.rows(query::ONE_MESSAGE, values).await?;
        self.decoded(|| found.first().map(|row| rows::message(to, row)).transpose())
    }

    pub(super) async fn list_actors(
        &self,
        actor_type: &ActorType,
        prefix: &str,
        after: Option<&ActorId>,
        limit: usize,
    ) -> StoreResult<Vec<ActorId>> {
        if self.purges.has_type(actor_type) {
            return Ok(Vec::new());
        }
        let range = text_range(prefix, after.map(ActorId::as_str));
        let bounds = [actor_type.as_str().into()].into_iter().chain(range).chain([count(limit)]);
        let found = self.rows(query::ACTORS, bounds).await?;
        self.decoded(|| found.iter().map(|row| Columns::from(row, 0).actor_id()).collect())
    }

    pub(super) async fn list_due(
        &self,
        until: Timestamp,
        after: Option<&Due>,
        limit: usize,
    ) -> StoreResult<Vec<Due>> {
        let mut due = Vec::new();
        let mut position = after.cloned();
        while due.len() < limit {
            let [actor_type, id] =
                position.as_ref().map_or([Value::from(""), Value::from("")], |due| actor(&due.address));
            let at = position.as_ref().map_or(Value::Integer(-1), |due| moment(due.at));
            let bounds = [moment(until), at, actor_type, id, count(DUE_PAGE)];
            let found = self.rows(query::DUE, bounds).await?;
            let page = self.decoded(|| found.iter().map(moment_row).collect::<sqlx::Result<Vec<_>>>())?;
            position = page.last().map(|(last, _)| last.clone());
            let earliest = page.into_iter().filter(|(_, earliest)| *earliest).map(|(moment, _)| moment);
            due.extend(earliest.filter(|moment| !self.purges.hide(&moment.address)));
            if found.len() < DUE_PAGE {
                break;
            }
        }
        due.truncate(limit);
        Ok(due)
    }

    pub(super) async fn find_next_due(&self, after: Timestamp) -> StoreResult<Option<Timestamp>> {
        let found = self.rows(query::NEXT_DUE, [moment(after)]).await?;
        self.decoded(|| found.first().map_or(Ok(None), rows::optional_moment))
    }

    pub(super) async fn find_latest_message_id(&self) -> StoreResult<Option<MessageId>> {
        let found = self.rows(query::LATEST_MESSAGE_ID, []).await?;
        self.decoded(|| found.first().map_or(Ok(None), rows::optional_message_id))
    }
}

/// A row of [`query::DUE`]: a moment, and whether it is the actor's earliest.
fn moment_row(row: &SqliteRow) -> sqlx::Result<(Due, bool)> {
    let mut columns = Columns::from(row, 0);
    let at = columns.moment()?;
    let address = Address { actor_type: columns.actor_type()?, id: columns.actor_id()? };
    Ok((Due { at, address }, columns.integer()? != 0))
}

#[cfg(test)]
mod tests {
    use greenroom_core::store::{Store as _, WriteSet};
    use greenroom_core::{Message, Payload};

    use super::*;
    use crate::SqliteOptions;
    use crate::contract::samples::{mail, message, sends, task, writes};

    #[tokio::test]
    async fn large_bodies_are_not_read_with_the_page_that_they_are_in() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path(), &SqliteOptions::default()).await.unwrap();
        let to = task("box");
        let sized = |number: u128, bytes| {
            let payload = Payload::new("", vec![0; bytes]);
            StoredMessage { message: Message { payload, ..message(number) }, ..mail(&to, number, 0) }
        };
        let sent = vec![sized(1, 0), sized(2, MAIL_SMALL_BYTES), sized(3, MAIL_SMALL_BYTES + 1), sized(4, 1)];
        store.commit(&[sends(&to, sent.clone())]).await.unwrap();
        let found = store.rows(query::MAIL, mail_range(&to, Timestamp::MAX, None, 9)).await.unwrap();
        let read: Vec<_> = found.iter().map(|row| rows::message_or_key(&to, row).unwrap()).collect();
        let [one, two, three, four] = &sent[..] else { unreachable!() };
        assert_eq!(read, [Ok(one.clone()), Ok(two.clone()), Err(three.key()), Ok(four.clone())]);
        assert_eq!(store.mail(&to, Timestamp::MAX, None, 9).await.unwrap().messages, sent);
    }

    #[tokio::test]
    async fn a_size_that_is_kept_is_not_counted() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path(), &SqliteOptions::default()).await.unwrap();
        // No turn would say so: it shows that nobody counts.
        let told = StateSize { keys: 7, bytes: 1 << 40 };
        let set = WriteSet { state_size: Some(told), ..writes(&task("large"), &[("key", Some("value"))]) };
        store.commit(&[set]).await.unwrap();
        let loaded = store.load(&task("large"), 100).await.unwrap();
        assert_eq!((loaded.state, loaded.state_size, loaded.size_is_kept), (None, told, true));
        assert_eq!(store.summary(&task("large")).await.unwrap().state_size, told);
    }

    #[test]
    fn the_end_of_a_prefix_lies_after_all_that_begin_with_it() {
        assert_eq!(after_prefix("a%_").as_deref(), Some("a%`"));
        assert_eq!(after_prefix("a\u{D7FF}").as_deref(), Some("a\u{E000}"));
        assert_eq!(after_prefix("a\u{10FFFF}\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{10FFFF}"), None);
        assert_eq!(after_prefix(""), None);
    }
}
