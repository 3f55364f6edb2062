//! Uploading a component, with a bar on a terminal: first the bytes on their way, then the host's
//! compilation of them.

use std::io::{Cursor, Read};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::connection::{Host, Reply, Request};
use super::failure::Failure;

/// Sends `component` as the body of `request`. Nothing is drawn when `quiet`, or when stderr is no
/// terminal.
pub(super) fn with_progress(
    host: &Host,
    request: Request,
    component: Vec<u8>,
    quiet: bool,
) -> Result<Reply, Failure> {
    let length = component.len();
    let bar = ProgressBar::new(length as u64).with_message("uploading");
    if quiet {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} {spinner}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    let body = Watched { bytes: Cursor::new(component), bar: bar.clone() };
    let reply = host.ask_with_reader(request, body, length);
    bar.finish_and_clear();
    reply
}

/// Bytes that tell the bar how far they are.
struct Watched {
    bytes: Cursor<Vec<u8>>,
    bar: ProgressBar,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        self.bar.inc(count as u64);
        if self.bytes.position() == self.bytes.get_ref().len() as u64 {
            self.bar.set_message("compiling");
        }
        Ok(count)
    }
}
