//! Backups: a copy of a host under load is all of one moment, has everything that was acknowledged
//! before it began, and is refused when it is not whole; the host that was copied notices nothing.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use greenroom_tests::checker;
use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::guests;
use greenroom_tests::history::History;
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, remind, send, set};
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::support::{until_list, variant};

const ACTORS: usize = 3;
const SENDERS: usize = 3;

async fn greenroom(host: &str, arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new(guests::host_binary()?);
    command.args(arguments).env("GREENROOM_HOST", host).env_remove("GREENROOM_TOKEN");
    Ok(command.stdin(Stdio::null()).kill_on_drop(true).output().await?)
}

/// Runs `greenroom`, which must succeed.
async fn done(host: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = greenroom(host, arguments).await?;
    anyhow::ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `greenroom`, which must refuse, and returns what it says.
async fn refused(host: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = greenroom(host, arguments).await?;
    anyhow::ensure!(!output.status.success(), "{arguments:?} was done");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a temporary name is ASCII")
}

/// What a host says of the type, its settings and its dead letters, as far as it is stored.
async fn told(host: &Client) -> anyhow::Result<[Value; 3]> {
    let mut of_type: Value = host.get("/v1/actor-types/probe").await?.expect(200).json();
    of_type.as_object_mut().expect("an object").remove("active_actors");
    let settings = host.get("/v1/actor-types/probe/settings").await?.expect(200).json();
    let letters = host.get("/v1/dead-letters").await?.expect(200).json();
    Ok([of_type, settings, letters])
}

/// Two versions, the first of them active, a setting, a dead letter, a reminder for next year and a
/// request with a key.
async fn prepare(host: &Client) -> anyhow::Result<()> {
    let component = guests::component("probe")?;
    host.deploy("probe", variant(&component, 2)).await?.expect(201);
    host.post("/v1/actor-types/probe/versions/1/activate", "").await?.expect(200);
    let merge = [("content-type", "application/merge-patch+json")];
    let settings = json!({"idle_timeout_ms": 300_000, "environment": {"PLACE": "Kiel"}}).to_string();
    let url = "/v1/actor-types/probe/settings";
    host.send_request(Method::PATCH, url, &merge, settings).await?.expect(200);
    script::results(
        host,
        "poisoner",
        json!([send("victim", "run", json!([script::fail("internal", "no")]))]),
    )
    .await?;
    eventually("a dead letter", SOON, || async {
        match host.get("/v1/dead-letters").await {
            Ok(page) if page.json::<Value>()["items"].as_array().is_some_and(|it| it.len() == 1) => Ok(()),
            other => Err(other),
        }
    })
    .await?;
    let next_year = json!({ "delay_ms": 365_u64 * 24 * 3_600_000 });
    script::results(host, "sleeper", json!([remind("next year", &next_year, "rung")])).await?;
    assert_eq!(increment(host).await?.text(), "1");
    Ok(())
}

/// A request with a key: whoever repeats it gets the answer of the first.
async fn increment(host: &Client) -> anyhow::Result<greenroom_tests::client::Reply> {
    let headers = [("idempotency-key", "\"once\"")];
    host.send_request(Method::POST, "/v1/actors/probe/counted/increment", &headers, "").await
}

/// Appends one after the other.
async fn append(
    http: Client,
    client: usize,
    history: Arc<History>,
    over: Arc<AtomicBool>,
) -> anyhow::Result<()> {
    for step in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let token = format!("{client}-{step}");
        let operation = history.begin(client, step, &token);
        let reply = http.call("probe", &format!("list-{}", client % ACTORS), "append", token).await?;
        history.acknowledge(operation, Some(reply.expect(200).text().lines().count() - 1));
    }
    Ok(())
}

/// In each turn keeps a key and sends its name, so that sender and receiver tell on each other.
async fn tell(http: Client, sender: usize, over: Arc<AtomicBool>) -> anyhow::Result<()> {
    for step in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let token = format!("{sender}-{step:05}");
        let turn = json!([set(&format!("sent-{token}"), ""), send("receiver", "append", json!(token))]);
        script::results(&http, &format!("sender-{sender}"), turn).await?;
    }
    Ok(())
}

/// Waits until the receiver's list is what the senders say they sent, each once and in order.
async fn assert_senders_and_receiver_agree(host: &Client) -> anyhow::Result<usize> {
    let mut sent = Vec::new();
    for sender in 0..SENDERS {
        let turn = json!([{ "op": "keys", "prefix": "sent-", "after": null, "limit": 100_000 }]);
        let seen = script::results(host, &format!("sender-{sender}"), turn).await?;
        let keys: Vec<String> = serde_json::from_value(seen[0].clone())?;
        sent.extend(keys.into_iter().map(|key| key.trim_start_matches("sent-").to_owned()));
    }
    let count = sent.len();
    let list = until_list(host, "receiver", "all have arrived", |list| list.len() >= count).await?;
    assert_eq!(list.len(), count, "something arrived twice, or was sent by nobody");
    assert_eq!(list.iter().collect::<HashSet<_>>(), sent.iter().collect(), "sender and receiver disagree");
    for sender in 0..SENDERS {
        let of_sender: Vec<_> = list.iter().filter(|it| it.starts_with(&format!("{sender}-"))).collect();
        assert!(of_sender.is_sorted(), "sender {sender}: {of_sender:?}");
    }
    Ok(count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_host_under_load_has_all_that_was_acknowledged_and_is_of_one_moment() -> anyhow::Result<()>
{
    let folder = tempfile::tempdir()?;
    let settings = Settings::default().limit("delivery_attempts", "1");
    let host = Host::with_probe(settings.clone()).await?;
    prepare(&host).await?;
    let period = json!({ "delay_ms": 10, "period_ms": 20 });
    script::results(&host, "clock", json!([remind("alarm", &period, "rung")])).await?;

    let over = Arc::new(AtomicBool::new(false));
    let histories: Vec<Arc<History>> = (0..ACTORS).map(|_| Arc::default()).collect();
    let mut load: Vec<_> = (0..2 * ACTORS)
        .map(|client| {
            let history = Arc::clone(&histories[client % ACTORS]);
            tokio::spawn(append(host.clone(), client, history, Arc::clone(&over)))
        })
        .collect();
    load.extend((0..SENDERS).map(|sender| tokio::spawn(tell(host.clone(), sender, Arc::clone(&over)))));
    let acknowledged = |count: usize| {
        let histories = &histories;
        eventually("load", SOON, move || async move {
            let seen: usize = histories.iter().map(|it| it.acknowledged()).sum();
            if seen >= count { Ok(seen) } else { Err(seen) }
        })
    };
    let mut copies = Vec::new();
    for round in 1..=3 {
        let so_far = acknowledged(round * 100).await?;
        let before: Vec<_> = histories.iter().map(|history| history.operations()).collect();
        let file = folder.path().join(format!("{round}.backup"));
        let said = done(host.base(), &["backup", path(&file)]).await?;
        assert!(said.contains("sha-256"), "{said}");
        copies.push((before, file));
        acknowledged(so_far + 10).await?;
    }
    over.store(true, Ordering::Relaxed);
    for task in load {
        task.await??;
    }

    // The host that was copied has gone on.
    let mut lists = Vec::new();
    for (actor, history) in histories.iter().enumerate() {
        let list = script::list(&host, &format!("list-{actor}")).await?;
        checker::check(&history.operations(), &list)?;
        lists.push(list);
    }
    let sent = assert_senders_and_receiver_agree(&host).await?;
    assert!(sent > 10, "too little was sent to tell");
    let names: Vec<_> = std::fs::read_dir(host.data())?.map(|entry| entry.map(|it| it.file_name())).collect();
    assert!(!format!("{names:?}").contains("backup"), "a copy was left behind: {names:?}");

    for (round, (before, file)) in copies.into_iter().enumerate() {
        let home = folder.path().join(format!("restored-{round}"));
        done(host.base(), &["restore", path(&file), "--data", path(&home.join("data"))]).await?;
        let restored = Host::at(&home, settings.clone()).await?;
        for (actor, before) in before.iter().enumerate() {
            let list = script::list(&restored, &format!("list-{actor}")).await?;
            assert!(lists[actor].starts_with(&list), "round {round}: no prefix of what came to be");
            for operation in before.iter().filter(|operation| operation.acknowledged.is_some()) {
                assert!(list.contains(&operation.token), "round {round}: {} is lost", operation.token);
            }
        }
        assert!(assert_senders_and_receiver_agree(&restored).await? <= sent);
        assert_eq!(told(&restored).await?, told(&host).await?);
        let url = "/v1/actor-types/probe/versions/2/component";
        assert_eq!(restored.get(url).await?.expect(200).body, host.get(url).await?.expect(200).body);
        let again = increment(&restored).await?.expect(200);
        assert_eq!((again.text().as_str(), again.header("idempotency-replayed")), ("1", "true"));
        let reminders: Value = restored.get("/v1/actors/probe/sleeper/-/reminders").await?.expect(200).json();
        assert_eq!(reminders["items"][0]["name"], "next year", "{reminders}");
        // What was due while nobody ran is one firing, and the alarm goes on.
        let rung = script::list(&restored, "clock").await?.len();
        until_list(&restored, "clock", "the alarm goes on", |list| list.len() > rung + 2).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_whole_backup_is_refused_and_nothing_is_overwritten() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut host = Host::with_probe(Settings::default()).await?;
    host.call("probe", "a", "append", "a value of some length").await?.expect(200);
    let file = folder.path().join("one.backup");
    let base = host.base().to_owned();
    done(&base, &["backup", path(&file)]).await?;
    let backup = std::fs::read(&file)?;

    let said = refused(&base, &["backup", path(&file)]).await?;
    assert!(said.contains("--force"), "{said}");
    let said = refused("http://127.0.0.1:1", &["backup", path(&file), "--force"]).await?;
    assert!(said.contains("can't reach"), "{said}");
    assert!(std::fs::read(&file)? == backup, "a backup that failed has taken the place of one that did not");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 1, "a part was left behind");
    done(&base, &["backup", path(&file), "--force"]).await?;

    let said = refused(&base, &["restore", path(&file), "--data", path(&host.data())]).await?;
    assert!(said.contains(&host.pid().to_string()) && said.contains("stop that host"), "{said}");
    let said =
        refused(&base, &["backup", path(&folder.path().join("x")), "--data", path(&host.data())]).await?;
    assert!(said.contains(&host.pid().to_string()) && said.contains("without --data"), "{said}");

    let place = backup.windows(7).rposition(|window| window == b"a value").expect("it is in the backup");
    let mut flipped = backup.clone();
    flipped[place] ^= 1;
    let cut_off = backup[..backup.len() - 20].to_vec();
    let data = folder.path().join("data");
    let wrong = folder.path().join("wrong");
    for (bytes, says) in [
        (cut_off, "cut off"),
        (flipped, "damaged"),
        (b"<html>".to_vec(), "not a backup"),
        (Vec::new(), "not a backup"),
    ] {
        std::fs::write(&wrong, bytes)?;
        let said = refused(&base, &["restore", path(&wrong), "--data", path(&data)]).await?;
        assert!(said.contains(says) && said.contains(path(&wrong)), "{says}: {said}");
        assert!(!data.exists(), "{says}: something was made");
    }

    host.call("probe", "a", "increment", "").await?.expect(200);
    host.terminate().await?;
    let said = refused(&base, &["restore", path(&file), "--data", path(&host.data())]).await?;
    assert!(said.contains("has data already"), "{said}");
    let stopped = folder.path().join("stopped.backup");
    done(&base, &["backup", path(&stopped), "--data", path(&host.data())]).await?;
    let home = folder.path().join("home");
    done(&base, &["restore", path(&stopped), "--data", path(&home.join("data"))]).await?;
    let restored = Host::at(&home, Settings::default()).await?;
    assert_eq!(restored.call("probe", "a", "get", "").await?.expect(200).text(), "1");
    host.restart().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_backup_is_made_at_a_time_and_whoever_goes_away_makes_room() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    // More than sockets buffer, so that a reader that does not read holds the backup.
    for number in 0..40 {
        script::results(&host, &format!("large-{number}"), json!([script::fill("key", 900_000)])).await?;
    }
    let address = host.base().trim_start_matches("http://").to_owned();
    let mut stalled = tokio::net::TcpStream::connect(&address).await?;
    let request = format!("GET /v1/backup HTTP/1.1\r\nhost: {address}\r\n\r\n");
    stalled.write_all(request.as_bytes()).await?;
    let mut first = [0; 12];
    stalled.read_exact(&mut first).await?;
    assert_eq!(&first, b"HTTP/1.1 200");

    let problem = host.get("/v1/backup").await?.refused(503, "overloaded");
    assert!(problem.detail.contains("one is made at a time"), "{problem:?}");
    let said = refused(host.base(), &["backup", "/dev/null/no"]).await?;
    assert!(said.contains("can't write"), "{said}");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("two.backup");
    let said = refused(host.base(), &["backup", path(&file)]).await?;
    assert!(said.contains("another backup is under way"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "a part was left behind");
    host.call("probe", "a", "increment", "").await?.expect(200);

    drop(stalled);
    eventually("the next backup", SOON, || async { done(host.base(), &["backup", path(&file)]).await })
        .await?;
    assert!(std::fs::metadata(&file)?.len() > 36_000_000);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_finds_no_room_says_so() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let mut command = Command::new(guests::host_binary()?);
    command.args(["backup", "-"]).env("GREENROOM_HOST", host.base()).stdin(Stdio::null());
    command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full")?);
    let running = command.stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
    let output = running.wait_with_output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("No space left") && said.contains("throw it away"), "{said}");
    // The host notices in a moment that nobody reads any more.
    eventually("the next backup", SOON, || async {
        match host.get("/v1/backup").await {
            Ok(reply) if reply.status == 200 => Ok(()),
            other => Err(other),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_has_a_token_gets_a_backup() -> anyhow::Result<()> {
    let token = "0123456789abcdef0123";
    let host = Host::with(Settings::default().variable("GREENROOM_TOKENS", token)).await?;
    host.get("/v1/backup").await?.refused(401, "unauthenticated");
    let bearer = format!("Bearer {token}");
    let reply = host.send_request(Method::GET, "/v1/backup", &[("authorization", &bearer)], "").await?;
    assert!(reply.expect(200).body.starts_with(b"SQLite format 3"));
    Ok(())
}
