//! The greenroom binary: the host, the commands that talk to one, and those that make actors.
//!
//! With what it ends stands in [`exit`].

// They panic where output can't be written; `output` does not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod client;
mod exit;
mod logging;
mod manual;
mod memory;
mod output;
mod process;
mod project;
mod restore;
mod serve;
mod settings;
mod units;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};

/// A call allocates often enough for the allocator to show in its cost: see docs/benchmarks.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The compiling child: no runtime, no log, nothing but its work. No command of the command line, so that nobody
    // is pointed to it.
    if std::env::args_os().nth(1).is_some_and(|first| first == settings::COMPILE_COMMAND) {
        return greenroom_sandbox::compile_component_child();
    }
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(said) => return output::print_parsers_word_and_end(&said),
    };
    match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Restore { file, data } => restore::run(&file, &data),
        Command::Project(command) => project::run(command),
        Command::Client(command) => client::run(command),
        Command::Context { command } => client::run_context(command),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { dir } => manual::man(dir.as_deref()),
        Command::Version => manual::version(),
    }
}
