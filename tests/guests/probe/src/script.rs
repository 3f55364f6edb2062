//! The method `run`: a list of operations, done in order. The first `fail` or `trap` ends the turn;
//! every other result, also a refusal, goes into the reply, so that a test sees each.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::bindings::messaging;
use crate::bindings::reminders::{self, Schedule};
use crate::bindings::types::{Address, CallError, ErrorCode, Failure, Message, Origin, Payload};
use crate::bindings::{context, log, state, timers};
use crate::methods::failure;
use crate::{hostile, memory};

/// One operation: `{"op": "set", "key": "a", "value": "1"}`.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Operation {
    /// Keeps a text.
    Set { key: String, value: String },
    /// Keeps so many bytes.
    Fill { key: String, bytes: usize },
    /// Reads a text, or null.
    Get { key: String },
    /// Says whether the key was there.
    Delete { key: String },
    /// The keys after `after` with that prefix.
    Keys { prefix: String, after: Option<String>, limit: u32 },
    /// Asks another actor; a payload that is a text goes as it is, anything else as JSON.
    Call { to: (String, String), method: String, payload: Value },
    /// Tells another actor, `count` times with the index for `{}` in a text payload.
    Send {
        to: (String, String),
        method: String,
        payload: Value,
        #[serde(default)]
        delay_ms: u64,
        #[serde(default = "once")]
        count: u32,
    },
    /// A durable alarm.
    SetReminder { name: String, schedule: Alarm, method: String, payload: Value },
    /// Says whether there was one.
    CancelReminder { name: String },
    /// The names, methods and whether they are due.
    ListReminders {},
    /// An alarm in memory.
    SetTimer { name: String, schedule: Alarm, method: String, payload: Value },
    /// Says whether there was one.
    CancelTimer { name: String },
    /// Ends the turn with a failure.
    Fail { code: String, message: String },
    /// Ends it with a crash.
    Trap {},
    /// Never ends it.
    Spin {},
    /// Computes for a while.
    Work { million_rounds: u64 },
    /// Runs out of stack.
    Recurse {},
    /// Runs out of the stack in linear memory.
    RecurseInMemory {},
    /// Runs out of memory.
    MemoryBomb {},
    /// For the people who run it.
    Log { level: String, message: String },
    /// On standard output.
    Print { message: String },
    /// The time of the turn.
    Now {},
    /// The environment variables.
    Environment {},
    /// Random bytes in hexadecimal.
    Random { len: u32 },
    /// A text of so many bytes.
    Big { bytes: usize },
    /// Keeps a text in memory only.
    Remember { value: String },
    /// What is kept in memory, and how many turns this sandbox has had.
    Recall {},
    /// The message as it came, and the actor's own address.
    Message {},
}

/// A schedule as the WIT has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alarm {
    delay_ms: u64,
    period_ms: Option<u64>,
    repetitions: Option<u32>,
}

impl From<Alarm> for Schedule {
    fn from(alarm: Alarm) -> Self {
        Schedule { delay_ms: alarm.delay_ms, period_ms: alarm.period_ms, repetitions: alarm.repetitions }
    }
}

fn once() -> u32 {
    1
}

pub(crate) fn run(message: &Message) -> Result<Payload, Failure> {
    let operations: Vec<Operation> = serde_json::from_slice(&message.payload.body)
        .map_err(|error| failure(ErrorCode::InvalidArgument, format!("not a script: {error}")))?;
    let mut results = Vec::with_capacity(operations.len());
    for operation in operations {
        results.push(perform(operation, message)?);
    }
    let body = Value::from(results).to_string().into_bytes();
    Ok(Payload { content_type: "application/json".into(), body })
}

fn perform(operation: Operation, message: &Message) -> Result<Value, Failure> {
    Ok(match operation {
        Operation::Set { key, value } => outcome(state::set(&key, value.as_bytes())),
        Operation::Fill { key, bytes } => outcome(state::set(&key, &vec![b'x'; bytes])),
        Operation::Get { key } => state::get(&key).map_or(Value::Null, |bytes| lossy(&bytes)),
        Operation::Delete { key } => json!(state::delete(&key)),
        Operation::Keys { prefix, after, limit } => json!(state::keys(&prefix, after.as_deref(), limit)),
        Operation::Call { to, method, payload } => {
            called(messaging::call(&address(to), &method, &payload_of(&payload)))
        }
        Operation::Send { to, method, payload, delay_ms, count } => {
            let to = address(to);
            let refused = (0..count).find_map(|index| {
                let payload = numbered(&payload, index);
                messaging::send(&to, &method, &payload, delay_ms).err()
            });
            outcome(refused.map_or(Ok(()), Err))
        }
        Operation::SetReminder { name, schedule, method, payload } => {
            outcome(reminders::set(&name, schedule.into(), &method, &payload_of(&payload)))
        }
        Operation::CancelReminder { name } => json!(reminders::cancel(&name)),
        Operation::ListReminders {} => reminders::list()
            .into_iter()
            .map(|it| json!({ "name": it.name, "method": it.method, "due": it.due_in_ms == 0 }))
            .collect(),
        Operation::SetTimer { name, schedule, method, payload } => {
            outcome(timers::set(&name, schedule.into(), &method, &payload_of(&payload)))
        }
        Operation::CancelTimer { name } => json!(timers::cancel(&name)),
        Operation::Fail { code, message } => return Err(failure(error_code(&code)?, message)),
        Operation::Trap {} => hostile::trap(),
        Operation::Spin {} => hostile::spin(),
        Operation::Work { million_rounds } => json!(hostile::work(million_rounds)),
        Operation::Recurse {} => json!(hostile::recurse(3, std::hint::black_box(10_000_000))),
        Operation::RecurseInMemory {} => json!(hostile::recurse_in_memory(0)),
        Operation::MemoryBomb {} => hostile::memory_bomb(),
        Operation::Log { level, message } => {
            log::write(log_level(&level)?, &message);
            Value::Null
        }
        Operation::Print { message } => {
            println!("{message}");
            Value::Null
        }
        Operation::Now {} => json!(context::now_ms()),
        Operation::Environment {} => std::env::vars().map(|(name, value)| (name, json!(value))).collect(),
        Operation::Random { len } => {
            json!(hexadecimal(&context::random(len)))
        }
        Operation::Big { bytes } => json!("x".repeat(bytes)),
        Operation::Remember { value } => {
            memory::remember(value);
            Value::Null
        }
        Operation::Recall {} => json!({ "value": memory::recall(), "turns": memory::turns() }),
        Operation::Message {} => described(message),
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn lossy(bytes: &[u8]) -> Value {
    json!(String::from_utf8_lossy(bytes))
}

fn outcome(result: Result<(), String>) -> Value {
    match result {
        Ok(()) => json!("ok"),
        Err(limit) => json!({ "limit_exceeded": limit }),
    }
}

fn address((actor_type, id): (String, String)) -> Address {
    Address { actor_type, id }
}

fn payload_of(value: &Value) -> Payload {
    match value {
        Value::String(text) => Payload { content_type: "text/plain".into(), body: text.clone().into_bytes() },
        other => Payload { content_type: "application/json".into(), body: other.to_string().into_bytes() },
    }
}

fn numbered(value: &Value, index: u32) -> Payload {
    match value {
        Value::String(text) => payload_of(&Value::String(text.replace("{}", &index.to_string()))),
        other => payload_of(other),
    }
}

fn called(result: Result<Payload, CallError>) -> Value {
    match result {
        Ok(reply) => {
            let body = serde_json::from_slice(&reply.body).unwrap_or_else(|_| lossy(&reply.body));
            json!({ "reply": body })
        }
        Err(error) => match error {
            CallError::Failed(it) => {
                json!({ "failed": { "code": code_name(it.code), "message": it.message } })
            }
            CallError::UnknownActorType => json!({ "unknown_actor_type": true }),
            CallError::Deadlock(chain) => json!({ "deadlock": chain }),
            CallError::Overloaded => json!({ "overloaded": true }),
            CallError::Timeout => json!({ "timeout": true }),
            CallError::Crashed(why) => json!({ "crashed": why }),
            CallError::Unavailable(why) => json!({ "unavailable": why }),
        },
    }
}

fn described(message: &Message) -> Value {
    let origin = match &message.origin {
        Origin::Client => json!("client"),
        Origin::Actor(from) => json!({ "actor": [from.actor_type, from.id] }),
        Origin::Reminder(name) => json!({ "reminder": name }),
        Origin::Timer(name) => json!({ "timer": name }),
    };
    let me = memory::me().map(|me| [me.actor_type, me.id]);
    json!({
        "id": message.id,
        "method": message.method,
        "content_type": message.payload.content_type,
        "origin": origin,
        "attempt": message.attempt,
        "me": me,
    })
}

const CODES: [(&str, ErrorCode); 8] = [
    ("invalid-argument", ErrorCode::InvalidArgument),
    ("permission-denied", ErrorCode::PermissionDenied),
    ("not-found", ErrorCode::NotFound),
    ("conflict", ErrorCode::Conflict),
    ("failed-precondition", ErrorCode::FailedPrecondition),
    ("resource-exhausted", ErrorCode::ResourceExhausted),
    ("internal", ErrorCode::Internal),
    ("unimplemented", ErrorCode::Unimplemented),
];

fn code_name(code: ErrorCode) -> &'static str {
    CODES.iter().find(|row| row.1 == code).map_or("", |row| row.0)
}

fn error_code(name: &str) -> Result<ErrorCode, Failure> {
    let row = CODES.iter().find(|row| row.0 == name);
    row.map(|row| row.1).ok_or_else(|| failure(ErrorCode::InvalidArgument, format!("no code {name}")))
}

fn log_level(name: &str) -> Result<log::Level, Failure> {
    Ok(match name {
        "trace" => log::Level::Trace,
        "debug" => log::Level::Debug,
        "info" => log::Level::Info,
        "warn" => log::Level::Warn,
        "error" => log::Level::Error,
        other => return Err(failure(ErrorCode::InvalidArgument, format!("no level {other}"))),
    })
}
