//! The guests in TypeScript: installs what makes components of them, and builds those whose sources
//! changed.
//!
//! The tools are npm packages in `node_modules` beside each lock file, exactly as it names them. Once
//! they are there, nothing here needs a network.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, bail};

use crate::steps::{self, Step};

const SDK: &str = "sdk/js";
const CONTRACT: &str = "wit";
const EXAMPLES: &str = "guest-examples/";
const COMPONENTS: &str = "target/guests/javascript";

/// The folders that have a lock file.
const PACKAGES: [&str; 3] = [SDK, "guest-examples/typescript", "tests/guests/typescript"];

/// What is not a source: tools, and what is made of the sources.
const MADE: [&str; 4] = ["node_modules", "dist", "wit", "generated"];

/// A component to build.
struct Guest {
    /// What the component is called.
    name: &'static str,
    folder: &'static str,
}

const GUESTS: [Guest; 3] = [
    Guest { name: "task", folder: "guest-examples/typescript/task" },
    Guest { name: "poll", folder: "guest-examples/typescript/poll" },
    Guest { name: "probe", folder: "tests/guests/typescript" },
];

/// Builds the components that are older than their sources.
pub(crate) fn build() -> anyhow::Result<()> {
    ensure()?;
    fs::create_dir_all(COMPONENTS)?;
    for guest in &GUESTS {
        let component = component(guest);
        if is_newer(&component, &[guest.folder, SDK, CONTRACT])? {
            eprintln!("==> {} is up to date", component.display());
            continue;
        }
        let title = format!("check the types of the guest {} in TypeScript", guest.name);
        npm(&title, guest.folder, &["run", "check"]).run()?;
        let output = steps::root().join(component).display().to_string();
        let words = ["run", "build", "--", "-o", &output];
        let title = format!("build the guest {} in TypeScript", guest.name);
        npm(&title, guest.folder, &words).run()?;
    }
    Ok(())
}

/// Makes sure that the tools are installed, in the versions that the lock files name, and that the
/// SDK is built.
pub(crate) fn ensure() -> anyhow::Result<()> {
    let is_new_enough = "process.exit(Number(process.versions.node.split('.')[0]) < 20 ? 1 : 0)";
    if !steps::succeeds(&["node", "-e", is_new_enough]) || !steps::succeeds(&["npm", "--version"]) {
        bail!("there is no Node 20 or later with npm to build the guests in TypeScript with");
    }
    for folder in PACKAGES {
        install(folder)?;
    }
    // The contract is the last thing that is put into the package.
    let built = Path::new(SDK).join("wit/actor.wit");
    if !is_newer(&built, &[SDK, CONTRACT])? {
        npm("build the SDK for TypeScript", SDK, &["run", "build"]).run()?;
    }
    Ok(())
}

/// What the SDK and the examples in TypeScript have to pass. The tools must be installed.
pub(crate) fn checks() -> Vec<Step> {
    let examples = GUESTS.iter().filter(|guest| guest.folder.starts_with(EXAMPLES));
    let tests_of_examples = examples.map(|guest| {
        npm(&format!("tests of the example {} in TypeScript", guest.name), guest.folder, &["test"])
    });
    let mut checks = vec![
        npm("types of the SDK for TypeScript", SDK, &["run", "check"]),
        npm("tests of the SDK for TypeScript", SDK, &["test"]),
    ];
    checks.extend(tests_of_examples);
    checks
}

/// Installs the packages of one folder, unless its lock file is the one they were installed by.
fn install(folder: &str) -> anyhow::Result<()> {
    let lock = Path::new(folder).join("package-lock.json");
    let locked = fs::read(&lock).with_context(|| format!("could not read {}", lock.display()))?;
    let installed = Path::new(folder).join("node_modules/installed-lock.json");
    if fs::read(&installed).is_ok_and(|installed| installed == locked) {
        return Ok(());
    }
    npm(&format!("install the packages of {folder}"), folder, &["ci"]).run()?;
    fs::write(&installed, locked).with_context(|| format!("could not write {}", installed.display()))
}

fn npm(title: &str, folder: &str, words: &[&str]) -> Step {
    let quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--prefix", folder];
    Step::new(title, "npm", &quiet).args(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
}

fn component(guest: &Guest) -> PathBuf {
    Path::new(COMPONENTS).join(guest.name).with_extension("wasm")
}

fn is_newer(made: &Path, sources: &[&str]) -> anyhow::Result<bool> {
    let Ok(made) = fs::metadata(made).and_then(|metadata| metadata.modified()) else { return Ok(false) };
    for source in sources {
        if latest_change(Path::new(source))? >= made {
            return Ok(false);
        }
    }
    Ok(true)
}

/// When a file, or any source in a folder, changed last. Folders change whenever something is made in
/// them, so their own time says nothing.
fn latest_change(path: &Path) -> anyhow::Result<SystemTime> {
    let unreadable = || format!("could not look at {}", path.display());
    let metadata = fs::metadata(path).with_context(unreadable)?;
    if metadata.is_file() {
        return metadata.modified().with_context(unreadable);
    }
    let mut latest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(path).with_context(unreadable)? {
        let entry = entry?.path();
        let is_made = entry.file_name().is_some_and(|name| MADE.iter().any(|made| name == *made))
            || entry.extension().is_some_and(|extension| extension == "wasm");
        if !is_made {
            latest = latest.max(latest_change(&entry)?);
        }
    }
    Ok(latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_as_new_as_the_newest_of_its_sources() {
        let folder = std::env::temp_dir().join(format!("xtask-javascript-{}", std::process::id()));
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::create_dir_all(folder.join("node_modules")).unwrap();
        fs::write(folder.join("src/a.ts"), "").unwrap();
        let before = latest_change(&folder).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(folder.join("node_modules/tool.js"), "").unwrap();
        assert_eq!(latest_change(&folder).unwrap(), before);
        let made = folder.join("made.wasm");
        fs::write(folder.join("src/b.ts"), "").unwrap();
        let path = folder.join("src").display().to_string();
        assert!(!is_newer(&made, &[&path]).unwrap(), "it is not there");
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(&made, "").unwrap();
        assert!(is_newer(&made, &[&path]).unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn every_folder_that_is_named_is_there() {
        let packages = PACKAGES.map(|folder| format!("{folder}/package-lock.json"));
        let guests = GUESTS.iter().map(|guest| format!("{}/package.json", guest.folder));
        for path in packages.into_iter().chain(guests).chain([CONTRACT.to_owned()]) {
            assert!(steps::root().join(&path).exists(), "{path}");
        }
    }
}
