//! Python: componentize-py puts the interpreter and the modules into a component. The packages are those of
//! the Python that runs it, whichever environment is active: the project's own, when it has a `.venv`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use super::Build;
use crate::ProjectError;
use crate::manifest::{Python, PythonEntry};
use crate::step::Step;
use crate::tools::{Tool, in_folder};

/// componentize-py has no module to run, only a script, which need not be on `PATH`. It is told where this
/// Python has its packages, as `greenroom.build` tells it.
const COMPONENTIZE: &str = "\
import os, site, sys
from componentize_py import script
own = site.getsitepackages() + ([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])
for folder in filter(os.path.isdir, own):
    sys.argv += ['--python-path', folder]
sys.exit(script())";

pub(super) fn build(build: &Build<'_>, settings: &Python) -> Result<PathBuf, ProjectError> {
    let folder = build.folder();
    let python = build.tools.find(Tool::Python, folder)?;
    ensure_componentize(&python, folder)?;
    let made = build.scratch.join("python.wasm");
    let step = Step::new(build.title(), &python, folder);
    let step = match &settings.entry {
        PythonEntry::Class(class) => step
            .args(["-m", "greenroom.build", class])
            .args(given("--path", settings))
            .env("PYTHONPATH", search_path(folder, &settings.path)?),
        PythonEntry::Module(module, contract) => {
            // Where componentize-py looks for packages by itself.
            let none = build.scratch.join("none");
            let empty = none.join("lib/site-packages");
            fs::create_dir_all(&empty).with_context(|| format!("could not make {}", empty.display()))?;
            let step = step.env("VIRTUAL_ENV", none);
            step.args(["-c", COMPONENTIZE, "--quiet", "--world", &contract.world, "--wit-path"])
                .args([contract.wit.as_os_str()])
                .args(["componentize", module])
                .args(given("--python-path", settings))
        }
    };
    step.args(["--output"]).args([&made]).run(build.progress)?;
    Ok(made)
}

/// The project and its further folders, each as the value of `option`.
fn given(option: &str, settings: &Python) -> impl Iterator<Item = OsString> {
    let paths = std::iter::once(Path::new(".")).chain(settings.path.iter().map(PathBuf::as_path));
    paths.flat_map(move |path| [OsString::from(option), path.into()])
}

/// The folders of the project that modules are looked for in, before those that the environment names.
fn search_path(folder: &Path, further: &[PathBuf]) -> Result<OsString, ProjectError> {
    let given = std::env::var_os("PYTHONPATH").unwrap_or_default();
    let own = further.iter().map(|path| folder.join(path));
    let all = own.chain(std::env::split_paths(&given).filter(|path| !path.as_os_str().is_empty()));
    Ok(std::env::join_paths(all).context("a folder in [python] `path` has a colon in its name")?)
}

fn ensure_componentize(python: &Path, folder: &Path) -> Result<(), ProjectError> {
    let imported = Command::new(python)
        .args(["-c", "import componentize_py"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("could not start {}", python.display()))?;
    if imported.status.success() {
        return Ok(());
    }
    Err(ProjectError::Missing {
        what: format!("{} does not find componentize-py", python.display()),
        install: in_folder(folder, "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1"),
    })
}
