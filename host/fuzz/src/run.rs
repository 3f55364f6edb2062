//! The command line: a target over given inputs, or over its corpus and inputs made from that.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Parser;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::mutation::mutated;
use crate::{TARGETS, Target, target};

/// Runs one fuzz target over its corpus, then over inputs made from that by chance.
#[derive(Parser)]
struct Cli {
    /// Which; any other name lists those there are
    target: String,
    /// How long, beyond the corpus
    #[arg(long, default_value_t = 0)]
    seconds: u64,
    /// What chance begins with; another one each time unless it is given
    #[arg(long)]
    seed: Option<u64>,
    /// Only these inputs, for example one that a run has found
    #[arg(long, num_args = 1..)]
    replay: Vec<PathBuf>,
}

pub(crate) fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let Some(target) = target(&cli.target) else {
        bail!("there is no target `{}`; there are {}", cli.target, TARGETS.map(|(name, _)| name).join(", "));
    };
    if !cli.replay.is_empty() {
        for path in &cli.replay {
            target(&fs::read(path).with_context(|| path.display().to_string())?);
        }
        return Ok(());
    }
    let corpus = corpus(&cli.target)?;
    for (path, input) in &corpus {
        check(target, input).with_context(|| format!("{} fails", path.display()))?;
    }
    let seed = cli.seed.unwrap_or_else(rand::random);
    let mut chance = StdRng::seed_from_u64(seed);
    let (begun, mut inputs) = (Instant::now(), 0_u64);
    while begun.elapsed() < Duration::from_secs(cli.seconds) {
        let (_, input) = &corpus[chance.random_range(0..corpus.len())];
        let (_, other) = &corpus[chance.random_range(0..corpus.len())];
        let input = mutated(input, other, &mut chance);
        if check(target, &input).is_err() {
            let path = std::env::temp_dir().join(format!("greenroom-fuzz-{}-{seed}", cli.target));
            fs::write(&path, &input)?;
            bail!(
                "seed {seed}, input {inputs}; to see it again:\n\n    cargo run -p greenroom-fuzz -- {} --replay {}\n",
                cli.target,
                path.display()
            );
        }
        inputs += 1;
    }
    println!("{}: {} of the corpus and {inputs} more, seed {seed}", cli.target, corpus.len());
    Ok(())
}

/// The inputs that are checked in for a target: some to begin with, and each that once found something.
fn corpus(target: &str) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    anyhow::ensure!(!paths.is_empty(), "{} is empty", folder.display());
    paths.into_iter().map(|path| Ok((path.clone(), fs::read(path)?))).collect()
}

fn check(target: Target, input: &[u8]) -> anyhow::Result<()> {
    catch_unwind(AssertUnwindSafe(|| target(input))).map_err(|_| anyhow::anyhow!("it has panicked"))
}
