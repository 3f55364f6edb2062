//! What the binary carries for new projects: the templates, the SDKs' sources and the contract. Where they
//! lie here is where they lie in Greenroom's repository, so paths between them stay right.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rust_embed::RustEmbed;
use toml::{Table, Value};

use crate::Language;

#[derive(RustEmbed)]
#[folder = "../../sdk"]
#[include = "*/README.md"]
#[include = "rust/Cargo.toml"]
#[include = "rust/src/*"]
#[include = "rust/macros/*"]
#[include = "python/src/*"]
#[include = "js/package.json"]
#[include = "js/tsconfig*.json"]
#[include = "js/bin/*"]
#[include = "js/scripts/*"]
#[include = "js/src/*"]
#[include = "go/*"]
#[include = "c/include/*"]
#[include = "c/src/*"]
#[include = "c/bindings/*"]
#[include = "c/vendor/*"]
#[include = "c/test/*"]
#[include = "c/zig/*"]
#[include = "*/template/*"]
#[exclude = "*/__pycache__/*"]
#[exclude = "*/node_modules/*"]
#[exclude = "*.egg-info/*"]
struct Sdk;

/// The manifest of Greenroom's own workspace, from which the SDK for Rust takes its dependencies.
const WORKSPACE: &str = include_str!("../../../Cargo.toml");
const CONTRACT: &str = include_str!("../../../wit/actor.wit");

/// A file of a new project.
pub(crate) struct File {
    /// Where it goes.
    pub(crate) path: PathBuf,
    pub(crate) bytes: Cow<'static, [u8]>,
}

fn under(prefix: &str) -> impl Iterator<Item = (String, Cow<'static, [u8]>)> {
    let names: Vec<String> =
        Sdk::iter().filter(|name| name.starts_with(prefix)).map(Cow::into_owned).collect();
    names.into_iter().filter_map(|name| {
        let bytes = Sdk::get(&name)?.data;
        Some((name, bytes))
    })
}

/// The template of a language; paths are relative to the project.
pub(crate) fn template(language: Language) -> Vec<File> {
    let folder = language.row().template;
    under(folder).map(|(name, bytes)| File { path: PathBuf::from(&name[folder.len()..]), bytes }).collect()
}

/// What a project in that language needs of Greenroom; paths are relative to the top of its repository.
pub(crate) fn sdk(language: Language) -> anyhow::Result<Vec<File>> {
    let mut files: Vec<File> = language
        .row()
        .sdk
        .iter()
        .flat_map(|prefix| under(prefix))
        .filter(|(name, _)| !name.contains("/template/"))
        .map(|(name, bytes)| File { path: PathBuf::from("sdk").join(name), bytes })
        .collect();
    files.push(File { path: PathBuf::from("wit/actor.wit"), bytes: CONTRACT.as_bytes().into() });
    if language == Language::Rust {
        files.push(File { path: PathBuf::from("Cargo.toml"), bytes: rust_workspace()?.into_bytes().into() });
    }
    Ok(files)
}

/// Writes the contract into `folder`, and says where it is.
pub(crate) fn contract(folder: &Path) -> anyhow::Result<PathBuf> {
    let file = folder.join("actor.wit");
    fs::write(&file, CONTRACT).with_context(|| format!("could not write {}", file.display()))?;
    Ok(file)
}

/// The workspace of Greenroom's repository with nothing but the SDK in it.
fn rust_workspace() -> anyhow::Result<String> {
    const MEMBERS: [&str; 2] = ["sdk/rust", "sdk/rust/macros"];
    let mut manifest: Table = WORKSPACE.parse()?;
    let mut workspace = manifest.remove("workspace").context("Cargo.toml is that of a workspace")?;
    let table = workspace.as_table_mut().context("[workspace] is a table")?;
    table.remove("default-members");
    table.insert("members".to_owned(), MEMBERS.map(str::to_owned).to_vec().into());
    if let Some(dependencies) = table.get_mut("dependencies").and_then(Value::as_table_mut) {
        let members: String = under("rust/")
            .filter(|(name, _)| name.ends_with("Cargo.toml") && !name.contains("/template/"))
            .map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned())
            .collect();
        dependencies.retain(|name, _| {
            let needed = [format!("\n{name}.workspace = true"), format!("\n{name} = {{ workspace = true")];
            needed.iter().any(|needed| members.contains(needed))
        });
    }
    Ok(toml::to_string(&Table::from_iter([("workspace".to_owned(), workspace)]))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_template_and_an_sdk() {
        for language in Language::ALL {
            let template = template(language);
            for name in ["greenroom.toml", "README.md", ".gitignore"] {
                assert!(template.iter().any(|file| file.path.as_os_str() == name), "{language}: {name}");
            }
            for prefix in language.row().sdk {
                assert!(under(prefix).next().is_some(), "{language}: nothing is embedded of sdk/{prefix}");
            }
            let total: usize = sdk(language).unwrap().iter().map(|file| file.bytes.len()).sum();
            assert!(total < 2 << 20, "{language}: {total} bytes of SDK");
        }
    }

    #[test]
    fn the_actor_that_a_readme_shows_beside_others_is_one_that_a_test_runs() {
        for (folder, test) in [
            ("rust", include_str!("../../../sdk/rust/tests/team.rs")),
            ("python", include_str!("../../../sdk/python/tests/test_team.py")),
            ("go", include_str!("../../../sdk/go/team_test.go")),
            ("js", include_str!("../../../sdk/js/tests/team.test.ts")),
        ] {
            let readme = Sdk::get(&format!("{folder}/README.md")).unwrap().data;
            let readme = String::from_utf8(readme.into_owned()).unwrap();
            let chapter = readme.split("## Other actors and reminders").nth(1).unwrap();
            let (_, code) = chapter.split("```").nth(1).unwrap().split_once('\n').unwrap();
            let shown = code.split("\nexport default").next().unwrap();
            assert!(test.contains(shown.trim()), "{folder}: {shown}");
        }
    }

    #[test]
    fn only_sources_are_embedded() {
        for name in Sdk::iter() {
            let made = ["node_modules", "__pycache__", "/dist/", "/target/", ".egg-info"];
            assert!(!made.iter().any(|made| name.contains(made)), "{name}");
        }
    }
}
