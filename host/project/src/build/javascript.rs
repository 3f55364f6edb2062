//! TypeScript and JavaScript: the SDK's own tool puts the bundled actor into an engine; for a guest without
//! SDK, esbuild and componentize-qjs do.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Build;
use crate::ProjectError;
use crate::manifest::{Script, ScriptKind};
use crate::step::Step;
use crate::tools::{Tool, of_npm};

pub(super) fn build(build: &Build<'_>, settings: &Script) -> Result<PathBuf, ProjectError> {
    let folder = build.folder();
    if folder.join("tsconfig.json").is_file() {
        npm_step(build, format!("check the types of {}", build.project.name()), "tsc")?
            .run(build.progress)?;
    }
    let made = build.scratch.join("script.wasm");
    match &settings.kind {
        ScriptKind::Actor(engine) => {
            npm_step(build, build.title(), "greenroom-js")?
                .args(["build"])
                .args([&settings.entry])
                .args(["--engine", engine.name(), "--output"])
                .args([&made])
                .run(build.progress)?;
        }
        ScriptKind::Module(contract) => {
            let bundle = build.scratch.join("bundle.js");
            npm_step(build, format!("bundle {}", build.project.name()), "esbuild")?
                .args([&settings.entry])
                .args(["--bundle", "--format=esm", "--target=es2022", "--external:greenroom:*"])
                .args(["--log-level=warning"])
                .args([assigned("--outfile=", &bundle)])
                .run(build.progress)?;
            npm_step(build, build.title(), "componentize-qjs")?
                .args(["--world", &contract.world, "--sync", "--stub-wasi", "--wit"])
                .args([contract.wit.as_path(), Path::new("--js"), &bundle, Path::new("--output"), &made])
                .run(build.progress)?;
        }
    }
    Ok(made)
}

/// A step that runs a program of npm's. Most are scripts, and find Node on `PATH`.
fn npm_step(build: &Build<'_>, title: String, name: &str) -> Result<Step, ProjectError> {
    let node = build.tools.find(Tool::Node, build.folder())?;
    let program = of_npm(name, build.folder())?;
    let step = Step::new(title, &program, build.folder());
    Ok(step.on_path(node.parent().unwrap_or(Path::new("/"))))
}

fn assigned(option: &str, path: &Path) -> OsString {
    let mut word = OsString::from(option);
    word.push(path);
    word
}
