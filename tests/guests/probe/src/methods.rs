//! The methods by name, and what happens around them.

use crate::bindings::behavior::Guest;
use crate::bindings::types::{Address, ErrorCode, Failure, Message, Payload};
use crate::bindings::{Probe, state};
use crate::{hostile, memory, script};

impl Guest for Probe {
    fn activate(me: Address) -> Result<(), Failure> {
        let healed = || state::get("healed").is_some();
        if me.id.starts_with("fail-activate-") && !healed() {
            return Err(failure(ErrorCode::FailedPrecondition, "the probe was asked not to activate"));
        }
        if me.id.starts_with("trap-activate-") && !healed() {
            hostile::trap();
        }
        if me.id.starts_with("spin-activate-") && !healed() {
            hostile::spin();
        }
        if me.id.starts_with("counted-") {
            add_one("activations")?;
        }
        memory::become_actor(me);
        Ok(())
    }

    fn receive(message: Message) -> Result<Payload, Failure> {
        memory::count_turn();
        match message.method.as_str() {
            "echo" => Ok(message.payload),
            "increment" => add_one("n").map(|count| text(count.to_string())),
            "get" => Ok(text(number("n").to_string())),
            "append" => append(&message),
            "list" => Ok(text(list().join("\n"))),
            "run" => script::run(&message),
            other => Err(failure(ErrorCode::Unimplemented, format!("the probe has no method {other}"))),
        }
    }

    fn deactivate() {
        if memory::me().is_some_and(|me| me.id.starts_with("counted-")) {
            // Past every limit there is nobody to tell.
            let _ = add_one("deactivations");
        }
    }
}

/// A failure with that code and text.
pub(crate) fn failure(code: ErrorCode, message: impl Into<String>) -> Failure {
    Failure { code, message: message.into() }
}

/// A limit that was passed, as the actor's own failure.
pub(crate) fn limited(limit: String) -> Failure {
    failure(ErrorCode::ResourceExhausted, limit)
}

fn text(text: impl Into<String>) -> Payload {
    Payload { content_type: "text/plain".into(), body: text.into().into_bytes() }
}

fn number(key: &str) -> u64 {
    let stored = state::get(key).and_then(|bytes| String::from_utf8(bytes).ok());
    stored.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn add_one(key: &str) -> Result<u64, Failure> {
    let next = number(key) + 1;
    state::set(key, next.to_string().as_bytes()).map_err(limited)?;
    Ok(next)
}

fn list() -> Vec<String> {
    let stored = state::get("list").unwrap_or_default();
    String::from_utf8_lossy(&stored).lines().map(str::to_owned).collect()
}

fn append(message: &Message) -> Result<Payload, Failure> {
    let given = String::from_utf8_lossy(&message.payload.body);
    let mut list = list();
    list.push(if given.is_empty() { message.id.clone() } else { given.into_owned() });
    let lines = list.join("\n");
    state::set("list", lines.as_bytes()).map_err(limited)?;
    Ok(text(lines))
}
