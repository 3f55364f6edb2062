//! `greenroom serve`: the host, put together from its parts, from its start to its end.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use greenroom_core::SystemClock;
use greenroom_http::{About, Server};
use greenroom_runtime::{Node, Parts};
use greenroom_sandbox::WasmtimeEngine;
use greenroom_store::SqliteStore;
use tokio::sync::oneshot;

use crate::cli::Serve;
use crate::logging;
use crate::process::{self, StopSignals};
use crate::settings::Settings;

const EXIT_CAN_NOT_START: u8 = 1;
const EXIT_USAGE: u8 = 2;
const EXIT_STORE_BROKEN: u8 = 70;
const EXIT_SECOND_SIGNAL: u8 = 130;

/// What is left of a stopping host's work when its time is over: replies on their way.
const CONNECTIONS_GRACE: Duration = Duration::from_secs(2);

/// Runs the command.
pub(crate) fn run(arguments: &Serve) -> ExitCode {
    let (settings, warnings) = match Settings::load(arguments, std::env::vars_os()) {
        Ok(loaded) => loaded,
        Err(error) => return fail(EXIT_USAGE, &error),
    };
    if let Err(error) = logging::start(&settings) {
        return fail(EXIT_USAGE, &error);
    }
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    process::raise_file_limit();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(EXIT_CAN_NOT_START, &format!("can't start threads: {error}")),
    };
    let code = runtime.block_on(host(settings));
    // What a compilation or a slow disk still does must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ExitCode::from(code)
}

fn fail(code: u8, error: &dyn Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(code)
}

async fn host(settings: Settings) -> u8 {
    let mut signals = match StopSignals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("error: can't listen for signals: {error}");
            return EXIT_CAN_NOT_START;
        }
    };
    let drain_timeout = settings.limits.drain_timeout;
    let started = tokio::select! {
        started = start(settings) => started,
        name = signals.next() => {
            tracing::info!(signal = name, "stopped before it was ready");
            return 0;
        }
    };
    match started {
        Ok((node, server)) => serve(node, server, drain_timeout, signals).await,
        Err(error) => {
            eprintln!("error: {error:#}");
            EXIT_CAN_NOT_START
        }
    }
}

/// Puts the parts together: each knows the next only by a trait. The address comes first, so that a host
/// that can't have it leaves the data alone.
async fn start(settings: Settings) -> anyhow::Result<(Node, Server)> {
    let server = Server::bind(greenroom_http::Config {
        listen: settings.listen,
        tokens: settings.tokens,
        bounds: settings.http,
        about: About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            engine: "wasmtime".to_owned(),
            storage: "sqlite".to_owned(),
        },
    })
    .await?;
    let store = SqliteStore::open(&settings.data, &settings.store).await?;
    let engine =
        WasmtimeEngine::new(&settings.limits, &settings.data.join("compiled"), settings.compile.clone())?;
    let parts = Parts {
        store: Arc::new(store),
        engine: Arc::new(engine),
        clock: Arc::new(SystemClock::default()),
        resident_bytes: Arc::new(process::resident_bytes),
    };
    let config = greenroom_runtime::Config {
        limits: settings.limits,
        environments: settings.environments,
        ..greenroom_runtime::Config::default()
    };
    let node = Node::start(parts, config).await.context("the node can't start")?;
    Ok((node, server))
}

async fn serve(node: Node, server: Server, drain_timeout: Duration, mut signals: StopSignals) -> u8 {
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move { drop(stopped.await) };
    let serving = tokio::spawn(server.serve(node.clone(), stopped, drain_timeout + CONNECTIONS_GRACE));
    announce(&format!("listening on http://{address}"));
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "ready");

    tokio::select! {
        name = signals.next() => tracing::info!(signal = name, "stopping after the turns under way"),
        error = node.broken() => return store_broken(&error),
    }
    drop(stop);
    let stopping = async { tokio::join!(node.drain(), serving) };
    tokio::select! {
        ((), ended) = stopping => {
            if let Err(error) = ended {
                tracing::error!(%error, "the server ended badly");
            }
            tracing::info!("stopped");
            0
        }
        error = node.broken() => store_broken(&error),
        name = signals.next() => {
            tracing::warn!(signal = name, "stopping at once");
            // Nothing acknowledged is lost: what was is on disk.
            std::process::exit(i32::from(EXIT_SECOND_SIGNAL));
        }
    }
}

fn store_broken(error: &dyn Display) -> u8 {
    tracing::error!(%error, "the store failed; the host stops so as not to lose anything");
    EXIT_STORE_BROKEN
}

/// Prints a line for whoever started the host; that nobody reads it is no error.
fn announce(line: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
