//! `greenroom restore`: a data directory made of a backup.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use greenroom_store::{RestoreError, restore};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{output, units};

/// Runs the command.
pub(crate) fn run(file: &Path, data: &Path) -> ExitCode {
    match make(file, data) {
        Ok(text) => output::print_and_end(&text),
        Err(error) => {
            output::complain(&format_args!("error: can't restore {}: {error}", file.display()));
            ExitCode::FAILURE
        }
    }
}

fn make(file: &Path, data: &Path) -> Result<String, RestoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(RestoreError::Unreadable)?;
    let bar = ProgressBar::no_length();
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let opened = File::open(file).and_then(|opened| Ok((opened.metadata()?.len(), opened)));
        let (bytes, opened) = opened.map_err(RestoreError::Unreadable)?;
        bar.set_length(bytes);
        Box::new(BufReader::new(opened))
    };
    if let Ok(style) = ProgressStyle::with_template("restoring {bar:30} {bytes}/{total_bytes} {spinner}") {
        bar.set_style(style);
    }
    let restored = runtime.block_on(restore(bar.wrap_read(source), data));
    bar.finish_and_clear();
    let whole = restored?;
    Ok(format!(
        "restored: {}, {}; start a host with `greenroom serve --data {}`\n",
        data.display(),
        units::show_roughly(whole.bytes),
        data.display()
    ))
}
