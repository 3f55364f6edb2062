//! What must be true of the source: each file says what it is for, none is too long, each big
//! dependency is known to one crate only, nothing is left half done, and the top of the checkout
//! holds what it should.

use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 700;

const TOP_LEVEL: [&str; 17] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "docs",
    "guest-examples",
    "host",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "sdk",
    "tests",
    "wit",
];

/// A dependency, and the only crate of the host that may know it.
const BOUNDARIES: [(&str, &str); 6] = [
    ("sqlx", "store"),
    ("wasmtime", "sandbox"),
    ("wasmtime-wasi", "sandbox"),
    ("hyper", "http"),
    ("axum", "http"),
    ("prometheus-client", "metrics"),
];

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// All files under `folder` whose name ends so, with their text.
fn files(folder: &Path, ending: &str) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && name != "node_modules" && !name.starts_with('.') {
                found.extend(files(&path, ending)?);
            }
        } else if name.ends_with(ending) {
            let text = fs::read_to_string(&path)?;
            found.push((path, text));
        }
    }
    Ok(found)
}

fn sources() -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut all = Vec::new();
    for folder in ["host", "sdk", "guest-examples", "tests"] {
        all.extend(files(&root().join(folder), ".rs")?);
    }
    anyhow::ensure!(all.len() > 50, "only {} source files were found", all.len());
    Ok(all)
}

/// Fails with all offences at once.
fn none(offences: &[String]) {
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_is_short_enough_to_read() -> anyhow::Result<()> {
    let mut offences = Vec::new();
    for (path, text) in sources()? {
        if !text.starts_with("//!") {
            offences.push(format!("{}: does not begin with //!", path.display()));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            offences.push(format!("{}: {lines} lines, more than {LINES_MAX}", path.display()));
        }
    }
    none(&offences);
    Ok(())
}

#[test]
fn nothing_is_left_half_done() -> anyhow::Result<()> {
    // Put together here, so that this file is not found itself.
    let words = [["TO", "DO"], ["FIX", "ME"], ["to", "do!("], ["unimple", "mented!("], ["#[ign", "ore"]];
    let mut offences = Vec::new();
    for (path, text) in sources()? {
        for (number, line) in text.lines().enumerate() {
            for word in words.iter().map(|halves| halves.concat()) {
                if line.contains(&word) {
                    offences.push(format!("{}:{}: {word}", path.display(), number + 1));
                }
            }
        }
    }
    none(&offences);
    Ok(())
}

/// Whether `text` uses the crate `name`, as a path or in an attribute.
fn uses(text: &str, name: &str) -> bool {
    let name = name.replace('-', "_");
    text.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| {
        line.match_indices(&format!("{name}::")).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    })
}

/// Whether the manifest `text` depends on the crate `name`.
fn depends(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
            || line.trim_end().ends_with(&format!("dependencies.{name}]"))
    })
}

#[test]
fn each_big_dependency_is_known_to_one_crate_only() -> anyhow::Result<()> {
    let host = root().join("host");
    let mut offences = Vec::new();
    for (name, home) in BOUNDARIES {
        let elsewhere = |path: &Path| !path.starts_with(host.join(home));
        for (path, text) in files(&host, ".rs")? {
            if elsewhere(&path) && uses(&text, name) {
                offences.push(format!("{}: only host/{home} may use {name}", path.display()));
            }
        }
        for (path, text) in files(&host, "Cargo.toml")? {
            if elsewhere(&path) && depends(&text, name) {
                offences.push(format!("{}: only host/{home} may depend on {name}", path.display()));
            }
        }
    }
    none(&offences);
    Ok(())
}

#[test]
fn the_top_of_the_checkout_holds_what_it_should() -> anyhow::Result<()> {
    let mut offences = Vec::new();
    for entry in fs::read_dir(root())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && name != "target" && !TOP_LEVEL.contains(&name.as_str()) {
            offences.push(format!("{name} does not belong at the top"));
        }
    }
    none(&offences);
    Ok(())
}

#[test]
fn the_check_itself_sees() {
    assert!(uses("use sqlx::Row;", "sqlx") && uses("    x: wasmtime_wasi::Ctx,", "wasmtime-wasi"));
    assert!(!uses("// sqlx::Row", "sqlx") && !uses("my_sqlx::Row", "sqlx"));
    assert!(depends("sqlx.workspace = true", "sqlx") && depends("hyper = \"1\"", "hyper"));
    assert!(depends("[dev-dependencies.axum]", "axum") && !depends("hyper-util = \"1\"", "hyper"));
}
