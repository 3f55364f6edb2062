//! The command line: what it prints against a running host, how it ends, and what `serve` refuses.

use std::fs::File;
use std::process::{Output, Stdio};

use anyhow::Context as _;
use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::guests;
use greenroom_tests::host::{Host, serve_command};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

/// Runs `greenroom` with these arguments against the host.
pub(crate) async fn greenroom(host: &str, arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new(guests::host_binary()?);
    command.args(arguments).env("GREENROOM_HOST", host).env_remove("GREENROOM_TOKEN");
    Ok(command.stdin(Stdio::null()).kill_on_drop(true).output().await?)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What it prints when it succeeds.
pub(crate) async fn prints(host: &Host, arguments: &[&str]) -> anyhow::Result<String> {
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
    prints(&host, &["delete", "probe", "a/b c", "--yes"]).await?;
    assert_eq!(prints(&host, &["call", "probe", "a/b c", "get"]).await?, "0");
    prints(&host, &["undeploy", "probe", "--purge", "--yes"]).await?;
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
    let more = [
        prints(&host, &["send", "probe", "b", "no_such_method"]).await?,
        prints(&host, &["send", "probe", "b", "no_such_method"]).await?,
    ];
    eventually("the dead letters", SOON, || async {
        match prints(&host, &["dead-letters"]).await {
            Ok(list) if ids.iter().chain(&more).all(|id| list.contains(id)) => Ok(()),
            other => Err(other),
        }
    })
    .await?;
    let list = prints(&host, &["dead-letters", "list", "--type", "probe"]).await?;
    assert!(list.contains("no_such_method") && list.contains("unimplemented"), "{list}");
    let other = greenroom(host.base(), &["dead-letters", "--type", "other", "--json"]).await?;
    assert_eq!((other.status.code(), text(&other.stdout).as_str()), (Some(3), ""));
    assert!(prints(&host, &["dead-letters", "show", &ids[0]]).await?.contains("no_such_method"));
    assert_eq!(prints(&host, &["dead-letters", "show", &ids[0], "--payload"]).await?, "{\"x\": 1}");
    assert!(prints(&host, &["dead-letters", "retry", &ids[0]]).await?.contains(&ids[0]));
    let (reader, unread) = std::io::pipe()?;
    drop(reader);
    let mut remove = Command::new(guests::host_binary()?);
    remove.args(["dead-letters", "remove", &more[0], &more[1]]).env("GREENROOM_HOST", host.base());
    assert!(remove.stdout(unread).status().await?.success());
    let list = prints(&host, &["dead-letters"]).await?;
    assert!(!more.iter().any(|id| list.contains(id)), "what nobody reads is done all the same: {list}");
    prints(&host, &["dead-letters", "remove", &ids[1]]).await?;
    let output = greenroom(host.base(), &["dead-letters", "remove", &ids[1]]).await?;
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(&ids[1]), "{}", text(&output.stderr));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_said_once_and_ends_with_an_error() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    for (arguments, status, word) in [
        (&["call", "nobody", "a", "get"][..], 3, "unknown-actor-type"),
        (&["call", "probe", "a", "no_such_method"], 1, "unimplemented"),
        (&["inspect", "probe", "never-seen"], 3, "unknown-actor"),
        (&["call", "probe", "a", "1get"], 1, "invalid"),
        (&["deploy", "probe", "/nowhere/probe.wasm"], 2, "/nowhere/probe.wasm"),
        (&["settings", "probe", "mailbox_capacity=9999999"], 1, "$.mailbox_capacity"),
        (&["settings", "probe", "idle_timeout=soon"], 2, "idle_timeout"),
        (&["activate", "probe", "9"], 3, "no version 9"),
        (&["rollback", "probe"], 1, "greenroom versions probe"),
        (&["types", "--host", "http://127.0.0.1:99999"], 2, "99999"),
        (&["no-such-command"], 2, "no-such-command"),
    ] {
        let output = greenroom(host.base(), arguments).await?;
        let said = text(&output.stderr);
        assert!(output.status.code().is_some_and(|code| code == status), "{arguments:?}: {}", output.status);
        assert!(said.contains(word) && !said.contains("panicked"), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {}", text(&output.stdout));
    }
    let output = greenroom("http://127.0.0.1:1", &["types"]).await?;
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
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
    let [version, long] = [&["version"], &["--version"]].map(|arguments| greenroom("", arguments));
    let (version, long) = (version.await?.stdout, long.await?.stdout);
    assert!(version.starts_with(b"greenroom ") && version == long, "{}", text(&version));
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = text(&greenroom("", &["completions", shell]).await?.stdout);
        assert!(script.contains("dead-letters") && !script.contains("compile-component"), "{shell}");
    }
    let page = text(&greenroom("", &["man"]).await?.stdout);
    assert!(page.starts_with('.') && page.contains("greenroom") && page.contains("dead"), "{page}");
    let folder = tempfile::tempdir()?;
    assert!(greenroom("", &["man", "--dir", &folder.path().to_string_lossy()]).await?.status.success());
    assert!(folder.path().join("greenroom.1").is_file() && folder.path().join("greenroom-call.1").is_file());
    for slip in ["compile", "compile-componen"] {
        let output = greenroom("", &[slip]).await?;
        assert_eq!(output.status.code(), Some(2));
        assert!(!text(&output.stderr).contains("compile-component"), "{}", text(&output.stderr));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn output_that_can_not_be_written_is_an_error_unless_nobody_reads() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    prints(&host, &["call", "probe", "a", "increment"]).await?;
    let folder = tempfile::tempdir()?;
    let made = folder.path().join("task").to_string_lossy().into_owned();
    let binary = guests::host_binary()?;
    for arguments in [
        &["call", "probe", "a", "echo", "hello"][..],
        &["state", "probe", "a", "n"],
        &["state", "probe", "a"],
        &["actors", "--json"],
        &["inspect", "probe", "a"],
        &["status"],
        &["settings", "probe"],
        &["new", "--lang", "rust", "task", "--dir", &made],
        &["--help"],
        &["--version"],
    ] {
        let command = || {
            let mut command = Command::new(&binary);
            command.env("GREENROOM_HOST", host.base()).env_remove("GREENROOM_TOKEN");
            command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
            command
        };
        let full = File::options().write(true).open("/dev/full")?;
        let full = command().args(arguments).stdout(full).spawn()?.wait_with_output().await?;
        let _ = std::fs::remove_dir_all(&made);
        let said = text(&full.stderr);
        assert_eq!(full.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("stdout") && said.contains("os error 28"), "{arguments:?}: {said}");
        let (reader, unread) = std::io::pipe()?;
        drop(reader);
        let unread = command().args(arguments).stdout(unread).spawn()?.wait_with_output().await?;
        let _ = std::fs::remove_dir_all(&made);
        assert!(unread.status.success() && unread.stderr.is_empty(), "{arguments:?}: {unread:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_told_what_went_wrong_and_what_to_do_next() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let fail = |code: &str| serde_json::json!([{"op": "fail", "code": code, "message": "why"}]).to_string();
    let (conflict, later) = (fail("conflict"), fail("resource-exhausted"));
    for (base, arguments, exit_code, code) in [
        (host.base(), &["call", "nobody", "a", "get"][..], 3, "unknown-actor-type"),
        (host.base(), &["call", "probe", "a", "no_such_method"], 1, "unimplemented"),
        (host.base(), &["call", "probe", "a", "run", &conflict], 4, "conflict"),
        (host.base(), &["call", "probe", "a", "run", &later], 5, "resource-exhausted"),
        (host.base(), &["delete", "probe", "nobody", "--yes"], 3, "unknown-actor"),
        (host.base(), &["call", "probe", "a", "get", "--jsonn"], 2, "usage"),
        (host.base(), &["call", "probe", "a", "get", "@/nowhere/x"], 2, "usage"),
        ("http://127.0.0.1:1", &["types"], 5, "unreachable"),
        ("http://no-such-host.invalid", &["types"], 5, "unreachable"),
    ] {
        let output = greenroom(base, &[arguments, &["--json"]].concat()).await?;
        let said = text(&output.stderr);
        let problem: serde_json::Value = serde_json::from_str(&said).with_context(|| said.clone())?;
        assert_eq!((output.status.code(), &problem["code"]), (Some(exit_code), &code.into()), "{said}");
        assert_eq!(problem["exit_code"], exit_code, "{said}");
        assert!(problem["detail"].is_string() && problem["retry"].is_string() && output.stdout.is_empty());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_from_what_is_empty() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    for (arguments, word) in [
        (&["state", "probe", "nobody"][..], "unknown-actor"),
        (&["mailbox", "probe", "nobody"], "unknown-actor"),
        (&["reminders", "probe", "nobody"], "unknown-actor"),
        (&["deactivate", "probe", "nobody"], "unknown-actor"),
        (&["delete", "probe", "nobody", "--yes"], "unknown-actor"),
        (&["actors", "--type", "nosuch"], "unknown-actor-type"),
        (&["dead-letters", "--type", "nosuch"], "unknown-actor-type"),
    ] {
        let output = greenroom(host.base(), arguments).await?;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {said}");
        assert!(said.contains(word) && output.stdout.is_empty(), "{arguments:?}: {said}");
    }
    prints(&host, &["call", "probe", "a", "increment"]).await?;
    for (arguments, word) in [
        (&["state", "probe", "a", "--prefix", "x"][..], "no keys"),
        (&["mailbox", "probe", "a"], "no messages"),
        (&["reminders", "probe", "a"], "no reminders"),
        (&["actors", "--type", "probe", "--prefix", "x"], "no actors"),
        (&["dead-letters", "--type", "probe"], "no dead letters"),
    ] {
        let output = greenroom(host.base(), arguments).await?;
        assert!(output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        assert!(text(&output.stderr).contains(word), "{arguments:?}: {}", text(&output.stderr));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_comes_from_the_command_line_a_file_or_stdin() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("payload");
    std::fs::write(&file, "of a file")?;
    let at_file = format!("@{}", file.display());
    for (body, expected) in
        [(&["text"][..], "text"), (&["-1"], "-1"), (&["--", "--json"], "--json"), (&[&at_file], "of a file")]
    {
        assert_eq!(prints(&host, &[&["call", "probe", "a", "echo"], body].concat()).await?, expected);
    }
    for body in ["-", "@-"] {
        let mut command = Command::new(guests::host_binary()?);
        command.args(["call", "probe", "a", "echo", body]).env("GREENROOM_HOST", host.base());
        command.env_remove("GREENROOM_TOKEN").stdin(File::open(&file)?);
        assert_eq!(text(&command.output().await?.stdout), "of a file", "{body}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_downloaded_as_it_was_uploaded() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("probe.wasm");
    let arguments = ["type", "probe", "--component", &file.to_string_lossy()];
    prints(&host, &arguments).await?;
    assert!(std::fs::read(&file)? == guests::component("probe")?);
    assert_eq!(greenroom(host.base(), &arguments).await?.status.code(), Some(2), "nothing is overwritten");
    Ok(())
}

/// Where something reads the beginning of each request, answers so, and closes.
async fn answering(answer: &'static str) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4 << 10];
            if stream.read(&mut request).await.is_ok() {
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    Ok(base)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_no_success() -> anyhow::Result<()> {
    let base = answering(
        "HTTP/1.1 308 Permanent Redirect\r\nlocation: https://elsewhere/\r\ncontent-length: 0\r\n\r\n",
    )
    .await?;
    for arguments in
        [&["delete", "probe", "a", "--yes"][..], &["call", "probe", "a", "get"], &["undeploy", "probe"]]
    {
        let output = greenroom(&base, arguments).await?;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stdout));
        assert!(output.stdout.is_empty() && text(&output.stderr).contains("redirect"), "{arguments:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_not_answered_is_told_that_it_may_be_done() -> anyhow::Result<()> {
    let base = answering("").await?;
    let output = greenroom(&base, &["call", "probe", "a", "increment"]).await?;
    assert_eq!(output.status.code(), Some(6));
    assert!(text(&output.stderr).contains("may be done"), "{}", text(&output.stderr));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_heard_before_all_of_a_component_is_sent() -> anyhow::Result<()> {
    let base = answering(
        "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-type: application/problem+json\r\n\
         content-length: 75\r\n\r\n\
         {\"code\":\"unauthenticated\",\"source\":\"client\",\"retry\":\"never\",\"detail\":\"why\"}",
    )
    .await?;
    let component = tempfile::NamedTempFile::new()?;
    component.as_file().set_len(32 << 20)?;
    let file = component.path().to_string_lossy().into_owned();
    let output = greenroom(&base, &["deploy", "probe", &file]).await?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("unauthenticated"), "{}", text(&output.stderr));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_log_can_not_be_written_works_all_the_same() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (reader, unread) = std::io::pipe()?;
    drop(reader);
    let (stalled, never_read) = std::io::pipe()?;
    let full = File::options().write(true).open("/dev/full")?;
    for (name, log) in
        [("full", Stdio::from(full)), ("closed", unread.into()), ("stalled", never_read.into())]
    {
        let mut command = serve_command(&folder.path().join(name))?;
        command.args(["--log", "debug"]).env_remove("GREENROOM_TOKENS");
        let mut host = command.stdout(Stdio::piped()).stderr(log).spawn()?;
        let mut lines = BufReader::new(host.stdout.take().context("no output")?).lines();
        let line = tokio::time::timeout(SOON, lines.next_line()).await??.unwrap_or_default();
        let client =
            Client::new(line.strip_prefix("listening on ").with_context(|| format!("{name}: {line}"))?);
        client.deploy("probe", guests::component("probe")?).await?.expect(201);
        let say =
            serde_json::json!([{"op": "log", "level": "info", "message": "x".repeat(10_000)}]).to_string();
        for _ in 0..100 {
            // More than a pipe has room for.
            client.call("probe", "a", "run", say.clone()).await?.expect(200);
        }
        client.call("probe", "a", "increment", "").await?.expect(200);
        let pid = host.id().context("it has ended")?;
        kill_process(Pid::from_raw(i32::try_from(pid)?).context("a pid")?, Signal::TERM)?;
        let ended =
            tokio::time::timeout(SOON, host.wait()).await.with_context(|| format!("{name}: it hangs"))??;
        assert_eq!(ended.code(), Some(0), "{name}");
    }
    drop(stalled);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_guests_say_neither_commands_a_terminal_nor_makes_a_line() -> anyhow::Result<()> {
    const HOSTILE: &str = "\u{1b}]0;title\u{7}k\nerror: done\r";
    const SHOWN: &str = "\\u{1b}]0;title\\u{7}k";
    let host = Host::with_probe(Settings::default().limit("delivery_attempts", "1")).await?;
    let set = serde_json::json!([{"op": "set", "key": HOSTILE, "value": "1"}]).to_string();
    prints(&host, &["call", "probe", "a", "run", &set]).await?;
    let fail = serde_json::json!([{"op": "fail", "code": "conflict", "message": HOSTILE}]).to_string();
    let id = prints(&host, &["send", "probe", "a", "run", &fail]).await?;
    eventually("a dead letter", SOON, || async {
        match prints(&host, &["dead-letters"]).await {
            Ok(list) if list.contains(&id) => Ok(()),
            other => Err(other),
        }
    })
    .await?;

    let refused = greenroom(host.base(), &["call", "probe", "a", "run", &fail]).await?;
    let shown = [
        text(&refused.stderr),
        prints(&host, &["state", "probe", "a"]).await?,
        prints(&host, &["dead-letters"]).await?,
        prints(&host, &["dead-letters", "show", &id]).await?,
        prints(&host, &["inspect", "probe", "a"]).await?,
        host.log(),
    ];
    for (index, shown) in shown.iter().enumerate() {
        assert!(!shown.contains(|it: char| it.is_control() && it != '\n'), "{index}: {shown:?}");
        assert!(!shown.lines().any(|line| line.starts_with("error: done")), "{index}: {shown:?}");
        assert!(shown.contains(SHOWN), "{index}: {shown:?}");
    }
    assert_eq!(shown[1].lines().count(), 2, "a title and a key: {:?}", shown[1]);
    assert_eq!(
        prints(&host, &["dead-letters", "show", &id, "--payload"]).await?,
        fail,
        "the bytes themselves"
    );
    Ok(())
}

/// How a host ends that must not start, and what it says.
async fn refused_start(arguments: &[&str], log: Option<&str>) -> anyhow::Result<(Option<i32>, String)> {
    let mut command = Command::new(guests::host_binary()?);
    command.arg("serve").args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command.envs(log.map(|log| ("GREENROOM_LOG", log)));
    let output = tokio::time::timeout(SOON, command.output()).await??;
    Ok((output.status.code(), text(&output.stderr)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_is_shown_with_the_methods_it_exports() -> anyhow::Result<()> {
    let host = Host::start().await?;
    host.deploy("typed", guests::component("typed")?).await?.expect(201);
    host.deploy("probe", guests::component("probe")?).await?.expect(201);
    let shown = prints(&host, &["type", "typed"]).await?;
    let words = |name: &str| {
        let line = shown.lines().find(|line| line.split("  ").next() == Some(name));
        line.map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>())
    };
    assert_eq!(words("METHOD"), Some(vec!["METHOD", "PARAMETERS", "ABOUT"]), "{shown}");
    assert_eq!(words("ask"), Some(vec!["ask", "body, id, method", "-"]), "{shown}");
    assert_eq!(words("option-in-option"), Some(vec!["option-in-option", "value?", "-"]), "{shown}");
    // What takes any method says of none.
    assert!(!prints(&host, &["type", "probe"]).await?.contains("METHOD"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_level_of_the_log_is_refused() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (data, config) = (folder.path().join("data"), folder.path().join("greenroom.toml"));
    std::fs::write(&config, "log = 'wran'")?;
    let (data, config) = (data.to_string_lossy(), config.to_string_lossy());
    let serve = ["--data", &*data, "--listen", "127.0.0.1:0"];
    for (arguments, log, place) in [
        (&["--log", "wran"][..], None, "--log"),
        (&[], Some("wran"), "GREENROOM_LOG"),
        (&["--config", &*config], None, "greenroom.toml: log"),
    ] {
        let (code, said) = refused_start(&[&serve[..], arguments].concat(), log).await?;
        assert_eq!(code, Some(2), "{place}: {said}");
        assert!(said.contains(place) && said.contains("warn") && said.contains("wran"), "{place}: {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_can_not_start_says_why_once() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (data, file) = (folder.path().join("data"), folder.path().join("file"));
    std::fs::write(&file, "")?;
    let (data, file) = (data.to_string_lossy(), file.to_string_lossy());
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    for (data, listen) in [(&*data, &*address), (&*file, "127.0.0.1:0")] {
        let (code, said) = refused_start(&["--data", data, "--listen", listen, "--log", "off"], None).await?;
        assert_eq!((code, said.matches("os error").count()), (Some(1), 1), "{said}");
    }
    Ok(())
}
