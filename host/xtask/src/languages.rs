//! The languages that there are guests in, and what builds them.

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

/// Builds the guests in the languages that are named.
pub(crate) fn build(names: &[String]) -> anyhow::Result<()> {
    LANGUAGES
        .iter()
        .filter(|language| names.iter().any(|name| name == language.name))
        .try_for_each(|language| (language.build)())
}
