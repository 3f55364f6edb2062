//! Where an actor is. An address always exists: there is nothing to create or to look up.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest actor id, in bytes.
const ID_BYTES_MAX: usize = 512;

/// The address of an actor: its type and its id. Shown as `type/id`.
///
/// ```
/// use greenroom_sdk::Address;
/// let address = Address::new("task", "task-123");
/// assert_eq!(address.to_string(), "task/task-123");
/// assert_eq!(address, Address::from(("task", "task-123")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The name that the component was deployed under, for example `task`.
    pub actor_type: String,
    /// Which actor of that type, for example `task-123`.
    pub id: String,
}

impl Address {
    /// The actor `id` of the type `actor_type`.
    pub fn new(actor_type: impl Into<String>, id: impl Into<String>) -> Self {
        Address { actor_type: actor_type.into(), id: id.into() }
    }

    /// Whether `id` can be an actor's: 1 to 512 bytes without control characters. For ids that come
    /// from others, before they are kept.
    pub fn is_id(id: &str) -> bool {
        (1..=ID_BYTES_MAX).contains(&id.len()) && !id.chars().any(char::is_control)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.actor_type)?;
        f.write_str("/")?;
        f.write_str(&self.id)
    }
}

impl<T: Into<String>, I: Into<String>> From<(T, I)> for Address {
    fn from((actor_type, id): (T, I)) -> Self {
        Address::new(actor_type, id)
    }
}

impl From<&Address> for Address {
    fn from(address: &Address) -> Self {
        address.clone()
    }
}
