//! The API is what its document says: schemathesis makes thousands of requests of `/openapi.json`, valid ones and
//! such as it forbids, and checks every answer against it: the status, the media type, the headers, the schema,
//! that what is not valid is refused and what is valid is not, that methods that are not there are told so.
//!
//! `tests/schemathesis` has its settings, and each exception with its reason.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use serde_json::Value;

/// It takes a quarter of a minute where nothing else is done.
const PATIENCE: Duration = Duration::from_secs(90);

/// A host with something to find: an actor type, one to spare, and a dead letter.
async fn furnished() -> anyhow::Result<Host> {
    let host = Host::with(Settings::default().limit("delivery_attempts", "1")).await?;
    for actor_type in ["task", "spare"] {
        host.deploy(actor_type, guests::component("task")?).await?.expect(201);
    }
    host.tell("task", "task-123", "no_such_method", None, "x").await?.expect(202);
    eventually("a dead letter", SOON, async || {
        let letters: Value = host.get("/v1/dead-letters").await.map_err(|error| error.to_string())?.json();
        letters["items"].get(0).map(drop).ok_or_else(|| letters.to_string())
    })
    .await?;
    Ok(host)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_as_the_document_says() -> anyhow::Result<()> {
    let mut host = furnished().await?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("../.tools/python/bin/python");
    anyhow::ensure!(python.is_file(), "schemathesis is not installed; `cargo xtask test` installs it");
    let settings = here.join("schemathesis");
    let room = tempfile::tempdir()?;
    let mut command = tokio::process::Command::new(python);
    command.args(["-m", "schemathesis.cli", "--config-file"]).arg(settings.join("schemathesis.toml"));
    command.args(["run", "--output-truncate", "false"]).arg(format!("{}/openapi.json", host.base()));
    // Its settings name the file of hooks, and it leaves its reports where it is run.
    command.env("PYTHONPATH", &settings).env("PYTHONDONTWRITEBYTECODE", "1").current_dir(room.path());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output());
    let output = output.await.context("schemathesis does not end")??;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for phase in ["Examples", "Coverage", "Fuzzing", "Stateful"] {
        assert!(said.contains(&format!("✅  {phase}")), "{phase} was left out: {said}");
    }
    assert!(host.is_running());
    Ok(())
}
