//! What is known of an uploaded component before any of its code runs.

use std::fmt;

use sha2::Digest as _;

/// A sha-256, mostly of a component's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Digest(sha2::Sha256::digest(bytes).into())
    }

    /// Hashes a sequence of texts; sequences that differ have digests that differ.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hash = sha2::Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Digest(hash.finalize().into())
    }

    /// A digest read back from where it was kept.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Digest(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    /// 64 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A component that was checked: it is an actor and imports nothing that is not offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentInfo {
    /// Which bytes.
    pub digest: Digest,
    /// How many bytes.
    pub size_bytes: u64,
    /// The interfaces it imports, sorted, for example `greenroom:actor/state@0.1.0`.
    pub imports: Vec<String>,
}

/// What can be asked of the actors of a component, as far as the component itself says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// Its methods, sorted by name.
    pub methods: Vec<MethodDescription>,
    /// Whether it has a `behavior`, which takes every message that is for none of the methods.
    pub takes_any_method: bool,
}

/// One function that a component exports.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodDescription {
    /// The name it is called by.
    pub name: String,
    /// Other names it is called by.
    pub aliases: Vec<String>,
    /// The exported interface it is in, for example `shop:orders/cart@1.0.0`.
    pub interface: Option<String>,
    /// What its author says of it.
    pub docs: Option<String>,
    /// JSON Schema of its arguments by name.
    pub parameters: serde_json::Value,
    /// Whether a message may bring its one argument as plain bytes.
    pub takes_bytes: bool,
    /// JSON Schema of what it answers; `None` when it answers nothing.
    pub result: Option<serde_json::Value>,
    /// Whether its answer can be had as plain bytes.
    pub gives_bytes: bool,
    /// JSON Schema of the error it may answer with, where that is a value of its own.
    pub error: Option<serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_part_ends_and_the_next_begins_counts() {
        let digests = [
            Digest::of_parts(&[b"ab", b"c"]),
            Digest::of_parts(&[b"a", b"bc"]),
            Digest::of_parts(&[b"abc"]),
            Digest::of_parts(&[b"abc", b""]),
        ];
        for (index, one) in digests.iter().enumerate() {
            assert!(digests[index + 1..].iter().all(|other| other != one));
        }
    }
}
