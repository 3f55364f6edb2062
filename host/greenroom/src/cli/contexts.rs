//! `greenroom context`, as `--help` shows it.

use std::path::PathBuf;

use clap::Subcommand;

pub(super) const ABOUT: &str = "Keep the hosts that commands talk to under names.

A context is a host's address, the file that has its token, and the CA that it is known by. They are kept in \
greenroom/contexts.toml in XDG_CONFIG_HOME (~/.config), which only its owner can read.

A command talks to the host that --host names, else to that of --context, of GREENROOM_HOST, of GREENROOM_CONTEXT, \
of the context in use, else to http://127.0.0.1:7070.";

pub(super) const EXAMPLES: &str = "Examples:
  greenroom context add prod https://actors.example.com --token-file ~/.secrets/prod-token
  greenroom types --context prod
  greenroom context use prod
  greenroom context use --none";

/// What is to be done with contexts.
#[derive(Subcommand, Debug)]
pub(crate) enum ContextCommand {
    /// Keep a host under a name, in place of what was kept under it.
    #[command(after_long_help = "Example:
  greenroom context add prod https://actors.example.com --token-file ~/.secrets/prod-token")]
    Add {
        /// What to call it
        name: String,
        /// The host
        #[arg(value_name = "URL")]
        host: String,
        /// A file with one of the host's tokens; it is read by each command, and not copied
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// Certificates (PEM) to know the host by, instead of the system's
        #[arg(long, value_name = "FILE")]
        ca_file: Option<PathBuf>,
    },
    /// Let commands that name no host talk to that one.
    #[command(after_long_help = "Examples:\n  greenroom context use prod\n  greenroom context use --none")]
    Use {
        /// Which one
        #[arg(required_unless_present = "none")]
        name: Option<String>,
        /// None of them any more
        #[arg(long, conflicts_with = "name")]
        none: bool,
    },
    /// List them; the one in use has a star.
    #[command(after_long_help = "Example:\n  greenroom context list")]
    List,
    /// Forget one.
    #[command(after_long_help = "Example:\n  greenroom context remove prod")]
    Remove {
        /// Which one
        name: String,
    },
}
