//! The disk under a host's database: how a test makes it fail (`tests/shim/disk.c` stands between SQLite and
//! the system), and what a machine may find on it that lost its power.
//!
//! What may be found: of each file everything up to its last sync, and of the changes since then any part,
//! down to single sectors. A sync that failed has lost what it should have written, as on Linux, where a
//! second one would say that all is well. A file whose directory was not synced since it was made may be
//! missing, and one that was removed is gone, synced or not.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use rand::Rng as _;
use rand::rngs::StdRng;

use crate::config::Settings;
use crate::shim;

const SECTOR: usize = 512;
/// Bytes of a record's head.
const HEAD: usize = 24;
/// The files that the journal tells of, by number.
const FILES: [(u32, &str); 2] = [(1, "greenroom.db"), (2, "greenroom.db-wal")];
const DIRECTORY: u32 = 3;

/// With a disk that a test can make fail by variables that the shim's source names.
pub fn on_such_a_disk(settings: Settings, variables: &[(&str, &str)]) -> anyhow::Result<Settings> {
    shim::preload(settings, "disk", variables)
}

/// What was done to the files of a database since the host started.
#[derive(Debug)]
pub struct Journal {
    records: Vec<Record>,
}

#[derive(Debug)]
struct Record {
    call: Call,
    file: u32,
}

#[derive(Debug)]
enum Call {
    Write {
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        length: usize,
    },
    /// Of all that precedes that record.
    Sync {
        before: usize,
    },
    FailedSync {
        before: usize,
    },
    FailedWrite,
    Remove,
}

/// How much is found of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// Nothing.
    Lost,
    /// Any part of it.
    AnyPart,
}

impl Journal {
    /// Reads the journal; its last record may be cut short by the end of the host.
    pub fn read(path: &Path) -> anyhow::Result<Journal> {
        let bytes = fs::read(path).with_context(|| format!("{}", path.display()))?;
        let mut rest = &bytes[..];
        let mut records = Vec::new();
        while let Some((head, after)) = rest.split_at_checked(HEAD) {
            let small =
                |at: usize| u32::from_ne_bytes(head[at..at + 4].try_into().expect("it is four bytes"));
            let large = |at: usize| {
                u64::from_ne_bytes(head[at..at + 8].try_into().expect("it is eight bytes")) as usize
            };
            let (offset, length) = (large(8), large(16));
            let Some((bytes, next)) = after.split_at_checked(length) else { break };
            let call = match small(0) {
                0 => Call::Write { offset, bytes: bytes.to_vec() },
                1 => Call::Truncate { length: offset },
                2 => Call::Sync { before: offset },
                3 => Call::FailedSync { before: offset },
                4 => Call::FailedWrite,
                5 => Call::Remove,
                other => anyhow::bail!("{other} is no call"),
            };
            records.push(Record { call, file: small(4) });
            rest = next;
        }
        Ok(Journal { records })
    }

    /// Whether the log was moved into the database.
    pub fn has_checkpoint(&self) -> bool {
        self.records.iter().any(|record| record.file == 1 && matches!(record.call, Call::Sync { .. }))
    }

    /// Whether a call has failed.
    pub fn has_fault(&self) -> bool {
        self.records.iter().any(|record| matches!(record.call, Call::FailedSync { .. } | Call::FailedWrite))
    }

    /// Makes of `data`, the files as they were when the host started, those that may be found now.
    pub fn lose_power(&self, data: &Path, unsynced: Unsynced, random: &mut StdRng) -> anyhow::Result<()> {
        for (number, name) in FILES {
            let path = data.join(name);
            let mut file = File::open(&path)?;
            for (index, record) in self.records.iter().enumerate() {
                match &record.call {
                    Call::Sync { .. } if record.file == DIRECTORY => file.is_listed |= !file.is_untouched(),
                    _ if record.file != number => {}
                    Call::Sync { before } => file.sync(*before),
                    Call::FailedSync { before } => file.pending.retain(|(at, _)| at >= before),
                    Call::Remove => file = File::default(),
                    change => file.pending.push((index, change)),
                }
            }
            match file.found(unsynced, random) {
                Some(bytes) => fs::write(&path, bytes)?,
                None => drop(fs::remove_file(&path)),
            }
        }
        Ok(())
    }
}

/// One file, as far as it is on the disk.
#[derive(Default)]
struct File<'a> {
    durable: Vec<u8>,
    /// Changes that may not be, each with its place in the journal.
    pending: Vec<(usize, &'a Call)>,
    /// Whether its name is on the disk.
    is_listed: bool,
}

impl File<'_> {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let is_listed = path.exists();
        let durable = if is_listed { fs::read(path)? } else { Vec::new() };
        Ok(File { durable, pending: Vec::new(), is_listed })
    }

    fn is_untouched(&self) -> bool {
        self.durable.is_empty() && self.pending.is_empty()
    }

    fn sync(&mut self, before: usize) {
        let (synced, pending): (Vec<_>, Vec<_>) = self.pending.drain(..).partition(|(at, _)| *at < before);
        self.pending = pending;
        for (_, change) in synced {
            apply(change, &mut self.durable, |_| true);
        }
    }

    fn found(mut self, unsynced: Unsynced, random: &mut StdRng) -> Option<Vec<u8>> {
        if unsynced == Unsynced::Lost {
            return self.is_listed.then_some(self.durable);
        }
        for (_, change) in &self.pending {
            // All of it, nothing, or some sectors.
            let chance = [0.0, 0.5, 1.0][random.random_range(0..3)];
            apply(change, &mut self.durable, |_| random.random_bool(chance));
        }
        (self.is_listed || random.random_bool(0.5)).then_some(self.durable)
    }
}

/// Makes a change to a file, of a write only the sectors that are `kept`.
fn apply(change: &Call, file: &mut Vec<u8>, mut kept: impl FnMut(usize) -> bool) {
    match change {
        Call::Write { offset, bytes } => {
            for (number, sector) in bytes.chunks(SECTOR).enumerate() {
                if kept(number) {
                    let at = offset + number * SECTOR;
                    if file.len() < at + sector.len() {
                        file.resize(at + sector.len(), 0);
                    }
                    file[at..at + sector.len()].copy_from_slice(sector);
                }
            }
        }
        Call::Truncate { length } if kept(0) => file.resize(*length, 0),
        Call::Truncate { .. }
        | Call::Sync { .. }
        | Call::FailedSync { .. }
        | Call::FailedWrite
        | Call::Remove => {}
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn write(offset: usize, text: &str) -> Record {
        Record { call: Call::Write { offset, bytes: text.into() }, file: 2 }
    }

    fn found(records: Vec<Record>, unsynced: Unsynced) -> Option<String> {
        let data = tempfile::tempdir().unwrap();
        let mut random = StdRng::seed_from_u64(1);
        Journal { records }.lose_power(data.path(), unsynced, &mut random).unwrap();
        fs::read_to_string(data.path().join("greenroom.db-wal")).ok()
    }

    #[test]
    fn what_was_synced_is_found_and_nothing_else_need_be() {
        let sync = |before, file| Record { call: Call::Sync { before }, file };
        let written = || vec![write(0, "abc"), sync(1, 2), sync(2, DIRECTORY), write(1, "X")];
        assert_eq!(found(written(), Unsynced::Lost).as_deref(), Some("abc"));
        let mut unlisted = written();
        unlisted.remove(2);
        assert_eq!(found(unlisted, Unsynced::Lost), None, "its name was not synced");
        let overtaken = vec![write(0, "abc"), write(1, "X"), sync(1, 2), sync(0, DIRECTORY)];
        assert_eq!(found(overtaken, Unsynced::Lost).as_deref(), Some("abc"), "written during the sync");
        let removed = written().into_iter().chain([Record { call: Call::Remove, file: 2 }]).collect();
        assert_eq!(found(removed, Unsynced::Lost), None);
        let failed = Record { call: Call::FailedSync { before: 4 }, file: 2 };
        let again = written().into_iter().chain([failed, sync(5, 2)]).collect();
        assert_eq!(found(again, Unsynced::Lost).as_deref(), Some("abc"), "a second sync brings nothing back");
    }
}
