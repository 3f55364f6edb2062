//! What a command prints. All of it goes through here, so that nothing is lost without a sign: a command
//! whose output can't be written ends with an error, unless whoever read it has seen enough.

use std::fmt::{self, Display};
use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::json;

use crate::exit::Exit;

/// Why output did not reach whoever was to read it.
#[derive(Debug)]
pub(crate) struct Unwritten(io::Error);

impl Unwritten {
    /// Says it, and with what the process ends.
    pub(crate) fn end(&self) -> ExitCode {
        // Whoever stopped reading has seen enough, for example `head`.
        if self.0.kind() == io::ErrorKind::BrokenPipe {
            return Exit::Done.into();
        }
        complain(self);
        Exit::Failed.into()
    }
}

impl Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "error: can't write to stdout: {}\n  next: what was asked for may be done; look before you repeat it",
            self.0
        )
    }
}

/// Prints these bytes.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Unwritten> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(Unwritten)
}

/// Prints all that a command has to say, which ends it.
pub(crate) fn print_and_end(text: &str) -> ExitCode {
    print(text.as_bytes()).map_or_else(|unwritten| unwritten.end(), |()| Exit::Done.into())
}

/// Prints what the parser of the command line says: the help, the version, or what it does not
/// understand.
pub(crate) fn print_parsers_word_and_end(said: &clap::Error) -> ExitCode {
    if said.use_stderr() {
        let mut words = std::env::args_os().take_while(|word| word != "--");
        if words.any(|word| word == "--json") {
            let detail = said.render().to_string();
            let problem = json!({
                "code": "usage", "source": "client", "retry": "never", "detail": detail.trim_end(),
                "exit_code": Exit::Usage.code(),
            });
            complain(&problem);
        } else {
            // The exit code says it, too.
            let _ = said.print();
        }
        return Exit::Usage.into();
    }
    let printed = said.print().and_then(|()| io::stdout().flush()).map_err(Unwritten);
    printed.map_or_else(|unwritten| unwritten.end(), |()| Exit::Done.into())
}

/// Says on stderr why a command fails. That nobody reads it changes nothing: the exit code says it, too.
pub(crate) fn complain(why: &dyn Display) {
    let _ = writeln!(io::stderr(), "{why}");
}
