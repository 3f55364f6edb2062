//! Building a project: one module for each language, and what all have in common.

pub(crate) mod c;
pub(crate) mod go;
pub(crate) mod javascript;
pub(crate) mod python;
pub(crate) mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::manifest::Settings;
use crate::{Built, Progress, Project, ProjectError, Tools};

/// What a build goes by.
pub(crate) struct Build<'a> {
    pub(crate) project: &'a Project,
    pub(crate) tools: &'a Tools,
    pub(crate) progress: &'a dyn Progress,
    /// A folder for what is only needed meanwhile.
    pub(crate) scratch: &'a Path,
}

impl Build<'_> {
    pub(crate) fn folder(&self) -> &Path {
        self.project.folder()
    }

    /// What a step of it is called.
    pub(crate) fn title(&self) -> String {
        format!("build {} in {}", self.project.name(), self.project.language())
    }

    /// The file of a component that was made in this process.
    pub(crate) fn wrapped(&self, component: &[u8]) -> Result<PathBuf, ProjectError> {
        let file = self.scratch.join("wrapped.wasm");
        fs::write(&file, component).with_context(|| format!("could not write {}", file.display()))?;
        Ok(file)
    }
}

/// Builds `project`, and moves the component to `output` when all went well.
pub(crate) fn run(
    project: &Project,
    output: &Path,
    tools: &Tools,
    progress: &dyn Progress,
) -> Result<Built, ProjectError> {
    // Beside the output, so that the component can be moved there in one step.
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("could not make {}", parent.display()))?;
    let unwritable = || format!("could not write to {}", parent.display());
    let scratch = tempfile::Builder::new().prefix(".build-").tempdir_in(parent).with_context(unwritable)?;
    let scratch_folder = fs::canonicalize(scratch.path()).with_context(unwritable)?;
    let build = Build { project, tools, progress, scratch: &scratch_folder };

    let made = match &project.manifest.settings {
        Settings::Rust(settings) => rust::build(&build, settings)?,
        Settings::Python(settings) => python::build(&build, settings)?,
        Settings::Script(_, settings) => javascript::build(&build, settings)?,
        Settings::Go(settings) => go::build(&build, settings)?,
        Settings::C(_, settings) => c::build(&build, settings)?,
    };
    let finished = scratch_folder.join("finished.wasm");
    let bytes = fs::copy(&made, &finished).with_context(|| format!("could not read {}", made.display()))?;
    fs::rename(&finished, output).with_context(|| format!("could not write {}", output.display()))?;
    Ok(Built { component: output.to_owned(), bytes })
}
