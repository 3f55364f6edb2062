//! What happens to the disk under a running host: it fills up, another program locks the database, pages
//! go bad, files go missing. Nobody gets half a turn or wrong data, nothing is deleted, and the host goes
//! on or says what to do.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::host::{Host, serve_command};
use greenroom_tests::script::{self, fill, send, set};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Executor as _};

use crate::support::state_value;

/// What a host says that does not start on this directory.
async fn refused_start(data: &Path) -> anyhow::Result<String> {
    let output = serve_command(data)?.output().await?;
    assert_eq!(output.status.code(), Some(1));
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_refuses_whole_turns_goes_on_reading_and_recovers() -> anyhow::Result<()> {
    let full = Settings::default().variable("GREENROOM_STORE_DATABASE_BYTES_MAX", "6 MiB");
    let mut host = Host::with_probe(full.clone()).await?;
    let mut kept = Vec::new();
    let refused = loop {
        let id = format!("a-{}", kept.len());
        let reply = script::run(&host, &id, json!([set("first", "1"), fill("large", 200_000)])).await?;
        if reply.status != 200 {
            break (id, reply);
        }
        kept.push(id);
        anyhow::ensure!(kept.len() < 40, "the bound does not hold");
    };
    let problem = refused.1.refused(507, "store-full");
    assert_eq!((problem.source.as_str(), problem.retry.as_str()), ("host", "later"));
    // Turn after turn, and a message to another: none leaves anything.
    for id in [&refused.0, &kept[0]] {
        let turn = json!([set("half", "1"), send("other", "append", json!("x")), fill("larger", 900_000)]);
        script::run(&host, id, turn).await?.refused(507, "store-full");
        assert_eq!(state_value(&host, id, "half").await?, None);
    }
    host.get("/v1/actors/probe/other").await?.refused(404, "unknown-actor");
    assert_eq!(state_value(&host, &refused.0, "first").await?, None);
    host.deploy("another", vec![0; 100]).await?.refused(422, "component-rejected");
    for id in &kept {
        assert_eq!(script::results(&host, id, json!([script::get("first")])).await?, [json!("1")]);
    }
    host.get("/readyz").await?.expect(200);

    host.delete(&format!("/v1/actors/probe/{}", kept[1])).await?.expect(204);
    let again = json!([set("first", "1"), fill("large", 200_000)]);
    script::results(&host, &refused.0, again).await?;
    host.kill().await?;
    host.restart_with(Settings::default()).await?;
    script::results(&host, &kept[0], json!([fill("larger", 900_000)])).await?;
    assert_eq!(state_value(&host, &kept[0], "half").await?, None);
    assert_eq!(state_value(&host, &refused.0, "first").await?.as_deref(), Some("1"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_another_program_locks_is_unavailable_until_it_lets_go() -> anyhow::Result<()> {
    let impatient = Settings::default().variable("GREENROOM_STORE_BUSY_TIMEOUT", "200ms");
    let host = Host::with_probe(impatient).await?;
    host.call("probe", "a", "increment", "").await?.expect(200);
    let options = SqliteConnectOptions::new().filename(host.data().join("greenroom.db"));
    let mut other = SqliteConnection::connect_with(&options).await?;
    other.execute("BEGIN IMMEDIATE").await?;
    let reply = host.call("probe", "a", "increment", "").await?;
    reply.refused(503, "store-unavailable");
    assert!(!reply.header("retry-after").is_empty());
    assert_eq!(
        host.call("probe", "a", "get", "").await?.expect(200).text(),
        "1",
        "a refused turn left something"
    );
    other.execute("ROLLBACK").await?;
    assert_eq!(host.call("probe", "a", "increment", "").await?.expect(200).text(), "2");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_a_read_meets_ends_the_host_and_deletes_nothing() -> anyhow::Result<()> {
    // Not checked at the start, as a large database is not.
    let unchecked = Settings::default().variable("GREENROOM_STORE_CHECKED_BYTES_MAX", "1");
    let mut host = Host::with_probe(unchecked).await?;
    for number in 0..300 {
        script::results(&host, &format!("a-{number:03}"), json!([fill("key", 2_000)])).await?;
    }
    host.terminate().await?;
    host.restart().await?;
    let database = host.data().join("greenroom.db");
    let file = std::fs::File::options().write(true).open(&database)?;
    // Beyond the component and what the start has read: the pages of state.
    let pages = file.metadata()?.len() / 4_096;
    for page in pages / 2..pages {
        file.write_all_at(&[0xEE; 64], page * 4_096)?;
    }
    let damaged = std::fs::read(&database)?;
    let mut met = false;
    for number in 0..300 {
        // Reads alone: nobody writes.
        let Ok(reply) = host.get(&format!("/v1/actors/probe/a-{number:03}/-/state/key")).await else {
            met = true;
            break;
        };
        match reply.status {
            200 => assert!(reply.body.len() == 2_000, "wrong data"),
            503 => {
                reply.refused(503, "store-unavailable");
                met = true;
            }
            404 => anyhow::bail!("a-{number:03} is lost without a word"),
            other => anyhow::bail!("{other} {}", reply.text()),
        }
    }
    assert!(met, "the damage was not met");
    let ended = host.ended().await?;
    assert_eq!(ended.code(), Some(70), "{ended}");
    assert!(std::fs::read(&database)? == damaged, "the file was touched");
    assert!(host.log().contains("look at its disk"), "{}", host.log());
    let said = refused_start(&host.data()).await?;
    assert!(said.contains("is damaged") && said.contains("restore a backup"), "{said}");
    assert!(std::fs::read(&database)? == damaged, "the file was touched");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_that_changed_within_a_value_is_never_answered() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    script::results(&host, "a", json!([set("key", "a value that somebody relies on")])).await?;
    script::results(&host, "b", json!([set("key", "another")])).await?;
    host.terminate().await?;
    let database = host.data().join("greenroom.db");
    let mut bytes = std::fs::read(&database)?;
    let value = b"a value that somebody relies on";
    let places: Vec<_> = (0..bytes.len()).filter(|place| bytes[*place..].starts_with(value)).collect();
    assert!(!places.is_empty(), "the value is not in the file");
    for place in places {
        bytes[place + 8] ^= 1;
    }
    std::fs::write(&database, &bytes)?;
    // The check of the start finds nothing wrong with the pages.
    host.restart().await?;
    assert_eq!(script::results(&host, "b", json!([script::get("key")])).await?, [json!("another")]);
    let reply = script::run(&host, "a", json!([script::get("key")])).await?;
    assert!(!reply.text().contains("somebody relies on"), "{}", reply.text());
    reply.refused(503, "store-unavailable");
    assert_eq!(host.ended().await?.code(), Some(70));
    assert!(host.log().contains("a stored value of probe/a is not what was written"), "{}", host.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_gone_is_missed() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    host.call("probe", "a", "increment", "").await?.expect(200);
    host.kill().await?;
    let log = host.data().join("greenroom.db-wal");
    let aside = host.data().join("aside");
    std::fs::rename(&log, &aside)?;
    let said = refused_start(&host.data()).await?;
    assert!(said.contains("greenroom.db-wal is missing") && said.contains("put it back"), "{said}");
    std::fs::rename(&aside, &log)?;
    host.restart().await?;
    assert_eq!(host.call("probe", "a", "increment", "").await?.expect(200).text(), "2");
    // An orderly end leaves none, and none is missed. Neither is it after a second kill at once.
    host.terminate().await?;
    assert!(!log.exists());
    host.restart().await?;
    host.kill().await?;
    host.restart().await?;
    let types: Value = host.get("/v1/actor-types").await?.expect(200).json();
    assert_eq!(types["items"][0]["type"], "probe");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_while_it_starts_starts_again() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    for round in 0..30_u64 {
        let mut child = serve_command(&data)?
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()?;
        tokio::time::sleep(std::time::Duration::from_micros(round * 1_500)).await;
        child.kill().await?;
    }
    let host = Host::at(folder.path(), Settings::default()).await?;
    eventually("it is ready", SOON, || async {
        match host.get("/readyz").await {
            Ok(reply) if reply.status == 200 => Ok(()),
            other => Err(other),
        }
    })
    .await
}
