//! Idempotency: a client's key for one request, and what is kept of the request for its repeats.

use std::fmt;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::component::Digest;
use crate::error::{Code, Error, Retry, Source};
use crate::message::{MessageId, Payload};

/// Longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// A client's name for one request to one actor: 1 to 255 printable ASCII characters. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IdempotencyKey(Arc<str>);

/// Why a text is no idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key has 1 to {IDEMPOTENCY_KEY_BYTES_MAX} printable ASCII characters")]
pub struct InvalidKey;

impl IdempotencyKey {
    /// Parses `text`.
    ///
    /// # Errors
    /// [`InvalidKey`], which says the rule.
    pub fn new(text: &str) -> Result<Self, InvalidKey> {
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if printable && (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&text.len()) {
            Ok(IdempotencyKey(Arc::from(text)))
        } else {
            Err(InvalidKey)
        }
    }

    /// The text as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What repeats of a request are answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The actor's reply to a call.
    Replied(Payload),
    /// The actor refused the call; see [`is_answer`].
    Refused(Error),
    /// The message to send was stored under this id.
    Accepted(MessageId),
}

impl Answer {
    /// Bytes of what it carries.
    pub fn len(&self) -> usize {
        match self {
            Answer::Replied(payload) => payload.len(),
            Answer::Refused(error) => error.detail.len() + error.data.as_ref().map_or(0, bytes::Bytes::len),
            Answer::Accepted(_) => 0,
        }
    }

    /// Whether it carries nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether an error is the actor's own word on the request, which repeats are answered with: a refusal
/// that the same request meets again. After any other error (a crash, a limit, a deadline, no room)
/// nothing has happened that would be worth remembering, and a repeat may succeed.
pub fn is_answer(code: Code) -> bool {
    code.source() == Source::Guest && code.status() < 500 && code.retry() == Retry::Never
}

/// What is kept of one request for its repeats. It belongs to the actor that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// The client's key.
    pub key: IdempotencyKey,
    /// What the request said, to tell a repeat from another request under the same key.
    pub request_digest: Digest,
    /// What repeats are answered with.
    pub answer: Answer,
    /// When it was first given.
    pub at: Timestamp,
}

impl IdempotencyRecord {
    /// What it counts in bytes.
    pub fn bytes(&self) -> u64 {
        (self.key.as_str().len() + self.answer.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bounded_and_printable() {
        for good in ["k", "8e03978e-40d5-43dd-bc93-6894a57f9324", "a b\"c\\", &"x".repeat(255)] {
            assert_eq!(IdempotencyKey::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a\0", "a\tb", "\u{7f}", "é", &"x".repeat(256)] {
            assert_eq!(IdempotencyKey::new(bad), Err(InvalidKey), "{bad:?}");
        }
    }

    #[test]
    fn only_the_actors_own_refusals_are_answers() {
        let answers: Vec<&str> =
            Code::ALL.iter().filter(|code| is_answer(**code)).map(|code| code.as_str()).collect();
        let expected = [
            "invalid-argument",
            "permission-denied",
            "not-found",
            "conflict",
            "failed-precondition",
            "method-failed",
        ];
        assert_eq!(answers, expected);
    }
}
