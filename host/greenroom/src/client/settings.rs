//! `greenroom settings`: what holds for an actor type, and changes of it. Sizes and durations are
//! written as in the host's configuration; the host has the last word on every value.

use greenroom_core::settings::{
    ENVIRONMENT, KEEPS_NOTHING_IN_MEMORY, Kind, TYPE_LIMITS, TypeLimit, type_limit,
};
use serde_json::{Map, Value, json};

use super::connection::{Host, Request};
use super::failure::Failure;
use super::show::{self, Column, Style};
use super::{Done, print, print_raw, type_path};
use crate::cli::Connection;
use crate::units;

/// Shows the settings; first changes them, where there is anything to change.
pub(super) fn run(actor_type: &str, set: &[String], unset: &[String], connection: &Connection) -> Done {
    let path = format!("{}/settings", type_path(actor_type));
    let request = if set.is_empty() && unset.is_empty() {
        Request::new("GET", path)
    } else {
        let patch = patch(set, unset).map_err(Failure::Usage)?;
        Request::new("PATCH", path)
            .content_type("application/merge-patch+json")
            .body(patch.to_string().into_bytes())
    };
    let reply = Host::new(connection)?.ask(request)?;
    if connection.json {
        return print_raw(&reply);
    }
    let shown = reply.json()?;
    let settings = shown["settings"].as_object().ok_or(Failure::NotGreenroom)?;
    print(table(settings).as_bytes())
}

fn table(settings: &Map<String, Value>) -> String {
    const COLUMNS: &[Column] = &[
        Column::new("SETTING", "/name", Style::Plain),
        Column::new("VALUE", "/value", Style::Plain),
        Column::new("FROM", "/from", Style::Plain),
        Column::new("MAX", "/max", Style::Plain),
    ];
    let lines: Vec<Value> = settings.iter().flat_map(|(name, setting)| lines(name, setting)).collect();
    show::table(COLUMNS, &lines, true)
}

/// A setting as people write it; a line for each variable of the environment.
fn lines(name: &str, setting: &Value) -> Vec<Value> {
    if let Some(variables) = setting["value"].as_object().filter(|variables| !variables.is_empty()) {
        let line = |(variable, value): (&String, &Value)| json!({"name": format!("{name}.{variable}"), "value": value, "from": setting["from"], "max": ""});
        return variables.iter().map(line).collect();
    }
    let limit = type_limit(name);
    let written = |value: &Value| match (limit, value.as_u64()) {
        (Some(limit), Some(number)) => match limit.kind {
            Kind::Bytes => units::show_bytes(number),
            Kind::Duration => units::show_duration(std::time::Duration::from_millis(number)),
            Kind::Count => number.to_string(),
        },
        _ if value.is_null() => String::new(),
        _ if value.as_object().is_some() => "none".to_owned(),
        _ => show::text(value, Style::Plain),
    };
    let name = limit.map_or(name, |limit| limit.name);
    vec![json!({
        "name": name, "value": written(&setting["value"]), "from": setting["from"], "max": written(&setting["max"])
    })]
}

/// The merge patch that the arguments mean.
fn patch(set: &[String], unset: &[String]) -> Result<Value, String> {
    let mut patch = Map::new();
    for pair in set {
        let Some((key, text)) = pair.split_once('=') else {
            return Err(format!("{pair:?} is not KEY=VALUE, for example idle_timeout=5m"));
        };
        if let Some(variable) = variable(key) {
            put_variable(&mut patch, variable, text.into());
        } else {
            let (key, value) = value(key, text).map_err(|reason| format!("{key}: {reason}"))?;
            patch.insert(key, value);
        }
    }
    for key in unset {
        if let Some(variable) = variable(key) {
            put_variable(&mut patch, variable, Value::Null);
        } else {
            let key = type_limit(key).map_or_else(|| key.clone(), TypeLimit::json_name);
            patch.insert(key, Value::Null);
        }
    }
    Ok(Value::Object(patch))
}

/// The variable that a key like `environment.GREETING` names.
fn variable(key: &str) -> Option<&str> {
    key.strip_prefix(ENVIRONMENT)?.strip_prefix('.')
}

fn put_variable(patch: &mut Map<String, Value>, variable: &str, value: Value) {
    let environment = patch.entry(ENVIRONMENT).or_insert_with(|| json!({}));
    if !environment.is_object() {
        *environment = json!({});
    }
    environment[variable] = value;
}

fn value(key: &str, text: &str) -> Result<(String, Value), String> {
    let Some(limit) = type_limit(key) else {
        if let Some(meant) = meant(key) {
            return Err(format!("there is no such setting of an actor type; did you mean `{meant}`?"));
        }
        // One of the host's that is not known here, or a slip that the host names.
        let value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
        return Ok((key.to_owned(), value));
    };
    let number = match limit.kind {
        Kind::Bytes => units::bytes(text)?,
        Kind::Count => units::count(text)?,
        Kind::Duration if key != limit.name => units::count(text)?,
        Kind::Duration => {
            let duration = units::duration(text)?;
            u64::try_from(duration.as_millis()).map_err(|_| format!("{text:?} is too long"))?
        }
    };
    Ok((limit.json_name(), number.into()))
}

/// The setting that somebody meant who has misspelt it, or written it as in the host's configuration.
fn meant(key: &str) -> Option<&'static str> {
    /// Of Jaro-Winkler, which is 1 for the same text: a letter too many, too few or wrong, or two in the wrong order.
    const ALIKE: f64 = 0.92;
    let key = key.strip_prefix("limits.").unwrap_or(key);
    let names = TYPE_LIMITS.iter().map(|limit| limit.name).chain([KEEPS_NOTHING_IN_MEMORY, ENVIRONMENT]);
    let alike = names.map(|name| (strsim::jaro_winkler(key, name), name));
    alike
        .filter(|(alike, name)| (ALIKE..1.0).contains(alike) || (*alike >= 1.0 && type_limit(name).is_some()))
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_what_was_meant() {
        for (key, name) in [
            ("turn_timout", "turn_timeout"),
            ("limits.turn_timeout", "turn_timeout"),
            ("mailbox_capcity", "mailbox_capacity"),
            ("keeps_nothing_in_memroy", "keeps_nothing_in_memory"),
        ] {
            assert_eq!(meant(key), Some(name), "{key}");
            assert!(patch(&[format!("{key}=1")], &[]).unwrap_err().contains(name));
        }
        for key in ["keeps_nothing_in_memory", "colour", "new_limit_of_a_newer_host"] {
            assert_eq!(meant(key), None, "{key}");
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn arguments_become_a_merge_patch() {
        let set = texts(&[
            "idle_timeout=5m",
            "turn_timeout_ms=250",
            "sandbox_memory_bytes=64 MiB",
            "mailbox_capacity=7",
            "keeps_nothing_in_memory=true",
            "environment.A=x=y",
            "environment.B=2",
            "of_a_newer_host=some text",
        ]);
        let unset = texts(&["retry_backoff", "state_bytes", "environment.C"]);
        let expected = json!({
            "idle_timeout_ms": 300_000, "turn_timeout_ms": 250, "sandbox_memory_bytes": 64 << 20,
            "mailbox_capacity": 7, "keeps_nothing_in_memory": true,
            "environment": {"A": "x=y", "B": "2", "C": null}, "of_a_newer_host": "some text",
            "retry_backoff_ms": null, "state_bytes": null,
        });
        assert_eq!(patch(&set, &unset), Ok(expected));
        assert_eq!(patch(&[], &texts(&["environment"])), Ok(json!({"environment": null})));
        for (bad, named) in
            [("idle_timeout", "KEY=VALUE"), ("idle_timeout=5", "duration"), ("state_bytes=x", "size")]
        {
            assert!(patch(&texts(&[bad]), &[]).unwrap_err().contains(named), "{bad}");
        }
    }

    #[test]
    fn settings_are_shown_as_they_are_written() {
        let settings = json!({
            "idle_timeout_ms": {"value": 60_000, "from": "default", "max": 86_400_000},
            "payload_bytes": {"value": 2048, "from": "type", "max": 4_194_304},
            "environment": {"value": {"A": "1", "B": "2"}, "from": "type"},
            "keeps_nothing_in_memory": {"value": false, "from": "default"},
        });
        let shown = table(settings.as_object().unwrap());
        let rows: Vec<Vec<&str>> = shown
            .lines()
            .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        assert_eq!(
            rows,
            [
                vec!["SETTING", "VALUE", "FROM", "MAX"],
                vec!["environment.A", "1", "type"],
                vec!["environment.B", "2", "type"],
                vec!["idle_timeout", "1m", "default", "1day"],
                vec!["keeps_nothing_in_memory", "false", "default"],
                vec!["payload_bytes", "2 KiB", "type", "4 MiB"],
            ]
        );
    }
}
