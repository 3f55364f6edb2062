//! C and C++: Zig's compiler, which brings its own libc for WASI, leaves a core module that says what its
//! world is, for the object file of the bindings does.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Build;
use crate::manifest::C;
use crate::step::Step;
use crate::tools::Tool;
use crate::{Language, ProjectError, component};

/// A reactor has no `main`. A stack of 64 KiB keeps a fresh actor's memory at 128 KiB.
const TARGET: [&str; 5] =
    ["--target=wasm32-wasi", "-mexec-model=reactor", "-Os", "-s", "-Wl,-z,stack-size=65536"];
const OF_C: &str = "-std=c17";
const OF_CPP: [&str; 2] = ["-std=c++20", "-fno-exceptions"];

pub(super) fn build(build: &Build<'_>, settings: &C) -> Result<PathBuf, ProjectError> {
    let folder = build.folder();
    let zig = build.tools.find(Tool::Zig, folder)?;
    let sdk = folder.join(&settings.sdk);
    let of_c = [
        sources(&folder.join("src"), "c")?,
        sources(&sdk.join("src"), "c")?,
        sources(&sdk.join("bindings"), "c")?,
    ]
    .concat();
    let objects = sources(&sdk.join("bindings"), "o")?;
    let core = build.scratch.join("core.wasm");
    let step = |command: &str| {
        Step::new(build.title(), &zig, folder)
            .args([command])
            .args(TARGET)
            .args(include(&sdk, folder))
            .args(&settings.flags)
    };
    if build.project.language() == Language::C {
        step("cc").args([OF_C, "-o"]).args([&core]).args(of_c).args(objects).run(build.progress)?;
    } else {
        let of_cpp = [sources(&folder.join("src"), "cpp")?, sources(&sdk.join("src"), "cpp")?].concat();
        let mut linked = objects;
        // What is C stays C: a C++ compiler would take it for C++.
        for (number, source) in of_c.iter().enumerate() {
            let object = build.scratch.join(format!("{number}.o"));
            step("cc").args([OF_C, "-c", "-o"]).args([&object, source]).run(build.progress)?;
            linked.push(object);
        }
        step("c++").args(OF_CPP).args(["-o"]).args([&core]).args(of_cpp).args(linked).run(build.progress)?;
    }
    let core = fs::read(&core).with_context(|| format!("could not read {}", core.display()))?;
    build.wrapped(&component::from_core(&core)?)
}

/// Where headers are looked for.
pub(super) fn include(sdk: &Path, folder: &Path) -> Vec<OsString> {
    [sdk.join("include"), sdk.join("bindings"), folder.join("src")]
        .into_iter()
        .flat_map(|folder| [OsString::from("-I"), folder.into()])
        .collect()
}

/// The files of a folder whose name ends so, in order; none when there is no such folder.
pub(super) fn sources(folder: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let unreadable = || format!("could not look at {}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
