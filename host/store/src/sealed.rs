//! The form of a backup: a database, and behind it a seal, one line with the sha-256 of all before it.
//!
//! So a file tells by itself that it is whole and as it was made, whoever has carried it: one that was
//! cut off has no seal, one in which a bit was flipped has another digest. SQLite reads the file as it
//! is, because what follows a database's last page is nothing to it.

use std::io::{self, Write};

use greenroom_core::Digest;
use sha2::{Digest as _, Sha256};

/// What the file of a SQLite database begins with.
const DATABASE_BEGINS: &[u8] = b"SQLite format 3\0";
/// What every seal begins with; the version of the form follows.
const SEAL_BEGINS: &str = "\ngreenroom backup ";
const SEAL_VERSION: &str = "1 sha-256 ";
/// Hexadecimal digits of a digest, and the end of the line.
const SEAL_ENDS: usize = 64 + 1;

/// How many bytes a seal has.
pub const SEAL_BYTES: usize = SEAL_BEGINS.len() + SEAL_VERSION.len() + SEAL_ENDS;

/// Why some bytes are not a backup, or no longer one. Each text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotABackup {
    /// It is something else.
    #[error("it is not a backup of Greenroom; `greenroom backup FILE` makes one")]
    Foreign,
    /// Its end is not there.
    #[error(
        "it has no seal at its end: it was cut off, or is a database and not a backup; fetch it again, or make one with `greenroom backup FILE`"
    )]
    Unsealed,
    /// A newer Greenroom has made it.
    #[error("it has a form that a newer Greenroom has made; restore it with that one")]
    Newer,
    /// It is not as it was made.
    #[error(
        "it is damaged: its contents are not those that its seal was made for; fetch it again, or take an earlier backup"
    )]
    Damaged,
}

/// Makes the seal of what it is shown.
#[derive(Default)]
pub(crate) struct Sealer(Sha256);

impl Sealer {
    /// Looks at the next bytes.
    pub(crate) fn show(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The seal of all of them.
    pub(crate) fn seal(self) -> Vec<u8> {
        format!("{SEAL_BEGINS}{SEAL_VERSION}{}\n", Digest::from_bytes(self.0.finalize().into())).into_bytes()
    }
}

/// What a whole backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The digest of what is before the seal.
    pub digest: Digest,
    /// Its bytes, with the seal.
    pub bytes: u64,
}

/// Checks the seal of what is written to it, and passes on what is before the seal.
pub struct Unsealing<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
    begins: Vec<u8>,
    /// The last bytes, which may be the seal.
    last: Vec<u8>,
}

impl<W: Write> Unsealing<W> {
    /// Passes on to `inner`.
    pub fn new(inner: W) -> Self {
        Unsealing { inner, hash: Sha256::new(), bytes: 0, begins: Vec::new(), last: Vec::new() }
    }

    /// Judges what was written, which was all.
    ///
    /// # Errors
    /// It is no backup.
    pub fn finish(self) -> Result<(Whole, W), NotABackup> {
        if self.begins != DATABASE_BEGINS {
            return Err(NotABackup::Foreign);
        }
        let seal = std::str::from_utf8(&self.last).ok().and_then(|seal| seal.strip_prefix(SEAL_BEGINS));
        let seal = seal.ok_or(NotABackup::Unsealed)?;
        let digest = Digest::from_bytes(self.hash.finalize().into());
        match seal.strip_prefix(SEAL_VERSION) {
            None => Err(NotABackup::Newer),
            Some(line) if line == format!("{digest}\n") => {
                Ok((Whole { digest, bytes: self.bytes }, self.inner))
            }
            Some(_) => Err(NotABackup::Damaged),
        }
    }
}

impl<W: Write> Write for Unsealing<W> {
    /// Refuses at once what does not begin as a backup does.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let missing = DATABASE_BEGINS.len() - self.begins.len();
        self.begins.extend_from_slice(&bytes[..missing.min(bytes.len())]);
        if !DATABASE_BEGINS.starts_with(&self.begins) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, NotABackup::Foreign));
        }
        self.bytes += bytes.len() as u64;
        self.last.extend_from_slice(bytes);
        let before = self.last.len().saturating_sub(SEAL_BYTES);
        self.hash.update(&self.last[..before]);
        self.inner.write_all(&self.last[..before])?;
        self.last.drain(..before);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(contents: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::default();
        sealer.show(contents);
        [contents, &sealer.seal()].concat()
    }

    fn judge(bytes: &[u8], chunk: usize) -> Result<Vec<u8>, NotABackup> {
        let mut unsealing = Unsealing::new(Vec::new());
        for some in bytes.chunks(chunk) {
            if unsealing.write_all(some).is_err() {
                return Err(NotABackup::Foreign);
            }
        }
        unsealing.finish().map(|(whole, contents)| {
            assert_eq!(whole.bytes, bytes.len() as u64);
            assert_eq!(whole.digest, Digest::of(&contents));
            contents
        })
    }

    #[test]
    fn what_was_sealed_comes_out_however_it_was_carried() {
        let contents = [DATABASE_BEGINS, &[7; 300]].concat();
        let backup = sealed(&contents);
        assert_eq!(backup.len(), contents.len() + SEAL_BYTES);
        for chunk in [1, 7, SEAL_BYTES, 1_000] {
            assert_eq!(judge(&backup, chunk), Ok(contents.clone()), "{chunk}");
        }
    }

    #[test]
    fn no_part_of_a_backup_is_one_and_none_with_a_flipped_bit() {
        let backup = sealed(&[DATABASE_BEGINS, &[7; 300]].concat());
        for length in 0..backup.len() {
            assert!(judge(&backup[..length], 64).is_err(), "{length}");
        }
        for place in 0..backup.len() {
            let mut flipped = backup.clone();
            flipped[place] ^= 1;
            assert!(judge(&flipped, 64).is_err(), "{place}");
        }
        assert_eq!(judge(&[&backup[..], b"x"].concat(), 64), Err(NotABackup::Unsealed));
        assert_eq!(judge(b"hello", 64), Err(NotABackup::Foreign));
        let newer = String::from_utf8(backup).unwrap().replace("backup 1 ", "backup 2 ");
        assert_eq!(judge(newer.as_bytes(), 64), Err(NotABackup::Newer));
    }
}
