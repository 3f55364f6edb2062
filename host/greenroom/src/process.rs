//! What the process asks of its machine: file descriptors, signals.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What is kept of the files that the process may have open: a quarter, at least so many, and at most a half.
const FILES_KEPT_MIN: u64 = 128;

/// Raises the number of files the process may have open as far as it may without being privileged:
/// every connection is one. Says how many connections there may be, so that enough are left for the store,
/// deployments and backups.
pub(crate) fn raise_file_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let mut files = limit.current;
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => files = limit.maximum,
            Err(error) => tracing::warn!(%error, "the limit of open files can't be raised"),
        }
    }
    files.map_or(usize::MAX, files_for_connections)
}

fn files_for_connections(files: u64) -> usize {
    let kept = (files / 4).max(FILES_KEPT_MIN).min(files / 2);
    usize::try_from(files - kept).unwrap_or(usize::MAX)
}

/// The signals that ask the host to stop.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// From here on they no longer end the process by themselves.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one, and names it.
    ///
    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_kept_from_connections() {
        for (files, connections) in [(1_000_000, 750_000), (1_024, 768), (256, 128), (100, 50), (0, 0)] {
            assert_eq!(files_for_connections(files), connections);
        }
    }
}
