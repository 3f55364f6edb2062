//! Reading the configuration: from the file, the environment and the command line, in that order,
//! so that the last one to say something is the one that counts.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use greenroom_core::ActorType;
use toml::{Table, Value};

use super::Settings;
use super::table::{self, SETTINGS};
use crate::cli::Serve;
use crate::memory::MemoryThereIs;

/// Why a configuration is refused: where, what and why.
#[derive(Debug)]
pub(crate) struct InvalidSettings {
    place: String,
    reason: String,
}

impl InvalidSettings {
    fn new(place: impl fmt::Display, reason: impl fmt::Display) -> Self {
        InvalidSettings { place: place.to_string(), reason: reason.to_string() }
    }
}

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// Variables with our prefix that are no settings.
const OTHER_VARIABLES: [&str; 5] =
    ["GREENROOM_CONFIG", "GREENROOM_HOST", "GREENROOM_TOKEN", "GREENROOM_CA_FILE", "GREENROOM_CONTEXT"];

impl Settings {
    /// Loads the settings, and what to warn of.
    pub(crate) fn load(
        arguments: &Serve,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<(Settings, Vec<String>), InvalidSettings> {
        let there_is = MemoryThereIs::look();
        let mut settings = Settings::default();
        if let Some(there_is) = &there_is {
            settings.limits.memory_bytes = there_is.default_budget();
        }
        if let Some(path) = &arguments.config {
            let text =
                std::fs::read_to_string(path).map_err(|error| InvalidSettings::new(path.display(), error))?;
            settings.take_file(path, &text)?;
        }
        let mut warnings = settings.take_environment(variables)?;
        settings.take_arguments(arguments)?;
        let budget = settings.limits.memory_bytes;
        if let Some(there_is) = there_is.filter(|there_is| there_is.is_less_than(budget)) {
            warnings.push(format!(
                "limits.memory_bytes ({budget} bytes) is more than there is, {there_is}: the system would end the \
                 host before it has reached its budget; lower it, or leave it out for {} bytes",
                there_is.default_budget()
            ));
        }
        Ok((settings, warnings))
    }

    /// Takes what a configuration file says.
    pub(super) fn take_file(&mut self, path: &Path, text: &str) -> Result<(), InvalidSettings> {
        let place = path.display();
        let file: Table = text.parse().map_err(|error| InvalidSettings::new(place, error))?;
        for (key, value) in &file {
            match value {
                Value::Table(tables) if key == "environment" => self.take_environments(path, tables)?,
                Value::Table(table) if SETTINGS.iter().any(|known| is_in_table(known.key, key)) => {
                    for (name, value) in table {
                        self.take_value(path, &format!("{key}.{name}"), value)?;
                    }
                }
                value => self.take_value(path, key, value)?,
            }
        }
        Ok(())
    }

    fn take_value(&mut self, path: &Path, key: &str, value: &Value) -> Result<(), InvalidSettings> {
        let place = format!("{}: {key}", path.display());
        let setting = table::find(key).ok_or_else(|| unknown(&place))?;
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Array(items) if matches!(key, "tokens" | "cors_origins") => {
                let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                texts.ok_or_else(|| InvalidSettings::new(&place, "it is a list of texts"))?.join(",")
            }
            _ => return Err(InvalidSettings::new(place, "it is a text or a whole number")),
        };
        (setting.set)(self, &text).map_err(|reason| InvalidSettings::new(place, reason))
    }

    fn take_environments(&mut self, path: &Path, tables: &Table) -> Result<(), InvalidSettings> {
        for (name, table) in tables {
            let place = format!("{}: environment.{name}", path.display());
            let actor_type = ActorType::new(name).map_err(|error| InvalidSettings::new(&place, error))?;
            let variables = table
                .as_table()
                .ok_or_else(|| InvalidSettings::new(&place, "it is a table of environment variables"))?;
            let environment = self.environments.entry(actor_type).or_default();
            for (variable, value) in variables {
                let value = value.as_str().ok_or_else(|| {
                    InvalidSettings::new(format!("{place}.{variable}"), "its value is a text")
                })?;
                if variable.is_empty() || variable.contains(['=', '\0']) || value.contains('\0') {
                    return Err(InvalidSettings::new(
                        place,
                        format!("{variable:?} can't be an environment variable"),
                    ));
                }
                environment.insert(variable.clone(), value.to_owned());
            }
        }
        Ok(())
    }

    /// Takes what the environment says; returns what to warn of. A variable with our prefix that
    /// is no setting may well be someone else's (Kubernetes names some after services).
    pub(super) fn take_environment(
        &mut self,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Vec<String>, InvalidSettings> {
        let known: HashMap<String, _> =
            SETTINGS.iter().map(|setting| (setting.variable(), setting)).collect();
        let mut warnings = Vec::new();
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with("GREENROOM_")) else { continue };
            if let Some(setting) = known.get(name) {
                let text = value.to_str().ok_or_else(|| InvalidSettings::new(name, "it is not UTF-8"))?;
                (setting.set)(self, text).map_err(|reason| InvalidSettings::new(name, reason))?;
            } else if !OTHER_VARIABLES.contains(&name) {
                warnings.push(format!("the environment variable {name} is no setting and was left alone"));
            }
        }
        Ok(warnings)
    }

    /// Takes what the command line says.
    pub(super) fn take_arguments(&mut self, arguments: &Serve) -> Result<(), InvalidSettings> {
        for pair in &arguments.set {
            let place = format!("--set {pair}");
            let Some((key, text)) = pair.split_once('=') else {
                return Err(InvalidSettings::new(
                    place,
                    "it is KEY=VALUE, for example limits.turn_timeout=5s",
                ));
            };
            if key == "tokens" {
                let reason = "others could see it there; use GREENROOM_TOKENS or the configuration file";
                return Err(InvalidSettings::new("--set tokens", reason));
            }
            let setting = table::find(key).ok_or_else(|| unknown(&place))?;
            (setting.set)(self, text).map_err(|reason| InvalidSettings::new(place, reason))?;
        }
        if let Some(data) = &arguments.data {
            self.data.clone_from(data);
        }
        for (key, text) in
            [("listen", &arguments.listen), ("log", &arguments.log), ("log_format", &arguments.log_format)]
        {
            if let (Some(text), Some(setting)) = (text, table::find(key)) {
                let place = format!("--{}", key.replace('_', "-"));
                (setting.set)(self, text).map_err(|reason| InvalidSettings::new(place, reason))?;
            }
        }
        Ok(())
    }
}

fn is_in_table(key: &str, table: &str) -> bool {
    key.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'))
}

fn unknown(place: &str) -> InvalidSettings {
    InvalidSettings::new(place, "there is no such setting; docs/configuration.md lists all")
}
