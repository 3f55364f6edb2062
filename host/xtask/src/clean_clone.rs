//! Everything that a change must pass, in a clean clone of HEAD: what is not committed, or not installed by the
//! project's own files, is not there. Only compiled dependencies are taken along, which a build would make alike.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::steps::{Step, root};

/// Where HEAD is noted once all has passed, below the checkout's `target`.
const PASSED: &str = "ci-passed";

/// What cargo keeps of compiled crates, by folder of a profile.
const COMPILED: [&str; 3] = [".fingerprint", "build", "deps"];

/// The profiles of which dependencies are taken along.
const PROFILES: [&str; 2] = ["debug", "wasm32-wasip2/guest"];

pub(crate) fn ci() -> anyhow::Result<()> {
    let target = root().join("target");
    let (clone, passed) = (target.join("clean-clone"), target.join(PASSED));
    let head = head()?;
    match fs::remove_dir_all(&clone) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("{} can't be removed", clone.display()));
        }
        _ => {}
    }
    fs::create_dir_all(&target)?;
    let here = root().display().to_string();
    Step::new("clone HEAD", "git", &["clone", "--quiet", &here, &clone.display().to_string()]).run()?;
    for profile in PROFILES {
        take_along(&target.join(profile), &clone.join("target").join(profile))?;
    }
    Step::new("everything that a change must pass", "bash", &[".ci/run"])
        .without_env("CARGO_TARGET_DIR")
        .within(&clone)
        .run()?;
    ensure!(self::head()? == head, "HEAD has moved meanwhile; what passed is {head}");
    fs::write(&passed, format!("{head}\n"))?;
    eprintln!("==> {head} has passed, as {} says now", passed.display());
    Ok(())
}

fn head() -> anyhow::Result<String> {
    let told = Command::new("git").args(["rev-parse", "HEAD"]).output().context("git can't be started")?;
    ensure!(told.status.success(), "git does not tell HEAD: {}", String::from_utf8_lossy(&told.stderr));
    Ok(String::from_utf8(told.stdout)?.trim().to_owned())
}

/// Copies the compiled crates of a profile, with their times: by those cargo sees that they are as they should be.
fn take_along(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for folder in COMPILED.map(|name| from.join(name)).iter().filter(|folder| folder.is_dir()) {
        let (from, to) = (folder.display().to_string(), to.display().to_string());
        Step::new("take compiled dependencies along", "cp", &["-a", "--reflink=auto", &from, &to]).run()?;
    }
    Ok(())
}
