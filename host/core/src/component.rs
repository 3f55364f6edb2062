//! What is known of an uploaded component before any of its code runs.

use std::fmt;

use sha2::Digest as _;

/// The sha-256 of a component's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Digest(sha2::Sha256::digest(bytes).into())
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

/// A component that was checked: it targets `world actor` and imports nothing that is not offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentInfo {
    /// Which bytes.
    pub digest: Digest,
    /// How many bytes.
    pub size_bytes: u64,
    /// The interfaces it imports, sorted, for example `greenroom:actor/state@0.1.0`.
    pub imports: Vec<String>,
}
