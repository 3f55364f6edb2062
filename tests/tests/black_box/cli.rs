//! The command line against a running host: what it prints, and how it ends.

use std::process::{Output, Stdio};

use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use tokio::process::Command;

/// Runs `greenroom` with these arguments against the host.
async fn greenroom(host: &str, arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new(guests::host_binary()?);
    command.args(arguments).env("GREENROOM_HOST", host).env_remove("GREENROOM_TOKEN");
    Ok(command.stdin(Stdio::null()).kill_on_drop(true).output().await?)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What it prints when it succeeds.
async fn prints(host: &Host, arguments: &[&str]) -> anyhow::Result<String> {
    let output = greenroom(host.base(), arguments).await?;
    anyhow::ensure!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    Ok(text(&output.stdout).trim_end().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_hour_with_it() -> anyhow::Result<()> {
    let host = Host::start().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("probe.wasm");
    std::fs::write(&file, guests::component("probe")?)?;
    let file = file.to_string_lossy().into_owned();

    let deployed = prints(&host, &["deploy", "probe", &file]).await?;
    assert!(deployed.contains("probe") && deployed.contains('1'), "{deployed}");
    assert!(prints(&host, &["types"]).await?.contains("probe"));
    assert!(prints(&host, &["type", "probe"]).await?.contains("probe"));
    assert!(prints(&host, &["type", "probe", "--json"]).await?.contains("greenroom:actor/state@0.1.0"));

    assert_eq!(prints(&host, &["call", "probe", "a/b c", "increment"]).await?, "1");
    assert_eq!(prints(&host, &["call", "probe", "a/b c", "increment"]).await?, "2");
    assert_eq!(prints(&host, &["call", "probe", "a", "echo", "{\"x\": 1}"]).await?, "{\"x\": 1}");
    prints(&host, &["send", "probe", "a/b c", "increment"]).await?;
    eventually("the message", SOON, || async {
        match prints(&host, &["call", "probe", "a/b c", "get"]).await {
            Ok(count) if count == "3" => Ok(()),
            other => Err(other),
        }
    })
    .await?;

    let set = prints(&host, &["settings", "probe", "idle_timeout=5m", "environment.PLACE=Kiel"]).await?;
    assert!(set.contains("idle_timeout") && set.contains("5m") && set.contains("environment.PLACE"), "{set}");
    let unset =
        prints(&host, &["settings", "probe", "--unset", "environment", "--unset", "idle_timeout"]).await?;
    let idle = unset.lines().find(|line| line.starts_with("idle_timeout")).unwrap_or_default();
    assert!(!unset.contains("Kiel") && idle.contains("1m") && idle.contains("default"), "{unset}");
    assert!(prints(&host, &["settings", "probe", "--json"]).await?.contains("\"idle_timeout_ms\""));
    std::fs::write(&file, crate::support::variant(&guests::component("probe")?, 2))?;
    prints(&host, &["deploy", "probe", &file]).await?;
    for (arguments, active) in [
        (&["rollback", "probe"][..], 1),
        (&["rollback", "probe"], 2),
        (&["rollback", "probe", "--to", "1"], 1),
        (&["activate", "probe", "2"], 2),
    ] {
        let said = prints(&host, arguments).await?;
        assert!(said.contains(&format!("version {active} is active")), "{arguments:?}: {said}");
    }
    let versions = prints(&host, &["versions", "probe"]).await?;
    assert!(versions.contains("2        active") && versions.contains("1        before"), "{versions}");

    let actors = prints(&host, &["actors", "--type", "probe", "--prefix", "a/"]).await?;
    assert!(actors.contains("a/b c"), "{actors}");
    let inspected = prints(&host, &["inspect", "probe", "a/b c"]).await?;
    assert!(inspected.contains("idle"), "{inspected}");
    let json: serde_json::Value =
        serde_json::from_str(&prints(&host, &["inspect", "probe", "a/b c", "--json"]).await?)?;
    assert_eq!(json["state_keys"], 1);
    assert!(prints(&host, &["state", "probe", "a/b c"]).await?.contains('n'));
    assert_eq!(prints(&host, &["state", "probe", "a/b c", "n"]).await?, "3");
    prints(&host, &["send", "probe", "a/b c", "increment", "--delay", "1h"]).await?;
    assert!(prints(&host, &["mailbox", "probe", "a/b c"]).await?.contains("increment"));
    prints(&host, &["deactivate", "probe", "a/b c"]).await?;
    assert!(prints(&host, &["status"]).await?.contains("ready"));
    prints(&host, &["delete", "probe", "a/b c"]).await?;
    assert_eq!(prints(&host, &["call", "probe", "a/b c", "get"]).await?, "0");
    prints(&host, &["undeploy", "probe", "--purge"]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_with_the_same_key_changes_nothing() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let key = "--idempotency-key=it's \"the\" key";
    for _ in 0..2 {
        assert_eq!(prints(&host, &["call", "probe", "a", "increment", key]).await?, "1");
    }
    let sent = prints(&host, &["send", "probe", "b", "increment", key]).await?;
    assert_eq!(prints(&host, &["send", "probe", "b", "increment", key]).await?, sent);
    let output = greenroom(host.base(), &["call", "probe", "a", "get", key]).await?;
    assert!(text(&output.stderr).contains("idempotency-mismatch"), "{}", text(&output.stderr));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_looked_after() -> anyhow::Result<()> {
    let limits = Settings::default().limit("delivery_attempts", "1");
    let host = Host::with_probe(limits).await?;
    let ids = [
        prints(&host, &["send", "probe", "a", "no_such_method", "{\"x\": 1}"]).await?,
        prints(&host, &["send", "probe", "a", "no_such_method"]).await?,
    ];
    eventually("two dead letters", SOON, || async {
        match prints(&host, &["dead-letters"]).await {
            Ok(list) if ids.iter().all(|id| list.contains(id)) => Ok(()),
            other => Err(other),
        }
    })
    .await?;
    let list = prints(&host, &["dead-letters", "list", "--type", "probe"]).await?;
    assert!(list.contains("no_such_method") && list.contains("unimplemented"), "{list}");
    assert_eq!(prints(&host, &["dead-letters", "--type", "other", "--json"]).await?, "");
    assert!(prints(&host, &["dead-letters", "show", &ids[0]]).await?.contains("no_such_method"));
    assert_eq!(prints(&host, &["dead-letters", "show", &ids[0], "--payload"]).await?, "{\"x\": 1}");
    assert!(prints(&host, &["dead-letters", "retry", &ids[0]]).await?.contains(&ids[0]));
    prints(&host, &["dead-letters", "remove", &ids[1]]).await?;
    let output = greenroom(host.base(), &["dead-letters", "remove", &ids[1]]).await?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(&ids[1]), "{}", text(&output.stderr));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_said_once_and_ends_with_an_error() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    for (arguments, status, word) in [
        (&["call", "nobody", "a", "get"][..], 1, "unknown-actor-type"),
        (&["call", "probe", "a", "no_such_method"], 1, "unimplemented"),
        (&["inspect", "probe", "never-seen"], 1, "unknown-actor"),
        (&["call", "probe", "a", "1get"], 1, "invalid"),
        (&["deploy", "probe", "/nowhere/probe.wasm"], 2, "/nowhere/probe.wasm"),
        (&["settings", "probe", "mailbox_capacity=9999999"], 1, "$.mailbox_capacity"),
        (&["settings", "probe", "idle_timeout=soon"], 2, "idle_timeout"),
        (&["activate", "probe", "9"], 1, "no version 9"),
        (&["rollback", "probe"], 2, "greenroom versions probe"),
        (&["no-such-command"], 2, "no-such-command"),
    ] {
        let output = greenroom(host.base(), arguments).await?;
        let said = text(&output.stderr);
        assert!(output.status.code().is_some_and(|code| code == status), "{arguments:?}: {}", output.status);
        assert!(said.contains(word) && !said.contains("panicked"), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {}", text(&output.stdout));
    }
    let output = greenroom("http://127.0.0.1:1", &["types"]).await?;
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("127.0.0.1:1"), "{}", text(&output.stderr));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_explains_itself() -> anyhow::Result<()> {
    let output = greenroom("http://127.0.0.1:1", &["--help"]).await?;
    assert!(output.status.success());
    for word in ["serve", "deploy", "call", "actors"] {
        assert!(text(&output.stdout).contains(word), "{word}: {}", text(&output.stdout));
    }
    assert!(greenroom("http://127.0.0.1:1", &["--version"]).await?.status.success());
    Ok(())
}
