//! The guests: every project in the folders of examples and test guests, whatever its language. Their
//! components end up in `target/guests/LANGUAGE/NAME.wasm`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use greenroom_project::{Language, MANIFEST, Progress, Project, Tool, Tools};

use crate::freshness::is_newer;
use crate::python::Wheels;
use crate::{javascript, python, steps, toolchain};

const EXAMPLES: &str = "guest-examples";
const FOLDERS: [&str; 2] = [EXAMPLES, "tests/guests"];
const COMPONENTS: &str = "target/guests";
/// Contracts that guests are written against.
const CONTRACTS: [&str; 2] = ["wit", "tests/guests/wit"];
/// What has no guests in it.
const MADE: [&str; 3] = ["node_modules", "target", ".venv"];

/// A project of a guest.
pub(crate) struct Guest {
    pub(crate) project: Project,
    manifest: PathBuf,
}

/// Whether a guest is one that is shown to others.
pub(crate) fn is_example(guest: &Guest) -> bool {
    guest.manifest.starts_with(EXAMPLES)
}

impl Guest {
    fn component(&self) -> PathBuf {
        let name = format!("{}.wasm", self.project.name());
        Path::new(COMPONENTS).join(self.project.language().name()).join(name)
    }
}

/// All guests in one of `languages`, in the order of their folders.
pub(crate) fn find(languages: &[Language]) -> anyhow::Result<Vec<Guest>> {
    let mut manifests = Vec::new();
    for folder in FOLDERS {
        find_manifests(Path::new(folder), &mut manifests)?;
    }
    manifests.sort();
    let mut guests = Vec::new();
    let mut components = BTreeMap::new();
    for manifest in manifests {
        let guest = Guest { project: Project::open(&manifest)?, manifest };
        if let Some(other) = components.insert(guest.component(), guest.manifest.clone()) {
            bail!("{} and {} make the same component", other.display(), guest.manifest.display());
        }
        if languages.contains(&guest.project.language()) {
            guests.push(guest);
        }
    }
    Ok(guests)
}

fn find_manifests(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("could not look at {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !MADE.contains(&name.as_str()) {
                find_manifests(&path, found)?;
            }
        // Where one folder has several guests, each manifest has a word before that name.
        } else if name == MANIFEST || name.ends_with(&format!(".{MANIFEST}")) {
            found.push(path);
        }
    }
    Ok(())
}

/// Installs what the languages need and is missing, and builds the components that are older than their
/// sources.
pub(crate) fn build(languages: &[Language]) -> anyhow::Result<()> {
    let guests = find(languages)?;
    let tools = ensure_tools(languages, &guests)?;
    for guest in guests {
        let component = guest.component();
        if is_up_to_date(&guest)? {
            eprintln!("==> {} is up to date", component.display());
            continue;
        }
        let begun = Instant::now();
        let built = guest.project.build(&component, &tools, &Printed)?;
        let (kilobytes, took) = (built.bytes / 1000, steps::seconds(begun.elapsed()));
        eprintln!("==> {}: {kilobytes} KB in {took}", component.display());
    }
    Ok(())
}

/// Those that are there already; the cargo that started us, so that every step uses the same toolchain.
pub(crate) fn own_tools() -> Tools {
    let tools = Tools::of_environment();
    match std::env::var_os("CARGO") {
        Some(cargo) => tools.with(Tool::Cargo, cargo.into()),
        None => tools,
    }
}

/// Installs what is missing of the tools of these languages, and says where they are.
fn ensure_tools(languages: &[Language], guests: &[Guest]) -> anyhow::Result<Tools> {
    let mut tools = own_tools();
    for language in languages {
        tools = match language {
            Language::Rust => {
                toolchain::ensure_guest_target(&tools)?;
                tools
            }
            Language::Python => {
                python::PYTHON_TOOLS.ensure()?;
                tools.with(Tool::Python, Wheels::program("python"))
            }
            Language::Go => {
                python::GO.ensure()?;
                tools.with(Tool::Go, Wheels::program("go"))
            }
            Language::C | Language::Cpp | Language::Zig => {
                python::ZIG.ensure()?;
                tools.with(Tool::Zig, Wheels::program("python-zig"))
            }
            Language::TypeScript | Language::JavaScript => {
                tools.with(Tool::Node, javascript::ensure(guests)?)
            }
        };
    }
    Ok(tools)
}

/// Cargo knows best whether what it made is up to date.
fn is_up_to_date(guest: &Guest) -> anyhow::Result<bool> {
    let of_language: &[&str] = match guest.project.language() {
        Language::Rust => return Ok(false),
        Language::Python => &["sdk/python/src", python::PYTHON_TOOLS.stamp()],
        Language::TypeScript | Language::JavaScript => &javascript::SDK_SOURCES,
        Language::Go => &["sdk/go", python::GO.stamp()],
        Language::C | Language::Cpp | Language::Zig => &["sdk/c", python::ZIG.stamp()],
    };
    let mut sources: Vec<PathBuf> = of_language.iter().map(PathBuf::from).collect();
    sources.push(guest.project.folder().to_owned());
    sources.extend(CONTRACTS.into_iter().map(PathBuf::from).filter(|path| path.exists()));
    is_newer(&guest.component(), &sources)
}

/// Says on standard error which commands run.
struct Printed;

impl Progress for Printed {
    fn begins(&self, title: &str, command: &str) {
        eprintln!("==> {title}: {command}");
    }

    fn says(&self, _line: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_the_example_task() {
        std::env::set_current_dir(steps::root()).unwrap();
        let guests = find(&Language::ALL).unwrap();
        let has = |language: Language, name: &str| {
            guests
                .iter()
                .any(|guest| guest.project.language() == language && guest.project.name().to_string() == name)
        };
        for language in [Language::Rust, Language::Python, Language::TypeScript] {
            assert!(has(language, "task"), "{language}");
        }
        assert!(has(Language::Rust, "probe"));
    }
}
