//! A new project: the template of its language with the actor's name in it, and the SDK's sources, so that
//! it builds without a registry that has the SDK.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::embedded::{self, File};
use crate::{Language, Name, ProjectError};

/// What stands for the actor's name in templates, in contents and in names of files.
const PLACEHOLDER: &str = "{{name}}";
/// Where a project has the SDK's sources.
const VENDOR: &str = "third_party/greenroom";

/// Makes a project for an actor called `name` in `folder`, which must not be there or be empty.
///
/// # Errors
/// [`ProjectError::Invalid`] when there is something in the folder, or the name is that of a package which
/// the project needs. Nothing is left half done.
pub fn create(language: Language, name: &Name, folder: &Path) -> Result<(), ProjectError> {
    if language.row().taken.contains(&name.to_string().as_str()) {
        return Err(ProjectError::Invalid(format!(
            "an actor in {language} can't be called {name}: a package of that name is what it is written with; \
             choose another name, for example `my-{name}`"
        )));
    }
    if fs::symlink_metadata(folder).is_ok() && !is_empty_folder(folder) {
        return Err(ProjectError::Invalid(format!(
            "{} is there already; choose another name, or another folder with --dir",
            folder.display()
        )));
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("could not make {}", parent.display()))?;
    let unwritable = || format!("could not write to {}", parent.display());
    // Beside the folder, so that it can be moved there in one step.
    let scratch = tempfile::Builder::new().prefix(".new-").tempdir_in(parent).with_context(unwritable)?;
    let project = scratch.path().join("project");

    for file in embedded::template(language) {
        write(&project, &named(file, name))?;
    }
    for file in embedded::sdk(language)? {
        write(&project.join(VENDOR), &file)?;
    }
    fs::rename(&project, folder).with_context(|| format!("could not make {}", folder.display()))?;
    Ok(())
}

fn is_empty_folder(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// A file of a template, with the actor's name where it belongs.
fn named(file: File, name: &Name) -> File {
    let name = name.to_string();
    let path = file.path.to_string_lossy().replace(PLACEHOLDER, &name).into();
    let bytes = match std::str::from_utf8(&file.bytes) {
        Ok(text) => text.replace(PLACEHOLDER, &name).into_bytes().into(),
        Err(_) => file.bytes,
    };
    File { path, bytes }
}

fn write(folder: &Path, file: &File) -> anyhow::Result<()> {
    let path = folder.join(&file.path);
    let unwritable = || format!("could not write {}", path.display());
    fs::create_dir_all(path.parent().unwrap_or(folder)).with_context(unwritable)?;
    fs::write(&path, &file.bytes).with_context(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Project;

    fn all_text(folder: &Path) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(all_text(&path));
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.push((path.display().to_string(), text));
            }
        }
        found
    }

    #[test]
    fn a_new_project_can_be_opened_and_its_name_is_everywhere() {
        let folder = tempfile::tempdir().unwrap();
        for language in Language::ALL {
            let at = folder.path().join(language.name());
            create(language, &"shopping-list".parse().unwrap(), &at).unwrap();
            let project = Project::open(&at).unwrap();
            assert_eq!(
                (project.name().to_string().as_str(), project.language()),
                ("shopping-list", language)
            );
            for (path, text) in all_text(&at) {
                assert!(!text.contains(PLACEHOLDER) && !path.contains(PLACEHOLDER), "{path}");
            }
            let readme = fs::read_to_string(at.join("README.md")).unwrap();
            let chapters: Vec<&str> = readme.lines().filter(|line| line.starts_with("## ")).collect();
            assert_eq!(
                chapters,
                ["## Install", "## Write", "## Test", "## Build", "## Deploy"],
                "{language}"
            );
            assert!(readme.contains("greenroom deploy\ngreenroom call shopping-list"), "{language}");
            assert!(at.join(VENDOR).join("wit/actor.wit").is_file());
        }
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            Language::ALL.len(),
            "something was left over"
        );
    }

    #[test]
    fn a_name_that_a_package_of_the_sdk_has_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("a");
        for language in Language::ALL {
            for name in language.row().taken {
                let refused = create(language, &name.parse().unwrap(), &at).unwrap_err().to_string();
                assert!(refused.contains("choose another name"), "{refused}");
            }
        }
        assert!(!at.exists());
        // Every package that the SDK for Rust has, has such a name.
        let manifests = embedded::sdk(Language::Rust).unwrap();
        for file in manifests.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
            let manifest: toml::Table = std::str::from_utf8(&file.bytes).unwrap().parse().unwrap();
            let Some(package) = manifest.get("package") else { continue };
            assert!(Language::Rust.row().taken.contains(&package["name"].as_str().unwrap()), "{package}");
        }
    }

    /// The tests at the end of a file may be in another place of the README, and need not be there for Zig.
    #[test]
    fn the_readme_of_each_sdk_shows_what_is_made() {
        let folder = tempfile::tempdir().unwrap();
        for (language, files) in [
            (Language::Rust, &["src/lib.rs"][..]),
            (Language::Python, &["counter.py", "test_counter.py"]),
            (Language::TypeScript, &["src/counter.ts", "src/counter.test.ts"]),
            (Language::Go, &["counter.go", "counter_test.go"]),
            (Language::C, &["src/counter.c", "test/test.c"]),
            (Language::Cpp, &["src/counter.cpp"]),
            (Language::Zig, &["src/counter.zig"]),
        ] {
            let at = folder.path().join(language.name());
            create(language, &"counter".parse().unwrap(), &at).unwrap();
            let sdk = at.join(VENDOR).join("sdk").join(language.row().sdk[0].split('/').next().unwrap());
            let readme = fs::read_to_string(sdk.join("README.md")).unwrap();
            for file in files {
                let made = fs::read_to_string(at.join(file)).unwrap();
                let shown = made.split("\ntest \"").next().unwrap().split("\n#[cfg(test)]");
                for part in shown {
                    assert!(readme.contains(part.trim()), "{language}: {file}: {part}");
                }
            }
        }
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let name = "task".parse().unwrap();
        fs::write(folder.path().join("mine"), "x").unwrap();
        let refused = create(Language::Rust, &name, folder.path()).unwrap_err().to_string();
        assert!(refused.contains("is there already"), "{refused}");
        let refused = create(Language::Rust, &name, &folder.path().join("mine")).unwrap_err().to_string();
        assert!(refused.contains("is there already"), "{refused}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        create(Language::Rust, &name, &empty).unwrap();
        assert!(empty.join("Cargo.toml").is_file());
    }
}
