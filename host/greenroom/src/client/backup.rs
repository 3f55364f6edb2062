//! `greenroom backup`: a host's data into one file, which has its name only when it is whole. Until then it has one
//! of its own beside it, so that two commands don't meet.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use greenroom_core::store::Backup as _;
use greenroom_store::sealed::{Unsealing, Whole};
use greenroom_store::{DirectoryBackup, SqliteOptions};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use tempfile::NamedTempFile;

use super::connection::{Host, Request, Stream};
use super::failure::Failure;
use super::{Done, print_line};
use crate::cli::Connection;
use crate::units;

/// What is read at a time.
const READ_BYTES: usize = 256 << 10;

/// Runs the command.
pub(super) fn run(file: &Path, force: bool, data: Option<&Path>, connection: &Connection) -> Done {
    if file == Path::new("-") {
        if io::stdout().is_terminal() {
            return Err(Failure::Usage(
                "a terminal is no place for a backup; pipe it, or name a file".into(),
            ));
        }
        let lost = |why| format!("{why}; what was written to stdout is not a whole backup, throw it away");
        let mut stdout = io::stdout().lock();
        return copy(data, connection, &mut stdout).map(drop).map_err(|failure| match failure {
            Failure::Local(why) => Failure::Local(lost(why)),
            other => other,
        });
    }
    let partial = Partial::make(file, force)?;
    let whole = copy(data, connection, &mut partial.file.as_file())?;
    partial.keep(force)?;
    if connection.json {
        let digest = whole.digest.to_string();
        return print_line(&json!({"file": file, "bytes": whole.bytes, "sha256": digest}).to_string());
    }
    let size = units::show_roughly(whole.bytes);
    print_line(&format!("backup: {}, {size}, sha-256 of its contents {}", file.display(), whole.digest))
}

/// Writes a backup to `target` and checks that it is whole.
fn copy(data: Option<&Path>, connection: &Connection, target: &mut dyn Write) -> Result<Whole, Failure> {
    let bar = ProgressBar::new_spinner().with_message("the host copies its data");
    if connection.json {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    let stream = match data {
        None => Host::new(connection)?.ask_for_stream(Request::new("GET", "/v1/backup"))?,
        Some(data) => of_directory(data)?,
    };
    if let (Some(bytes), Ok(style)) =
        (stream.bytes, ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} {eta}"))
    {
        bar.set_length(bytes);
        bar.set_style(style);
        bar.set_message("reading");
    }
    let whole = carry(bar.wrap_read(stream.reader), target);
    bar.finish_and_clear();
    whole
}

fn carry(mut source: impl Read, target: &mut dyn Write) -> Result<Whole, Failure> {
    let mut check = Unsealing::new(io::sink());
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(Failure::Local(format!(
                    "the backup was cut off ({error}); try again, the host's log may say why"
                )));
            }
        };
        // What is no backup is told at the end.
        let _ = check.write_all(&buffer[..count]);
        target.write_all(&buffer[..count]).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Local("nobody reads stdout any more".into()),
            _ => Failure::Local(format!("the backup can't be written ({error}); look for room on the disk")),
        })?;
    }
    target.flush().map_err(|error| Failure::Local(format!("the backup can't be written ({error})")))?;
    let checked = check.finish();
    checked.map(|(whole, _)| whole).map_err(|error| Failure::Local(format!("what the host sent: {error}")))
}

/// A backup of the data directory of a host that is stopped.
fn of_directory(data: &Path) -> Result<Stream, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Local(format!("can't start: {error}")))?;
    let begun = runtime.block_on(DirectoryBackup::begin(data, &SqliteOptions::default()));
    let backup = begun.map_err(|error| {
        Failure::Local(format!("{error}\n  next: of a host that runs, make one without --data"))
    })?;
    Ok(Stream {
        bytes: Some(backup.bytes()),
        reader: Box::new(DirectoryReader { runtime, backup, left: Vec::new() }),
    })
}

/// Reads a backup that needs a runtime.
struct DirectoryReader {
    runtime: tokio::runtime::Runtime,
    backup: DirectoryBackup,
    /// What was read and not yet taken.
    left: Vec<u8>,
}

impl Read for DirectoryReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() {
            self.left = self.runtime.block_on(self.backup.read()).map_err(io::Error::other)?.into();
        }
        let count = (&self.left[..]).read(buffer)?;
        self.left.drain(..count);
        Ok(count)
    }
}

/// The file while it is not known to be whole. Removed again unless it is kept.
struct Partial {
    file: NamedTempFile,
    target: PathBuf,
}

impl Partial {
    fn make(target: &Path, force: bool) -> Result<Self, Failure> {
        refuse_existing(target, force)?;
        let mut prefix = target
            .file_name()
            .map(ToOwned::to_owned)
            .ok_or_else(|| Failure::Usage(format!("{} is no name of a file", target.display())))?;
        prefix.push(".");
        let made = tempfile::Builder::new().prefix(&prefix).suffix(".partial").tempfile_in(folder(target));
        let file = made
            .map_err(|error| Failure::Usage(format!("can't write beside {}: {error}", target.display())))?;
        Ok(Partial { file, target: target.into() })
    }

    /// Gives the file its name when it is on disk.
    fn keep(self, force: bool) -> Done {
        let Partial { file, target } = self;
        let synced = file.as_file().sync_all();
        let kept = synced.and_then(|()| {
            let named = if force { file.persist(&target) } else { file.persist_noclobber(&target) };
            named.map_err(|refused| refused.error)?;
            File::open(folder(&target)).and_then(|folder| folder.sync_all())
        });
        kept.map_err(|error| Failure::Local(format!("can't write {}: {error}", target.display())))
    }
}

/// Where that file is.
fn folder(target: &Path) -> &Path {
    target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn refuse_existing(target: &Path, force: bool) -> Done {
    if target.is_dir() {
        return Err(Failure::Usage(format!("{} is a directory; name a file in it", target.display())));
    }
    if !force && target.symlink_metadata().is_ok() {
        return Err(Failure::Usage(format!(
            "{} is there already; choose another name, or take its place with --force",
            target.display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_at_once_into_one_file_do_not_meet() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("backup");
        let [first, second, third] = [(); 3].map(|()| Partial::make(&target, false).unwrap());
        first.file.as_file().write_all(b"first").unwrap();
        second.file.as_file().write_all(b"second").unwrap();
        drop(third);
        first.keep(false).unwrap();
        assert!(second.keep(false).is_err());
        assert_eq!(std::fs::read(&target).unwrap(), b"first");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "what was not kept is gone");
    }
}
