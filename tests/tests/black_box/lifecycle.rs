//! Starting and stopping: a host that is told to stop finishes what it has begun; one that can't
//! have its data directory says why, and touches nothing.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::Context as _;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::host::{Host, serve_command, serve_command_at};
use greenroom_tests::script::{self, get, set, work};
use greenroom_tests::{hostile, process};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Executor as _};
use tokio::process::Command;

use crate::support::until_begun;

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_host_gives_up_what_it_compiles() -> anyhow::Result<()> {
    // Longer than this waits for its end: it must not take that.
    let mut host = Host::with_probe(Settings::default().limit("drain_timeout", "10m")).await?;
    let (client, bomb) = (host.clone(), hostile::compile_bomb(40)?);
    let deploying = tokio::spawn(async move { client.deploy("dear", bomb).await });
    let compiles = eventually("it compiles", SOON, || async {
        let children = process::children(host.pid()).map_err(|error| error.to_string())?;
        children.first().copied().ok_or("no child".to_owned())
    })
    .await?;
    let status = host.terminate().await?;
    assert!(status.success(), "{status}");
    let problem = deploying.await??.refused(503, "draining");
    assert_eq!(problem.retry, "later");
    assert!(!process::is_there(compiles), "the compiling process is left");
    Ok(())
}

/// How a host fails to start on `data`.
async fn refused_start(data: &Path) -> anyhow::Result<String> {
    refused(serve_command(data)?).await
}

/// How a host fails to start.
async fn refused(mut command: Command) -> anyhow::Result<String> {
    let run = command.output();
    let output: Output =
        tokio::time::timeout(Duration::from_secs(30), run).await.context("the host started after all")??;
    anyhow::ensure!(!output.status.success(), "the host ended with success");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::ensure!(!said.contains("panicked"), "{said}");
    anyhow::ensure!(!String::from_utf8_lossy(&output.stdout).contains("listening on"), "it said it listens");
    Ok(said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_told_to_stop_finishes_what_it_has_begun() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default().limit("turn_cpu", "60s")).await?;
    let slow: Vec<_> = (0..4)
        .map(|number| {
            let client = host.clone();
            let turn = json!([work(700), set("done", "yes")]);
            tokio::spawn(async move { script::results(&client, &format!("counted-{number}"), turn).await })
        })
        .collect();
    for number in 0..4 {
        until_begun(&host, &format!("counted-{number}")).await?;
    }
    let status = host.terminate().await?;
    assert!(status.success(), "{status}");
    for reply in slow {
        reply.await?.context("a request under way has its reply")?;
    }
    host.restart().await?;
    for number in 0..4 {
        let turn = json!([get("done"), get("deactivations")]);
        let seen = script::results(&host, &format!("counted-{number}"), turn).await?;
        assert_eq!(seen, [json!("yes"), json!("1")], "it was deactivated before the host ended");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_host_does_not_wait_for_ever() -> anyhow::Result<()> {
    let settings = Settings::default()
        .limit("turn_cpu", "120s")
        .limit("turn_timeout", "120s")
        .limit("drain_timeout", "500ms");
    let mut host = Host::with_probe(settings).await?;
    let client = host.clone();
    let endless = tokio::spawn(async move { script::run(&client, "a", json!([{ "op": "spin" }])).await });
    until_begun(&host, "a").await?;
    host.terminate().await?;
    // It has no reply, or one that says what happened.
    if let Ok(reply) = endless.await? {
        assert!(reply.status >= 500, "{}", reply.text());
    }
    host.restart().await?;
    host.call("probe", "a", "increment", "").await?.expect(200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_stops_it_like_a_termination() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    host.call("probe", "a", "increment", "").await?.expect(200);
    host.signal(rustix::process::Signal::INT)?;
    let status = host.ended().await?;
    assert!(status.success(), "{status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_on_the_same_data_is_refused_and_told_who_has_it() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let said = refused_start(&host.data()).await?;
    assert!(said.contains(&host.pid().to_string()), "pid {}: {said}", host.pid());
    host.call("probe", "a", "increment", "").await?.expect(200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_can_not_have_its_address_makes_no_data() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let data = root.path().join("data");
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    for address in [taken.local_addr()?.to_string(), "0.0.0.0:0".to_owned()] {
        let said = refused(serve_command_at(&data, &address)?).await?;
        assert!(said.contains(&address), "{said}");
        assert!(!said.contains("scheduler"), "{said}");
        assert!(!data.exists(), "data was made for {address}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_a_newer_version_is_refused_and_left_alone() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    host.call("probe", "a", "increment", "").await?.expect(200);
    host.terminate().await?;
    let database = host.data().join("greenroom.db");
    let options = SqliteConnectOptions::new().filename(&database);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9000, 'of the future', 1, x'00', 1)";
    connection.execute(newer).await?;
    connection.close().await?;

    let before = std::fs::read(&database)?;
    let said = refused_start(&host.data()).await?;
    assert!(said.contains("9000") && said.contains("version"), "{said}");
    assert_eq!(std::fs::read(&database)?, before, "the file was touched");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_data_is_refused_and_left_alone() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    for number in 0..200 {
        let id = format!("actor-{number}");
        script::results(&host, &id, json!([script::fill("key", 1_000)])).await?;
    }
    host.terminate().await?;
    let database = host.data().join("greenroom.db");
    let whole = std::fs::read(&database)?;

    let mut torn = whole.clone();
    let middle = torn.len() / 2;
    torn[middle..middle + 8_192].fill(0x5a);
    let mut no_header = whole.clone();
    no_header[..100].fill(b'x');
    let truncated = whole[..whole.len() / 3].to_vec();
    for (what, bytes) in [("torn", torn), ("no header", no_header), ("truncated", truncated)] {
        std::fs::write(&database, &bytes)?;
        let said = refused_start(&host.data()).await?;
        assert!(said.contains("greenroom.db"), "{what}: {said}");
        assert!(std::fs::read(&database)? == bytes, "{what}: the file was touched");
    }

    std::fs::write(&database, &whole)?;
    host.restart().await?;
    script::results(&host, "actor-0", json!([get("key")])).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_with_a_mistake_is_refused_and_the_mistake_named() -> anyhow::Result<()> {
    for (name, value) in [("mailbox_capcity", "5"), ("turn_timeout", "soon"), ("payload_bytes", "-1")] {
        let Err(error) = Host::with(Settings::default().limit(name, value)).await else {
            anyhow::bail!("{name} = {value} was taken");
        };
        assert!(format!("{error:#}").contains(name), "{error:#}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_host_takes_work_at_once() -> anyhow::Result<()> {
    let host = Host::start().await?;
    host.get("/healthz").await?.expect(200);
    host.get("/readyz").await?.expect(200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_host_leaves_its_data_to_the_next() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    host.kill().await?;
    host.restart().await?;
    let answer = eventually("an answer", SOON, || async {
        match host.call("probe", "a", "increment", "").await {
            Ok(reply) if reply.status == 200 => Ok(reply.text()),
            other => Err(other),
        }
    });
    assert_eq!(answer.await?, "1", "what was deployed is still deployed");
    Ok(())
}
