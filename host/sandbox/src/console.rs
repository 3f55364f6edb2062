//! Where a guest's stdout and stderr go: line by line to the log of the turn that prints them. A
//! line that the turn's end cuts short is logged as it is. Writing never waits.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use greenroom_core::Timestamp;
use greenroom_core::sandbox::{LogLevel, TurnHost};
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// A longer line is logged in pieces, so that a guest that prints no newline can't fill the host's
/// memory.
const LINE_BYTES_MAX: usize = 8 << 10;
/// What a guest may hand over in one write, whose lines are logged without a pause.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// The output of one sandbox.
pub(crate) struct Console(Mutex<State>);

struct State {
    turn: Option<Arc<dyn TurnHost>>,
    now: Timestamp,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Console {
    pub(crate) fn new(turn: Option<Arc<dyn TurnHost>>) -> Self {
        let now = turn.as_ref().map_or(Timestamp::EPOCH, |turn| turn.now());
        Console(Mutex::new(State { turn, now, stdout: Vec::new(), stderr: Vec::new() }))
    }

    pub(crate) fn begin_turn(&self, turn: Arc<dyn TurnHost>) {
        let mut state = self.0.lock();
        state.now = turn.now();
        state.turn = Some(turn);
    }

    pub(crate) fn end_turn(&self) {
        let mut state = self.0.lock();
        for level in [LogLevel::Info, LogLevel::Warn] {
            state.flush_line(level);
        }
        state.turn = None;
    }

    /// The time of the turn under way.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.lock().now
    }

    fn print(&self, level: LogLevel, bytes: &[u8]) {
        let mut state = self.0.lock();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            for chunk in text.chunks(LINE_BYTES_MAX) {
                if state.line(level).len() + chunk.len() > LINE_BYTES_MAX {
                    state.flush_line(level);
                }
                state.line(level).extend_from_slice(chunk);
            }
            if ends {
                state.flush_line(level);
            }
        }
    }
}

impl State {
    fn line(&mut self, level: LogLevel) -> &mut Vec<u8> {
        if level == LogLevel::Warn { &mut self.stderr } else { &mut self.stdout }
    }

    /// Logs what the line holds, unless it is empty.
    fn flush_line(&mut self, level: LogLevel) {
        let line = std::mem::take(self.line(level));
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches('\r');
        if let Some(turn) = self.turn.as_ref().filter(|_| !text.is_empty()) {
            turn.log(level, text);
        }
    }
}

/// One of a guest's two output streams.
#[derive(Clone)]
pub(crate) struct Output {
    console: Arc<Console>,
    level: LogLevel,
}

impl Output {
    pub(crate) fn new(console: &Arc<Console>, level: LogLevel) -> Self {
        Output { console: Arc::clone(console), level }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > WRITE_BYTES_MAX {
            return Err(StreamError::trap("wrote more at once than the stream takes (see check-write)"));
        }
        self.console.print(self.level, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.console.print(self.level, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
