//! Where an actor is. Parsing is the only way to make these values, so whoever holds one need not
//! check it again. All are cheap to clone.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest actor type or method, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Longest actor id, in bytes.
pub const ACTOR_ID_BYTES_MAX: usize = 512;

/// Why a text is not an actor type, an actor id or a method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what} {text:?}: {rule}")]
pub struct InvalidName {
    what: &'static str,
    text: String,
    rule: &'static str,
}

impl InvalidName {
    fn new(what: &'static str, text: &str, rule: &'static str) -> Self {
        const SHOWN_CHARS_MAX: usize = 80;
        let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        InvalidName { what, text: shown, rule }
    }
}

const NAME_RULE: &str = "1 to 64 of A-Z a-z 0-9 _ . -, beginning with a letter";
const ID_RULE: &str = "1 to 512 bytes of UTF-8 without control characters";

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= NAME_BYTES_MAX
        && bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= ACTOR_ID_BYTES_MAX && !text.chars().any(char::is_control)
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:ident, $rule:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses `text`.
            ///
            /// # Errors
            /// [`InvalidName`], which quotes the text and the rule.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                if $check(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(InvalidName::new($what, text, $rule))
                }
            }

            /// The text as given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name_type!(
    /// The name a component is deployed under, for example `task`: 1 to 64 of
    /// `A-Z a-z 0-9 _ . -`, beginning with a letter.
    ActorType, "actor type", is_name, NAME_RULE
);
name_type!(
    /// Which actor of a type, chosen by callers, for example `task-123`: 1 to 512 bytes of UTF-8,
    /// anything but control characters. Opaque: two ids are the same when their bytes are.
    ActorId, "actor id", is_id, ID_RULE
);
name_type!(
    /// What an actor is asked to do, for example `update_status`; spelled like an [`ActorType`].
    Method, "method", is_name, NAME_RULE
);

/// Where an actor is: it always exists and needs no look-up.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    /// The name its component is deployed under.
    pub actor_type: ActorType,
    /// Which actor of that type.
    pub id: ActorId,
}

impl Address {
    /// Parses both parts.
    ///
    /// # Errors
    /// [`InvalidName`] of the part that is not valid.
    pub fn parse(actor_type: &str, id: &str) -> Result<Self, InvalidName> {
        Ok(Address { actor_type: ActorType::new(actor_type)?, id: ActorId::new(id)? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.actor_type, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_contract_says() {
        for good in ["a", "task", "Task.v2_x-1", &"a".repeat(64)] {
            assert!(ActorType::new(good).is_ok(), "{good}");
            assert!(Method::new(good).is_ok(), "{good}");
        }
        for bad in ["", "1task", "-", "_x", "tä", "a b", "a/b", &"a".repeat(65)] {
            assert!(ActorType::new(bad).is_err(), "{bad}");
            assert!(Method::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_are_opaque_but_hold_no_control_characters() {
        for good in ["-", "..", "a/b", "%2F", "'; DROP TABLE state", "ключ", &"x".repeat(512)] {
            assert_eq!(ActorId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a\0b", "a\nb", "\u{85}", &"x".repeat(513)] {
            assert!(ActorId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_long_bad_name_is_quoted_in_part() {
        let error = Method::new(&"1".repeat(10_000)).unwrap_err().to_string();
        assert!(error.len() < 300, "{error}");
        assert!(error.contains("beginning with a letter"));
    }
}
