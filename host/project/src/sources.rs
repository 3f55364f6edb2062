//! Whether a component is older than what it is made of.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use ignore::{DirEntry, WalkBuilder};

use crate::{Project, ProjectError};

/// Folders with what tools have made or fetched.
const MADE: [&str; 2] = ["target", "node_modules"];

impl Project {
    /// A file of the project that was changed after `component` was made, if there is one. Hidden files, other
    /// components and what `.gitignore` names are none of its sources.
    ///
    /// # Errors
    /// [`ProjectError::Invalid`] when there is no such component, [`ProjectError::Other`] when the folder can't be
    /// read.
    pub fn source_newer_than(&self, component: &Path) -> Result<Option<PathBuf>, ProjectError> {
        let made = component.metadata().and_then(|metadata| metadata.modified()).map_err(|error| {
            ProjectError::Invalid(format!("{}: {error}; `greenroom build` makes it", component.display()))
        })?;
        let is_source = |entry: &DirEntry| {
            !MADE.iter().any(|made| entry.file_name() == *made)
                && entry.path().extension().is_none_or(|extension| extension != "wasm")
        };
        let files = WalkBuilder::new(self.folder()).require_git(false).filter_entry(is_source).build();
        for file in files {
            let file = file.context("could not look for newer sources")?;
            if file.file_type().is_some_and(|kind| kind.is_file()) && changed(&file)? > made {
                return Ok(Some(file.into_path()));
            }
        }
        Ok(None)
    }
}

fn changed(file: &DirEntry) -> Result<SystemTime, ProjectError> {
    let metadata = file.metadata().context("could not look for newer sources")?;
    Ok(metadata.modified().context("this system does not tell when files were changed")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Language, create};
    use std::fs::{self, File};
    use std::time::Duration;

    #[test]
    fn only_a_source_that_was_changed_later_makes_a_component_old() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("task");
        create(Language::Rust, &"task".parse().unwrap(), &folder).unwrap();
        let project = Project::open(&folder).unwrap();
        let component = project.default_output();
        assert!(project.source_newer_than(&component).is_err(), "there is none");
        fs::create_dir(folder.join("target")).unwrap();
        fs::write(&component, "").unwrap();
        let later = SystemTime::now() + Duration::from_mins(1);
        for other in ["target/other", "other.wasm", ".hidden"] {
            File::create(folder.join(other)).unwrap().set_modified(later).unwrap();
        }
        assert_eq!(project.source_newer_than(&component).unwrap(), None);
        let source = project.folder().join("src/lib.rs");
        File::options().write(true).open(&source).unwrap().set_modified(later).unwrap();
        assert_eq!(project.source_newer_than(&component).unwrap(), Some(source));
    }

    #[test]
    fn a_project_is_found_from_a_folder_of_its_own() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("task");
        create(Language::Rust, &"task".parse().unwrap(), &folder).unwrap();
        let found = Project::find(&folder.join("src")).unwrap();
        assert_eq!(found.folder(), fs::canonicalize(&folder).unwrap());
        let said = Project::find(room.path()).unwrap_err().to_string();
        assert!(said.contains("greenroom new"), "{said}");
    }
}
