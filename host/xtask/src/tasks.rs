//! What each subcommand does, as a list of steps.

use crate::languages;
use crate::steps::{Step, run_all};
use crate::toolchain::{GUEST_TARGET, ensure_component, ensure_guest_target};

/// The guests that the host's own tests and the demo need.
const GUESTS: [&str; 8] = ["-p", "task", "-p", "chat", "-p", "probe", "-p", "typed"];

fn guests_step() -> Step {
    let mut arguments = vec!["build", "--profile", "guest", "--target", GUEST_TARGET];
    arguments.extend(GUESTS);
    Step::cargo("build the guests", &arguments)
}

fn host_step(release: bool) -> Step {
    if release {
        Step::cargo("build the host", &["build", "--release", "-p", "greenroom"])
    } else {
        Step::cargo("build the host", &["build", "-p", "greenroom"])
    }
}

pub(crate) fn rust_guests() -> anyhow::Result<()> {
    ensure_guest_target()?;
    guests_step().run()
}

pub(crate) fn build(release: bool) -> anyhow::Result<()> {
    ensure_guest_target()?;
    run_all("build", &[guests_step(), host_step(release)])
}

pub(crate) fn demo(options: &[String]) -> anyhow::Result<()> {
    ensure_guest_target()?;
    // The same build that the tests use: what it stands on is optimised in it too.
    let build_demo = ["build", "-p", "greenroom-tests", "--bin", "demo"];
    let demo = ["run", "--quiet", "-p", "greenroom-tests", "--bin", "demo", "--"];
    run_all(
        "demo",
        &[
            guests_step(),
            host_step(false),
            Step::cargo("build the demo", &build_demo),
            Step::cargo("demo", &demo).args(options),
        ],
    )
}

pub(crate) fn bench(options: &[String]) -> anyhow::Result<()> {
    ensure_guest_target()?;
    let build_bench = ["build", "--release", "-p", "greenroom-tests", "--bin", "bench"];
    let bench = ["run", "--release", "--quiet", "-p", "greenroom-tests", "--bin", "bench", "--"];
    run_all(
        "bench",
        &[
            guests_step(),
            host_step(true),
            Step::cargo("build the benchmark", &build_bench),
            Step::cargo("bench", &bench).args(options),
        ],
    )
}

fn test_steps(black_box_only: bool, options: &[String]) -> Vec<Step> {
    // The black-box tests run the binary and the guests; cargo can't know that they depend on them.
    let mut steps = vec![guests_step(), host_step(false)];
    let separated =
        |step: Step| if options.is_empty() { step } else { step.args(&["--".into()]).args(options) };
    if !black_box_only {
        let unit = ["test", "--workspace", "--exclude", "greenroom-tests", "--no-fail-fast"];
        steps.push(separated(Step::cargo("unit, contract and doc tests", &unit)));
        if options.is_empty() {
            steps.extend(languages::checks());
        }
    }
    let black_box = ["test", "-p", "greenroom-tests", "--no-fail-fast"];
    steps.push(separated(Step::cargo("black-box tests", &black_box)));
    steps
}

pub(crate) fn test(black_box_only: bool, options: &[String]) -> anyhow::Result<()> {
    ensure_guest_target()?;
    languages::build_others()?;
    run_all("test", &test_steps(black_box_only, options))
}

pub(crate) fn ci() -> anyhow::Result<()> {
    ensure_component("rustfmt", "fmt")?;
    ensure_component("clippy", "clippy")?;
    ensure_guest_target()?;

    let mut guest_lints = vec!["clippy", "--target", GUEST_TARGET];
    guest_lints.extend(GUESTS);
    guest_lints.extend(["--", "-D", "warnings"]);
    let steps = vec![
        Step::cargo("format", &["fmt", "--all", "--check"]),
        Step::cargo("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        Step::cargo("lints of the guests", &guest_lints),
        Step::cargo("documentation", &["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"),
    ];
    run_all("ci, all but tests", &steps)?;
    test(false, &[])
}
