//! An actor's project: made from a template, built into a component.
//!
//! A project is a folder with a `greenroom.toml` that says what the actor is called and in which language
//! it is written. There is one way to build one, here: `greenroom build` and the project's own automation
//! both come this way. Every language is one row of [`Language::ALL`] and one module of `build`.

mod build;
mod component;
mod embedded;
mod error;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod language;
mod manifest;
mod new;
mod sources;
mod step;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

pub use build::rust::ensure_target;
pub use error::ProjectError;
pub use language::Language;
pub use manifest::{MANIFEST, Name};
pub use new::create;
pub use step::Progress;
pub use tools::{Tool, Tools};

use manifest::Manifest;

/// A folder that an actor is built from.
#[derive(Debug)]
pub struct Project {
    folder: PathBuf,
    manifest: Manifest,
}

/// What a build made.
#[derive(Debug)]
pub struct Built {
    /// The component's file.
    pub component: PathBuf,
    /// Its size.
    pub bytes: u64,
}

impl Project {
    /// Opens the project in a folder. Where one folder has several, each has its own manifest, and `path` is
    /// that file.
    ///
    /// # Errors
    /// [`ProjectError::Invalid`] when there is no `greenroom.toml`, or it says something it can't.
    pub fn open(path: &Path) -> Result<Self, ProjectError> {
        let file = if path.is_file() { path.to_owned() } else { path.join(MANIFEST) };
        let text = fs::read_to_string(&file).map_err(|error| {
            ProjectError::Invalid(format!(
                "{}: {error}; `greenroom new` makes a project, and a project has that file",
                file.display()
            ))
        })?;
        let manifest = Manifest::parse(&text)
            .map_err(|why| ProjectError::Invalid(format!("{}: {why}", file.display())))?;
        let file = fs::canonicalize(&file).with_context(|| format!("could not find {}", file.display()))?;
        let folder = file.parent().context("a file is in a folder")?.to_owned();
        Ok(Project { folder, manifest })
    }

    /// Opens the project that is nearest to `folder`: its own, or that of a folder above it.
    ///
    /// # Errors
    /// [`ProjectError::Invalid`] when there is none, or its `greenroom.toml` says something it can't.
    pub fn find(folder: &Path) -> Result<Self, ProjectError> {
        let from =
            fs::canonicalize(folder).with_context(|| format!("could not find {}", folder.display()))?;
        let found = from.ancestors().find(|above| above.join(MANIFEST).is_file());
        let none = || {
            ProjectError::Invalid(format!(
                "there is no {MANIFEST} in {} or above it; name a project, or make one with `greenroom new`",
                from.display()
            ))
        };
        Project::open(found.ok_or_else(none)?)
    }

    /// Where it is; an absolute path.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the actor is called.
    pub fn name(&self) -> &Name {
        &self.manifest.name
    }

    /// What it is written in.
    pub fn language(&self) -> Language {
        self.manifest.settings.language()
    }

    /// Where [`build`](Self::build) leaves the component unless told otherwise.
    pub fn default_output(&self) -> PathBuf {
        self.folder.join("target").join(format!("{}.wasm", self.name()))
    }

    /// Builds the component and leaves it at `output`, which is not touched when the build fails.
    ///
    /// # Errors
    /// [`ProjectError::Missing`] names a tool and how to install it; [`ProjectError::Failed`] has what a
    /// tool said.
    pub fn build(
        &self,
        output: &Path,
        tools: &Tools,
        progress: &dyn Progress,
    ) -> Result<Built, ProjectError> {
        build::run(self, output, tools, progress)
    }
}
