//! What travels between clients and actors, and how it can fail.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::address::{Address, Method};
use crate::clock::Timestamp;

/// Longest media type of a payload, in bytes.
pub const MEDIA_TYPE_BYTES_MAX: usize = 1_024;

/// What a message or a reply carries. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payload {
    /// Media type of `body`, for example `application/json`.
    pub content_type: Arc<str>,
    /// The bytes, not looked at by the host.
    pub body: Bytes,
}

impl Payload {
    /// The media type of JSON.
    pub const JSON: &'static str = "application/json";

    /// A payload of that media type.
    pub fn new(content_type: &str, body: impl Into<Bytes>) -> Self {
        Payload { content_type: Arc::from(content_type), body: body.into() }
    }

    /// Bytes of media type and body together: what it takes of rooms that several payloads share.
    pub fn len(&self) -> usize {
        self.content_type.len() + self.body.len()
    }

    /// Whether there is neither a media type nor a body.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Names one message for ever, the same when it is delivered again. Ids made by one
/// [`MessageIdGenerator`] sort in the order they were made. Shown as a version 7 UUID (RFC 9562).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(uuid::Uuid);

impl MessageId {
    /// The 16 bytes, whose byte order is the order of ids.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// When it was made, on its host's timeline, or later: no id says an earlier moment than one before it.
    pub fn made_at(&self) -> Timestamp {
        Timestamp::from_unix_ms((self.bits() >> 80) as u64)
    }

    fn bits(self) -> u128 {
        u128::from_be_bytes(*self.as_bytes())
    }

    /// The greatest id below this one, or the greatest of all below the least.
    pub(crate) fn before(self) -> Self {
        Self::from_bytes(self.bits().wrapping_sub(1).to_be_bytes())
    }

    /// An id read back from where it was kept.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        MessageId(uuid::Uuid::from_bytes(bytes))
    }
}

/// A text is not a message id as ids are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message id is a UUID in lower case with hyphens")]
pub struct InvalidMessageId;

impl std::str::FromStr for MessageId {
    type Err = InvalidMessageId;

    /// Takes only the one spelling that ids are shown in.
    fn from_str(text: &str) -> Result<Self, InvalidMessageId> {
        let id = uuid::Uuid::try_parse(text).map_err(|_| InvalidMessageId)?;
        if id.to_string() == text { Ok(MessageId(id)) } else { Err(InvalidMessageId) }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Makes [`MessageId`]s, each greater than the one before it, even when the clock stands still.
///
/// The layout is that of a version 7 UUID; within one millisecond the 74 random bits count up, as
/// RFC 9562 section 6.2, method 2, describes.
pub struct MessageIdGenerator {
    latest: Mutex<Latest>,
}

struct Latest {
    ms: u64,
    random: u128,
    chance: StdRng,
}

/// 74 bits: 12 beside the version, 62 beside the variant.
const RANDOM_BITS: u32 = 74;

impl MessageIdGenerator {
    /// A generator whose ids all sort after `latest`.
    pub fn starting_after(latest: Option<MessageId>) -> Self {
        Self::with_chance(latest, StdRng::from_os_rng())
    }

    /// The same, with random bits that another generator with the same `seed` has too.
    pub fn seeded(latest: Option<MessageId>, seed: u64) -> Self {
        Self::with_chance(latest, StdRng::seed_from_u64(seed))
    }

    fn with_chance(latest: Option<MessageId>, chance: StdRng) -> Self {
        let (ms, random) = latest.map_or((0, 0), |id| {
            let bits = id.bits();
            let random = (((bits >> 64) & 0xFFF) << 62) | (bits & ((1 << 62) - 1));
            (id.made_at().unix_ms(), random)
        });
        MessageIdGenerator { latest: Mutex::new(Latest { ms, random, chance }) }
    }

    /// The next id, made at `now`.
    pub fn next(&self, now: Timestamp) -> MessageId {
        let mut latest = self.latest.lock();
        if now.unix_ms() > latest.ms {
            latest.ms = now.unix_ms();
            // The top random bit starts at zero, so that counting up has room.
            latest.random = latest.chance.random::<u128>() >> (128 - RANDOM_BITS + 1);
        } else {
            latest.random += 1;
            if latest.random >> RANDOM_BITS != 0 {
                latest.ms += 1;
                latest.random = 0;
            }
        }
        let Latest { ms, random, .. } = *latest;
        let high = (u128::from(ms) << 80) | (0x7 << 76) | ((random >> 62) << 64);
        let low = (0b10 << 62) | (random & ((1 << 62) - 1));
        MessageId(uuid::Uuid::from_u128(high | low))
    }
}

/// Who sent a message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// Somebody outside, over HTTP.
    Client,
    /// Another actor.
    Actor(Address),
    /// The actor's own reminder of that name.
    Reminder(Arc<str>),
    /// The actor's own timer of that name.
    Timer(Arc<str>),
}

/// What an actor receives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Unique; the same when the message is delivered again.
    pub id: MessageId,
    /// What is asked.
    pub method: Method,
    /// What it is asked with.
    pub payload: Payload,
    /// Who asks.
    pub origin: Origin,
    /// 1 on the first delivery, one more on each further one.
    pub attempt: u32,
}

/// Why an actor refuses a message; the WIT's `error-code`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)] // the WIT says what each means
pub enum ErrorCode {
    InvalidArgument,
    PermissionDenied,
    NotFound,
    Conflict,
    FailedPrecondition,
    ResourceExhausted,
    Internal,
    Unimplemented,
}

/// An actor's answer to a message that it could not do. The turn that ends in it leaves no trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What kind of refusal.
    pub code: ErrorCode,
    /// The actor's own words, for its caller.
    pub message: String,
}

/// Why a call to another actor brought no reply; the WIT's `call-error`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallError {
    /// The callee ran and answered with a failure.
    Failed(Failure),
    /// Nothing is deployed under that actor type.
    UnknownActorType,
    /// The callee already waits, directly or not, for the caller; the text lists the chain.
    Deadlock(String),
    /// The callee's mailbox is full.
    Overloaded,
    /// No reply before the deadline. The callee may still run.
    Timeout,
    /// The callee trapped, or exceeded a limit; the text says which.
    Crashed(String),
    /// The callee can't be reached now.
    Unavailable(String),
}

/// A guest's request passes a limit of the host; the text names the limit and its value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct LimitExceeded(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_even_when_the_clock_stands_still_or_turns_back() {
        let ids = MessageIdGenerator::starting_after(None);
        let mut latest = ids.next(Timestamp::from_unix_ms(1_000));
        for ms in [1_000, 1_000, 999, 5, 1_001, 1_001, 1_000] {
            let next = ids.next(Timestamp::from_unix_ms(ms));
            assert!(next > latest, "{next} after {latest}");
            latest = next;
        }
    }

    #[test]
    fn a_restarted_generator_goes_on_after_the_latest_id() {
        let latest = MessageIdGenerator::starting_after(None).next(Timestamp::from_unix_ms(9_000));
        let resumed = MessageIdGenerator::starting_after(Some(latest));
        let next = resumed.next(Timestamp::from_unix_ms(1));
        assert!(next > latest);
        assert_eq!(u128::from_be_bytes(*next.as_bytes()), u128::from_be_bytes(*latest.as_bytes()) + 1);
    }

    #[test]
    fn ids_are_version_7_uuids() {
        let id = MessageIdGenerator::starting_after(None).next(Timestamp::from_unix_ms(0x0192_0000_0000));
        let text = id.to_string();
        assert_eq!(text.len(), 36);
        assert!(text.starts_with("01920000-0000-7"), "{text}");
        assert!("89ab".contains(&text[19..20]), "{text}");
        assert_eq!(MessageId::from_bytes(*id.as_bytes()), id);
        assert_eq!(text.parse(), Ok(id));
        for other in [text.to_uppercase(), text.replace('-', ""), format!("{{{text}}}"), String::new()] {
            assert_eq!(other.parse::<MessageId>(), Err(InvalidMessageId), "{other}");
        }
    }
}
