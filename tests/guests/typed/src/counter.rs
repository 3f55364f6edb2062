//! A counter that is kept, and what goes around it.

use crate::bindings::counter::{Guest, Refusal, TooMuch};
use crate::bindings::lifecycle;
use crate::bindings::messaging;
use crate::bindings::reminders::{self, Schedule};
use crate::bindings::types::{Address, ErrorCode, Failure, Payload};
use crate::bindings::{Typed, state};

/// The greatest count there is.
const LIMIT: u64 = 1 << 60;

fn number(key: &str) -> u64 {
    let kept = state::get(key).and_then(|bytes| String::from_utf8(bytes).ok());
    kept.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Past a limit there is nobody to tell; the next read shows it.
fn keep(key: &str, number: u64) {
    let _ = state::set(key, number.to_string().as_bytes());
}

fn json(text: String) -> Payload {
    Payload { content_type: "application/json".into(), body: text.into_bytes() }
}

fn counter(id: String) -> Address {
    Address { actor_type: "typed".into(), id }
}

impl Guest for Typed {
    fn add(amount: u64) -> Result<u64, Refusal> {
        if amount == 0 {
            return Err(Refusal::NothingToAdd);
        }
        let count = number("count").saturating_add(amount);
        if count > LIMIT {
            return Err(Refusal::TooMuch(TooMuch { limit: LIMIT, asked_for: count }));
        }
        keep("count", count);
        Ok(count)
    }

    fn add_and_fail(amount: u64) -> Result<u64, String> {
        keep("count", number("count") + amount);
        Err("added for nothing".into())
    }

    fn get() -> u64 {
        number("count")
    }

    fn refuse(reason: String) -> Result<(), Failure> {
        Err(Failure { code: ErrorCode::Conflict, message: reason })
    }

    fn add_later(delay_ms: u64, amount: u64) {
        let schedule = Schedule { delay_ms, period_ms: None, repetitions: None };
        let _ = reminders::set("later", schedule, "add", &json(format!("{{\"amount\":{amount}}}")));
    }

    fn tell(id: String, amount: u64) {
        let _ = messaging::send(&counter(id), "add", &json(amount.to_string()), 0);
    }

    fn ask(id: String, method: String, body: String) -> Result<String, String> {
        match messaging::call(&counter(id), &method, &json(body)) {
            Ok(reply) => Ok(String::from_utf8_lossy(&reply.body).into_owned()),
            Err(error) => Err(format!("{error:?}")),
        }
    }
}

impl lifecycle::Guest for Typed {
    fn activate(me: Address) -> Result<(), Failure> {
        if me.id.starts_with("fail-activate-") {
            return Err(Failure { code: ErrorCode::NotFound, message: me.id });
        }
        keep("activations", number("activations") + 1);
        Ok(())
    }

    fn deactivate() {
        keep("deactivations", number("deactivations") + 1);
    }
}
