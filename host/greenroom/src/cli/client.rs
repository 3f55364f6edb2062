//! The commands that talk to a host, as `--help` shows them.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::dead_letters::{DeadLetterCommand, DeadLetterList};

/// Which host, and how to show what it answers.
#[derive(Args, Debug)]
pub(crate) struct Connection {
    /// The host, for example `actors.example.com:7070`.
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "context",
        help = "The host: http:// or https://, or a name or address with port 7070 if it has none \
                [default: http://127.0.0.1:7070] [env: GREENROOM_HOST]"
    )]
    pub(crate) host: Option<String>,
    /// A host that is kept under a name.
    #[arg(
        long,
        value_name = "NAME",
        help = "A host that `greenroom context` keeps under a name [env: GREENROOM_CONTEXT]"
    )]
    pub(crate) context: Option<String>,
    /// One of the host's tokens.
    #[arg(
        long,
        value_name = "TOKEN",
        help = "One of the host's tokens, where it has any [env: GREENROOM_TOKEN]"
    )]
    pub(crate) token: Option<String>,
    /// Whom to trust.
    #[arg(
        long,
        value_name = "FILE",
        help = "Certificates (PEM) to know an https:// host by, instead of the system's [env: GREENROOM_CA_FILE]"
    )]
    pub(crate) ca_file: Option<PathBuf>,
    /// Print JSON as the host answers it; of lists, one item a line; an error as one problem document on stderr
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which actor.
#[derive(Args, Debug)]
pub(crate) struct Actor {
    /// The actor type
    #[arg(value_name = "TYPE")]
    pub(crate) actor_type: String,
    /// The actor id
    #[arg(value_name = "ID", allow_negative_numbers = true)]
    pub(crate) id: String,
}

/// Whether something may be destroyed for good.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Approval {
    /// Don't ask before anything is removed for good
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Say what would be removed, and remove nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}

/// A message to an actor.
#[derive(Args, Debug)]
pub(crate) struct Message {
    #[command(flatten)]
    pub(crate) to: Actor,
    /// The method
    pub(crate) method: String,
    /// The payload; `@FILE` reads it from a file, `-` from stdin; what begins with a hyphen stands after `--`
    #[arg(allow_negative_numbers = true)]
    pub(crate) body: Option<String>,
    /// Media type of the payload
    #[arg(long, value_name = "TYPE", default_value = "application/json")]
    pub(crate) content_type: String,
    /// A name for this request: repeats with it get the answer of the first and take no second effect
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

const BACKUP_ABOUT: &str = "Copy everything durable of a host, while it goes on, into one file.

In it is all that was acknowledged before the command began: state, mailboxes, reminders, dead letters, \
idempotency records, components, versions and settings, all as they were at one moment. It is written to \
a file beside it whose name ends in `.partial`, checked against its seal, and only then becomes FILE.

`greenroom restore` makes a data directory of it. docs/backup.md says what is not in it.";

const DEPLOY_ABOUT: &str = "Deploy a component as the next version of an actor type.

Without FILE it is that of a project: the folder with a greenroom.toml that is nearest above the current one. It is \
built first, as by `greenroom build`; a build that fails deploys nothing. Without TYPE it is the name in \
greenroom.toml.

A project's component that is older than one of its files is refused unless --allow-stale is given.

Actors of the type take the new version at their next turn, with state and mailbox kept. The bytes of the active \
version again change nothing.";

const DEPLOY_EXAMPLES: &str = "Examples:
  greenroom deploy
  greenroom deploy task-staging --project ./task
  greenroom deploy task target/task.wasm";

/// What to deploy, and under which name.
#[derive(Args, Debug)]
pub(crate) struct Deployment {
    /// The actor type [default: the project's name]
    #[arg(value_name = "TYPE")]
    pub(crate) actor_type: Option<String>,
    /// The component [default: that of the project, built anew]
    pub(crate) file: Option<PathBuf>,
    /// The project's folder, or its manifest [default: found from here upwards]
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    pub(crate) project: Option<PathBuf>,
    /// Deploy the project's component as it was built last
    #[arg(long, conflicts_with = "file")]
    pub(crate) no_build: bool,
    /// Also a component that is older than what it is made of
    #[arg(long)]
    pub(crate) allow_stale: bool,
}

/// The commands that talk to a host.
#[derive(Subcommand, Debug)]
pub(crate) enum ClientCommand {
    /// Deploy a component as the next version of an actor type.
    #[command(long_about = DEPLOY_ABOUT, after_long_help = DEPLOY_EXAMPLES)]
    Deploy {
        #[command(flatten)]
        deployment: Deployment,
        #[command(flatten)]
        connection: Connection,
    },
    /// List actor types.
    #[command(after_long_help = "Example:\n  greenroom types")]
    Types {
        #[command(flatten)]
        connection: Connection,
    },
    /// Show an actor type, its versions, and the methods that its component exports.
    #[command(
        after_long_help = "Examples:\n  greenroom type task\n  greenroom type task --component task.wasm --of 3"
    )]
    Type {
        /// The actor type
        #[arg(value_name = "TYPE")]
        actor_type: String,
        /// Write its component into this file instead; `-` writes to stdout
        #[arg(long, value_name = "FILE")]
        component: Option<PathBuf>,
        /// With --component: that of this version [default: the active one]
        #[arg(long, value_name = "VERSION", requires = "component")]
        of: Option<u32>,
        #[command(flatten)]
        connection: Connection,
    },
    /// List the versions of an actor type that are kept.
    #[command(after_long_help = "Example:\n  greenroom versions task")]
    Versions {
        /// The actor type
        #[arg(value_name = "TYPE")]
        actor_type: String,
        #[command(flatten)]
        connection: Connection,
    },
    /// Go back to the version that was active before, or to another one.
    #[command(
        long_about = "Go back to the version that was active before, or to another one.\n\nEach actor takes it at its \
                      next turn, with state and mailbox kept; no call fails. The version left is then the one before, \
                      so the same command goes forward again.",
        after_long_help = "Examples:\n  greenroom rollback task\n  greenroom rollback task --to 3"
    )]
    Rollback {
        /// The actor type
        #[arg(value_name = "TYPE")]
        actor_type: String,
        /// Another version than the one before
        #[arg(long, value_name = "VERSION")]
        to: Option<u32>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Make a version of an actor type the active one, back or forward.
    #[command(after_long_help = "Example:\n  greenroom activate task 4")]
    Activate {
        /// The actor type
        #[arg(value_name = "TYPE")]
        actor_type: String,
        /// Which version
        version: u32,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show the settings of an actor type, or change them.
    #[command(
        long_about = "Show the settings of an actor type, or change them.\n\nWhat is not set for a type has the host's \
                      value. Each actor has new settings from its next turn on; the host is not restarted and no call \
                      is lost.",
        after_long_help = "Examples:
  greenroom settings task
  greenroom settings task idle_timeout=5m sandbox_memory_bytes='64 MiB'
  greenroom settings task environment.GREETING=hello keeps_nothing_in_memory=true
  greenroom settings task --unset idle_timeout --unset environment.GREETING"
    )]
    Settings {
        /// The actor type
        #[arg(value_name = "TYPE")]
        actor_type: String,
        /// What to set
        #[arg(value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Give a setting back to the host; can be repeated
        #[arg(long, value_name = "KEY")]
        unset: Vec<String>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Remove an actor type.
    #[command(
        long_about = "Remove an actor type, its versions and its settings.\n\nRefused while its actors have anything \
                      stored, unless --purge removes that, too. Before a purge it asks; without a terminal it needs \
                      --yes.",
        after_long_help = "Examples:
  greenroom undeploy task
  greenroom undeploy task --purge --dry-run
  greenroom undeploy task --purge --yes"
    )]
    Undeploy {
        /// The actor type
        #[arg(value_name = "TYPE")]
        actor_type: String,
        /// Remove all that its actors have stored, too
        #[arg(long)]
        purge: bool,
        #[command(flatten)]
        approval: Approval,
        #[command(flatten)]
        connection: Connection,
    },
    /// Ask an actor, wait for its reply and print it.
    #[command(after_long_help = "Examples:
  greenroom call task task-123 get_status
  greenroom call task task-123 update_status '{\"status\":\"done\"}'
  greenroom call account 7 pay '{\"cents\":500}' --idempotency-key invoice-17
  greenroom call photo 7 store @photo.png --content-type image/png
  zcat report.json.gz | greenroom call report 7 store -
  greenroom call task task-123 rename -- --new-name--")]
    Call {
        #[command(flatten)]
        message: Message,
        #[command(flatten)]
        connection: Connection,
    },
    /// Tell an actor: returns when the message is durable, before it is processed.
    #[command(after_long_help = "Examples:
  greenroom send task task-123 close
  greenroom send task task-123 remind '{\"text\":\"call back\"}' --delay 1h")]
    Send {
        #[command(flatten)]
        message: Message,
        /// Deliver it no sooner than this from now, for example `5s` or `1h 30m`
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        delay: Option<std::time::Duration>,
        #[command(flatten)]
        connection: Connection,
    },
    /// List actors that have anything stored or are active.
    #[command(
        after_long_help = "Examples:\n  greenroom actors\n  greenroom actors --type task --prefix task-1"
    )]
    Actors {
        /// Only of this actor type
        #[arg(long = "type", value_name = "TYPE")]
        actor_type: Option<String>,
        /// Only those whose id begins with this
        #[arg(long)]
        prefix: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show what an actor is and does.
    #[command(after_long_help = "Example:\n  greenroom inspect task task-123")]
    Inspect {
        #[command(flatten)]
        actor: Actor,
        #[command(flatten)]
        connection: Connection,
    },
    /// List the keys of an actor's committed state, or print one value.
    #[command(after_long_help = "Examples:
  greenroom state task task-123
  greenroom state task task-123 --prefix notes/
  greenroom state task task-123 notes/1")]
    State {
        #[command(flatten)]
        actor: Actor,
        /// Print the value of this key
        #[arg(allow_negative_numbers = true)]
        key: Option<String>,
        /// List only keys that begin with this
        #[arg(long, conflicts_with = "key")]
        prefix: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
    /// List the messages that wait for an actor.
    #[command(after_long_help = "Example:\n  greenroom mailbox task task-123")]
    Mailbox {
        #[command(flatten)]
        actor: Actor,
        #[command(flatten)]
        connection: Connection,
    },
    /// List an actor's reminders, or cancel one.
    #[command(
        after_long_help = "Examples:\n  greenroom reminders task task-123\n  greenroom reminders task task-123 --cancel \
                           due"
    )]
    Reminders {
        #[command(flatten)]
        actor: Actor,
        /// Cancel the reminder of this name
        #[arg(long, value_name = "NAME")]
        cancel: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
    /// List, retry or remove messages that failed too often.
    #[command(
        long_about = "List, show, retry or remove dead letters: sent messages and reminders' firings that failed as \
                      often as `limits.delivery_attempts` allows.",
        after_long_help = "Examples:
  greenroom dead-letters
  greenroom dead-letters --type task
  greenroom dead-letters show 0192d4a0-0000-7000-8000-000000000000
  greenroom dead-letters retry 0192d4a0-0000-7000-8000-000000000000
  greenroom dead-letters retry --all --type task",
        args_conflicts_with_subcommands = true
    )]
    DeadLetters {
        #[command(subcommand)]
        command: Option<DeadLetterCommand>,
        #[command(flatten)]
        list: DeadLetterList,
    },
    /// Let go of an actor's memory now; what it has stored is kept.
    #[command(after_long_help = "Example:\n  greenroom deactivate task task-123")]
    Deactivate {
        #[command(flatten)]
        actor: Actor,
        #[command(flatten)]
        connection: Connection,
    },
    /// Remove all that an actor has stored: state, reminders, mailbox and dead letters.
    #[command(
        long_about = "Remove all that an actor has stored: state, reminders, mailbox and dead letters.\n\nIt asks \
                      first; without a terminal it needs --yes.",
        after_long_help = "Examples:\n  greenroom delete task task-123\n  greenroom delete task task-123 --yes"
    )]
    Delete {
        #[command(flatten)]
        actor: Actor,
        #[command(flatten)]
        approval: Approval,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show what a host is and whether it takes work.
    #[command(after_long_help = "Example:\n  greenroom status --host http://127.0.0.1:7070")]
    Status {
        #[command(flatten)]
        connection: Connection,
    },
    /// Copy everything durable of a host, while it goes on, into one file.
    #[command(
        long_about = BACKUP_ABOUT,
        after_long_help = "Examples:
  greenroom backup greenroom-$(date +%F).backup
  greenroom backup - | zstd > greenroom.backup.zst
  greenroom backup before-upgrade.backup --data /var/lib/greenroom"
    )]
    Backup {
        /// The file to make; `-` writes to stdout
        file: PathBuf,
        /// Take the place of a file of that name
        #[arg(long)]
        force: bool,
        /// The data directory of a host that is stopped, instead of asking one that runs
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        #[command(flatten)]
        connection: Connection,
    },
}

impl ClientCommand {
    /// Which host, and how to show what it answers.
    pub(crate) fn connection(&self) -> &Connection {
        match self {
            ClientCommand::Deploy { connection, .. }
            | ClientCommand::Types { connection }
            | ClientCommand::Type { connection, .. }
            | ClientCommand::Versions { connection, .. }
            | ClientCommand::Rollback { connection, .. }
            | ClientCommand::Activate { connection, .. }
            | ClientCommand::Settings { connection, .. }
            | ClientCommand::Undeploy { connection, .. }
            | ClientCommand::Call { connection, .. }
            | ClientCommand::Send { connection, .. }
            | ClientCommand::Actors { connection, .. }
            | ClientCommand::Inspect { connection, .. }
            | ClientCommand::State { connection, .. }
            | ClientCommand::Mailbox { connection, .. }
            | ClientCommand::Reminders { connection, .. }
            | ClientCommand::Deactivate { connection, .. }
            | ClientCommand::Delete { connection, .. }
            | ClientCommand::Status { connection }
            | ClientCommand::Backup { connection, .. } => connection,
            ClientCommand::DeadLetters { command: Some(command), .. } => command.connection(),
            ClientCommand::DeadLetters { command: None, list } => &list.connection,
        }
    }
}
