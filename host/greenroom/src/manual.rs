//! What the binary says of itself, made from the command line's own definition: completions, manual pages, its
//! version.

use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::output;

const NAME: &str = "greenroom";

/// `greenroom completions`
pub(crate) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    printed(&script)
}

/// `greenroom man`
pub(crate) fn man(folder: Option<&Path>) -> ExitCode {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        return match clap_mangen::Man::new(Cli::command()).render(&mut page) {
            Ok(()) => printed(&page),
            Err(error) => failed(&error.to_string()),
        };
    };
    let made =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    match made {
        Ok(()) => output::print_and_end(&format!("manual pages: {}\n", folder.display())),
        Err(error) => failed(&format!("can't write manual pages into {}: {error}", folder.display())),
    }
}

/// `greenroom version`
pub(crate) fn version() -> ExitCode {
    output::print_and_end(concat!("greenroom ", env!("CARGO_PKG_VERSION"), "\n"))
}

fn printed(bytes: &[u8]) -> ExitCode {
    output::print(bytes).map_or_else(|unwritten| unwritten.end(), |()| Exit::Done.into())
}

fn failed(why: &str) -> ExitCode {
    output::complain(&format_args!("error: {why}"));
    Exit::Failed.into()
}
