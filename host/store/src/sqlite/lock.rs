//! One host to a data directory. The lock is the kernel's (`flock`), so it ends with the process
//! that holds it, however that ends; what stands in the file only tells people who holds it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use greenroom_core::{Clock as _, SystemClock};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::open::OpenError;

pub(super) const LOCK_FILE: &str = "greenroom.lock";
/// More than any holder writes of itself.
const HOLDER_BYTES_MAX: u64 = 1_024;

/// Held as long as this lives. The file itself stays: removing it would let two hosts lock two
/// files of the same name.
pub(super) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock of `data_dir`, or says who has it.
    pub(super) fn take(data_dir: &Path) -> Result<Self, OpenError> {
        let path = data_dir.join(LOCK_FILE);
        let failed = |source: io::Error| OpenError::Directory { path: path.clone(), source };
        let mut file = OpenOptions::new()
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
        write_holder(&mut file).map_err(failed)?;
        Ok(DirectoryLock { _file: file })
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

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "pid {}", std::process::id())?;
    writeln!(file, "started_unix_ms {}", SystemClock::default().now().unix_ms())
}

fn described(holder: &str) -> String {
    let words: Vec<&str> = holder.split_whitespace().collect();
    match words[..] {
        ["pid", pid, "started_unix_ms", started] => format!("process {pid}, started_unix_ms {started}"),
        _ => "a process that has not yet written its id".into(),
    }
}
