//! A scene with ten thousand users, played against the real host: each promise that it shows is
//! checked on the way, and a promise that is not kept ends it with what was expected.

mod account;
mod crash;
mod scenes;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use greenroom_tests::config::Settings;
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use greenroom_tests::statistics::shown;

use crate::account::{Account, say};

/// Plays a scene with many users on a fresh host and checks what Greenroom promises.
#[derive(Parser)]
#[command(name = "demo")]
struct Options {
    /// How many users, each with a chat and a task
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// How many requests are under way at once
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
    /// Where the host keeps its data, a new or empty folder [default: a temporary one]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Stop the host at the end and, where it is temporary, remove its data
    #[arg(long)]
    no_keep: bool,
}

/// An actor is let go when nobody has asked it anything for so long; short, so that the scene need
/// not wait.
const IDLE_TIMEOUT: &str = "3s";

#[tokio::main]
async fn main() -> ExitCode {
    match play().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nFAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn play() -> anyhow::Result<()> {
    let options = Options::parse();
    let temporary = tempfile::Builder::new().prefix("greenroom-demo-").tempdir()?;
    let folder = options.data.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    let is_empty = !folder.exists() || std::fs::read_dir(&folder)?.next().is_none();
    anyhow::ensure!(is_empty, "{} is not empty; the demo begins anew", folder.display());

    let account = Account::begin();
    account.scene("The host starts and learns two actor types");
    let settings = Settings::default().limit("idle_timeout", IDLE_TIMEOUT);
    let mut host = Host::at(&folder, settings).await?;
    for name in ["task", "chat"] {
        let component = guests::component(name)?;
        let size = component.len() >> 10;
        let reply = host.deploy(name, component).await?;
        account.check(&format!("{name} is deployed, {size} KiB"), &201, &reply.status)?;
    }

    scenes::many_users(&account, &host, options.users, options.concurrency).await?;
    scenes::races(&account, &host).await?;
    scenes::three_messages(&account, &host).await?;
    scenes::an_idle_actor_returns(&account, &host).await?;
    crash::killed_under_load(&account, &mut host, options.users).await?;

    let memory = host.memory()?;
    account.scene("The end");
    say(&format!("all {} checks hold; the whole scene took {}", account.checks(), shown(account.elapsed())));
    say(&format!("the host has {} MiB in memory", memory.resident >> 20));
    if options.no_keep {
        let status = host.terminate().await?;
        account.check("the host stops when it is told to", &true, &status.success())?;
        return Ok(());
    }
    if options.data.is_none() {
        // It goes on being used.
        let _ = temporary.keep();
    }
    farewell(host, &folder);
    Ok(())
}

/// What to try next.
fn farewell(host: Host, folder: &std::path::Path) {
    let base = host.base().to_owned();
    let pid = host.leave_running();
    println!(
        "
The host goes on running: process {pid}, {base}, data in {folder}
Try:

    curl {base}/v1/actors/task/report
    curl -X POST {base}/v1/actors/task/report/get_task
    curl -X POST {base}/v1/actors/chat/alice/process_message \\
        -H 'content-type: application/json' -d '\"What is my task?\"'
    curl -X POST {base}/v1/actors/chat/alice/get_history -d '5'
    curl '{base}/v1/actors?type=chat&limit=5'

Stop it and remove what it has stored:

    kill {pid} && rm -r {folder}",
        folder = folder.display()
    );
}
