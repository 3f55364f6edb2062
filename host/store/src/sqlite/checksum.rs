//! Checksums of rows: what is read is what was written, or the store stops. SQLite notices damage to the shape
//! of its pages, and not a byte that has changed within a value.
//!
//! A checksum is the CRC-32 of IEEE 802.3 over everything that the row says, its key included, each part with
//! its length before it. It finds every change within four bytes, and any other with all but one chance in
//! four thousand million. It is no protection from somebody who writes to the file on purpose.

use greenroom_core::idempotency::Answer;
use greenroom_core::store::{DeadLetter, Reminder, StoredMessage};
use greenroom_core::{Address, IdempotencyRecord, Message, Origin, Timestamp};

use super::statement::Value;

/// The checksum of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checksum(u32);

/// A row that says something else than was written.
#[derive(Debug, thiserror::Error)]
#[error("a stored {row} of {owner} is not what was written")]
pub(super) struct Mismatch {
    row: &'static str,
    owner: Address,
}

impl Checksum {
    pub(super) fn of_state(owner: &Address, key: &str, value: &[u8]) -> Self {
        Parts::of(owner).text(key).bytes(value).sum()
    }

    /// Without `attempt` and `wake_at`, which each failed delivery changes.
    pub(super) fn of_mail(stored: &StoredMessage) -> Self {
        Parts::of(&stored.to).message(&stored.message).moment(stored.due_at).moment(stored.sent_at).sum()
    }

    /// Without `attempt` and `wake_at`, like that of mail.
    pub(super) fn of_reminder(owner: &Address, reminder: &Reminder) -> Self {
        let (schedule, payload) = (&reminder.schedule, &reminder.payload);
        Parts::of(owner)
            .text(&reminder.name)
            .text(reminder.method.as_str())
            .text(&payload.content_type)
            .bytes(&payload.body)
            .number(schedule.delay_ms())
            .optional(schedule.period_ms(), Parts::number)
            .optional(schedule.repetitions(), |parts, times| parts.number(times.into()))
            .moment(reminder.due_at)
            .number(reminder.fired.into())
            .bytes(reminder.firing_id.as_bytes())
            .sum()
    }

    pub(super) fn of_dead_letter(letter: &DeadLetter) -> Self {
        Parts::of(&letter.to)
            .message(&letter.message)
            .number(letter.message.attempt.into())
            .moment(letter.died_at)
            .text(&letter.error)
            .sum()
    }

    pub(super) fn of_idempotency(owner: &Address, record: &IdempotencyRecord) -> Self {
        let parts = Parts::of(owner)
            .text(record.key.as_str())
            .bytes(record.request_digest.as_bytes())
            .moment(record.at);
        match &record.answer {
            Answer::Accepted(id) => parts.number(0).bytes(id.as_bytes()),
            Answer::Replied(payload) => parts.number(1).text(&payload.content_type).bytes(&payload.body),
            Answer::Refused(error) => parts
                .number(2)
                .text(error.code.source().as_str())
                .text(error.code.as_str())
                .text(&error.detail)
                .optional(error.data.as_deref(), Parts::bytes),
        }
        .sum()
    }

    /// Compares with what the row has; one written by an earlier version has nothing.
    ///
    /// # Errors
    /// [`Mismatch`] when the row is damaged.
    pub(super) fn verify(
        self,
        written: Option<i64>,
        row: &'static str,
        owner: &Address,
    ) -> Result<(), Mismatch> {
        match written {
            Some(written) if written != i64::from(self.0) => Err(Mismatch { row, owner: owner.clone() }),
            _ => Ok(()),
        }
    }
}

impl From<Checksum> for Value {
    fn from(checksum: Checksum) -> Self {
        Value::Integer(checksum.0.into())
    }
}

/// What a row says, part by part.
struct Parts(crc32fast::Hasher);

impl Parts {
    fn of(owner: &Address) -> Self {
        Parts(crc32fast::Hasher::new()).text(owner.actor_type.as_str()).text(owner.id.as_str())
    }

    fn number(mut self, number: u64) -> Self {
        self.0.update(&number.to_le_bytes());
        self
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        let mut parts = self.number(bytes.len() as u64);
        parts.0.update(bytes);
        parts
    }

    fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    fn moment(self, at: Timestamp) -> Self {
        self.number(at.unix_ms())
    }

    fn optional<T>(self, part: Option<T>, add: impl FnOnce(Self, T) -> Self) -> Self {
        match part {
            Some(part) => add(self.number(1), part),
            None => self.number(0),
        }
    }

    fn message(self, message: &Message) -> Self {
        let parts = self
            .bytes(message.id.as_bytes())
            .text(message.method.as_str())
            .text(&message.payload.content_type)
            .bytes(&message.payload.body);
        match &message.origin {
            Origin::Client => parts.number(0),
            Origin::Actor(address) => {
                parts.number(1).text(address.actor_type.as_str()).text(address.id.as_str())
            }
            Origin::Reminder(name) => parts.number(2).text(name),
            Origin::Timer(name) => parts.number(3).text(name),
        }
    }

    fn sum(self) -> Checksum {
        Checksum(self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_polynomial_is_the_one_that_is_documented() {
        // The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn the_same_bytes_split_otherwise_are_another_row() {
        let sum = |id: &str, key: &str, value: &[u8]| {
            Checksum::of_state(&Address::parse("task", id).unwrap(), key, value)
        };
        assert_eq!(sum("a", "b", b"c"), sum("a", "b", b"c"));
        assert_ne!(sum("a", "b", b"c"), sum("ab", "", b"c"));
        assert_ne!(sum("a", "b", b"c"), sum("a", "bc", b""));
    }

    #[test]
    fn a_row_of_an_earlier_version_is_taken_as_it_is() {
        let owner = Address::parse("task", "a").unwrap();
        let sum = Checksum::of_state(&owner, "key", b"value");
        assert!(sum.verify(None, "value", &owner).is_ok());
        assert!(sum.verify(Some(sum.0.into()), "value", &owner).is_ok());
        let error = sum.verify(Some(i64::from(sum.0) ^ 1), "value", &owner).unwrap_err();
        assert_eq!(error.to_string(), "a stored value of task/a is not what was written");
    }
}
