//! The command line, as `--help` shows it. Nothing here does anything.

mod client;
mod contexts;
mod dead_letters;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use greenroom_project::{Language, Name};

pub(crate) use client::{Actor, Approval, ClientCommand, Connection, Deployment, Message};
pub(crate) use contexts::ContextCommand;
pub(crate) use dead_letters::{DeadLetterCommand, DeadLetterList, DeadLetterSelection};

use crate::exit::Exit;

const ABOUT: &str = "Virtual actors written in any language that compiles to a WebAssembly component.

Make an actor's project and build its component:

  greenroom new --lang python task
  greenroom build task

Start a host, deploy a component under a name, and call its actors; none of them needs to be created:

  greenroom serve &
  cd task
  greenroom deploy
  greenroom call task task-123 update_status '{\"status\":\"done\"}'";

/// Virtual actors in any language.
#[derive(Parser, Debug)]
#[command(version, about, long_about = ABOUT, after_long_help = Exit::table(), max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is to be done.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run a host.
    Serve(Serve),
    /// Make a data directory of a backup.
    #[command(
        long_about = RESTORE_ABOUT,
        after_long_help = "Examples:
  greenroom restore greenroom-2026-01-31.backup --data /var/lib/greenroom
  zstd -d < greenroom.backup.zst | greenroom restore - --data ./restored"
    )]
    Restore {
        /// The backup; `-` reads it from stdin
        file: PathBuf,
        /// The data directory to make: empty, or not there
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    #[command(flatten)]
    Project(ProjectCommand),
    #[command(flatten)]
    Client(ClientCommand),
    /// Keep the hosts that commands talk to under names.
    #[command(long_about = contexts::ABOUT, after_long_help = contexts::EXAMPLES)]
    Context {
        #[command(subcommand)]
        command: ContextCommand,
    },
    /// Print what completes commands in a shell.
    #[command(after_long_help = "Examples:
  greenroom completions bash > ~/.local/share/bash-completion/completions/greenroom
  greenroom completions fish > ~/.config/fish/completions/greenroom.fish")]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page, or write one for each command.
    #[command(
        after_long_help = "Examples:\n  greenroom man | man -l -\n  greenroom man --dir ~/.local/share/man/man1"
    )]
    Man {
        /// A folder to write them into: greenroom.1, greenroom-call.1, …
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Print the version.
    #[command(after_long_help = "Example:\n  greenroom version")]
    Version,
}

const RESTORE_ABOUT: &str = "Make a data directory of a backup.

Nothing is overwritten: a directory that has data, or that a host uses, is refused, and so is a file that is not \
whole, is damaged, or is of a newer Greenroom. Start a host on the directory with `greenroom serve --data DIR`.

Don't let the host that was backed up and the restored one both run: what was due is sent by both.";

const NEW_ABOUT: &str = "Make a project for an actor.

The project is a small actor that works: source, a test where the language has one, greenroom.toml, and a \
README.md with how to install, write, test, build and deploy. The SDK's sources are in third_party/greenroom, so \
nothing of Greenroom needs to be downloaded.

Languages: rust, python, typescript, javascript, go, c, cpp, zig.";

const BUILD_ABOUT: &str = "Build a project's component.

A project is a folder with a greenroom.toml; without DIR it is the current folder, or the nearest above it that has \
one. Its language's tool does the work: cargo, componentize-py, esbuild \
with an engine, Go, or Zig for C, C++ and Zig; its output is shown when it fails. A tool is the one that \
GREENROOM_CARGO, GREENROOM_PYTHON, GREENROOM_NODE, GREENROOM_GO or GREENROOM_ZIG names, else the project's own in \
.venv or node_modules, else the one on PATH; when there is none, the message has the command that installs it.

Prints the component's path and size.";

/// The commands that make actors.
#[derive(Subcommand, Debug)]
pub(crate) enum ProjectCommand {
    /// Make a project for an actor.
    #[command(
        long_about = NEW_ABOUT,
        after_long_help = "Examples:\n  greenroom new --lang rust shopping-list\n  greenroom new --lang python task \
                           --dir ~/actors/task"
    )]
    New {
        /// What to write it in
        #[arg(long = "lang", value_name = "LANGUAGE")]
        language: Language,
        /// What the actor is called: small letters, digits and hyphens
        name: Name,
        /// The folder to make; must not be there, or be empty [default: the name, here]
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Build a project's component.
    #[command(
        long_about = BUILD_ABOUT,
        after_long_help = "Examples:\n  greenroom build\n  greenroom build task --output task.wasm\n  \
                           GREENROOM_PYTHON=~/tools/bin/python greenroom build task"
    )]
    Build {
        /// The project's folder, or its manifest [default: found from here upwards]
        #[arg(value_name = "DIR")]
        project: Option<PathBuf>,
        /// The component [default: target/NAME.wasm in the project]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

const SERVE_ABOUT: &str = "Run a host.

Prints `listening on http://ADDRESS` when it is ready; its log goes to stderr. SIGTERM or SIGINT stops \
it after the turns under way; a second one stops it at once, which loses nothing that was acknowledged.

A setting comes from the command line, else from its environment variable, else from the configuration \
file, else from its default. docs/configuration.md lists all.";

const SERVE_EXAMPLES: &str = "Examples:
  greenroom serve
  greenroom serve --data /var/lib/greenroom --config /etc/greenroom.toml
  greenroom serve --listen 127.0.0.1:0 --set limits.turn_timeout=5s
  GREENROOM_TOKENS=$(openssl rand -hex 32) greenroom serve --listen 0.0.0.0:7070";

/// Arguments of `serve`.
#[derive(Args, Debug, Default)]
#[command(long_about = SERVE_ABOUT, after_long_help = SERVE_EXAMPLES)]
pub(crate) struct Serve {
    /// Directory of everything durable; made when it is not there.
    #[arg(
        long,
        value_name = "DIR",
        help = "Directory of everything durable; made when it is not there [default: ./greenroom-data] \
                [env: GREENROOM_DATA]"
    )]
    pub(crate) data: Option<PathBuf>,
    /// Address to listen on.
    #[arg(
        long,
        value_name = "ADDR",
        help = "Address to listen on, for example localhost:7070 or :7070 for loopback, port 0 for any; other than \
                loopback needs tokens [default: 127.0.0.1:7070] [env: GREENROOM_LISTEN]"
    )]
    pub(crate) listen: Option<String>,
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE", env = "GREENROOM_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// What to log.
    #[arg(
        long,
        value_name = "FILTER",
        help = "What to log, for example `info,greenroom_runtime=debug` [default: info] [env: GREENROOM_LOG]"
    )]
    pub(crate) log: Option<String>,
    /// How to log it.
    #[arg(
        long,
        value_name = "FORMAT",
        help = "`pretty` or `json` [default: pretty] [env: GREENROOM_LOG_FORMAT]"
    )]
    pub(crate) log_format: Option<String>,
    /// Any other setting, for example `limits.turn_timeout=5s`; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}
