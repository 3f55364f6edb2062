//! Measures the real host over HTTP on loopback and, in the same run and in turns, two plain
//! servers that answer the same requests: one from a map in memory, one that also commits to
//! `SQLite`. What is left between them is what actors cost.

mod crowd;
mod languages;
mod memory;
mod plain;
mod report;
mod rounds;
mod scenario;
mod sqlite;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

const PROFILING: &str =
    "The machine should have nothing else to do. To see where the host's time goes, start it under
perf, put a load on it, and stop it:

  perf record --call-graph dwarf -F 499 -o host.perf target/release/greenroom serve --data /tmp/data
  bench --only 'increment of 10,000 actors' --host http://127.0.0.1:7070
  perf report -i host.perf --no-children";

/// Measures the host beside two plain servers that do the same work without actors.
#[derive(Parser)]
#[command(name = "bench", after_long_help = PROFILING)]
struct Options {
    /// A short run that shows that everything works; its figures mean nothing
    #[arg(long)]
    quick: bool,
    /// How often each scenario is measured on each server; the table shows the medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long one measurement takes, in seconds
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How many keep-alive connections send one request after the other
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Only the scenarios whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Measure a host that runs already, and nothing else
    #[arg(long)]
    host: Option<String>,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What else there is to measure, and the plain servers, each in a process of its own.
#[derive(Subcommand)]
enum Part {
    /// What an actor costs in each language, beside Rust
    Languages {
        /// Write `docs/languages.md`, or another file, with these figures
        #[arg(long)]
        write: Option<PathBuf>,
    },
    /// Serves many actors in turn within a memory budget, and checks that nothing is lost
    Crowd {
        /// How many
        #[arg(long, default_value_t = 10_000)]
        actors: u64,
        /// In which language, as the tests call it
        #[arg(long, default_value = "python")]
        language: String,
        /// The host's `memory_bytes`
        #[arg(long, default_value = "2 GiB")]
        budget: String,
    },
    /// Answers from a map in memory
    #[command(hide = true)]
    ServeMap,
    /// Answers from a map in memory and commits to `SQLite` before it replies
    #[command(hide = true)]
    ServeSqlite {
        /// The database
        file: PathBuf,
    },
}

/// How much is measured.
#[derive(Clone)]
struct Plan {
    rounds: usize,
    time: Duration,
    connections: usize,
    actors: u64,
    only: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    match &options.part {
        Some(Part::ServeMap) => return plain::serve(plain::Storage::Nothing).await,
        Some(Part::ServeSqlite { file }) => {
            return plain::serve(plain::Storage::Sqlite(sqlite::Writer::open(file).await?)).await;
        }
        Some(Part::Crowd { actors, language, budget }) => {
            return crowd::serve(language, *actors, budget).await;
        }
        Some(Part::Languages { .. }) | None => {}
    }
    let plan = if options.quick {
        Plan { rounds: 1, time: Duration::from_millis(100), connections: 8, actors: 200, only: options.only }
    } else {
        let time = Duration::from_secs_f64(options.seconds);
        Plan {
            rounds: options.rounds,
            time,
            connections: options.connections,
            actors: 10_000,
            only: options.only,
        }
    };
    if let Some(Part::Languages { write }) = options.part {
        return languages::measure(&plan, write.as_deref()).await;
    }
    if let Some(host) = options.host {
        return rounds::measure_running(&plan, &host).await;
    }
    rounds::measure(&plan).await?;
    memory::measure(&plan).await
}
