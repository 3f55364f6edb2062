//! The demo and the benchmark, as programs: a small run of each ends well and says what it did.

use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tokio::process::Command;

async fn run(program: &str, arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_mins(4), command.output());
    Ok(ended.await.with_context(|| format!("{program} does not end"))??)
}

fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{}\n{out}\n{err}", output.status)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_keeps_its_promises() -> anyhow::Result<()> {
    let output = run(env!("CARGO_BIN_EXE_demo"), &["--users", "150", "--no-keep"]).await?;
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    for promise in ["150 users", "exactly once", "alice's chat has one note", "checks hold"] {
        assert!(said.contains(promise), "{promise}: {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_does_not_begin_in_a_folder_that_is_in_use() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("mine"), "precious")?;
    let path = folder.path().to_string_lossy().into_owned();
    let output = run(env!("CARGO_BIN_EXE_demo"), &["--users", "1", "--no-keep", "--data", &path]).await?;
    assert!(!output.status.success());
    assert!(said(&output).contains("is not empty"), "{}", said(&output));
    assert_eq!(std::fs::read_to_string(folder.path().join("mine"))?, "precious");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_benchmark_runs_and_compares() -> anyhow::Result<()> {
    let output = run(env!("CARGO_BIN_EXE_bench"), &["--quick"]).await?;
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    for word in ["echo to one actor", "increment of one actor", "greenroom", "sqlite", "with its sandbox"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    Ok(())
}
