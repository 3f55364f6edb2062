//! What the documents say in JSON Schema that no type of this crate says: problem documents, one schema for each
//! row of the table of codes; the names in paths, with the bounds they really have; bodies that are read by hand.

use greenroom_core::address::{ACTOR_ID_BYTES_MAX, NAME_BYTES_MAX};
use greenroom_core::schedule::{DELAY_MAX_MS, PERIOD_MIN_MS};
use greenroom_core::settings::{
    ENVIRONMENT, ENVIRONMENT_VARIABLES_MAX, KEEPS_NOTHING_IN_MEMORY, TYPE_LIMITS,
};
use greenroom_core::{Code, Limits};
use serde_json::{Map, Value, json};

/// An actor type or a method.
const NAME_PATTERN: &str = "^[A-Za-z][A-Za-z0-9_.-]{0,63}$";
/// Anything but control characters.
const TEXT_PATTERN: &str = "^[^\\u0000-\\u001F\\u007F-\\u009F]+$";
/// A version 7 UUID as the host writes it.
const MESSAGE_ID_PATTERN: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
/// Longest name of a reminder, in bytes.
const REMINDER_NAME_BYTES_MAX: usize = 256;

/// Any problem document.
pub(super) fn problem() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457; the host's /errors lists all codes.",
        "properties": {
            "type": {"type": "string", "description": "Where the host says what the code means."},
            "title": {"type": "string", "description": "What the code means, in a few words that never change."},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What happened this time, and what to do about it."},
            "code": {"type": "string", "description": "Stable: branch on it together with `source`."},
            "source": {"enum": ["client", "guest", "host"], "description": "Whose doing it is."},
            "retry": {
                "enum": ["never", "later", "with-key"],
                "description": "What a client may do: the same request fails again; nothing happened, try again; \
                                the outcome is unknown, so only an idempotency key makes a repeat safe.",
            },
            "error": {"description": "The error of the method's own, where it answered with one that is a value."},
        },
        "required": ["type", "title", "status", "detail", "code", "source", "retry"],
    })
}

/// The name of a code's schema. Some codes of guests share their text with one of the host.
fn name(code: Code) -> String {
    format!("{}.{}", code.source().as_str(), code.as_str())
}

/// Refers to the schema of a code's problem document.
pub(super) fn reference(code: Code) -> Value {
    json!({"$ref": format!("#/components/schemas/{}", name(code))})
}

/// Every schema that is not made from a type.
pub(super) fn all(limits: &Limits) -> Map<String, Value> {
    let of_code = |code: &Code| {
        let (text, title) = (code.as_str(), code.title());
        let row = json!({
            "type": {"const": format!("/errors/{text}")},
            "title": {"const": title},
            "status": {"const": code.status()},
            "code": {"const": text},
            "source": {"const": code.source().as_str()},
            "retry": {"const": code.retry().as_str()},
        });
        (name(*code), json!({"allOf": [{"$ref": "#/components/schemas/Problem"}], "properties": row}))
    };
    let mut schemas: Map<String, Value> = Code::ALL.iter().map(of_code).collect();
    schemas.insert("Problem".into(), problem());
    schemas.insert("ReminderToSet".into(), reminder());
    schemas.insert("SettingsToChange".into(), settings(limits));
    schemas
}

fn reminder() -> Value {
    json!({
        "type": "object",
        "properties": {
            "method": {
                "type": "string",
                "pattern": NAME_PATTERN,
                "maxLength": NAME_BYTES_MAX,
                "description": "What the actor is asked to do each time.",
            },
            "delay_ms": {
                "type": "integer",
                "minimum": 0,
                "maximum": DELAY_MAX_MS,
                "description": "The first firing: milliseconds from now.",
            },
            "period_ms": {
                "type": ["integer", "null"],
                "minimum": PERIOD_MIN_MS,
                "maximum": DELAY_MAX_MS,
                "description": "Milliseconds between firings; without it there is one.",
            },
            "repetitions": {
                "type": ["integer", "null"],
                "minimum": 1,
                "maximum": u32::MAX,
                "description": "Firings in all; without it, and with a period, without end.",
            },
            "payload": {"description": "What the method gets, as JSON; nothing when it is null or not there."},
        },
        "required": ["method", "delay_ms"],
        "additionalProperties": false,
        "anyOf": [
            {"required": ["period_ms"], "properties": {"period_ms": {"type": "integer"}}},
            {"properties": {"repetitions": {"enum": [1, null]}}},
        ],
        "example": {"method": "tick", "delay_ms": 60_000, "period_ms": 3_600_000},
    })
}

/// A merge patch. A limit can be set up to the host's.
fn settings(limits: &Limits) -> Value {
    let limit = |limit: &greenroom_core::settings::TypeLimit| {
        let schema = json!({"type": ["integer", "null"], "minimum": 1, "maximum": limit.max(limits)});
        (limit.json_name(), schema)
    };
    let mut members: Map<String, Value> = TYPE_LIMITS.iter().map(limit).collect();
    members.insert(KEEPS_NOTHING_IN_MEMORY.into(), json!({"type": ["boolean", "null"]}));
    members.insert(ENVIRONMENT.into(), environment());
    json!({
        "type": "object",
        "properties": members,
        "additionalProperties": false,
        "example": {"turn_timeout_ms": 5_000, "environment": {"LANGUAGE": "en"}},
    })
}

fn environment() -> Value {
    json!({
        "type": ["object", "null"],
        "description": "Environment variables by name; `null` removes one. They have at most 32 KiB in all.",
        "maxProperties": ENVIRONMENT_VARIABLES_MAX,
        "propertyNames": {"pattern": "^[^=\\u0000]+$"},
        "additionalProperties": {"type": ["string", "null"], "pattern": "^[^\\u0000]*$"},
    })
}

/// The names in a path template, as references to [`parameters`].
pub(super) fn path_parameters(path: &str) -> Vec<Value> {
    let mut before = "";
    let mut references = Vec::new();
    for segment in path.split('/') {
        let parameter = match (before, segment) {
            (_, "{type}") => Some("ActorType"),
            (_, "{method}") => Some("Method"),
            (_, "{version}") => Some("Version"),
            (_, "{code}") => Some("ErrorCode"),
            ("dead-letters", "{message_id}") => Some("DeadLetter"),
            (_, "{message_id}") => Some("WaitingMessageId"),
            (_, "{id}") => Some("ActorId"),
            ("state", "{name}") => Some("StateKey"),
            ("reminders", "{name}") => Some("ReminderName"),
            _ => None,
        };
        references.extend(parameter.map(|name| json!({"$ref": format!("#/components/parameters/{name}")})));
        before = segment;
    }
    references
}

/// Every name that stands in a path.
pub(super) fn parameters() -> Value {
    let parameter = |name: &str, description: &str, schema: Value, example: Value| {
        json!({
            "name": name,
            "in": "path",
            "required": true,
            "description": description,
            "schema": schema,
            "example": example,
        })
    };
    let named =
        || json!({"type": "string", "pattern": NAME_PATTERN, "minLength": 1, "maxLength": NAME_BYTES_MAX});
    let text =
        |bytes: usize| json!({"type": "string", "pattern": TEXT_PATTERN, "minLength": 1, "maxLength": bytes});
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    json!({
        "ActorType": parameter("type", "The name that a component is deployed under. Case counts.", named(), "task".into()),
        "ActorId": parameter(
            "id",
            "Which actor of the type: at most 512 bytes of UTF-8. It need not be created.",
            text(ACTOR_ID_BYTES_MAX),
            "task-123".into(),
        ),
        "Method": parameter("method", "What the actor is asked to do.", named(), "get_task".into()),
        "StateKey": parameter(
            "name",
            "The key, at most `state_key_bytes` of UTF-8.",
            json!({"type": "string", "minLength": 1}),
            "notes/1".into(),
        ),
        "ReminderName": parameter(
            "name",
            "The name of the reminder, at most 256 bytes of UTF-8.",
            text(REMINDER_NAME_BYTES_MAX),
            "daily".into(),
        ),
        "Version": parameter(
            "version",
            "The number of a version.",
            json!({"type": "integer", "minimum": 1, "maximum": u32::MAX}),
            1.into(),
        ),
        "DeadLetter": parameter(
            "message_id",
            "The id of the message.",
            json!({"type": "string", "format": "uuid", "pattern": MESSAGE_ID_PATTERN}),
            "01920000-0000-7000-8000-000000000000".into(),
        ),
        "WaitingMessageId": parameter(
            "message_id",
            "The id of a message that waits.",
            json!({"type": "string", "format": "uuid", "pattern": MESSAGE_ID_PATTERN}),
            "01920000-0000-7000-8000-000000000000".into(),
        ),
        "ErrorCode": parameter(
            "code",
            "The `code` of a problem document.",
            json!({"type": "string", "enum": codes}),
            "mailbox-full".into(),
        ),
    })
}
