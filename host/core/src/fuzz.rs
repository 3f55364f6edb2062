//! Fuzz targets for what this crate makes of untrusted input: settings of a type, schedules, names and ids.
//! Each takes any bytes and panics when something that is promised does not hold.

use serde_json::{Map, Value};

use crate::message::{MessageId, MessageIdGenerator};
use crate::sandbox::Environment;
use crate::settings::TYPE_LIMITS;
use crate::{ActorId, Limits, Method, Schedule, Timestamp, TypeSettings};

/// One JSON Merge Patch a line, applied in turn: what is taken is what RFC 7396 says, survives storing and
/// stays within the host's limits; what is refused names its place.
pub fn settings(bytes: &[u8]) {
    let host = Limits::default();
    let mut settings = TypeSettings::default();
    for line in bytes.split(|byte| *byte == b'\n').take(8) {
        let Ok(patch) = serde_json::from_slice::<Value>(line) else { continue };
        let next = match settings.patched(&patch, &host) {
            Ok(next) => next,
            Err(refusal) => {
                assert!(refusal.to_string().starts_with('$'), "{refusal}");
                continue;
            }
        };
        let mut expected = settings.to_json();
        merge(&mut expected, &patch);
        if expected["environment"].as_object().is_some_and(Map::is_empty) {
            expected.as_object_mut().map(|members| members.remove("environment"));
        }
        assert_eq!(next.to_json(), without_null(expected));
        assert_eq!(TypeSettings::from_json(&next.to_json()).as_ref(), Ok(&next));
        assert_eq!(next.patched(&patch, &host).as_ref(), Ok(&next), "the same patch again changes nothing");
        let in_force = next.in_force(&host, &Environment::new());
        for limit in TYPE_LIMITS {
            assert!(limit.value(&in_force.limits) <= limit.max(&host), "{}", limit.name);
        }
        settings = next;
    }
}

/// RFC 7396, as it is written there.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(object) = target else { return };
    for (name, value) in members {
        if value.is_null() {
            object.remove(name);
        } else {
            merge(object.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Indexing by a name that is not there has left a null behind.
fn without_null(mut document: Value) -> Value {
    if let Value::Object(members) = &mut document {
        members.retain(|_, value| !value.is_null());
    }
    document
}

/// Numbers of a schedule and its times: firings go forward, keep to their grid, and end.
pub fn schedule(bytes: &[u8]) {
    let number = |at: usize| {
        let mut digits = [0; 8];
        let rest = bytes.get(at * 8..).unwrap_or_default();
        let count = rest.len().min(8);
        digits[..count].copy_from_slice(&rest[..count]);
        u64::from_le_bytes(digits)
    };
    let flags = number(0);
    let period = (flags & 1 != 0).then(|| number(1));
    let repetitions = (flags & 2 != 0).then(|| number(2) as u32);
    let Ok(schedule) = Schedule::new(number(3), period, repetitions) else { return };
    let [due, now] = [4, 5].map(|at| Timestamp::from_unix_ms(number(at)));
    if let Some(next) = schedule.next_after(due, now, number(6) as u32) {
        let period = schedule.period_ms().expect("only a period makes a next firing");
        let is_last = next == Timestamp::MAX;
        assert!(is_last || next > due.max(now), "{next:?} after {due:?}, at {now:?}");
        let after_due = next.unix_ms() - due.unix_ms();
        assert!(is_last || after_due.is_multiple_of(period), "{next:?} is off the grid");
        assert!(next.unix_ms() - due.max(now).unix_ms() <= period, "a firing is left out");
    }
    if let Some(repetitions) = repetitions {
        assert_eq!(schedule.next_after(due, now, repetitions), None);
    }
}

/// Names and ids from any text: what is taken is as it was given, within its bound, and what is refused
/// quotes no more than a part of it.
pub fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match ActorId::new(text) {
        Ok(id) => assert!(id.as_str() == text && text.len() <= 512 && !text.contains('\0')),
        Err(refusal) => assert!(refusal.to_string().len() < 1_500, "{refusal}"),
    }
    if let Ok(method) = Method::new(text) {
        assert!(method.as_str() == text && ActorId::new(text).is_ok());
    }
    if let Ok(id) = text.parse::<MessageId>() {
        assert_eq!(id.to_string(), text);
        assert!(MessageIdGenerator::starting_after(Some(id)).next(Timestamp::EPOCH) != id);
    }
}
