//! The configuration of a host: typed, and complete once it is loaded. Nothing else reads the
//! environment or the configuration file.
//!
//! Every setting is one row of [`table`]; its text comes from the command line, else from its
//! environment variable, else from the file, else it keeps its default.

mod listen;
mod load;
#[cfg(test)]
mod met;
mod table;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use greenroom_core::sandbox::Environment;
use greenroom_core::{ActorType, Limits};
use greenroom_http::{Bounds, Origin, Token};
use greenroom_sandbox::CompileSettings;
use greenroom_store::SqliteOptions;

/// The word by which the host starts its compiling child.
pub(crate) const COMPILE_COMMAND: &str = "compile-component";

/// Everything a host is told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Directory of everything durable.
    pub(crate) data: PathBuf,
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Who may ask.
    pub(crate) tokens: Vec<Token>,
    /// What to log.
    pub(crate) log: String,
    /// How to log it.
    pub(crate) log_format: LogFormat,
    /// The bounds of actors.
    pub(crate) limits: Limits,
    /// The bounds of connections and requests.
    pub(crate) http: Bounds,
    /// Whose web pages may use the host.
    pub(crate) cors_origins: Vec<Origin>,
    /// How components are compiled.
    pub(crate) compile: CompileSettings,
    /// How the database is used.
    pub(crate) store: SqliteOptions,
    /// The environment variables that guests of each type see.
    pub(crate) environments: BTreeMap<ActorType, Environment>,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Pretty,
    /// For programs: one JSON object a line.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            data: PathBuf::from("./greenroom-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
            tokens: Vec::new(),
            log: "info".to_owned(),
            log_format: LogFormat::Pretty,
            limits: Limits::default(),
            http: Bounds::default(),
            cors_origins: Vec::new(),
            compile: CompileSettings::with_own_program([COMPILE_COMMAND]),
            store: SqliteOptions::default(),
            environments: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests;
