//! What is set for one actor type, and what holds for it: the host's limits with what is set laid
//! over them. A type never gets more than the host allows where the host's limit protects the host.
//!
//! Values travel as JSON under the names that the API uses everywhere: a limit's own name, with
//! `_ms` behind a duration's.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::limits::Limits;
use crate::sandbox::Environment;

/// Environment variables that can be set for one type.
pub const ENVIRONMENT_VARIABLES_MAX: usize = 100;
/// Bytes of the names and values of the variables that are set for one type.
pub const ENVIRONMENT_BYTES_MAX: usize = 32 << 10;

/// The setting whose members are the environment variables of guests.
pub const ENVIRONMENT: &str = "environment";
/// The setting that says so of a behavior: neither a limit nor a variable.
pub const KEEPS_NOTHING_IN_MEMORY: &str = "keeps_nothing_in_memory";

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Milliseconds.
    Duration,
}

/// How much can be set for a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// The host's limit, which protects the host.
    Host,
    /// This much, or the host's value where that is more: the host's is only what a type gets that
    /// does not say.
    Own(u64),
}

/// A limit that can be set for a type.
pub struct TypeLimit {
    /// Its name, as in [`Limits`].
    pub name: &'static str,
    /// What it counts.
    pub kind: Kind,
    /// How much can be set.
    pub ceiling: Ceiling,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

impl TypeLimit {
    /// Its name in JSON.
    pub fn json_name(&self) -> String {
        match self.kind {
            Kind::Duration => format!("{}_ms", self.name),
            Kind::Bytes | Kind::Count => self.name.to_owned(),
        }
    }

    /// Its value on a host.
    pub fn value(&self, limits: &Limits) -> u64 {
        (self.get)(limits)
    }

    /// The most that can be set on a host.
    pub fn max(&self, host: &Limits) -> u64 {
        match self.ceiling {
            Ceiling::Host => self.value(host),
            Ceiling::Own(max) => max.max(self.value(host)),
        }
    }
}

/// A limit's value as a number.
trait Quantity {
    fn number(&self) -> u64;
    fn of(number: u64) -> Self;
}

macro_rules! integer_quantities {
    ($($integer:ty)*) => {$(
        impl Quantity for $integer {
            fn number(&self) -> u64 { u64::try_from(*self).unwrap_or(u64::MAX) }
            fn of(number: u64) -> Self { Self::try_from(number).unwrap_or(Self::MAX) }
        }
    )*};
}

integer_quantities!(u32 u64 usize);

impl Quantity for Duration {
    fn number(&self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    fn of(number: u64) -> Self {
        Duration::from_millis(number)
    }
}

macro_rules! type_limits {
    ($($name:ident $kind:ident $ceiling:expr;)*) => {
        /// Every limit that can be set for a type, in the order of [`Limits`].
        pub const TYPE_LIMITS: &[TypeLimit] = &[$(TypeLimit {
            name: stringify!($name),
            kind: Kind::$kind,
            ceiling: $ceiling,
            get: |limits| limits.$name.number(),
            set: |limits, number| limits.$name = Quantity::of(number),
        },)*];
    };
}

const HOUR_MS: u64 = 60 * 60 * 1_000;

type_limits! {
    payload_bytes Bytes Ceiling::Host;
    mailbox_capacity Count Ceiling::Host;
    state_key_bytes Bytes Ceiling::Host;
    state_value_bytes Bytes Ceiling::Host;
    state_bytes Bytes Ceiling::Host;
    state_preload_bytes Bytes Ceiling::Host;
    write_set_bytes Bytes Ceiling::Host;
    calls_per_turn Count Ceiling::Host;
    sends_per_turn Count Ceiling::Host;
    reminders_per_actor Count Ceiling::Host;
    timers_per_actor Count Ceiling::Host;
    log_bytes_per_turn Bytes Ceiling::Host;
    turn_timeout Duration Ceiling::Host;
    turn_cpu Duration Ceiling::Host;
    sandbox_memory_bytes Bytes Ceiling::Host;
    idle_timeout Duration Ceiling::Own(24 * HOUR_MS);
    delivery_attempts Count Ceiling::Own(1_000);
    retry_backoff Duration Ceiling::Own(HOUR_MS);
    retry_backoff_max Duration Ceiling::Own(24 * HOUR_MS);
}

/// The limit of that name in [`Limits`] or in JSON, if it can be set for a type.
pub fn type_limit(name: &str) -> Option<&'static TypeLimit> {
    TYPE_LIMITS.iter().find(|limit| limit.name == name || limit.json_name() == name)
}

/// What is set for one actor type; what is not has the host's value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeSettings {
    limits: BTreeMap<&'static str, u64>,
    environment: Environment,
    keeps_nothing_in_memory: Option<bool>,
}

/// What holds for the actors of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsInForce {
    /// The host's limits, with those that are set for the type in their place.
    pub limits: Limits,
    /// The environment variables that guests see.
    pub environment: Environment,
    /// Whether the behavior keeps nothing in its memory between turns, so that its sandbox may go
    /// on after a turn that ended in an ordinary failure.
    pub keeps_nothing_in_memory: bool,
}

/// Whose a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Greenroom's own.
    Default,
    /// The host's configuration says so.
    Host,
    /// It is set for the type.
    Type,
}

impl Whose {
    /// As it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Whose::Default => "default",
            Whose::Host => "host",
            Whose::Type => "type",
        }
    }
}

/// A setting as it holds for a type.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingView {
    /// Its name in JSON.
    pub name: String,
    /// Its value in JSON.
    pub value: Value,
    /// Whose the value is.
    pub from: Whose,
    /// The most that can be set, for a limit.
    pub max: Option<u64>,
}

/// Why settings are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct InvalidSetting {
    /// Where in the JSON, for example `$.turn_timeout_ms`.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl InvalidSetting {
    fn new(path: impl fmt::Display, reason: impl Into<String>) -> Self {
        InvalidSetting { path: format!("${path}"), reason: reason.into() }
    }
}

impl TypeSettings {
    /// These settings changed by a JSON Merge Patch (RFC 7396): what it names is set, `null` gives a
    /// setting back to the host, and what it does not name stays.
    ///
    /// # Errors
    /// Where the patch is not valid on `host`; nothing of it was taken.
    pub fn patched(&self, patch: &Value, host: &Limits) -> Result<TypeSettings, InvalidSetting> {
        self.with(patch, Some(host))
    }

    /// Settings that were stored before.
    ///
    /// # Errors
    /// It is none that [`TypeSettings::to_json`] made.
    pub fn from_json(document: &Value) -> Result<TypeSettings, InvalidSetting> {
        TypeSettings::default().with(document, None)
    }

    /// Everything that is set, and nothing else.
    pub fn to_json(&self) -> Value {
        let limits = TYPE_LIMITS.iter().filter_map(|limit| {
            self.limits.get(limit.name).map(|number| (limit.json_name(), Value::from(*number)))
        });
        let mut document: Map<String, Value> = limits.collect();
        if !self.environment.is_empty() {
            document.insert(ENVIRONMENT.into(), shown_environment(&self.environment));
        }
        if let Some(keeps_nothing) = self.keeps_nothing_in_memory {
            document.insert(KEEPS_NOTHING_IN_MEMORY.into(), keeps_nothing.into());
        }
        Value::Object(document)
    }

    /// What holds on a host: where a limit of the host became lower than what was once set, the
    /// host's counts.
    pub fn in_force(&self, host: &Limits, host_environment: &Environment) -> SettingsInForce {
        let mut limits = host.clone();
        for limit in TYPE_LIMITS {
            if let Some(number) = self.limits.get(limit.name) {
                (limit.set)(&mut limits, (*number).min(limit.max(host)));
            }
        }
        let mut environment = host_environment.clone();
        environment.extend(self.environment.clone());
        SettingsInForce {
            limits,
            environment,
            keeps_nothing_in_memory: self.keeps_nothing_in_memory.unwrap_or_default(),
        }
    }

    /// Every setting as it holds on a host, and whose it is.
    pub fn shown(&self, host: &Limits, host_environment: &Environment) -> Vec<SettingView> {
        let in_force = self.in_force(host, host_environment);
        let defaults = Limits::default();
        let limits = TYPE_LIMITS.iter().map(|limit| {
            let value = limit.value(&in_force.limits);
            let from = match self.limits.get(limit.name) {
                Some(set) if *set == value => Whose::Type,
                _ if value == limit.value(&defaults) => Whose::Default,
                _ => Whose::Host,
            };
            SettingView { name: limit.json_name(), value: value.into(), from, max: Some(limit.max(host)) }
        });
        let environment = SettingView {
            name: ENVIRONMENT.into(),
            value: shown_environment(&in_force.environment),
            from: match (self.environment.is_empty(), host_environment.is_empty()) {
                (false, _) => Whose::Type,
                (true, false) => Whose::Host,
                (true, true) => Whose::Default,
            },
            max: None,
        };
        let keeps_nothing = SettingView {
            name: KEEPS_NOTHING_IN_MEMORY.into(),
            value: in_force.keeps_nothing_in_memory.into(),
            from: if self.keeps_nothing_in_memory.is_some() { Whose::Type } else { Whose::Default },
            max: None,
        };
        limits.chain([environment, keeps_nothing]).collect()
    }

    fn with(&self, patch: &Value, host: Option<&Limits>) -> Result<TypeSettings, InvalidSetting> {
        let Value::Object(members) = patch else {
            return Err(InvalidSetting::new("", "settings are a JSON object"));
        };
        let mut settings = self.clone();
        for (name, value) in members {
            match name.as_str() {
                ENVIRONMENT => settings.take_environment(value)?,
                KEEPS_NOTHING_IN_MEMORY => {
                    settings.keeps_nothing_in_memory = match value {
                        Value::Null => None,
                        Value::Bool(keeps_nothing) => Some(*keeps_nothing),
                        _ => {
                            return Err(InvalidSetting::new(format_args!(".{name}"), "it is true or false"));
                        }
                    };
                }
                _ => settings.take_limit(name, value, host)?,
            }
        }
        Ok(settings)
    }

    fn take_limit(&mut self, name: &str, value: &Value, host: Option<&Limits>) -> Result<(), InvalidSetting> {
        let path = format!(".{name}");
        let Some(limit) = TYPE_LIMITS.iter().find(|limit| limit.json_name() == name) else {
            let reason = match type_limit(name) {
                Some(limit) => format!("it is {}, in milliseconds", limit.json_name()),
                None => "there is no such setting of an actor type; GET lists those there are".to_owned(),
            };
            return Err(InvalidSetting::new(path, reason));
        };
        if value.is_null() {
            self.limits.remove(limit.name);
            return Ok(());
        }
        let max = host.map_or(u64::MAX, |host| limit.max(host));
        let number = value.as_u64().filter(|number| (1..=max).contains(number)).ok_or_else(|| {
            let unit = match limit.kind {
                Kind::Bytes => " of bytes",
                Kind::Duration => " of milliseconds",
                Kind::Count => "",
            };
            let whose = match limit.ceiling {
                Ceiling::Host => ", as much as the host allows",
                Ceiling::Own(_) => "",
            };
            InvalidSetting::new(path, format!("it is a whole number{unit} from 1 to {max}{whose}"))
        })?;
        self.limits.insert(limit.name, number);
        Ok(())
    }

    fn take_environment(&mut self, value: &Value) -> Result<(), InvalidSetting> {
        let variables = match value {
            Value::Null => {
                self.environment.clear();
                return Ok(());
            }
            Value::Object(variables) => variables,
            _ => return Err(InvalidSetting::new(".environment", "it is an object of texts")),
        };
        for (name, value) in variables {
            let invalid = |reason| InvalidSetting::new(format_args!(".environment.{name}"), reason);
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(invalid("a variable has a name, without `=` and null characters"));
            }
            match value {
                Value::Null => drop(self.environment.remove(name)),
                Value::String(text) if !text.contains('\0') => {
                    self.environment.insert(name.clone(), text.clone());
                }
                _ => return Err(invalid("it is a text without null characters")),
            }
        }
        let bytes: usize = self.environment.iter().map(|(name, value)| name.len() + value.len()).sum();
        if self.environment.len() > ENVIRONMENT_VARIABLES_MAX || bytes > ENVIRONMENT_BYTES_MAX {
            let reason = format!(
                "it has at most {ENVIRONMENT_VARIABLES_MAX} variables, and {ENVIRONMENT_BYTES_MAX} bytes in all"
            );
            return Err(InvalidSetting::new(".environment", reason));
        }
        Ok(())
    }
}

fn shown_environment(environment: &Environment) -> Value {
    environment.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(patch: &Value) -> Result<TypeSettings, String> {
        TypeSettings::default().patched(patch, &Limits::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_merge_patch_sets_what_it_names_and_null_gives_it_back() {
        let host = Limits::default();
        let first = json!({
            "turn_timeout_ms": 500, "mailbox_capacity": 7, "keeps_nothing_in_memory": true,
            "environment": {"A": "1", "B": "2"}
        });
        let settings = patched(&first).unwrap();
        assert_eq!(settings.to_json(), first);
        let second = json!({
            "turn_timeout_ms": null, "keeps_nothing_in_memory": null, "environment": {"A": null, "C": "3"}
        });
        let settings = settings.patched(&second, &host).unwrap();
        assert_eq!(settings.to_json(), json!({"mailbox_capacity": 7, "environment": {"B": "2", "C": "3"}}));
        let settings = settings.patched(&json!({"environment": null}), &host).unwrap();
        assert_eq!(settings.to_json(), json!({"mailbox_capacity": 7}));
        assert_eq!(settings.patched(&json!({}), &host).unwrap(), settings);
    }

    #[test]
    fn what_is_stored_comes_back() {
        let everything = TYPE_LIMITS.iter().map(|limit| (limit.json_name(), Value::from(1)));
        let mut everything: Map<String, Value> = everything.collect();
        everything.insert("environment".into(), json!({"A": "1"}));
        everything.insert("keeps_nothing_in_memory".into(), json!(false));
        let settings = patched(&Value::Object(everything)).unwrap();
        assert_eq!(TypeSettings::from_json(&settings.to_json()), Ok(settings));
        assert_eq!(TypeSettings::from_json(&json!({})), Ok(TypeSettings::default()));
        assert!(TypeSettings::from_json(&json!({"other": 1})).is_err());
    }

    #[test]
    fn what_is_not_valid_is_named_by_its_path() {
        for (patch, named) in [
            (json!([]), "$: settings are"),
            (json!({"turn_timeot_ms": 1}), "$.turn_timeot_ms: there is no such setting"),
            (json!({"turn_timeout": 1}), "$.turn_timeout: it is turn_timeout_ms, in milliseconds"),
            (json!({"sandboxes": 1}), "$.sandboxes: there is no such setting of an actor type"),
            (json!({"turn_timeout_ms": "5s"}), "$.turn_timeout_ms: it is a whole number of milliseconds"),
            (json!({"turn_timeout_ms": 0}), "$.turn_timeout_ms: it is a whole number"),
            (json!({"turn_timeout_ms": 1.5}), "$.turn_timeout_ms: it is a whole number"),
            (json!({"turn_timeout_ms": 30_001}), "from 1 to 30000, as much as the host allows"),
            (json!({"idle_timeout_ms": 86_400_001}), "$.idle_timeout_ms: it is a whole number"),
            (json!({"keeps_nothing_in_memory": 1}), "$.keeps_nothing_in_memory: it is true or false"),
            (json!({"environment": []}), "$.environment: it is an object"),
            (json!({"environment": {"A": 5}}), "$.environment.A: it is a text"),
            (json!({"environment": {"A=B": "x"}}), "$.environment.A=B: a variable has a name"),
            (json!({"environment": {"A": "x".repeat(40_000)}}), "$.environment: it has at most 100"),
        ] {
            let refused = patched(&patch).unwrap_err();
            assert!(refused.starts_with('$') && refused.contains(named), "{patch}: {refused}");
        }
    }

    #[test]
    fn the_hosts_protection_counts_even_when_it_came_later() {
        let settings = patched(&json!({"turn_timeout_ms": 20_000, "idle_timeout_ms": 120_000})).unwrap();
        let strict = Limits {
            turn_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(1),
            ..Limits::default()
        };
        let in_force = settings.in_force(&strict, &Environment::new());
        assert_eq!(in_force.limits.turn_timeout, Duration::from_secs(10));
        assert_eq!(in_force.limits.idle_timeout, Duration::from_mins(2), "that is no protection");
        let expected = Limits {
            turn_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(2),
            ..Limits::default()
        };
        assert_eq!(in_force.limits, expected);
    }

    #[test]
    fn each_value_says_whose_it_is() {
        let host = Limits { mailbox_capacity: 50, turn_cpu: Duration::from_secs(2), ..Limits::default() };
        let environment = Environment::from([("A".to_owned(), "host".to_owned())]);
        let settings = patched(&json!({"turn_cpu_ms": 1_000, "environment": {"B": "type"}})).unwrap();
        let shown = settings.shown(&host, &environment);
        let row = |name: &str| shown.iter().find(|row| row.name == name).unwrap();
        let found = |name: &str| (row(name).value.clone(), row(name).from, row(name).max);
        assert_eq!(found("turn_cpu_ms"), (json!(1_000), Whose::Type, Some(2_000)));
        assert_eq!(found("mailbox_capacity"), (json!(50), Whose::Host, Some(50)));
        assert_eq!(found("state_key_bytes"), (json!(1_024), Whose::Default, Some(1_024)));
        assert_eq!(found("environment"), (json!({"A": "host", "B": "type"}), Whose::Type, None));
        assert_eq!(found("keeps_nothing_in_memory"), (json!(false), Whose::Default, None));
        assert_eq!(TypeSettings::default().shown(&host, &environment)[19].from, Whose::Host);
    }
}
