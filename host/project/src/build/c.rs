//! C, C++ and Zig: Zig's compiler, which brings its own libc for WASI, leaves a core module that says what its
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
const OF_C: &str = "-std=c11";
const OF_CPP: [&str; 3] = ["-std=c++20", "-fno-exceptions", "-fno-rtti"];
/// The same for Zig's own compiler.
const TARGET_OF_ZIG: [&str; 14] = [
    "build-exe",
    "-target",
    "wasm32-wasi",
    "-lc",
    "-mexec-model=reactor",
    "-fno-entry",
    "-O",
    "ReleaseSmall",
    "-fstrip",
    "--stack",
    "65536",
    "--name",
    "core",
    "--cache-dir",
];

pub(super) fn build(build: &Build<'_>, settings: &C) -> Result<PathBuf, ProjectError> {
    let zig = build.tools.find(Tool::Zig, build.folder())?;
    let sdk = build.folder().join(&settings.sdk);
    if !sdk.join("bindings").is_dir() {
        let table = build.project.language().name();
        return Err(ProjectError::Invalid(format!(
            "{} has no SDK; [{table}] `sdk` in greenroom.toml says where it is",
            sdk.display()
        )));
    }
    let core = build.scratch.join("core.wasm");
    let compiler = Compiler { build, settings, zig: &zig, sdk: &sdk, core: &core };
    match build.project.language() {
        Language::Zig => compiler.zig()?,
        Language::Cpp => compiler.cpp()?,
        _ => compiler.c()?,
    }
    let core = fs::read(&core).with_context(|| format!("could not read {}", core.display()))?;
    build.wrapped(&component::from_core(&core)?)
}

/// What the compilers of all three have in common.
struct Compiler<'a> {
    build: &'a Build<'a>,
    settings: &'a C,
    zig: &'a Path,
    sdk: &'a Path,
    /// Where the core module goes.
    core: &'a Path,
}

impl Compiler<'_> {
    fn c(&self) -> Result<(), ProjectError> {
        let sources = [self.own("c")?, self.of_sdk("c")?, self.bindings()?].concat();
        self.step("cc").args([OF_C, "-o"]).args([self.core]).args(sources).run(self.build.progress)?;
        Ok(())
    }

    /// What is C stays C: a C++ compiler would take it for C++.
    fn cpp(&self) -> Result<(), ProjectError> {
        let mut linked = Vec::new();
        for (number, source) in
            [self.own("c")?, self.of_sdk("c")?, self.bindings()?].concat().iter().enumerate()
        {
            if source.extension().is_some_and(|extension| extension == "o") {
                linked.push(source.clone());
                continue;
            }
            let object = self.build.scratch.join(format!("{number}.o"));
            self.step("cc").args([OF_C, "-c", "-o"]).args([&object, source]).run(self.build.progress)?;
            linked.push(object);
        }
        let sources = [self.own("cpp")?, self.of_sdk("cpp")?].concat();
        let step = self.step("c++").args(OF_CPP).args(["-o"]).args([self.core]);
        step.args(sources).args(linked).run(self.build.progress)?;
        Ok(())
    }

    fn zig(&self) -> Result<(), ProjectError> {
        let folder = self.build.folder();
        let root = folder.join("src").join(format!("{}.zig", self.build.project.name()));
        Step::new(self.build.title(), self.zig, folder)
            .args(TARGET_OF_ZIG)
            .args([folder.join("target/zig-cache")])
            .args([joined("-femit-bin=", self.core)])
            .args(self.include())
            .args(&self.settings.flags)
            .args(["-cflags", OF_C, "--"])
            .args([self.own("c")?, self.of_sdk("c")?, self.bindings()?].concat())
            .args(["--dep", "greenroom"])
            .args([joined("-Mroot=", &root), joined("-Mgreenroom=", &self.sdk.join("zig/greenroom.zig"))])
            .run(self.build.progress)?;
        Ok(())
    }

    fn step(&self, command: &str) -> Step {
        Step::new(self.build.title(), self.zig, self.build.folder())
            .args([command])
            .args(TARGET)
            .args(self.include())
            .args(&self.settings.flags)
    }

    fn include(&self) -> [OsString; 2] {
        [joined("-I", &self.sdk.join("include")), joined("-I", &self.build.folder().join("src"))]
    }

    fn own(&self, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
        sources(&self.build.folder().join("src"), ending)
    }

    fn of_sdk(&self, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
        // A guest written without the SDK has bindings of its own beside its sources.
        if same(self.sdk, self.build.folder()) {
            return Ok(Vec::new());
        }
        sources(&self.sdk.join("src"), ending)
    }

    /// The bindings, and the object file that describes the world.
    fn bindings(&self) -> anyhow::Result<Vec<PathBuf>> {
        let folder = self.sdk.join("bindings");
        Ok([sources(&folder, "c")?, sources(&folder, "o")?].concat())
    }
}

fn same(left: &Path, right: &Path) -> bool {
    matches!((fs::canonicalize(left), fs::canonicalize(right)), (Ok(left), Ok(right)) if left == right)
}

fn joined(option: &str, path: &Path) -> OsString {
    let mut word = OsString::from(option);
    word.push(path);
    word
}

/// The files of a folder whose name ends so, in order; none when there is no such folder.
fn sources(folder: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
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
