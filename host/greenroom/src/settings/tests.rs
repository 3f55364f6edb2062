//! Where settings come from, and that the documentation lists them all.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::table::SETTINGS;
use super::*;
use crate::cli::Serve;

fn from_file(text: &str) -> Result<Settings, String> {
    let mut settings = Settings::default();
    settings.take_file(Path::new("greenroom.toml"), text).map_err(|error| error.to_string())?;
    Ok(settings)
}

fn variables(pairs: &[(&str, &str)]) -> impl Iterator<Item = (OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect::<Vec<_>>().into_iter()
}

#[test]
fn a_file_sets_what_it_names_and_nothing_else() {
    let settings = from_file(
        r#"
        listen = "127.0.0.1:0"
        tokens = ["0123456789abcdef", "fedcba9876543210"]
        log_format = "json"
        [limits]
        payload_bytes = "8 MiB"
        mailbox_capacity = 50
        turn_timeout = "1m 30s"
        [http]
        connections = 7
        [environment.task]
        GREETING = "hi"
        "#,
    )
    .unwrap();
    assert_eq!(settings.listen.port(), 0);
    assert_eq!(settings.tokens.len(), 2);
    assert_eq!(settings.log_format, LogFormat::Json);
    let limits = Limits {
        payload_bytes: 8 << 20,
        mailbox_capacity: 50,
        turn_timeout: Duration::from_secs(90),
        ..Limits::default()
    };
    assert_eq!(settings.limits, limits);
    assert_eq!(settings.http.connections, 7);
    assert_eq!(settings.environments[&ActorType::new("task").unwrap()]["GREETING"], "hi");
}

#[test]
fn what_a_file_must_not_say_is_named() {
    for (text, named) in [
        ("lissten = '127.0.0.1:0'", "lissten: there is no such setting"),
        ("[limits]\npayload = 5", "limits.payload: there is no such setting"),
        ("[limit]\npayload_bytes = 5", "limit"),
        ("[limits]\npayload_bytes = 'much'", "limits.payload_bytes: \"much\" is not a size"),
        ("[limits]\npayload_bytes = 0", "limits.payload_bytes: it must be more than 0"),
        ("[limits]\ncall_depth = 5000000000", "limits.call_depth: it may be at most"),
        ("[limits]\nturn_timeout = 5", "limits.turn_timeout: \"5\" is not a duration"),
        ("[limits]\nturn_timeout = true", "limits.turn_timeout: it is a text"),
        ("limits = 5", "limits: there is no such setting"),
        ("listen = 'here'", "listen: \"here\" is not an address"),
        ("tokens = ['short']", "tokens: a token is at least 16"),
        ("tokens = [5]", "tokens: it is a list of texts"),
        ("log_format = 'xml'", "log_format: \"xml\""),
        ("log = 'wran'", "log: \"wran\" is no level; it is a level (error, warn,"),
        ("[environment.1task]\nA = 'b'", "environment.1task: invalid actor type"),
        ("[environment.task]\n'A=B' = 'b'", "\"A=B\" can't be"),
        ("[environment.task]\nA = 5", "environment.task.A: its value is a text"),
        ("listen = ", "TOML parse error"),
    ] {
        let error = from_file(text).unwrap_err();
        assert!(error.starts_with("greenroom.toml: ") && error.contains(named), "{text}: {error}");
    }
}

#[test]
fn the_command_line_counts_before_the_environment_before_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("greenroom.toml");
    std::fs::write(
        &path,
        "data = 'file'\nlog = 'warn'\nlisten = '127.0.0.1:1'\n[limits]\nsandboxes = 1\ncall_depth = 1",
    )
    .unwrap();
    let arguments = Serve {
        config: Some(path),
        data: Some(PathBuf::from("flag")),
        set: vec!["limits.sandboxes=3".to_owned()],
        ..Serve::default()
    };
    let environment = variables(&[
        ("GREENROOM_DATA", "variable"),
        ("GREENROOM_LOG", "debug"),
        ("GREENROOM_LIMITS_SANDBOXES", "2"),
        ("GREENROOM_LIMITS_CALL_DEPTH", "2"),
        ("GREENROOM_SERVICE_HOST", "10.0.0.1"),
        ("GREENROOM_TOKEN", "not the host's"),
        ("PATH", "/bin"),
    ]);
    let (settings, warnings) = Settings::load(&arguments, environment).unwrap();
    assert_eq!(settings.data, Path::new("flag"));
    assert_eq!(settings.log, "debug");
    assert_eq!(settings.listen.port(), 1);
    assert_eq!((settings.limits.sandboxes, settings.limits.call_depth), (3, 2));
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("GREENROOM_SERVICE_HOST"), "{}", warnings[0]);
}

#[test]
fn a_token_is_not_taken_from_the_command_line() {
    let arguments = Serve { set: vec!["tokens=0123456789abcdef".to_owned()], ..Serve::default() };
    let error = Settings::load(&arguments, variables(&[])).unwrap_err().to_string();
    assert!(error.contains("GREENROOM_TOKENS") && !error.contains("0123456789"), "{error}");
}

#[test]
fn a_variable_with_a_bad_value_is_named() {
    let bad = variables(&[("GREENROOM_HTTP_CONNECTIONS", "lots")]);
    let error = Settings::load(&Serve::default(), bad).unwrap_err().to_string();
    assert_eq!(error, "GREENROOM_HTTP_CONNECTIONS: \"lots\" is not a whole number");
}

/// The names of a struct's fields.
fn fields(value: &impl std::fmt::Debug) -> BTreeSet<String> {
    let shown = format!("{value:#?}");
    let lines = shown.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
    lines.filter_map(|line| Some(line.trim().split_once(": ")?.0.to_owned())).collect()
}

#[test]
fn every_limit_is_a_setting() {
    for (table, known) in [("limits.", fields(&Limits::default())), ("http.", fields(&Bounds::default()))] {
        let settable: BTreeSet<String> =
            SETTINGS.iter().filter_map(|setting| Some(setting.key.strip_prefix(table)?.to_owned())).collect();
        assert_eq!(settable, known);
    }
}

#[test]
fn every_default_can_be_written_as_it_is_shown() {
    let defaults = Settings::default();
    for setting in SETTINGS.iter().filter(|setting| setting.key != "tokens") {
        let mut changed = defaults.clone();
        (setting.set)(&mut changed, &(setting.show)(&defaults)).unwrap();
        assert_eq!((setting.show)(&changed), (setting.show)(&defaults), "{}", setting.key);
    }
}

/// The documentation's table of the settings in `table`, or of those in none.
fn documented(table: &str) -> String {
    let mut text = "| setting | variable | default | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    let defaults = Settings::default();
    for setting in SETTINGS {
        let (own, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if own == table {
            let default = match setting.key {
                "compile.concurrency" => "processors".to_owned(),
                "limits.memory_bytes" => "half of the memory".to_owned(),
                _ => (setting.show)(&defaults),
            };
            let row = format!("| `{name}` | `{}` | {default} | {} |\n", setting.variable(), setting.meaning);
            text.push_str(&row);
        }
    }
    text
}

/// `GREENROOM_BLESS=1 cargo test -p greenroom` brings the documentation up to date.
#[test]
fn the_documentation_lists_every_setting() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut expected = text.clone();
    for table in ["", "limits", "http", "compile", "store"] {
        let (begin, end) = (format!("<!-- settings {table} -->\n"), "<!-- end -->");
        let from = expected.find(&begin).unwrap_or_else(|| panic!("no {begin}")) + begin.len();
        let to = from + expected[from..].find(end).unwrap();
        expected.replace_range(from..to, &documented(table));
    }
    if std::env::var_os("GREENROOM_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    } else {
        assert!(text == expected, "docs/configuration.md is not up to date: GREENROOM_BLESS=1 makes it so");
    }
}
