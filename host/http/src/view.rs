//! What comes back as JSON. Every name here is part of the API: times are RFC 3339 in UTC,
//! durations and sizes carry their unit in the name.

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom_core::component::{Description, MethodDescription};
use greenroom_core::settings::SettingView;
use greenroom_core::store::{DeadLetterSummary, VersionRecord};
use greenroom_core::{Limits, MessageId, Origin as SentBy, Payload};
use greenroom_runtime::{ActorSummary, ActorTypeView, ActorView, ErrorSummary, TurnSummary};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::About;
use crate::problem::public_detail;
use crate::time::rfc3339;

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Where an actor is in its lifecycle.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Lifecycle {
    /// Not in memory.
    Dormant,
    /// In memory, and at work.
    Activated,
    /// In memory, and waiting.
    Idle,
}

impl From<greenroom_runtime::Lifecycle> for Lifecycle {
    fn from(lifecycle: greenroom_runtime::Lifecycle) -> Self {
        match lifecycle {
            greenroom_runtime::Lifecycle::Dormant => Lifecycle::Dormant,
            greenroom_runtime::Lifecycle::Activated => Lifecycle::Activated,
            greenroom_runtime::Lifecycle::Idle => Lifecycle::Idle,
        }
    }
}

/// One line of a list of actors.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActorLine {
    r#type: String,
    id: String,
    lifecycle: Lifecycle,
}

impl From<&ActorSummary> for ActorLine {
    fn from(actor: &ActorSummary) -> Self {
        ActorLine {
            r#type: actor.address.actor_type.to_string(),
            id: actor.address.id.to_string(),
            lifecycle: actor.lifecycle.into(),
        }
    }
}

/// One actor, looked at closely.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "type": "task", "id": "task-123", "lifecycle": "idle", "version": 2, "sandbox_memory_bytes": 131_072,
    "mailbox_length": 0, "state_keys": 1, "state_bytes": 94, "reminders": [],
    "answers": 0, "answer_bytes": 0,
    "last_turn": {"method": "update_status", "at": "2026-01-31T12:00:00.000Z", "took_ms": 0.84}, "last_error": null,
}))]
pub(crate) struct Actor {
    r#type: String,
    id: String,
    lifecycle: Lifecycle,
    #[schema(required)]
    version: Option<u32>,
    #[schema(required)]
    sandbox_memory_bytes: Option<usize>,
    mailbox_length: u64,
    state_keys: u64,
    state_bytes: u64,
    reminders: Vec<Reminder>,
    /// Answers kept for repeats of requests with an idempotency key.
    answers: u64,
    /// Bytes of those answers.
    answer_bytes: u64,
    #[schema(required)]
    last_turn: Option<Turn>,
    #[schema(required)]
    last_error: Option<LastError>,
}

impl From<&ActorView> for Actor {
    fn from(actor: &ActorView) -> Self {
        Actor {
            r#type: actor.address.actor_type.to_string(),
            id: actor.address.id.to_string(),
            lifecycle: actor.lifecycle.into(),
            version: actor.version,
            sandbox_memory_bytes: actor.sandbox_memory_bytes,
            mailbox_length: actor.mailbox_length,
            state_keys: actor.state_keys,
            state_bytes: actor.state_bytes,
            reminders: actor.reminders.iter().map(Reminder::from).collect(),
            answers: actor.answers,
            answer_bytes: actor.answer_bytes,
            last_turn: actor.last_turn.as_ref().map(Turn::from),
            last_error: actor.last_error.as_ref().map(LastError::from),
        }
    }
}

/// A turn that is over.
#[derive(Serialize, ToSchema)]
struct Turn {
    method: String,
    at: String,
    took_ms: f64,
}

impl From<&TurnSummary> for Turn {
    fn from(turn: &TurnSummary) -> Self {
        Turn {
            method: turn.method.to_string(),
            at: rfc3339(turn.at),
            took_ms: turn.took.as_micros() as f64 / 1_000.0,
        }
    }
}

/// An error that an actor ended a turn with, as its caller saw it.
#[derive(Serialize, ToSchema)]
struct LastError {
    at: String,
    method: String,
    code: &'static str,
    source: &'static str,
    detail: String,
}

impl From<&ErrorSummary> for LastError {
    fn from(last: &ErrorSummary) -> Self {
        LastError {
            at: rfc3339(last.at),
            method: last.method.to_string(),
            code: last.error.code.as_str(),
            source: last.error.code.source().as_str(),
            detail: public_detail(&last.error).to_owned(),
        }
    }
}

/// A durable alarm of an actor.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "name": "daily", "method": "remind", "due_at": "2026-02-01T08:00:00.000Z", "delay_ms": 60_000,
    "period_ms": 86_400_000, "repetitions": null, "fired": 3, "attempt": 1,
    "next_attempt_at": "2026-02-01T08:00:00.000Z", "content_type": "application/json", "payload_bytes": 2,
}))]
pub(crate) struct Reminder {
    name: String,
    method: String,
    due_at: String,
    delay_ms: u64,
    #[schema(required)]
    period_ms: Option<u64>,
    #[schema(required)]
    repetitions: Option<u32>,
    fired: u32,
    attempt: u32,
    next_attempt_at: String,
    content_type: String,
    payload_bytes: usize,
}

impl From<&greenroom_core::store::Reminder> for Reminder {
    fn from(reminder: &greenroom_core::store::Reminder) -> Self {
        let Payload { content_type, body } = &reminder.payload;
        Reminder {
            name: reminder.name.to_string(),
            method: reminder.method.to_string(),
            due_at: rfc3339(reminder.due_at),
            delay_ms: reminder.schedule.delay_ms(),
            period_ms: reminder.schedule.period_ms(),
            repetitions: reminder.schedule.repetitions(),
            fired: reminder.fired,
            attempt: reminder.attempt,
            next_attempt_at: rfc3339(reminder.wake_at),
            content_type: content_type.to_string(),
            payload_bytes: body.len(),
        }
    }
}

/// A message that waits in a mailbox.
#[derive(Serialize, ToSchema)]
pub(crate) struct WaitingMessage {
    message_id: String,
    method: String,
    origin: Origin,
    attempt: u32,
    age_ms: u64,
    #[schema(required)]
    due_in_ms: Option<u64>,
    /// Why its last delivery failed; null before the first has
    #[schema(required)]
    last_error: Option<String>,
}

impl From<&greenroom_runtime::WaitingMessage> for WaitingMessage {
    fn from(message: &greenroom_runtime::WaitingMessage) -> Self {
        WaitingMessage {
            message_id: message.id.to_string(),
            method: message.method.to_string(),
            origin: Origin::from(&message.origin),
            attempt: message.attempt,
            age_ms: milliseconds(message.age),
            due_in_ms: message.due_in.map(milliseconds),
            last_error: message.last_error.as_deref().map(str::to_owned),
        }
    }
}

/// A message that was given up, without its payload.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "message_id": "01920000-0000-7000-8000-000000000000", "type": "task", "id": "task-123", "method": "remind",
    "origin": {"kind": "actor", "type": "chat", "id": "room-7"}, "attempts": 10,
    "died_at": "2026-01-31T12:00:00.000Z", "error": "internal: no such user", "content_type": "application/json",
    "payload_bytes": 17,
}))]
pub(crate) struct DeadLetter {
    message_id: String,
    r#type: String,
    id: String,
    method: String,
    origin: Origin,
    attempts: u32,
    died_at: String,
    error: String,
    content_type: String,
    payload_bytes: u64,
}

impl From<&DeadLetterSummary> for DeadLetter {
    fn from(letter: &DeadLetterSummary) -> Self {
        DeadLetter {
            message_id: letter.id.to_string(),
            r#type: letter.to.actor_type.to_string(),
            id: letter.to.id.to_string(),
            method: letter.method.to_string(),
            origin: Origin::from(&letter.origin),
            attempts: letter.attempts,
            died_at: rfc3339(letter.died_at),
            error: letter.error.clone(),
            content_type: letter.content_type.to_string(),
            payload_bytes: letter.body_bytes,
        }
    }
}

/// Who sent a message, for example `{"kind":"actor","type":"task","id":"1"}`.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Origin {
    Client,
    Actor { r#type: String, id: String },
    Reminder { name: String },
    Timer { name: String },
}

impl From<&SentBy> for Origin {
    fn from(origin: &SentBy) -> Self {
        match origin {
            SentBy::Client => Origin::Client,
            SentBy::Actor(address) => {
                Origin::Actor { r#type: address.actor_type.to_string(), id: address.id.to_string() }
            }
            SentBy::Reminder(name) => Origin::Reminder { name: name.to_string() },
            SentBy::Timer(name) => Origin::Timer { name: name.to_string() },
        }
    }
}

/// An actor type and its versions.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActorType {
    r#type: String,
    active_version: u32,
    #[schema(required)]
    previous_version: Option<u32>,
    active_actors: usize,
    versions: Vec<Version>,
}

impl From<&ActorTypeView> for ActorType {
    fn from(known: &ActorTypeView) -> Self {
        ActorType {
            r#type: known.name.to_string(),
            active_version: known.active_version,
            previous_version: known.previous_version,
            active_actors: known.active_actors,
            versions: known.versions.iter().map(Version::from).collect(),
        }
    }
}

/// An actor type, looked at closely.
#[derive(Serialize, ToSchema)]
pub(crate) struct InspectedType {
    #[serde(flatten)]
    known: ActorType,
    #[schema(required)]
    methods: Option<Vec<Method>>,
    #[schema(required)]
    takes_any_method: Option<bool>,
}

impl InspectedType {
    /// A type and, where its code is ready, what that says of itself.
    pub(crate) fn new(known: &ActorTypeView, description: Option<Description>) -> Self {
        InspectedType {
            known: known.into(),
            takes_any_method: description.as_ref().map(|description| description.takes_any_method),
            methods: description
                .map(|description| description.methods.into_iter().map(Method::from).collect()),
        }
    }
}

/// A function that a component exports.
#[derive(Serialize, ToSchema)]
struct Method {
    name: String,
    aliases: Vec<String>,
    #[schema(required)]
    interface: Option<String>,
    #[schema(required)]
    docs: Option<String>,
    parameters: serde_json::Value,
    #[schema(required)]
    result: Option<serde_json::Value>,
    #[schema(required)]
    error: Option<serde_json::Value>,
}

impl From<MethodDescription> for Method {
    fn from(method: MethodDescription) -> Self {
        let MethodDescription { name, aliases, interface, docs, parameters, result, error, .. } = method;
        Method { name, aliases, interface, docs, parameters, result, error }
    }
}

/// One version of an actor type.
#[derive(Serialize, ToSchema)]
struct Version {
    #[serde(rename = "version")]
    number: u32,
    digest: String,
    size: u64,
    imports: Vec<String>,
    deployed_at: String,
}

impl From<&VersionRecord> for Version {
    fn from(version: &VersionRecord) -> Self {
        Version {
            number: version.number,
            digest: version.component.digest.to_string(),
            size: version.component.size_bytes,
            imports: version.component.imports.clone(),
            deployed_at: rfc3339(version.deployed_at),
        }
    }
}

/// What a deployment answers: the version that is now active.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "type": "task", "version": 3, "size": 132_871, "imports": ["greenroom:actor/state"],
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "deployed_at": "2026-01-31T12:00:00.000Z",
}))]
pub(crate) struct Deployed {
    r#type: String,
    #[serde(flatten)]
    version: Version,
}

impl Deployed {
    /// `version` of `actor_type`.
    pub(crate) fn new(actor_type: &greenroom_core::ActorType, version: &VersionRecord) -> Self {
        Deployed { r#type: actor_type.to_string(), version: version.into() }
    }
}

/// What the host says of itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct NodeView {
    version: String,
    uptime_ms: u64,
    engine: String,
    storage: String,
    /// By name.
    #[schema(value_type = BTreeMap<String, u64>)]
    limits: serde_json::Value,
}

impl NodeView {
    /// A host that has been up for `uptime`.
    pub(crate) fn new(about: &About, uptime: Duration, limits: &Limits) -> Self {
        NodeView {
            version: about.version.clone(),
            uptime_ms: milliseconds(uptime),
            engine: about.engine.clone(),
            storage: about.storage.clone(),
            limits: limits_in_force(limits),
        }
    }
}

/// Every limit under its name; a duration's name ends in its unit.
fn limits_in_force(limits: &Limits) -> serde_json::Value {
    serde_json::json!({
        "component_bytes": limits.component_bytes,
        "payload_bytes": limits.payload_bytes,
        "versions_per_type": limits.versions_per_type,
        "mailbox_capacity": limits.mailbox_capacity,
        "state_key_bytes": limits.state_key_bytes,
        "state_value_bytes": limits.state_value_bytes,
        "state_bytes": limits.state_bytes,
        "state_preload_bytes": limits.state_preload_bytes,
        "write_set_bytes": limits.write_set_bytes,
        "calls_per_turn": limits.calls_per_turn,
        "sends_per_turn": limits.sends_per_turn,
        "call_depth": limits.call_depth,
        "reminders_per_actor": limits.reminders_per_actor,
        "timers_per_actor": limits.timers_per_actor,
        "log_bytes_per_turn": limits.log_bytes_per_turn,
        "turn_timeout_ms": milliseconds(limits.turn_timeout),
        "turn_cpu_ms": milliseconds(limits.turn_cpu),
        "sandbox_memory_bytes": limits.sandbox_memory_bytes,
        "sandbox_table_elements": limits.sandbox_table_elements,
        "sandbox_stack_bytes": limits.sandbox_stack_bytes,
        "sandboxes": limits.sandboxes,
        "activations": limits.activations,
        "memory_bytes": limits.memory_bytes,
        "code_bytes": limits.code_bytes,
        "idle_timeout_ms": milliseconds(limits.idle_timeout),
        "delivery_attempts": limits.delivery_attempts,
        "retry_backoff_ms": milliseconds(limits.retry_backoff),
        "retry_backoff_max_ms": milliseconds(limits.retry_backoff_max),
        "dead_letters_per_actor": limits.dead_letters_per_actor,
        "idempotency_retention_ms": milliseconds(limits.idempotency_retention),
        "idempotency_keys_per_actor": limits.idempotency_keys_per_actor,
        "idempotency_bytes_per_actor": limits.idempotency_bytes_per_actor,
        "drain_timeout_ms": milliseconds(limits.drain_timeout),
    })
}

/// A message that is durable.
#[derive(Serialize, ToSchema)]
pub(crate) struct Accepted {
    #[schema(format = "uuid", example = "01920000-0000-7000-8000-000000000000")]
    message_id: String,
}

impl Accepted {
    /// The message of that id.
    pub(crate) fn new(id: MessageId) -> Self {
        Accepted { message_id: id.to_string() }
    }
}

/// What is set for one actor type, and what the host says where nothing is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Settings {
    r#type: String,
    /// By name.
    settings: BTreeMap<String, Setting>,
}

/// One setting as it holds for a type.
#[derive(Serialize, ToSchema)]
struct Setting {
    value: serde_json::Value,
    /// Whose the value is: `default`, `host` or `type`.
    from: &'static str,
    /// The most that can be set, for a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    max: Option<u64>,
}

impl Settings {
    /// All settings of `actor_type`.
    pub(crate) fn new(actor_type: &greenroom_core::ActorType, settings: Vec<SettingView>) -> Self {
        let setting =
            |SettingView { name, value, from, max }| (name, Setting { value, from: from.as_str(), max });
        Settings { r#type: actor_type.to_string(), settings: settings.into_iter().map(setting).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_core::{Address, Code, ComponentInfo, Digest, Error, Method, Timestamp};

    fn json(view: &impl Serialize) -> String {
        serde_json::to_string(view).unwrap()
    }

    #[test]
    fn an_actor_is_shown_like_this() {
        let actor = ActorView {
            address: Address::parse("task", "a/b").unwrap(),
            lifecycle: greenroom_runtime::Lifecycle::Idle,
            version: Some(2),
            sandbox_memory_bytes: None,
            mailbox_length: 0,
            state_keys: 1,
            state_bytes: 10,
            reminders: Vec::new(),
            answers: 3,
            answer_bytes: 40,
            last_turn: Some(TurnSummary {
                method: Method::new("run").unwrap(),
                at: Timestamp::from_unix_ms(1_500),
                took: Duration::from_micros(1_250),
            }),
            last_error: Some(ErrorSummary {
                at: Timestamp::EPOCH,
                method: Method::new("run").unwrap(),
                error: Error::new(Code::Internal, "secret path"),
            }),
        };
        assert_eq!(
            json(&Actor::from(&actor)),
            "{\"type\":\"task\",\"id\":\"a/b\",\"lifecycle\":\"idle\",\"version\":2,\
             \"sandbox_memory_bytes\":null,\"mailbox_length\":0,\"state_keys\":1,\"state_bytes\":10,\
             \"reminders\":[],\"answers\":3,\"answer_bytes\":40,\"last_turn\":{\"method\":\"run\",\"at\":\"1970-01-01T00:00:01.500Z\",\
             \"took_ms\":1.25},\"last_error\":{\"at\":\"1970-01-01T00:00:00.000Z\",\"method\":\"run\",\
             \"code\":\"internal\",\"source\":\"host\",\
             \"detail\":\"the host failed while it worked on this; its log says why\"}}"
        );
    }

    #[test]
    fn an_origin_is_shown_by_its_kind() {
        let shown = |origin| json(&Origin::from(&origin));
        assert_eq!(shown(SentBy::Client), r#"{"kind":"client"}"#);
        assert_eq!(shown(SentBy::Timer("t".into())), r#"{"kind":"timer","name":"t"}"#);
        assert_eq!(shown(SentBy::Reminder("r".into())), r#"{"kind":"reminder","name":"r"}"#);
        let actor = SentBy::Actor(Address::parse("task", "1").unwrap());
        assert_eq!(shown(actor), r#"{"kind":"actor","type":"task","id":"1"}"#);
    }

    #[test]
    fn a_deployment_names_its_version() {
        let version = VersionRecord {
            number: 3,
            component: ComponentInfo {
                digest: Digest::from_bytes([0xab; 32]),
                size_bytes: 9,
                imports: vec![],
            },
            deployed_at: Timestamp::EPOCH,
        };
        let shown = json(&Deployed::new(&greenroom_core::ActorType::new("task").unwrap(), &version));
        let digest = "ab".repeat(32);
        assert_eq!(
            shown,
            format!(
                "{{\"type\":\"task\",\"version\":3,\"digest\":\"{digest}\",\"size\":9,\"imports\":[],\
                 \"deployed_at\":\"1970-01-01T00:00:00.000Z\"}}"
            )
        );
    }

    #[test]
    fn no_limit_in_force_is_left_out() {
        let limits = Limits::default();
        let shown = limits_in_force(&limits);
        let known = format!("{limits:#?}");
        let names: Vec<&str> =
            known.lines().filter_map(|line| line.trim().split_once(": ")).map(|it| it.0).collect();
        for name in &names {
            let found = shown.get(*name).or_else(|| shown.get(format!("{name}_ms")));
            assert!(found.is_some(), "{name} is not shown");
        }
        assert_eq!(shown.as_object().unwrap().len(), names.len());
    }
}
