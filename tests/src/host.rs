//! The real binary in a process of its own, on a data directory of its own. What is dropped is
//! killed, and when a test fails the end of the host's log is shown.

use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::client::Client;
use crate::config::Settings;
use crate::guests;
use crate::process::{self, Memory};
use crate::shared_code;

const START_PATIENCE: Duration = Duration::from_mins(1);
const STOP_PATIENCE: Duration = Duration::from_mins(1);
/// A port that the system chooses, on loopback.
const ANY_PORT: &str = "127.0.0.1:0";
const LOG_LINES_SHOWN: usize = 60;

/// A running host; it is also a [`Client`] of itself.
pub struct Host {
    child: Child,
    client: Client,
    directory: Directory,
    settings: Settings,
    /// Whether others may have what it has compiled.
    shares_code: bool,
}

/// Where a host keeps its things: `data`, its configuration and its log.
struct Directory {
    path: PathBuf,
    /// Removes it at the end, where it is ours.
    _temporary: Option<TempDir>,
}

impl Deref for Host {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Host {
    /// A host with default limits on a fresh data directory.
    pub async fn start() -> anyhow::Result<Self> {
        Host::with(Settings::default()).await
    }

    /// A host with these settings on a fresh data directory.
    pub async fn with(settings: Settings) -> anyhow::Result<Self> {
        let temporary = tempfile::Builder::new().prefix("greenroom-test-").tempdir()?;
        let path = temporary.path().to_path_buf();
        Host::start_in(Directory { path, _temporary: Some(temporary) }, settings).await
    }

    /// The same, with the compiled code of other hosts that were started so: what one has compiled,
    /// the next need not. For tests of components that take long to compile.
    pub async fn sharing_code(settings: Settings) -> anyhow::Result<Self> {
        let temporary = tempfile::Builder::new().prefix("greenroom-test-").tempdir()?;
        let path = temporary.path().to_path_buf();
        shared_code::take(&path.join("data/compiled"))?;
        let mut host = Host::start_in(Directory { path, _temporary: Some(temporary) }, settings).await?;
        host.shares_code = true;
        Ok(host)
    }

    /// A host with these settings that keeps its things in `path`, which stays.
    pub async fn at(path: &Path, settings: Settings) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path)?;
        let path = path.canonicalize()?;
        Host::start_in(Directory { path, _temporary: None }, settings).await
    }

    /// A host with the probe deployed under `probe`.
    pub async fn with_probe(settings: Settings) -> anyhow::Result<Self> {
        let host = Host::with(settings).await?;
        host.deploy("probe", guests::component("probe")?).await?.expect(201);
        Ok(host)
    }

    async fn start_in(directory: Directory, settings: Settings) -> anyhow::Result<Self> {
        let (child, base) = spawn(&directory.path, &settings).await?;
        Ok(Host { child, client: Client::new(&base), directory, settings, shares_code: false })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.path.join("data")
    }

    /// Everything it has logged, over all its runs.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path.join("host.log")).unwrap_or_default()
    }

    /// The memory of its process now.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        process::memory(self.pid())
    }

    /// Whether its process still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it as `kill -9` does, with no chance to do anything.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("could not kill the host")
    }

    /// Sends a signal to it.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_raw(self.pid().cast_signed()).context("the host has ended")?;
        kill_process(pid, signal).context("could not signal the host")
    }

    /// Asks it to stop, as `kill` does, and waits until it has.
    pub async fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.ended().await
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        let ended = tokio::time::timeout(STOP_PATIENCE, self.child.wait());
        Ok(ended.await.context("the host does not end")??)
    }

    /// Starts it again on the same data directory, on another port. Returns how long it took until
    /// it took requests.
    pub async fn restart(&mut self) -> anyhow::Result<Duration> {
        ensure!(!self.is_running(), "the host still runs");
        let begun = Instant::now();
        let (child, base) = spawn(&self.directory.path, &self.settings).await?;
        self.child = child;
        self.client = Client::new(&base);
        Ok(begun.elapsed())
    }

    /// Starts it again with other settings.
    pub async fn restart_with(&mut self, settings: Settings) -> anyhow::Result<Duration> {
        self.settings = settings;
        self.restart().await
    }

    /// Leaves it running after this program has ended.
    pub fn leave_running(self) -> u32 {
        let pid = self.pid();
        // Its `Drop` would kill it.
        std::mem::forget(self);
        pid
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.start_kill();
        if self.shares_code {
            // Without it the next host compiles again.
            let _ = shared_code::give(&self.data().join("compiled"));
        }
        if std::thread::panicking() {
            eprintln!("--- the host's log ends with:\n{}---", last_lines(&self.log(), LOG_LINES_SHOWN));
        }
    }
}

/// The command line of a host, for a test that looks at how it fails to start.
pub fn serve_command(data: &Path) -> anyhow::Result<Command> {
    serve_command_at(data, ANY_PORT)
}

/// The same on that address.
pub fn serve_command_at(data: &Path, address: &str) -> anyhow::Result<Command> {
    Ok(serve_command_of(Command::new(guests::host_binary()?), data, address))
}

/// The same of a host whose program `command` runs, with the arguments that follow.
pub fn serve_command_within(command: Command, data: &Path) -> Command {
    serve_command_of(command, data, ANY_PORT)
}

fn serve_command_of(mut command: Command, data: &Path, address: &str) -> Command {
    command.arg("serve").arg("--data").arg(data).args(["--listen", address]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn spawn(directory: &Path, settings: &Settings) -> anyhow::Result<(Child, String)> {
    let config = directory.join("greenroom.toml");
    std::fs::write(&config, settings.to_toml())?;
    let log_path = directory.join("host.log");
    let log = File::options().create(true).append(true).open(&log_path)?;
    // The output is a file, not a pipe, so that a host that outlives us is not stopped by writing.
    let output_path = directory.join("host.out");
    let output = File::create(&output_path)?;

    let mut command =
        serve_command_of(settings.command(&guests::host_binary()?), &directory.join("data"), ANY_PORT);
    command.envs(settings.environment().iter().map(|(name, value)| (name, value)));
    command.arg("--config").arg(&config).stdout(output).stderr(log);
    // Its own group: what stops the test or the demo from the keyboard does not stop the host.
    command.process_group(0).kill_on_drop(false);
    let mut child = command.spawn().context("could not start the host")?;

    let begun = Instant::now();
    loop {
        if let Some(base) = listening_at(&output_path).await? {
            return Ok((child, base));
        }
        if let Some(status) = child.try_wait()? {
            let log = std::fs::read_to_string(&log_path).unwrap_or_default();
            bail!("the host ended at its start ({status}):\n{}", last_lines(&log, LOG_LINES_SHOWN));
        }
        if begun.elapsed() > START_PATIENCE {
            // Nobody else will.
            let _ = child.start_kill();
            bail!("the host does not say `listening on` within {START_PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn listening_at(output: &Path) -> anyhow::Result<Option<String>> {
    let mut lines = BufReader::new(tokio::fs::File::open(output).await?).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(base) = line.strip_prefix("listening on ") {
            return Ok(Some(base.trim().to_owned()));
        }
    }
    Ok(None)
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n") + "\n"
}
