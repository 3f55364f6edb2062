//! Fuzzing, guided by the coverage of the host's own crates. Only those are instrumented, so what they stand
//! on is not built again, and the toolchain is the ordinary one: cargo is told to call this very program in
//! place of the compiler for the crates of the workspace, and [`compile`] adds the flags.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use anyhow::Context as _;

use crate::steps::{Step, root, run_all};

/// Says to this program that cargo calls it as a compiler.
const INSTRUMENT: &str = "GREENROOM_FUZZ_INSTRUMENT";
/// What libFuzzer needs to see which code ran, and what was compared with what.
const COVERAGE: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Copt-level=2",
    "-Cdebug-assertions",
];

/// Whether cargo has called this program as a compiler.
pub(crate) fn is_compiler() -> bool {
    std::env::var_os(INSTRUMENT).is_some()
}

/// Compiles as asked: `RUSTC ARGUMENTS…`. The host's libraries are instrumented; programs, build scripts and
/// macros are not, for they run without libFuzzer.
pub(crate) fn compile() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(rustc) = arguments.next() else { return ExitCode::FAILURE };
    let arguments: Vec<_> = arguments.collect();
    let follows = |name: &str, wanted: fn(&str) -> bool| {
        let mut pairs = arguments.windows(2);
        pairs.any(|pair| pair[0] == name && pair[1].to_str().is_some_and(wanted))
    };
    let is_ours = follows("--crate-name", |name| name.starts_with("greenroom_"));
    let mut command = Command::new(rustc);
    command.args(&arguments);
    if is_ours && follows("--crate-type", |kind| kind == "lib") {
        command.args(COVERAGE);
    }
    eprintln!("the compiler can't be started: {}", command.exec());
    ExitCode::FAILURE
}

/// Fuzzes each of `targets`, or all, for so many seconds.
pub(crate) fn fuzz(targets: &[String], seconds: u64) -> anyhow::Result<()> {
    let corpora = root().join("host/fuzz/corpus");
    let mut known = Vec::new();
    for entry in fs::read_dir(&corpora).with_context(|| corpora.display().to_string())? {
        known.push(entry?.file_name().to_string_lossy().into_owned());
    }
    known.sort();
    if let Some(unknown) = targets.iter().find(|target| !known.contains(target)) {
        anyhow::bail!("there is no fuzz target `{unknown}`; there are {}", known.join(", "));
    }
    let own = std::env::current_exe().context("which program is running?")?;
    Step::cargo("build the fuzz targets", &["build", "-p", "greenroom-fuzz", "--features", "libfuzzer"])
        .env("RUSTC_WORKSPACE_WRAPPER", &own.display().to_string())
        .env(INSTRUMENT, "1")
        .run()?;
    let chosen = if targets.is_empty() { &known } else { targets };
    let steps = chosen.iter().map(|target| run_step(target, seconds)).collect::<anyhow::Result<Vec<_>>>()?;
    run_all("fuzz", &steps)
}

/// What is new goes into `target/fuzz/TARGET/corpus`, what fails is `target/fuzz/TARGET/found-…`.
fn run_step(target: &str, seconds: u64) -> anyhow::Result<Step> {
    let folder = format!("target/fuzz/{target}");
    let found = format!("{folder}/corpus");
    fs::create_dir_all(&found).with_context(|| found.clone())?;
    eprintln!(
        "==> what fails is kept as {folder}/found-…; to see it again: \
         cargo run -p greenroom-fuzz -- {target} --replay FILE"
    );
    let options = [
        format!("-max_total_time={seconds}"),
        "-timeout=20".to_owned(),
        "-rss_limit_mb=4096".to_owned(),
        "-print_final_stats=1".to_owned(),
        format!("-artifact_prefix={folder}/found-"),
        found,
        format!("host/fuzz/corpus/{target}"),
    ];
    Ok(Step::new(&format!("fuzz {target}"), "target/debug/fuzz", &[])
        .args(&options)
        .env("GREENROOM_FUZZ_TARGET", target))
}
