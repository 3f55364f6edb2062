//! Why a project can't be made or built, in words that say what to do next.

/// Why a project can't be made or built.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// What was asked for, or what `greenroom.toml` says, can't be.
    #[error("{0}")]
    Invalid(String),
    /// A tool is not installed.
    #[error("{what}; to install it:\n\n    {install}\n")]
    Missing {
        /// What was not found, and where it was looked for.
        what: String,
        /// The command that installs it.
        install: String,
    },
    /// A tool ran and failed.
    #[error("{output}\n{title} failed; the command was\n\n    {command}\n")]
    Failed {
        /// What was to be done.
        title: String,
        /// The command, as one would type it.
        command: String,
        /// What the tool said.
        output: String,
    },
    /// Anything else, such as a file that can't be written.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}
