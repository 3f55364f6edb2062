//! The languages that there are guests in, and what builds them.

use crate::steps::Step;
use crate::{javascript, python, tasks};

/// A language, and what builds the guests that are written in it.
struct Language {
    name: &'static str,
    build: fn() -> anyhow::Result<()>,
}

const LANGUAGES: [Language; 3] = [
    Language { name: "rust", build: tasks::rust_guests },
    Language { name: "python", build: python::build },
    Language { name: "javascript", build: javascript::build },
];

/// What can be asked for.
pub(crate) fn names() -> [&'static str; LANGUAGES.len()] {
    LANGUAGES.map(|language| language.name)
}

/// Builds the guests in every language but Rust, whose guests are built with the host.
pub(crate) fn build_others() -> anyhow::Result<()> {
    python::build()?;
    javascript::build()
}

/// What SDKs and examples have to pass in the languages that cargo does not test.
pub(crate) fn checks() -> Vec<Step> {
    let mut checks = python::checks();
    checks.extend(javascript::checks());
    checks
}

/// Builds the guests in the languages that are named.
pub(crate) fn build(names: &[String]) -> anyhow::Result<()> {
    LANGUAGES
        .iter()
        .filter(|language| names.iter().any(|name| name == language.name))
        .try_for_each(|language| (language.build)())
}
