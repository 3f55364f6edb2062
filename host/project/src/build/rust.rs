//! Rust: cargo makes the component, for `wasm32-wasip2`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use super::Build;
use crate::manifest::Rust;
use crate::step::Step;
use crate::tools::Tool;
use crate::{ProjectError, Tools};

const TARGET: &str = "wasm32-wasip2";

pub(super) fn build(build: &Build<'_>, settings: &Rust) -> Result<PathBuf, ProjectError> {
    let cargo = build.tools.find(Tool::Cargo, build.folder())?;
    ensure_target(build.tools, build.folder())?;
    let said = Step::new(build.title(), &cargo, build.folder())
        .args(["build", "--lib", "--target", TARGET, "--profile", &settings.profile])
        .args(["--message-format", "json-render-diagnostics"])
        .answers()
        .run(build.progress)?;
    component(&said, &build.folder().join("Cargo.toml")).ok_or_else(|| {
        ProjectError::Invalid(
            "cargo made no component: `[lib]` in Cargo.toml needs `crate-type = [\"cdylib\", \"rlib\"]`"
                .to_owned(),
        )
    })
}

/// The component of the package with that manifest, by what cargo said on its standard output.
fn component(said: &str, manifest: &Path) -> Option<PathBuf> {
    said.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest))
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

/// Makes sure that the toolchain of the Rust project in `folder` can build for components.
///
/// # Errors
/// [`ProjectError::Missing`] when its target is not installed, with the command that installs it.
pub fn ensure_target(tools: &Tools, folder: &Path) -> Result<(), ProjectError> {
    let cargo = tools.find(Tool::Cargo, folder)?;
    // The compiler itself also answers where there is no rustup.
    let beside = cargo.with_file_name("rustc");
    let compiler = if beside.is_file() { beside } else { PathBuf::from("rustc") };
    let output = Command::new(&compiler)
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(folder)
        .output()
        .with_context(|| format!("could not start {}", compiler.display()))?;
    let library = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && Path::new(library.trim()).is_dir() {
        return Ok(());
    }
    Err(ProjectError::Missing {
        what: format!("{} has nothing for the target {TARGET}", compiler.display()),
        install: format!("rustup target add {TARGET}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_the_one_of_the_package_itself() {
        let said = r#"{"reason":"compiler-artifact","manifest_path":"/x/Cargo.toml","filenames":["/t/x.wasm"]}
not json
{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","filenames":["/t/p.rlib","/t/p.wasm"]}
{"reason":"build-finished","success":true}"#;
        assert_eq!(component(said, Path::new("/p/Cargo.toml")), Some(PathBuf::from("/t/p.wasm")));
        assert_eq!(component(said, Path::new("/q/Cargo.toml")), None);
    }
}
