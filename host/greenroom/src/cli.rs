//! The command line, as `--help` shows it. Nothing here does anything.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use greenroom_project::{Language, Name};

const EXIT_CODES: &str = "Exit codes:
  0    done
  1    the host refused or can't start, a build failed, or the output can't be written; the message says
       what to do
  2    the command line, the configuration or a project is not valid
  3    the host can't be reached, or did not answer to the end
  70   serve: the store failed, and the host stopped so as not to lose anything
  130  serve: a second signal came while it was stopping";

const ABOUT: &str = "Virtual actors written in any language that compiles to a WebAssembly component.

Make an actor's project and build its component:

  greenroom new --lang python task
  greenroom build task

Start a host, deploy a component under a name, and call its actors; none of them needs to be created:

  greenroom serve &
  greenroom deploy task task/target/task.wasm
  greenroom call task task-123 update_status '{\"status\":\"done\"}'";

/// Virtual actors in any language.
#[derive(Parser, Debug)]
#[command(version, about, long_about = ABOUT, after_long_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is to be done.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run a host.
    Serve(Serve),
    /// Compile one component from stdin; started by the host itself.
    #[command(hide = true)]
    CompileComponent,
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

A project is a folder with a greenroom.toml. Its language's tool does the work: cargo, componentize-py, esbuild \
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
        /// The project's folder, or its manifest
        #[arg(value_name = "DIR", default_value = ".")]
        project: PathBuf,
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
        help = "Address to listen on, port 0 for any; other than loopback needs tokens \
                [default: 127.0.0.1:7070] [env: GREENROOM_LISTEN]"
    )]
    pub(crate) listen: Option<SocketAddr>,
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

/// Which host, and how to show what it answers.
#[derive(Args, Debug)]
pub(crate) struct Connection {
    /// The host
    #[arg(long, value_name = "URL", env = "GREENROOM_HOST", default_value = "http://127.0.0.1:7070")]
    pub(crate) host: String,
    /// One of the host's tokens, where it has any
    #[arg(long, value_name = "TOKEN", env = "GREENROOM_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Print JSON as the host answers it; of lists, one item a line
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
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    pub(crate) id: String,
}

/// A message to an actor.
#[derive(Args, Debug)]
pub(crate) struct Message {
    #[command(flatten)]
    pub(crate) to: Actor,
    /// The method
    pub(crate) method: String,
    /// The payload; `-` reads it from stdin
    #[arg(allow_hyphen_values = true)]
    pub(crate) body: Option<String>,
    /// Media type of the payload
    #[arg(long, value_name = "TYPE", default_value = "application/json")]
    pub(crate) content_type: String,
    /// A name for this request: repeats with it get the answer of the first and take no second effect
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

/// Which dead letters to list.
#[derive(Args, Debug)]
pub(crate) struct DeadLetterList {
    /// Only to actors of this type
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) actor_type: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
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
        id: String,
        /// Print its payload and nothing else
        #[arg(long)]
        payload: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// Put them back into the mailboxes they came from; their attempts are counted anew.
    #[command(
        after_long_help = "Example:\n  greenroom dead-letters retry 0192d4a0-0000-7000-8000-000000000000"
    )]
    Retry {
        /// The messages' ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Remove them for good.
    #[command(
        after_long_help = "Example:\n  greenroom dead-letters remove 0192d4a0-0000-7000-8000-000000000000"
    )]
    Remove {
        /// The messages' ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        #[command(flatten)]
        connection: Connection,
    },
}

const BACKUP_ABOUT: &str = "Copy everything durable of a host, while it goes on, into one file.

In it is all that was acknowledged before the command began: state, mailboxes, reminders, dead letters, \
idempotency records, components, versions and settings, all as they were at one moment. It is written to \
a file beside it whose name ends in `.partial`, checked against its seal, and only then becomes FILE.

`greenroom restore` makes a data directory of it. docs/backup.md says what is not in it.";

/// The commands that talk to a host.
#[derive(Subcommand, Debug)]
pub(crate) enum ClientCommand {
    /// Deploy a component as the next version of an actor type.
    #[command(
        long_about = "Deploy a component as the next version of an actor type.\n\nIts actors take the new version at \
                      their next turn, with state and mailbox kept. The bytes of the active version again change \
                      nothing.",
        after_long_help = "Example:\n  greenroom deploy task target/task.wasm"
    )]
    Deploy {
        /// The actor type
        #[arg(value_name = "TYPE")]
        actor_type: String,
        /// The component
        file: PathBuf,
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
    #[command(after_long_help = "Example:\n  greenroom type task")]
    Type {
        /// The actor type
        #[arg(value_name = "TYPE")]
        actor_type: String,
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
    #[command(after_long_help = "Examples:\n  greenroom undeploy task\n  greenroom undeploy task --purge")]
    Undeploy {
        /// The actor type
        #[arg(value_name = "TYPE")]
        actor_type: String,
        /// Remove all that its actors have stored, too
        #[arg(long)]
        purge: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// Ask an actor, wait for its reply and print it.
    #[command(after_long_help = "Examples:
  greenroom call task task-123 get_status
  greenroom call task task-123 update_status '{\"status\":\"done\"}'
  greenroom call account 7 pay '{\"cents\":500}' --idempotency-key invoice-17
  greenroom call photo 7 store - --content-type image/png < photo.png")]
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
        #[arg(allow_hyphen_values = true)]
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
    /// List, retry or remove messages that failed too often.
    #[command(
        long_about = "List, show, retry or remove dead letters: sent messages and reminders' firings that failed as \
                      often as `limits.delivery_attempts` allows.",
        after_long_help = "Examples:
  greenroom dead-letters
  greenroom dead-letters --type task
  greenroom dead-letters show 0192d4a0-0000-7000-8000-000000000000
  greenroom dead-letters retry 0192d4a0-0000-7000-8000-000000000000",
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
    #[command(after_long_help = "Example:\n  greenroom delete task task-123")]
    Delete {
        #[command(flatten)]
        actor: Actor,
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent_and_explains_itself() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        for subcommand in command.get_subcommands_mut().filter(|subcommand| !subcommand.is_hide_set()) {
            let help = subcommand.render_long_help().to_string();
            assert!(help.contains("Example"), "{} has no example", subcommand.get_name());
        }
    }

    #[test]
    fn dead_letters_are_listed_with_and_without_the_word() {
        for arguments in [&["--type", "task"][..], &["list", "--type", "task"]] {
            let arguments = ["greenroom", "dead-letters"].iter().chain(arguments);
            let parsed = Cli::try_parse_from(arguments).unwrap();
            let Command::Client(ClientCommand::DeadLetters { command, list }) = parsed.command else {
                panic!("no dead letters")
            };
            let list = match command {
                None => list,
                Some(DeadLetterCommand::List(list)) => list,
                Some(other) => panic!("{other:?}"),
            };
            assert_eq!(list.actor_type.as_deref(), Some("task"));
        }
        assert!(Cli::try_parse_from(["greenroom", "dead-letters", "retry"]).is_err(), "it needs an id");
    }

    #[test]
    fn every_language_can_be_asked_for_and_is_listed() {
        for language in Language::ALL.map(Language::name) {
            assert!(
                Cli::try_parse_from(["greenroom", "new", "--lang", language, "task"]).is_ok(),
                "{language}"
            );
            assert!(NEW_ABOUT.contains(&format!(" {language}")), "{language}");
        }
        assert!(Cli::try_parse_from(["greenroom", "new", "--lang", "rust", "Task"]).is_err());
    }

    #[test]
    fn ids_and_payloads_may_begin_with_a_hyphen() {
        let parsed = Cli::try_parse_from(["greenroom", "call", "task", "-", "run", "-1"]).unwrap();
        let Command::Client(ClientCommand::Call { message, .. }) = parsed.command else { panic!("no call") };
        assert_eq!((message.to.id.as_str(), message.body.as_deref()), ("-", Some("-1")));
    }
}
