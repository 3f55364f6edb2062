//! The guests in Python: installs what makes components of them, and builds those whose sources changed.
//!
//! The tools are in `.tools/python`, exactly the files that the SDK's lock file names by their hashes.
//! Once they are there, nothing here needs a network.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, bail};

use crate::steps::{self, Step};

const TOOLS: &str = ".tools/python";
const PYTHON: &str = ".tools/python/bin/python";
const LOCK: &str = "sdk/python/requirements.lock";
/// The lock file as it was when the tools were installed.
const INSTALLED: &str = ".tools/python/installed.lock";
/// The names under which a Python of version 3.11 or later may be found.
const PYTHONS: [&str; 5] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

const SDK: &str = "sdk/python/src";
const EXAMPLES: &str = "guest-examples/python";
const CONTRACT: &str = "wit";
const COMPONENTS: &str = "target/guests/python";

/// A component to build.
struct Guest {
    /// What the component is called.
    name: &'static str,
    folder: &'static str,
    entry: Entry,
}

enum Entry {
    /// The class of an actor, `module:Class`, written with the SDK.
    Actor(&'static str),
    /// A module written against the contract alone.
    Module(&'static str),
}

const GUESTS: [Guest; 3] = [
    Guest { name: "task", folder: "guest-examples/python/task", entry: Entry::Actor("task:Task") },
    Guest { name: "agent", folder: "guest-examples/python/agent", entry: Entry::Actor("agent:Agent") },
    Guest { name: "probe", folder: "tests/guests/python", entry: Entry::Module("probe") },
];

/// Builds the components that are older than their sources.
pub(crate) fn build() -> anyhow::Result<()> {
    ensure()?;
    fs::create_dir_all(COMPONENTS)?;
    for guest in &GUESTS {
        if is_up_to_date(guest)? {
            eprintln!("==> {} is up to date", component(guest).display());
        } else {
            step(guest).run()?;
        }
    }
    Ok(())
}

/// Makes sure that the tools are installed, in the versions that the lock file names.
pub(crate) fn ensure() -> anyhow::Result<()> {
    let lock = fs::read(LOCK).with_context(|| format!("could not read {LOCK}"))?;
    if fs::read(INSTALLED).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let is_new_enough = "import sys; sys.exit(sys.version_info < (3, 11))";
    let Some(python) = PYTHONS.into_iter().find(|python| steps::succeeds(&[python, "-c", is_new_enough]))
    else {
        bail!("there is no Python 3.11 or later to install the tools of the guests in Python with");
    };
    Step::new("make room for the Python tools", python, &["-m", "venv", "--clear", TOOLS]).run()?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let locked = ["--require-hashes", "--requirement", LOCK].map(str::to_owned);
    Step::new("install the Python tools", PYTHON, &pip).args(&locked).run()?;
    fs::write(INSTALLED, lock).with_context(|| format!("could not write {INSTALLED}"))
}

/// What the SDK and the examples in Python have to pass. The tools must be installed.
pub(crate) fn checks() -> Vec<Step> {
    let python = |title: &str, arguments: &[&str]| Step::new(title, PYTHON, arguments);
    vec![
        python(
            "types of the SDK for Python",
            &["-m", "mypy", "--config-file", "sdk/python/pyproject.toml", SDK],
        ),
        python("lints of the SDK for Python", &["-m", "ruff", "check", "--quiet", "sdk/python", EXAMPLES]),
        python("tests of the SDK for Python", &["-m", "pytest", "--quiet", "sdk/python"]),
        python("tests of the examples in Python", &["-m", "pytest", "--quiet", EXAMPLES]),
    ]
}

fn component(guest: &Guest) -> PathBuf {
    Path::new(COMPONENTS).join(guest.name).with_extension("wasm")
}

fn step(guest: &Guest) -> Step {
    let title = format!("build the guest {} in Python", guest.name);
    let output = component(guest).display().to_string();
    match guest.entry {
        Entry::Actor(actor) => {
            let arguments =
                ["-m", "greenroom.build", actor, "--path", guest.folder, "--output", output.as_str()];
            Step::new(&title, PYTHON, &arguments).env("PYTHONPATH", SDK)
        }
        Entry::Module(module) => {
            let contract = ["--quiet", "--wit-path", CONTRACT, "--world", "actor"];
            let module = ["componentize", module, "--python-path", guest.folder, "--output", output.as_str()];
            let tool = format!("{TOOLS}/bin/componentize-py");
            Step::new(&title, &tool, &contract).args(&module.map(str::to_owned))
        }
    }
}

fn is_up_to_date(guest: &Guest) -> anyhow::Result<bool> {
    let Ok(built) = fs::metadata(component(guest)).and_then(|metadata| metadata.modified()) else {
        return Ok(false);
    };
    for source in [guest.folder, SDK, CONTRACT, INSTALLED] {
        if latest_change(Path::new(source))? >= built {
            return Ok(false);
        }
    }
    Ok(true)
}

/// When a file, or anything in a folder, changed last; a file that is taken away changes its folder.
fn latest_change(path: &Path) -> anyhow::Result<SystemTime> {
    let unreadable = || format!("could not look at {}", path.display());
    let mut latest = fs::metadata(path).and_then(|metadata| metadata.modified()).with_context(unreadable)?;
    if path.is_dir() {
        for entry in fs::read_dir(path).with_context(unreadable)? {
            let entry = entry?.path();
            // Python writes there what it has compiled, and touches the folder around it once.
            if entry.file_name().is_none_or(|name| name != "__pycache__") {
                latest = latest.max(latest_change(&entry)?);
            }
        }
    }
    Ok(latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_as_new_as_the_newest_of_its_sources() {
        let folder = std::env::temp_dir().join(format!("xtask-python-{}", std::process::id()));
        fs::create_dir_all(folder.join("inner")).unwrap();
        let before = latest_change(&folder).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(folder.join("inner/app.py"), "").unwrap();
        let after = latest_change(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert!(after > before);
        assert!(latest_change(&folder).is_err());
    }

    #[test]
    fn every_guest_and_tool_that_is_named_is_there() {
        for path in GUESTS.iter().map(|guest| guest.folder).chain([SDK, CONTRACT, LOCK]) {
            assert!(steps::root().join(path).exists(), "{path}");
        }
    }
}
