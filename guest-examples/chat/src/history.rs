//! The latest messages of a conversation, each under a key of its own that ends in its number.

use greenroom_sdk::State;
use greenroom_sdk::prelude::*;

/// Messages that are kept.
const ENTRIES_MAX: u64 = 50;

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The user.
    User,
    /// The reply.
    Assistant,
    /// One of the user's tasks.
    Note,
}

/// One message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// 1 for the first message of the conversation, one more for each further one.
    pub sequence: u64,
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub text: String,
    /// When.
    pub at_ms: Timestamp,
}

fn key(sequence: u64) -> String {
    format!("message/{sequence}")
}

/// Adds the next message, and forgets the one that is one too many.
pub(crate) fn add(state: State<'_>, entry: &Entry) -> Result {
    if let Some(forgotten) = entry.sequence.checked_sub(ENTRIES_MAX) {
        state.delete(&key(forgotten));
    }
    state.set(&key(entry.sequence), entry)
}

/// The last `limit` of the messages that are kept, when the latest has the number `latest`.
pub(crate) fn latest(state: State<'_>, latest: u64, limit: Option<u64>) -> Result<Vec<Entry>> {
    let count = limit.unwrap_or(ENTRIES_MAX).min(ENTRIES_MAX).min(latest);
    let numbers = latest - count + 1..=latest;
    numbers.filter_map(|sequence| state.get(&key(sequence)).transpose()).collect()
}
