//! What the host lacks is nobody else's fault: memory, descriptors, address space, time. A client is told to try again
//! and why; a component is refused only for what it is. What the host can't be without is said at its start.

use std::time::Duration;

use anyhow::Context as _;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::host::{Host, serve_command_within};
use greenroom_tests::{guests, hostile, process};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use tokio::process::Command;

/// Waits for a process that the host compiles with.
async fn compiling(host: &Host) -> anyhow::Result<Pid> {
    let pid = eventually("it compiles", SOON, || async {
        process::children(host.pid())
            .map_err(|error| error.to_string())?
            .first()
            .copied()
            .ok_or("no child".to_owned())
    })
    .await?;
    Pid::from_raw(pid.cast_signed()).context("no process id")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compilation_that_somebody_kills_is_told_as_that() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let (client, bomb) = (host.clone(), hostile::compile_bomb(40)?);
    let deploying = tokio::spawn(async move { client.deploy("dear", bomb).await });
    // What the kernel does when memory is short.
    kill_process(compiling(&host).await?, Signal::KILL)?;
    let problem = deploying.await??.refused(503, "overloaded");
    assert_eq!((problem.source.as_str(), problem.retry.as_str()), ("host", "later"));
    assert!(problem.detail.contains("SIGKILL") && problem.detail.contains("memory"), "{}", problem.detail);
    host.get("/v1/actor-types/dear").await?.refused(404, "unknown-actor-type");
    host.deploy("other", guests::component("chat")?).await?.expect(201);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_whose_code_can_t_be_compiled_now_is_not_at_fault() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    host.terminate().await?;
    std::fs::remove_dir_all(host.data().join("compiled"))?;
    // Less than any process needs to begin.
    host.restart_with(Settings::default().variable("GREENROOM_COMPILE_TIMEOUT", "1ms")).await?;
    let problem = host.call("probe", "a", "increment", "").await?.refused(503, "overloaded");
    assert!(problem.detail.contains("compile.timeout"), "{}", problem.detail);
    host.terminate().await?;
    host.restart_with(Settings::default()).await?;
    host.call("probe", "a", "increment", "").await?.expect(200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_without_descriptors_is_told_so() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let pid = Pid::from_raw(host.pid().cast_signed()).context("the host has ended")?;
    let few = process::descriptors(host.pid())? as u64 + 1;
    // The host has raised its own to what it may have, which is what it has from here.
    let maximum = getrlimit(Resource::Nofile).maximum;
    let before = prlimit(Some(pid), Resource::Nofile, Rlimit { current: Some(few), maximum })?;
    let problem = host.deploy("chat", guests::component("chat")?).await?.refused(503, "overloaded");
    assert!(problem.detail.contains("open files"), "{}", problem.detail);
    prlimit(Some(pid), Resource::Nofile, before)?;
    host.deploy("chat", guests::component("chat")?).await?.expect(201);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounded_address_space_has_fewer_and_smaller_sandboxes() -> anyhow::Result<()> {
    const GIB: u64 = 1 << 30;
    for address_space in [512 * GIB, 40 * GIB] {
        let host = Host::with_probe(Settings::default().address_space(address_space)).await?;
        let log = host.log();
        assert!(log.contains("too little address space") && log.contains("limits.sandboxes"), "{log}");
        for number in 0..20 {
            let id = format!("counted-{number}");
            assert_eq!(host.call("probe", &id, "increment", "").await?.expect(200).text(), "1");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_proc_a_host_does_not_start() -> anyhow::Result<()> {
    // Where mounts of one's own are not to be had, there is no machine without /proc to be made.
    let without_proc = |script: &str| {
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--mount", "sh", "-c"])
            .arg(format!("mount -t tmpfs none /proc && {script}"));
        command
    };
    if !without_proc("true").status().await.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let mut command = without_proc("exec \"$0\" \"$@\"");
    command.arg(guests::host_binary()?);
    let output = tokio::time::timeout(
        Duration::from_secs(30),
        serve_command_within(command, &folder.path().join("data")).output(),
    );
    let output = output.await.context("the host started after all")??;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("mount /proc") && !said.contains("panicked"), "{said}");
    assert!(!folder.path().join("data").exists(), "it touches nothing");
    Ok(())
}
