//! One host to a data directory. The lock is the kernel's (`flock`), so it ends with the process
//! that holds it, however that ends; what stands in the file tells people who holds it, and the next start
//! whether there must be a log, or how the database was left by a host that ended by itself.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use greenroom_core::{Clock as _, SystemClock};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::open::{DATABASE_FILE, OpenError};

pub(super) const LOCK_FILE: &str = "greenroom.lock";
/// A line of the file while there is a log without which the database is not whole.
const LOG_IN_USE: &str = "log in use";
/// Begins the line that tells how the database was left.
const LEFT_AS: &str = "database left as ";
/// More than any holder writes of itself.
const HOLDER_BYTES_MAX: u64 = 1_024;

/// Longer than a tick of the clock that file systems stamp files by.
pub(super) const CLOCK_TICK: Duration = Duration::from_millis(20);

/// Held as long as this lives. The file itself stays: removing it would let two hosts lock two
/// files of the same name.
pub(super) struct DirectoryLock {
    file: File,
    database: PathBuf,
    /// Whether the process that had it last has left a log.
    log_was_in_use: bool,
    /// How it has left the database.
    was_left_as: Option<String>,
}

impl DirectoryLock {
    /// Takes the lock of `data_dir`, or says who has it.
    pub(super) fn take(data_dir: &Path) -> Result<Self, OpenError> {
        let path = data_dir.join(LOCK_FILE);
        let failed = |source: io::Error| OpenError::Directory { path: path.clone(), source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(in_use(data_dir, file)),
            Err(errno) => return Err(failed(errno.into())),
        }
        let mut before = String::new();
        // What can't be read says nothing.
        let _ = (&file).take(HOLDER_BYTES_MAX).read_to_string(&mut before);
        let log_was_in_use = before.lines().any(|line| line == LOG_IN_USE);
        let was_left_as = before.lines().find_map(|line| line.strip_prefix(LEFT_AS)).map(str::to_owned);
        write_holder(&file, note(log_was_in_use)).map_err(failed)?;
        Ok(DirectoryLock { file, database: data_dir.join(DATABASE_FILE), log_was_in_use, was_left_as })
    }

    /// Whether there must be a log: a host had the directory and has not moved all of it.
    pub(super) fn log_was_in_use(&self) -> bool {
        self.log_was_in_use
    }

    /// Whether the process that had it last has ended by itself, and the database is as it was then, by its size and
    /// the moment of its last change.
    pub(super) fn is_database_as_it_was_left(&self) -> bool {
        self.was_left_as.as_ref().is_some_and(|left| stamp(&self.database).is_ok_and(|now| now == *left))
    }

    /// Notes that from here on there is a log without which the database is not whole.
    pub(super) fn log_is_in_use(&self) -> io::Result<()> {
        write_holder(&self.file, LOG_IN_USE)?;
        self.file.sync_all()
    }

    /// Notes that the database is whole without a log, and how it is left. To be done before the log goes: whoever
    /// comes next would miss it. And not within [`CLOCK_TICK`] of the database's last change: another one in the same
    /// tick of the file system's clock would not be seen.
    pub(super) fn log_is_not_needed(&self) -> io::Result<()> {
        // Before it is restored there is none.
        let left = stamp(&self.database).map(|stamp| format!("{LEFT_AS}{stamp}"));
        write_holder(&self.file, &left.unwrap_or_default())?;
        self.file.sync_all()
    }

    /// Refuses when a host has `data_dir`, and changes nothing there.
    pub(super) fn look(data_dir: &Path) -> Result<(), OpenError> {
        // Without the file nobody has it; what can't be opened is told by whoever takes the lock.
        let Ok(file) = File::open(data_dir.join(LOCK_FILE)) else { return Ok(()) };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(Errno::WOULDBLOCK) => Err(in_use(data_dir, file)),
            _ => Ok(()),
        }
    }
}

fn in_use(data_dir: &Path, file: File) -> OpenError {
    let mut holder = String::new();
    // What can't be read is only less to tell.
    let _ = file.take(HOLDER_BYTES_MAX).read_to_string(&mut holder);
    OpenError::InUse { path: data_dir.into(), holder: described(&holder) }
}

/// In one write, so that neither who reads it meanwhile nor an end of the process finds a part of it. What is left
/// of a longer text before goes later, and comes after all that counts.
fn write_holder(file: &File, note: &str) -> io::Result<()> {
    let (pid, started) = (std::process::id(), SystemClock::default().now().unix_ms());
    let text = format!("pid {pid}\nstarted_unix_ms {started}\n{note}\n");
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(text.len() as u64)
}

fn note(log_in_use: bool) -> &'static str {
    if log_in_use { LOG_IN_USE } else { "" }
}

/// Its size, and when it was last changed.
fn stamp(database: &Path) -> io::Result<String> {
    let metadata = std::fs::metadata(database)?;
    Ok(format!("{} {}.{:09}", metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

fn described(holder: &str) -> String {
    let words: Vec<&str> = holder.split_whitespace().collect();
    match words[..] {
        ["pid", pid, "started_unix_ms", started, ..] => format!("process {pid}, started_unix_ms {started}"),
        _ => "a process that has not yet written its id".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::{fs, thread};

    use super::*;

    #[test]
    fn the_note_about_the_log_is_there_whenever_one_looks() {
        const WRITES: usize = 2_000;
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(DATABASE_FILE), "").unwrap();
        let lock = DirectoryLock::take(directory.path()).unwrap();
        lock.log_is_in_use().unwrap();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let looks = scope.spawn(|| {
                let text = || fs::read_to_string(directory.path().join(LOCK_FILE)).unwrap();
                let mut missed = None;
                while !over.load(Ordering::Relaxed) {
                    missed = missed.or(Some(text()).filter(|text| !text.contains(LOG_IN_USE)));
                }
                missed
            });
            for _ in 0..WRITES {
                write_holder(&lock.file, LOG_IN_USE).unwrap();
            }
            over.store(true, Ordering::Relaxed);
            assert_eq!(looks.join().unwrap(), None);
        });
        assert!(lock.log_is_not_needed().is_ok());
        drop(lock);
        assert!(!DirectoryLock::take(directory.path()).unwrap().log_was_in_use());
    }
}
