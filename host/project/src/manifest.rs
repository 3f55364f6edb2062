//! `greenroom.toml`: what an actor is called, what it is written in, and what its build has to know.
//! Whatever it says is either understood or refused by name.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::Language;

/// The file that makes a folder a project.
pub const MANIFEST: &str = "greenroom.toml";

/// What an actor is called: its component's file and, as a rule, the actor type it is deployed as. Also a
/// name of packages in every language: small letters, digits and single hyphens, beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

const NAME_CHARS_MAX: usize = 64;

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_part = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let fits = text.len() <= NAME_CHARS_MAX
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.split('-').all(is_part);
        if fits {
            return Ok(Name(text.to_owned()));
        }
        Err(format!(
            "`{text}` can't be a name: 1 to {NAME_CHARS_MAX} of a-z 0-9, beginning with a letter, words joined \
             by single hyphens, for example `shopping-list`"
        ))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A `greenroom.toml` that has been understood.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) name: Name,
    pub(crate) settings: Settings,
}

/// What the build of a language has to know. Paths are relative to the project.
#[derive(Debug)]
pub(crate) enum Settings {
    Rust(Rust),
    Python(Python),
    /// TypeScript, and JavaScript when that is said.
    Script(Language, Script),
    Go(Go),
    /// C, and C++ or Zig when that is said.
    C(Language, C),
}

/// `[rust]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rust {
    /// Cargo's profile.
    #[serde(default = "release")]
    pub(crate) profile: String,
}

fn release() -> String {
    "release".to_owned()
}

/// `[python]`
#[derive(Debug)]
pub(crate) struct Python {
    pub(crate) entry: PythonEntry,
    /// Further folders with modules.
    pub(crate) path: Vec<PathBuf>,
}

/// Where the behavior is.
#[derive(Debug)]
pub(crate) enum PythonEntry {
    /// `module:Class`, written with the SDK.
    Class(String),
    /// A module written against the contract alone.
    Module(String, Contract),
}

/// What a guest is written against when it is written without an SDK.
#[derive(Debug)]
pub(crate) struct Contract {
    pub(crate) wit: PathBuf,
    pub(crate) world: String,
}

/// `[typescript]` or `[javascript]`
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) entry: PathBuf,
    pub(crate) kind: ScriptKind,
}

#[derive(Debug)]
pub(crate) enum ScriptKind {
    /// Written with the SDK, to run in that engine.
    Actor(Engine),
    /// Written against the contract alone.
    Module(Contract),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    #[default]
    QuickJs,
    SpiderMonkey,
}

impl Engine {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Engine::QuickJs => "quickjs",
            Engine::SpiderMonkey => "spidermonkey",
        }
    }
}

/// `[go]`
#[derive(Debug)]
pub(crate) struct Go {
    /// Another contract than that of an actor written with the SDK.
    pub(crate) contract: Option<Contract>,
}

/// `[c]`, `[cpp]` or `[zig]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct C {
    /// The folder of the SDK.
    #[serde(default = "c_sdk")]
    pub(crate) sdk: PathBuf,
    /// Further flags of the compiler.
    #[serde(default)]
    pub(crate) flags: Vec<String>,
}

fn c_sdk() -> PathBuf {
    PathBuf::from("third_party/greenroom/sdk/c")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActorTable {
    name: String,
    language: Language,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PythonTable {
    class: Option<String>,
    module: Option<String>,
    #[serde(default)]
    path: Vec<PathBuf>,
    wit: Option<PathBuf>,
    world: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptTable {
    entry: PathBuf,
    engine: Option<Engine>,
    wit: Option<PathBuf>,
    world: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoTable {
    wit: Option<PathBuf>,
    world: Option<String>,
}

impl Settings {
    pub(crate) const fn language(&self) -> Language {
        match self {
            Settings::Rust(_) => Language::Rust,
            Settings::Python(_) => Language::Python,
            Settings::Go(_) => Language::Go,
            Settings::Script(language, _) | Settings::C(language, _) => *language,
        }
    }
}

impl Manifest {
    /// Understands a manifest, or says what of it can't be understood.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut tables: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let actor = tables.remove("actor").ok_or("the table [actor] is missing")?;
        let actor: ActorTable = understood("actor", actor)?;
        let name = actor.name.parse().map_err(|why| format!("[actor] name: {why}"))?;
        let language = actor.language;
        let own = tables.remove(language.name()).unwrap_or_else(|| Value::Table(Table::new()));
        if let Some(other) = tables.keys().next() {
            return Err(format!("`{other}` means nothing to an actor in {language}"));
        }
        let settings = match language {
            Language::Rust => Settings::Rust(understood("rust", own)?),
            Language::Python => Settings::Python(python(understood("python", own)?)?),
            Language::TypeScript | Language::JavaScript => {
                let table = understood(language.name(), own)?;
                Settings::Script(language, script(language.name(), table)?)
            }
            Language::Go => {
                let table: GoTable = understood("go", own)?;
                Settings::Go(Go { contract: contract("go", table.wit, table.world)? })
            }
            Language::C | Language::Cpp | Language::Zig => {
                Settings::C(language, understood(language.name(), own)?)
            }
        };
        Ok(Manifest { name, settings })
    }
}

fn understood<T: DeserializeOwned>(table: &str, value: Value) -> Result<T, String> {
    value.try_into().map_err(|error: toml::de::Error| format!("[{table}] {}", error.message()))
}

fn contract(table: &str, wit: Option<PathBuf>, world: Option<String>) -> Result<Option<Contract>, String> {
    match (wit, world) {
        (Some(wit), world) => Ok(Some(Contract { wit, world: world.unwrap_or_else(|| "actor".to_owned()) })),
        (None, Some(_)) => Err(format!("[{table}] `world` is one of a `wit`, which is missing")),
        (None, None) => Ok(None),
    }
}

fn python(table: PythonTable) -> Result<Python, String> {
    let contract = contract("python", table.wit, table.world)?;
    let entry = match (table.class, table.module, contract) {
        (Some(class), None, None) => PythonEntry::Class(class),
        (None, Some(module), Some(contract)) => PythonEntry::Module(module, contract),
        _ => {
            return Err(
                "[python] needs either `class`, \"module:Class\" of an actor written with the SDK, or \
                        `module` and `wit` of one written without"
                    .to_owned(),
            );
        }
    };
    Ok(Python { entry, path: table.path })
}

fn script(name: &str, table: ScriptTable) -> Result<Script, String> {
    let kind = match (contract(name, table.wit, table.world)?, table.engine) {
        (None, engine) => ScriptKind::Actor(engine.unwrap_or_default()),
        (Some(contract), None | Some(Engine::QuickJs)) => ScriptKind::Module(contract),
        (Some(_), Some(_)) => {
            return Err(format!("[{name}] a guest written without the SDK runs in `quickjs` only"));
        }
    };
    Ok(Script { entry: table.entry, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Manifest::parse(text).err().unwrap_or_else(|| panic!("understood: {text}"))
    }

    #[test]
    fn a_manifest_says_what_to_build() {
        let manifest = Manifest::parse(
            "[actor]\nname = \"task\"\nlanguage = \"python\"\n[python]\nclass = \"task:Task\"",
        )
        .unwrap();
        assert_eq!(manifest.name.to_string(), "task");
        let Settings::Python(python) = manifest.settings else { panic!("not Python") };
        assert!(matches!(python.entry, PythonEntry::Class(class) if class == "task:Task"));

        let text = "[actor]\nname = \"a\"\nlanguage = \"javascript\"\n[javascript]\nentry = \"a.js\"\n";
        for (engine, expected) in [("", "quickjs"), ("engine = \"spidermonkey\"", "spidermonkey")] {
            let Settings::Script(language, script) =
                Manifest::parse(&format!("{text}{engine}")).unwrap().settings
            else {
                panic!("not JavaScript")
            };
            assert_eq!(language, Language::JavaScript);
            assert!(matches!(script.kind, ScriptKind::Actor(engine) if engine.name() == expected));
        }
        let Settings::Rust(rust) =
            Manifest::parse("[actor]\nname = \"a\"\nlanguage = \"rust\"").unwrap().settings
        else {
            panic!("not Rust")
        };
        assert_eq!(rust.profile, "release");
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        let actor = |language: &str, rest: &str| {
            refused(&format!("[actor]\nname = \"a\"\nlanguage = \"{language}\"\n{rest}"))
        };
        assert!(refused("").contains("[actor]"));
        assert!(refused("[actor]\nname = \"a\"").contains("language"));
        assert!(refused("[actor]\nname = \"A\"\nlanguage = \"rust\"").contains("`A` can't be a name"));
        assert!(refused("[actor]\nname = \"a\"\nlanguage = \"rust\"\ncolour = 1").contains("colour"));
        assert!(actor("cobol", "").contains("cobol"));
        assert!(actor("rust", "[rust]\nprofil = \"x\"").contains("profil"));
        assert!(actor("rust", "[python]\nclass = \"a:A\"").contains("`python` means nothing"));
        assert!(actor("python", "[python]\nclass = \"a:A\"\nmodule = \"a\"").contains("either"));
        assert!(actor("python", "[python]\nmodule = \"a\"").contains("wit"));
        assert!(actor("python", "[python]\nclass = \"a:A\"\nworld = \"w\"").contains("`wit`"));
        assert!(actor("typescript", "").contains("entry"));
        let both = "[typescript]\nentry = \"a\"\nengine = \"spidermonkey\"\nwit = \"wit\"";
        assert!(actor("typescript", both).contains("quickjs"));
        assert!(actor("typescript", "[typescript]\nentry = \"a\"\nengine = \"v8\"").contains("v8"));
    }

    /// The tables and keys are those that the refusal of another key lists.
    #[test]
    fn the_documentation_has_every_key() {
        let documented = include_str!("../../../docs/greenroom-toml.md");
        let expected = |said: &str| -> Vec<String> {
            let words = said.split("expected").nth(1).unwrap_or_default().split('`');
            words.skip(1).step_by(2).map(str::to_owned).collect()
        };
        let mut keys = vec![("actor", expected(&refused("[actor]\nx = 1")))];
        for language in Language::ALL.map(Language::name) {
            let text = format!("[actor]\nname = \"a\"\nlanguage = \"{language}\"\n[{language}]\nx = 1");
            keys.push((language, expected(&refused(&text))));
        }
        for (table, keys) in keys {
            assert!(!keys.is_empty(), "{table}");
            for key in keys {
                let has = |row: &str| {
                    row.contains(&format!("`[{table}]`")) && row.contains(&format!("| `{key}` |"))
                };
                assert!(documented.lines().any(has), "docs/greenroom-toml.md lacks [{table}] {key}");
            }
        }
    }

    #[test]
    fn a_name_is_one_in_every_language() {
        for good in ["a", "task", "shopping-list", "v2-task", &"a".repeat(64)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "2", "Task", "a_b", "a--b", "-a", "a-", "a.b", "a/b", "..", "ä", &"a".repeat(65)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }
}
