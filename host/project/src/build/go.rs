//! Go: the Go compiler leaves a core module, which does not say what its world is.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;

use super::Build;
use crate::manifest::{Contract, Go};
use crate::step::Step;
use crate::tools::Tool;
use crate::{ProjectError, component, embedded};

pub(super) fn build(build: &Build<'_>, settings: &Go) -> Result<PathBuf, ProjectError> {
    let go = build.tools.find(Tool::Go, build.folder())?;
    let core = build.scratch.join("core.wasm");
    Step::new(build.title(), &go, build.folder())
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        .args(["build", "-buildmode=c-shared", "-ldflags=-s -w", "-o"])
        .args([&core])
        .args(["."])
        .run(build.progress)?;
    let core = fs::read(&core).with_context(|| format!("could not read {}", core.display()))?;
    let made = match &settings.contract {
        Some(Contract { wit, world }) => component::from_plain_core(core, &build.folder().join(wit), world)?,
        None => component::from_plain_core(core, &embedded::contract(build.scratch)?, "actor")?,
    };
    build.wrapped(&made)
}
