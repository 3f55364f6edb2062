//! `greenroom dead-letters`, as `--help` shows it. A letter is known by the id of its message everywhere.

use clap::{Args, Subcommand};

use super::client::{Approval, Connection};

/// Which dead letters to list.
#[derive(Args, Debug)]
pub(crate) struct DeadLetterList {
    /// Only to actors of this type
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) actor_type: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Some dead letters by their message ids, or all.
#[derive(Args, Debug)]
pub(crate) struct DeadLetterSelection {
    /// The messages' ids
    #[arg(value_name = "MESSAGE_ID", required_unless_present = "all", conflicts_with_all = ["all", "actor_type"])]
    pub(crate) message_ids: Vec<String>,
    /// All that there are when the command begins
    #[arg(long)]
    pub(crate) all: bool,
    /// With --all: only those to actors of this type
    #[arg(long = "type", value_name = "TYPE", requires = "all")]
    pub(crate) actor_type: Option<String>,
}

/// What is to be done with dead letters.
#[derive(Subcommand, Debug)]
pub(crate) enum DeadLetterCommand {
    /// List them, as without a command.
    #[command(after_long_help = "Example:\n  greenroom dead-letters list --type task")]
    List(DeadLetterList),
    /// Show one, or print its payload.
    #[command(
        after_long_help = "Example:\n  greenroom dead-letters show 0192d4a0-0000-7000-8000-000000000000"
    )]
    Show {
        /// The message's id
        #[arg(value_name = "MESSAGE_ID")]
        message_id: String,
        /// Print its payload and nothing else
        #[arg(long)]
        payload: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// Put them back into the mailboxes they came from; their attempts are counted anew.
    #[command(after_long_help = "Examples:
  greenroom dead-letters retry 0192d4a0-0000-7000-8000-000000000000
  greenroom dead-letters retry --all --type task")]
    Retry {
        #[command(flatten)]
        selection: DeadLetterSelection,
        #[command(flatten)]
        connection: Connection,
    },
    /// Remove them for good.
    #[command(
        visible_alias = "drop",
        after_long_help = "Examples:
  greenroom dead-letters remove 0192d4a0-0000-7000-8000-000000000000
  greenroom dead-letters remove --all --type task --dry-run"
    )]
    Remove {
        #[command(flatten)]
        selection: DeadLetterSelection,
        #[command(flatten)]
        approval: Approval,
        #[command(flatten)]
        connection: Connection,
    },
}

impl DeadLetterCommand {
    /// Which host, and how to show what it answers.
    pub(super) fn connection(&self) -> &Connection {
        match self {
            DeadLetterCommand::List(list) => &list.connection,
            DeadLetterCommand::Show { connection, .. }
            | DeadLetterCommand::Retry { connection, .. }
            | DeadLetterCommand::Remove { connection, .. } => connection,
        }
    }
}
