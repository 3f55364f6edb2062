//! `greenroom serve`: the host, put together from its parts, from its start to its end.

use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use greenroom_core::SystemClock;
use greenroom_http::{About, Server};
use greenroom_runtime::{Node, Parts};
use greenroom_sandbox::{ResidentBytes, WasmtimeEngine};
use greenroom_store::SqliteStore;
use tokio::sync::oneshot;

use crate::cli::Serve;
use crate::exit::Exit;
use crate::memory::{MemoryThereIs, ResidentMemory};
use crate::process::{self, StopSignals};
use crate::settings::Settings;
use crate::{logging, output};

/// What is left of a stopping host's work when its time is over: replies on their way. The meaning of
/// `drain_timeout` in the table of settings says so.
const CONNECTIONS_GRACE: Duration = Duration::from_secs(2);

/// Runs the command.
pub(crate) fn run(arguments: &Serve) -> ExitCode {
    let (mut settings, warnings) = match Settings::load(arguments, std::env::vars_os()) {
        Ok(loaded) => loaded,
        Err(error) => return fail(Exit::Usage, &error),
    };
    let log = match logging::start(&settings) {
        Ok(log) => log,
        Err(error) => return fail(Exit::Usage, &error),
    };
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let connections_max = process::raise_file_limit();
    if connections_max < settings.http.connections {
        tracing::warn!(
            connections = connections_max,
            asked = settings.http.connections,
            "fewer connections than http.connections asks for: the process may have too few files open"
        );
        settings.http.connections = connections_max;
    }
    if let Some(there_is) = MemoryThereIs::look() {
        tracing::info!(memory_bytes = settings.limits.memory_bytes, %there_is, "the host's memory");
    } else {
        tracing::warn!(
            memory_bytes = settings.limits.memory_bytes,
            "how much memory there is can't be found out; see that limits.memory_bytes fits it"
        );
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(Exit::Failed, &format!("can't start threads: {error}")),
    };
    runtime.spawn(log.tell_of_dropped_lines());
    let code = runtime.block_on(host(settings));
    // What a compilation or a slow disk still does must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code.into()
}

fn fail(code: Exit, error: &dyn Display) -> ExitCode {
    output::complain(&format_args!("error: {error}"));
    code.into()
}

async fn host(settings: Settings) -> Exit {
    let mut signals = match StopSignals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            output::complain(&format_args!("error: can't listen for signals: {error}"));
            return Exit::Failed;
        }
    };
    let drain_timeout = settings.limits.drain_timeout;
    let started = tokio::select! {
        started = start(settings) => started,
        name = signals.next() => {
            tracing::info!(signal = name, "stopped before it was ready");
            return Exit::Done;
        }
    };
    match started {
        Ok((node, server)) => serve(node, server, drain_timeout, signals).await,
        Err(error) => {
            output::complain(&format_args!("error: {}", causes(&error)));
            Exit::Failed
        }
    }
}

/// Puts the parts together: each knows the next only by a trait. The address comes first, so that a host
/// that can't have it leaves the data alone.
async fn start(settings: Settings) -> anyhow::Result<(Node, Server)> {
    let server = Server::bind(greenroom_http::Config {
        listen: settings.listen,
        tokens: settings.tokens,
        cors_origins: settings.cors_origins,
        bounds: settings.http,
        about: About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            engine: "wasmtime".to_owned(),
            storage: "sqlite".to_owned(),
        },
    })
    .await?;
    let memory = ResidentMemory::open()
        .context("/proc/self/statm, from which the host knows its memory, can't be read; mount /proc")?;
    let resident_bytes: ResidentBytes = Arc::new(move || memory.bytes());
    let store = SqliteStore::open(&settings.data, &settings.store).await?;
    let engine = WasmtimeEngine::watching(
        &settings.limits,
        &settings.data.join("compiled"),
        settings.compile.clone(),
        Arc::clone(&resident_bytes),
    )?;
    let parts = Parts {
        store: Arc::new(store),
        engine: Arc::new(engine),
        clock: Arc::new(SystemClock::default()),
        resident_bytes,
    };
    let config = greenroom_runtime::Config {
        limits: settings.limits,
        environments: settings.environments,
        ..greenroom_runtime::Config::default()
    };
    let node = Node::start(parts, config).await.context("the node can't start")?;
    Ok((node, server))
}

async fn serve(node: Node, server: Server, drain_timeout: Duration, mut signals: StopSignals) -> Exit {
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move { drop(stopped.await) };
    let serving = tokio::spawn(server.serve(node.clone(), stopped, drain_timeout + CONNECTIONS_GRACE));
    // For whoever started the host; that nobody reads it is no error.
    let _ = output::print(format!("listening on http://{address}\n").as_bytes());
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
            Exit::Done
        }
        error = node.broken() => store_broken(&error),
        name = signals.next() => {
            tracing::warn!(signal = name, "stopping at once");
            // Nothing acknowledged is lost: what was is on disk.
            std::process::exit(i32::from(Exit::SecondSignal.code()));
        }
    }
}

fn store_broken(error: &dyn Display) -> Exit {
    tracing::error!(%error, "the store failed; the host stops so as not to lose anything");
    Exit::StoreBroken
}

/// An error and its causes, each once: many an error's text has its cause's in it already.
fn causes(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |told, cause| match cause.to_string() {
        cause if told.contains(&cause) => told,
        cause if told.is_empty() => cause,
        cause => format!("{told}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::anyhow!("in use (os error 98)").context("can't listen: in use (os error 98)");
        assert_eq!(causes(&error), "can't listen: in use (os error 98)");
        let error = anyhow::anyhow!("no room").context("the node can't start");
        assert_eq!(causes(&error), "the node can't start: no room");
    }
}
