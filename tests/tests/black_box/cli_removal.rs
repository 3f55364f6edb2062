//! What is removed for good: said before, asked on a terminal, and never done by mistake.

use std::process::{Output, Stdio};

use anyhow::Context as _;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::cli::{greenroom, prints, text};

/// Runs it on a terminal (of `script`, which is part of util-linux), where somebody gives that answer.
async fn on_a_terminal(host: &Host, arguments: &str, answer: &str) -> anyhow::Result<Output> {
    let binary = guests::host_binary()?;
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command"]).arg(format!("{} {arguments}", binary.display()));
    command.arg("/dev/null").env("GREENROOM_HOST", host.base()).env_remove("GREENROOM_TOKEN");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().context("there is no `script`; it is in util-linux")?;
    let mut stdin = child.stdin.take().context("no stdin")?;
    stdin.write_all(answer.as_bytes()).await?;
    Ok(tokio::time::timeout(SOON, child.wait_with_output()).await??)
}

async fn with_actors(count: u32) -> anyhow::Result<Host> {
    let host = Host::with_probe(Settings::default()).await?;
    for id in 0..count {
        host.call("probe", &id.to_string(), "increment", "").await?.expect(200);
    }
    Ok(host)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_for_good_without_a_word() -> anyhow::Result<()> {
    let host = with_actors(3).await?;
    for (arguments, what) in [
        (&["undeploy", "probe", "--purge"][..], "1 version, 3 actors with all"),
        (&["delete", "probe", "0"], "probe/0 with 1 key of state"),
        (&["dead-letters", "remove", "--all"], "0 dead letters"),
    ] {
        let refused = greenroom(host.base(), arguments).await?;
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains("--yes") && said.contains("--dry-run"), "{arguments:?}: {said}");
        let told = prints(&host, &[arguments, &["--dry-run"]].concat()).await?;
        assert!(told.contains(what), "{arguments:?}: {told}");
    }
    let told = prints(&host, &["undeploy", "probe", "--dry-run"]).await?;
    assert!(told.contains("refused without --purge while it has 3 actors"), "{told}");
    let counts = prints(&host, &["undeploy", "probe", "--purge", "--dry-run", "--json"]).await?;
    let counts: serde_json::Value = serde_json::from_str(&counts)?;
    assert_eq!(counts["would_remove"]["actors"], 3);
    assert_eq!(prints(&host, &["call", "probe", "0", "get"]).await?, "1", "all is there");

    prints(&host, &["delete", "probe", "0", "--yes"]).await?;
    assert_eq!(prints(&host, &["call", "probe", "0", "get"]).await?, "0");
    prints(&host, &["undeploy", "probe", "--purge", "--yes"]).await?;
    assert_eq!(prints(&host, &["types", "--json"]).await?, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_it_says_how_much_goes_and_asks() -> anyhow::Result<()> {
    let host = with_actors(3).await?;
    let declined = on_a_terminal(&host, "undeploy probe --purge", "n\n").await?;
    let said = text(&declined.stdout);
    assert_eq!(declined.status.code(), Some(1), "{said}");
    assert!(
        said.contains("3 actors") && said.contains("Go on? [y/N]") && said.contains("nothing was removed"),
        "{said}"
    );
    assert_eq!(prints(&host, &["call", "probe", "0", "get"]).await?, "1");
    let agreed = on_a_terminal(&host, "undeploy probe --purge", "y\n").await?;
    assert!(
        agreed.status.success() && text(&agreed.stdout).contains("undeployed"),
        "{}",
        text(&agreed.stdout)
    );
    assert_eq!(prints(&host, &["types", "--json"]).await?, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_retried_and_removed_in_bulk() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default().limit("delivery_attempts", "1")).await?;
    host.deploy("other", guests::component("probe")?).await?.expect(201);
    for (actor_type, id) in [("probe", "a"), ("probe", "b"), ("probe", "c"), ("other", "a")] {
        prints(&host, &["send", actor_type, id, "no_such_method"]).await?;
    }
    let letters = async |count: usize| {
        eventually("the dead letters", SOON, || async {
            match prints(&host, &["dead-letters", "--json"]).await {
                Ok(list) if list.lines().count() == count => Ok(list),
                other => Err(other),
            }
        })
        .await
    };
    let list = letters(4).await?;
    let one: serde_json::Value = serde_json::from_str(list.lines().next().unwrap_or_default())?;
    assert!(one["message_id"].is_string() && one["id"] == "a", "{one}");
    let retried = greenroom(host.base(), &["dead-letters", "retry", "--all", "--type", "probe"]).await?;
    assert!(text(&retried.stdout).starts_with("3 dead letters: back in"), "{}", text(&retried.stdout));
    assert!(text(&retried.stderr).contains("0 of 3 dead letters"), "{}", text(&retried.stderr));
    // They fail again, and each is retried once only.
    letters(4).await?;
    let removed =
        prints(&host, &["dead-letters", "drop", "--all", "--type", "probe", "--yes", "--json"]).await?;
    assert_eq!(removed, r#"{"done":3,"gone":0,"left":0}"#);
    letters(1).await?;
    let output =
        greenroom(host.base(), &["dead-letters", "remove", "--all", "--type", "nosuch", "--yes"]).await?;
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    Ok(())
}
