//! The project's own automation: `cargo xtask --help` is the list of what a contributor can run.
//!
//! Every step it takes is an ordinary command that it prints, so that each can be run alone. Guests it builds
//! as `greenroom build` does, by the same library.

mod clean_clone;
mod compiled;
mod freshness;
mod fuzz;
mod guests;
mod javascript;
mod python;
mod steps;
mod tasks;
mod toolchain;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use greenroom_project::Language;

use crate::steps::Step;

/// Builds, tests and demonstrates Greenroom.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the guests: the example actors and the probe of the tests
    ///
    /// Installs what a language needs when it is missing. The components end up in
    /// target/guests/LANGUAGE/NAME.wasm.
    Guests {
        /// Only those in these languages
        #[arg(default_value = "rust")]
        languages: Vec<Language>,
    },
    /// Build the guests and the host
    Build {
        /// With optimisation, as it is shipped
        #[arg(long)]
        release: bool,
    },
    /// Generate the bindings that are checked in, those for C and Go, anew from the contract
    Bindings,
    /// Build everything and play a scene with ten thousand users, checking each promise on the way
    ///
    /// At the end the host goes on running for you to try; its address, its process id and how to
    /// stop it are printed. Options after `--` go to the demo: `cargo xtask demo -- --help`.
    Demo {
        /// Options of the demo
        #[arg(last = true)]
        options: Vec<String>,
    },
    /// Run all tests: unit, contract and doc tests, then the black-box tests of the real binary
    Test {
        /// Only the black-box tests
        #[arg(long)]
        black_box: bool,
        /// Nothing but ten minutes of all attacks mixed, after which memory and descriptors must be back
        #[arg(long, conflicts_with = "black_box")]
        soak: bool,
        /// Options after `--` go to the tests, for example the name of one
        #[arg(last = true)]
        options: Vec<String>,
    },
    /// Fuzz what parses untrusted bytes, guided by coverage
    ///
    /// A short run without guidance is part of the tests. What is found is kept, and a line says how to see it
    /// again.
    Fuzz {
        /// Only these targets; all when none is named. `host/fuzz/corpus` has a folder for each
        targets: Vec<String>,
        /// How long each is run
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Measure the host beside two plain servers that do the same work without actors
    ///
    /// Builds in release mode. Options after `--` go to the benchmark: `cargo xtask bench -- --help`.
    Bench {
        /// Options of the benchmark
        #[arg(last = true)]
        options: Vec<String>,
    },
    /// What a change must pass besides the tests: format, lints, documentation, dependencies
    Check,
    /// Everything that a change must pass, as `.ci/run` says
    Ci {
        /// In a clean clone of HEAD, below target/; when all has passed, target/ci-passed names that commit
        #[arg(long)]
        clean: bool,
    },
    /// Check the dependencies for known weaknesses, by the public database of advisories
    ///
    /// Fetches the database from GitHub, so it needs a network, and what passed yesterday may fail today.
    Advisories {
        /// Where the database can't be fetched, say so and end with success
        #[arg(long)]
        if_reachable: bool,
    },
}

fn main() -> ExitCode {
    if fuzz::is_compiler() {
        return fuzz::compile();
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // What failed has said why; where in this program it was noticed helps nobody.
        Err(error) => {
            eprintln!("==> {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    std::env::set_current_dir(steps::root())?;
    match Cli::parse().task {
        Task::Guests { languages } => guests::build(&languages),
        Task::Build { release } => tasks::build(release),
        Task::Bindings => tasks::bindings(),
        Task::Demo { options } => tasks::demo(&options),
        Task::Test { soak: true, options, .. } => tasks::soak(&options),
        Task::Test { black_box, options, .. } => tasks::test(black_box, &options),
        Task::Fuzz { targets, seconds } => fuzz::fuzz(&targets, seconds),
        Task::Bench { options } => tasks::bench(&options),
        Task::Check => tasks::check(),
        Task::Ci { clean: false } => Step::new("everything", "bash", &[".ci/run"]).run(),
        Task::Ci { clean: true } => clean_clone::ci(),
        Task::Advisories { if_reachable } => tasks::advisories(if_reachable),
    }
}
