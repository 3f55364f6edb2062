//! The bindings for C and Go are checked in, so that nobody who writes an actor needs a generator. This is
//! the generator: it writes them anew from the contract, or with `--check` says whether they are what the
//! contract makes. `cargo xtask bindings` runs it, with Go's formatter on `PATH`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, bail, ensure};
use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};

const CONTRACT: &str = "wit";
const WORLD: &str = "actor";
/// Bindings for C: where they are, and of which world of which WIT. The tests' guests have their own, since
/// they are written without the SDK.
const C: [(&str, &str, &str); 3] = [
    ("sdk/c/bindings", CONTRACT, WORLD),
    ("tests/guests/c/behavior/bindings", CONTRACT, WORLD),
    ("tests/guests/c/typed/bindings", "tests/guests/wit", "typed"),
];
const GO: &str = "sdk/go/internal/bindings";
/// What of Go's folder is generated; the rest is written by hand.
const GENERATED_GO: [&str; 2] = ["imports", "exports/wit_exports"];
/// What the generator makes of an interface that has nothing to import.
const EMPTY_GO: &str = "imports/greenroom_actor_behavior";

/// Generated files, by their paths from the top of the checkout.
type Generated = BTreeMap<PathBuf, Vec<u8>>;

fn main() -> ExitCode {
    let check = std::env::args().nth(1).is_some_and(|word| word == "--check");
    match run(check) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(check: bool) -> anyhow::Result<()> {
    let mut generated = c()?;
    generated.extend(go()?);
    let present = present()?;
    if check {
        let differs: Vec<String> = generated
            .keys()
            .chain(present.keys())
            .filter(|path| generated.get(*path) != present.get(*path))
            .map(|path| path.display().to_string())
            .collect();
        ensure!(
            differs.is_empty(),
            "not what {CONTRACT} makes; run `cargo xtask bindings`:\n{}",
            differs.join("\n")
        );
        return Ok(());
    }
    for path in present.keys().filter(|path| !generated.contains_key(*path)) {
        fs::remove_file(path).with_context(|| format!("could not remove {}", path.display()))?;
    }
    for (path, bytes) in &generated {
        let unwritable = || format!("could not write {}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).with_context(unwritable)?;
        fs::write(path, bytes).with_context(unwritable)?;
    }
    println!("{} files are what {CONTRACT} makes", generated.len());
    Ok(())
}

fn generate(mut generator: Box<dyn WorldGenerator>, wit: &str, world: &str) -> anyhow::Result<Files> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit)?;
    let world = resolve.select_world(&[package], Some(world))?;
    let mut files = Files::default();
    generator.generate(&mut resolve, world, &mut files)?;
    Ok(files)
}

fn c() -> anyhow::Result<Generated> {
    let mut generated = Generated::new();
    for (folder, wit, world) in C {
        let files = generate(wit_bindgen_c::Opts::default().build(), wit, world)?;
        generated.extend(files.iter().map(|(name, bytes)| (Path::new(folder).join(name), bytes.to_vec())));
    }
    Ok(generated)
}

fn go() -> anyhow::Result<Generated> {
    let options = wit_bindgen_go::Opts {
        // Formatted below, once it is what it will be.
        format: wit_bindgen_go::Format::False,
        pkg_name: Some("greenroom/internal/bindings".to_owned()),
        ..wit_bindgen_go::Opts::default()
    };
    let mut generated = Generated::new();
    for (name, bytes) in generate(options.build(), CONTRACT, WORLD)?.iter() {
        let is_ours = GENERATED_GO.iter().any(|folder| Path::new(name).starts_with(folder));
        if !is_ours || Path::new(name).starts_with(EMPTY_GO) {
            continue;
        }
        // The SDK has a runtime of its own, which Go's collector and the contract can agree on; and natively
        // there is nothing to bind to.
        let text = std::str::from_utf8(bytes).with_context(|| format!("{name} is no text"))?;
        let text = text.replace("go.bytecodealliance.org/pkg/wit", "greenroom/internal/wit");
        let text = format!("//go:build wasip1\n\n{text}");
        let is_go = Path::new(name).extension().is_some_and(|extension| extension == "go");
        let bytes = if is_go { formatted(&text)? } else { text.into_bytes() };
        generated.insert(Path::new(GO).join(name), bytes);
    }
    Ok(generated)
}

/// As `gofmt` has it.
fn formatted(text: &str) -> anyhow::Result<Vec<u8>> {
    let mut gofmt = Command::new("gofmt")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("could not start gofmt, which comes with Go; `cargo xtask bindings` brings it")?;
    let input = gofmt.stdin.take();
    let output = std::thread::scope(|threads| {
        threads.spawn(|| input.map(|mut input| input.write_all(text.as_bytes())));
        gofmt.wait_with_output()
    })?;
    if !output.status.success() {
        bail!("gofmt does not understand what was generated");
    }
    Ok(output.stdout)
}

/// What is checked in.
fn present() -> anyhow::Result<Generated> {
    let mut present = Generated::new();
    for (folder, ..) in C {
        read(Path::new(folder), &mut present)?;
    }
    for folder in GENERATED_GO {
        read(&Path::new(GO).join(folder), &mut present)?;
    }
    Ok(present)
}

fn read(folder: &Path, into: &mut Generated) -> anyhow::Result<()> {
    let unreadable = || format!("could not look at {}", folder.display());
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.is_dir() {
            read(&path, into)?;
        } else {
            let bytes = fs::read(&path).with_context(unreadable)?;
            into.insert(path, bytes);
        }
    }
    Ok(())
}
