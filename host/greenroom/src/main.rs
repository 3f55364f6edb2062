//! The greenroom binary: the host, the commands that talk to one, and those that make actors.
//!
//! Exit codes: 0 done; 1 the host refused or can't start, a build failed, or the output can't be written; 2 the
//! command line, the configuration or a project is not valid; 3 the host can't be reached; 70 the store failed
//! while the host ran; 130 stopped by a second signal.

// They panic where output can't be written; `output` does not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod client;
mod logging;
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
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(said) => return output::print_parsers_word_and_end(&said),
    };
    match command {
        // The compiling child: no runtime, no log, nothing but its work.
        Command::CompileComponent => greenroom_sandbox::compile_component_child(),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Restore { file, data } => restore::run(&file, &data),
        Command::Project(command) => project::run(command),
        Command::Client(command) => client::run(command),
    }
}
