//! Rows back into the values they were made of. A row that is none of ours is an error, never a
//! guess.

use std::sync::Arc;

use bytes::Bytes;
use greenroom_core::idempotency::Answer;
use greenroom_core::store::{DeadLetter, DeadLetterSummary, MailKey, Reminder, StoredMessage};
use greenroom_core::{
    ActorId, ActorType, Address, Code, Digest, Error, IdempotencyKey, IdempotencyRecord, Message, MessageId,
    Method, Origin, Payload, Schedule, Timestamp,
};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::checksum::Checksum;

/// Columns of a mailbox in the order that [`message`] reads them, with this in the place of the body.
macro_rules! mail_columns {
    ($body:literal) => {
        concat!(
            "due_at, message_id, method, content_type, ",
            $body,
            ", origin_kind, origin_type, origin_id, origin_name, attempt, sent_at, wake_at, checksum, error"
        )
    };
}
/// Columns of a reminder in the order that [`reminder`] reads them: few, for they set the width of
/// every row that is read together with them.
macro_rules! reminder_columns {
    () => {
        "name, content_type, body, firing_id, json_array(method, delay_ms, period_ms, repetitions, due_at, \
         fired, attempt, wake_at, checksum)"
    };
}
pub(super) use {mail_columns, reminder_columns};

/// A row's columns in turn, from one on.
pub(super) struct Columns<'r> {
    row: &'r SqliteRow,
    next: usize,
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// A value that no write makes.
#[derive(Debug, thiserror::Error)]
#[error("a stored row has an invalid {0}")]
struct InvalidColumn(&'static str);

impl<'r> Columns<'r> {
    pub(super) fn from(row: &'r SqliteRow, next: usize) -> Self {
        Columns { row, next }
    }

    fn at(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    pub(super) fn integer(&mut self) -> sqlx::Result<i64> {
        let at = self.at();
        self.row.try_get(at)
    }

    pub(super) fn text(&mut self) -> sqlx::Result<&'r str> {
        let at = self.at();
        self.row.try_get(at)
    }

    pub(super) fn bytes(&mut self) -> sqlx::Result<&'r [u8]> {
        let at = self.at();
        self.row.try_get(at)
    }

    fn optional_text(&mut self) -> sqlx::Result<Option<&'r str>> {
        let at = self.at();
        self.row.try_get(at)
    }

    fn optional_bytes(&mut self) -> sqlx::Result<Option<&'r [u8]>> {
        let at = self.at();
        self.row.try_get(at)
    }

    pub(super) fn count(&mut self) -> sqlx::Result<u64> {
        Ok(self.integer()? as u64)
    }

    pub(super) fn small(&mut self) -> sqlx::Result<u32> {
        u32::try_from(self.integer()?).map_err(invalid)
    }

    pub(super) fn optional_small(&mut self) -> sqlx::Result<Option<u32>> {
        let at = self.at();
        let number: Option<i64> = self.row.try_get(at)?;
        number.map(u32::try_from).transpose().map_err(invalid)
    }

    pub(super) fn moment(&mut self) -> sqlx::Result<Timestamp> {
        Ok(Timestamp::from_unix_ms(u64::try_from(self.integer()?).map_err(invalid)?))
    }

    pub(super) fn body(&mut self) -> sqlx::Result<Bytes> {
        Ok(Bytes::copy_from_slice(self.bytes()?))
    }

    /// None in a row of an earlier version.
    fn checksum(&mut self) -> sqlx::Result<Option<i64>> {
        let at = self.at();
        self.row.try_get(at)
    }

    pub(super) fn message_id(&mut self) -> sqlx::Result<MessageId> {
        Ok(MessageId::from_bytes(self.bytes()?.try_into().map_err(invalid)?))
    }

    pub(super) fn digest(&mut self) -> sqlx::Result<Digest> {
        Ok(Digest::from_bytes(self.bytes()?.try_into().map_err(invalid)?))
    }

    pub(super) fn actor_type(&mut self) -> sqlx::Result<ActorType> {
        ActorType::new(self.text()?).map_err(invalid)
    }

    pub(super) fn address(&mut self) -> sqlx::Result<Address> {
        let actor_type = self.actor_type()?;
        Ok(Address { actor_type, id: ActorId::new(self.text()?).map_err(invalid)? })
    }

    fn method(&mut self) -> sqlx::Result<Method> {
        Method::new(self.text()?).map_err(invalid)
    }

    fn payload(&mut self) -> sqlx::Result<Payload> {
        let content_type = Arc::from(self.text()?);
        Ok(Payload { content_type, body: self.body()? })
    }

    fn origin(&mut self) -> sqlx::Result<Origin> {
        let kind = self.integer()?;
        let (actor_type, id, name) = (self.optional_text()?, self.optional_text()?, self.optional_text()?);
        match (kind, actor_type, id, name) {
            (0, None, None, None) => Ok(Origin::Client),
            (1, Some(actor_type), Some(id), None) => {
                Ok(Origin::Actor(Address::parse(actor_type, id).map_err(invalid)?))
            }
            (2, None, None, Some(name)) => Ok(Origin::Reminder(name.into())),
            (3, None, None, Some(name)) => Ok(Origin::Timer(name.into())),
            _ => Err(invalid(InvalidColumn("origin"))),
        }
    }
}

/// A row of one value of `owner`'s state, and its checksum.
pub(super) fn state_value(owner: &Address, key: &str, columns: &mut Columns<'_>) -> sqlx::Result<Bytes> {
    let value = columns.body()?;
    Checksum::of_state(owner, key, &value).verify(columns.checksum()?, "value", owner).map_err(invalid)?;
    Ok(value)
}

/// A row of the bytes of one component.
pub(super) fn component(digest: &Digest, mut columns: Columns<'_>) -> sqlx::Result<Bytes> {
    let bytes = columns.body()?;
    if Digest::of(&bytes) == *digest { Ok(bytes) } else { Err(invalid(InvalidColumn("component"))) }
}

/// Id, method, media type, body, origin and attempt.
fn delivered(columns: &mut Columns<'_>) -> sqlx::Result<Message> {
    Ok(Message {
        id: columns.message_id()?,
        method: columns.method()?,
        payload: columns.payload()?,
        origin: columns.origin()?,
        attempt: columns.small()?,
    })
}

/// A row of [`mail_columns`].
pub(super) fn message(to: &Address, row: &SqliteRow) -> sqlx::Result<StoredMessage> {
    let mut columns = Columns::from(row, 0);
    let due_at = columns.moment()?;
    let message = delivered(&mut columns)?;
    let (sent_at, wake_at) = (columns.moment()?, columns.moment()?);
    let stored = StoredMessage { to: to.clone(), message, due_at, sent_at, wake_at, error: None };
    Checksum::of_mail(&stored).verify(columns.checksum()?, "message", to).map_err(invalid)?;
    Ok(StoredMessage { error: columns.optional_text()?.map(Arc::from), ..stored })
}

/// A row of [`mail_columns`], or its key where the body was left out.
pub(super) fn message_or_key(to: &Address, row: &SqliteRow) -> sqlx::Result<Result<StoredMessage, MailKey>> {
    const BODY: usize = 4;
    if Columns::from(row, BODY).optional_bytes()?.is_some() {
        return Ok(Ok(message(to, row)?));
    }
    mail_key(row).map(Err)
}

/// The key of a message, which a row begins with.
pub(super) fn mail_key(row: &SqliteRow) -> sqlx::Result<MailKey> {
    let mut columns = Columns::from(row, 0);
    Ok(MailKey { due_at: columns.moment()?, id: columns.message_id()? })
}

/// A row of one dead letter.
pub(super) fn dead_letter(mut columns: Columns<'_>) -> sqlx::Result<DeadLetter> {
    let letter = DeadLetter {
        to: columns.address()?,
        message: delivered(&mut columns)?,
        died_at: columns.moment()?,
        error: columns.text()?.to_owned(),
    };
    let checksum = Checksum::of_dead_letter(&letter);
    checksum.verify(columns.checksum()?, "dead letter", &letter.to).map_err(invalid)?;
    Ok(letter)
}

/// A row of the list of dead letters.
pub(super) fn dead_letter_summary(mut columns: Columns<'_>) -> sqlx::Result<DeadLetterSummary> {
    Ok(DeadLetterSummary {
        to: columns.address()?,
        id: columns.message_id()?,
        method: columns.method()?,
        content_type: columns.text()?.into(),
        body_bytes: columns.count()?,
        origin: columns.origin()?,
        attempts: columns.small()?,
        died_at: columns.moment()?,
        error: columns.text()?.to_owned(),
    })
}

/// A row of what `owner` keeps under `key`.
pub(super) fn idempotency(
    owner: &Address,
    key: &IdempotencyKey,
    mut columns: Columns<'_>,
) -> sqlx::Result<IdempotencyRecord> {
    let (request_digest, at) = (columns.digest()?, columns.moment()?);
    let (message_id, content_type, body) =
        (columns.optional_bytes()?, columns.optional_text()?, columns.optional_bytes()?);
    let (source, code, detail, data) = (
        columns.optional_text()?,
        columns.optional_text()?,
        columns.optional_text()?,
        columns.optional_bytes()?,
    );
    let answer = match (message_id, content_type, body, source, code, detail) {
        (Some(id), None, None, None, None, None) => {
            Answer::Accepted(MessageId::from_bytes(id.try_into().map_err(invalid)?))
        }
        (None, Some(content_type), Some(body), None, None, None) => {
            Answer::Replied(Payload::new(content_type, body.to_vec()))
        }
        (None, None, None, Some(source), Some(code), Some(detail)) => {
            // Two codes may have the same text when their sources differ.
            let same = |known: &&Code| known.source().as_str() == source && known.as_str() == code;
            let code = Code::ALL.iter().find(same).ok_or_else(|| invalid(InvalidColumn("error code")))?;
            let data = data.map(Bytes::copy_from_slice);
            Answer::Refused(Error { data, ..Error::new(*code, detail) })
        }
        _ => return Err(invalid(InvalidColumn("answer"))),
    };
    let record = IdempotencyRecord { key: key.clone(), request_digest, answer, at };
    let checksum = Checksum::of_idempotency(owner, &record);
    checksum.verify(columns.checksum()?, "answer", owner).map_err(invalid)?;
    Ok(record)
}

/// The last of [`reminder_columns`].
type ReminderNumbers = (String, i64, Option<i64>, Option<u32>, u64, u32, u32, u64, Option<i64>);

/// A row that ends in [`reminder_columns`].
pub(super) fn reminder(owner: &Address, mut columns: Columns<'_>) -> sqlx::Result<Reminder> {
    let name = Arc::from(columns.text()?);
    let payload = columns.payload()?;
    let firing_id = columns.message_id()?;
    let (method, delay, period, repetitions, due_at, fired, attempt, wake_at, checksum): ReminderNumbers =
        serde_json::from_str(columns.text()?).map_err(invalid)?;
    let reminder = Reminder {
        name,
        method: Method::new(&method).map_err(invalid)?,
        payload,
        // The same 64 bits as were stored.
        schedule: Schedule::new(delay as u64, period.map(|bits| bits as u64), repetitions)
            .map_err(invalid)?,
        due_at: Timestamp::from_unix_ms(due_at),
        fired,
        firing_id,
        attempt,
        wake_at: Timestamp::from_unix_ms(wake_at),
    };
    Checksum::of_reminder(owner, &reminder).verify(checksum, "reminder", owner).map_err(invalid)?;
    Ok(reminder)
}

/// A row of one column that may be null.
pub(super) fn optional_message_id(row: &SqliteRow) -> sqlx::Result<Option<MessageId>> {
    let bytes: Option<&[u8]> = row.try_get(0)?;
    bytes.map(|bytes| Ok(MessageId::from_bytes(bytes.try_into().map_err(invalid)?))).transpose()
}

/// A row of one column that may be null.
pub(super) fn optional_moment(row: &SqliteRow) -> sqlx::Result<Option<Timestamp>> {
    let moment: Option<i64> = row.try_get(0)?;
    moment.map(|ms| Ok(Timestamp::from_unix_ms(u64::try_from(ms).map_err(invalid)?))).transpose()
}
