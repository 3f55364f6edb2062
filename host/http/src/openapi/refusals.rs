//! What each operation may be refused with. One row an operation; the statuses, words and schemas of its refusals
//! all come from the table of [`Code`]s.
//!
//! Two codes are no operation's: `method-not-allowed`, which is what a path answers to methods it does not have,
//! and `deadlock`, which only an actor that calls another is told.

use std::collections::BTreeMap;

#[allow(clippy::enum_glob_use)] // a table of codes, in a file about nothing else
use greenroom_core::Code::{self, *};
use serde_json::{Map, Value, json};

use super::schemas;
use crate::problem::{PROBLEM_JSON, retry_after_seconds};

/// Before any handler is asked: by the front and the guard.
const ANY: &[Code] = &[Unauthenticated, Forbidden, HeadersTooLarge, Overloaded, Internal];
/// The same where no token is needed.
const OPEN: &[Code] = &[HeadersTooLarge, Overloaded, Internal];
/// A path with names in it, where unknown parameters of the query are refused.
const PATH: &[Code] = &[InvalidPath, InvalidRequest];
/// A query alone.
const QUERY: &[Code] = &[InvalidRequest];
/// A body that is read.
const BODY: &[Code] = &[InvalidRequest, PayloadTooLarge, UnsupportedMediaType, RequestTimeout, Overloaded];
/// Something is read from the store.
const READ: &[Code] = &[StoreUnavailable, OutcomeUnknown];
/// Something is written to the store, which a stopping host does not begin.
const BEGIN: &[Code] = &[StoreUnavailable, OutcomeUnknown, StoreFull, Draining];
/// Something is deployed under the name.
const DEPLOYED: &[Code] = &[UnknownActorType];
/// An activation does it, between two turns.
const BY_HAND: &[Code] =
    &[UnknownActorType, MailboxFull, Overloaded, StoreUnavailable, OutcomeUnknown, StoreFull, Draining];
/// The words of the actor.
const GUEST: &[Code] = &[
    GuestInvalidArgument,
    GuestPermissionDenied,
    GuestNotFound,
    GuestConflict,
    GuestFailedPrecondition,
    GuestResourceExhausted,
    GuestInternal,
    GuestUnimplemented,
    MethodFailed,
];
/// A turn that did not come to its end.
const TURN: &[Code] = &[
    ActorTrapped,
    MemoryLimit,
    StackOverflow,
    CpuLimit,
    WriteSetTooLarge,
    ActivationFailed,
    TurnTimeout,
    StateLimit,
];

/// Each operation by its id, and what it may be refused with.
const OPERATIONS: &[(&str, &[&[Code]])] = &[
    ("callActor", &[ANY, PATH, BODY, BY_HAND, GUEST, TURN, &[IdempotencyMismatch]]),
    ("listActors", &[ANY, QUERY, READ]),
    ("inspectActor", &[ANY, PATH, READ, DEPLOYED, &[UnknownActor]]),
    ("removeActor", &[ANY, PATH, BY_HAND]),
    ("listMailbox", &[ANY, PATH, READ, DEPLOYED]),
    ("cancelMessage", &[ANY, PATH, BY_HAND, &[NotFound]]),
    ("retryMessage", &[ANY, PATH, BY_HAND, &[NotFound]]),
    ("deactivateActor", &[ANY, PATH, BY_HAND]),
    ("listState", &[ANY, PATH, READ, DEPLOYED]),
    ("readState", &[ANY, PATH, READ, DEPLOYED, &[NotFound]]),
    ("writeState", &[ANY, PATH, BODY, BY_HAND, &[StateLimit, WriteSetTooLarge]]),
    ("removeState", &[ANY, PATH, BY_HAND, &[NotFound, WriteSetTooLarge]]),
    ("listReminders", &[ANY, PATH, READ, DEPLOYED]),
    ("setReminder", &[ANY, PATH, BODY, BY_HAND, &[WriteSetTooLarge]]),
    ("cancelReminder", &[ANY, PATH, BY_HAND, &[NotFound, WriteSetTooLarge]]),
    ("listActorTypes", &[ANY, QUERY, READ]),
    ("inspectActorType", &[ANY, PATH, READ, DEPLOYED]),
    ("deployComponent", &[ANY, PATH, BODY, BEGIN, &[ComponentRejected]]),
    ("undeployActorType", &[ANY, PATH, BEGIN, DEPLOYED, &[ActorTypeInUse]]),
    ("describeActorType", &[ANY, PATH, READ, DEPLOYED, &[ActivationFailed, VersionConflict]]),
    ("downloadComponent", &[ANY, PATH, READ, DEPLOYED, &[NotFound, VersionConflict]]),
    ("activateVersion", &[ANY, PATH, BEGIN, DEPLOYED, &[NotFound, ActivationFailed, VersionConflict]]),
    ("showSettings", &[ANY, PATH, READ, DEPLOYED]),
    ("changeSettings", &[ANY, PATH, BODY, BEGIN, DEPLOYED]),
    ("listDeadLetters", &[ANY, QUERY, READ]),
    ("inspectDeadLetter", &[ANY, PATH, READ, &[NotFound]]),
    ("downloadDeadLetter", &[ANY, PATH, READ, &[NotFound]]),
    ("retryDeadLetter", &[ANY, PATH, BEGIN, DEPLOYED, &[NotFound, MailboxFull]]),
    ("removeDeadLetter", &[ANY, PATH, BEGIN, &[NotFound]]),
    ("scrapeMetrics", &[ANY, QUERY]),
    ("describeNode", &[ANY, QUERY]),
    ("describeApi", &[ANY, QUERY]),
    ("downloadBackup", &[ANY, QUERY, &[StoreUnavailable, StoreFull, Draining, Overloaded]]),
    ("checkAlive", &[&[HeadersTooLarge, Internal]]),
    ("checkReady", &[OPEN, READ, &[StoreFull, Draining]]),
    ("listErrors", &[OPEN]),
    ("showError", &[OPEN, &[NotFound]]),
];

/// The codes of an operation.
pub(super) fn of(operation_id: &str) -> impl Iterator<Item = Code> {
    let rows = OPERATIONS.iter().filter(move |(id, _)| *id == operation_id);
    let named: Vec<Code> = rows.flat_map(|(_, groups)| groups.concat()).collect();
    // In the order of the table, each once.
    Code::ALL.iter().copied().filter(move |code| named.contains(code))
}

/// Whether the operation needs no token.
pub(super) fn is_open(operation_id: &str) -> bool {
    !of(operation_id).any(|code| code == Unauthenticated)
}

/// The refusals of an operation as the responses of an OpenAPI document.
pub(super) fn responses(operation_id: &str) -> impl Iterator<Item = (String, Value)> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in of(operation_id) {
        by_status.entry(code.status()).or_default().push(code);
    }
    by_status.into_iter().map(|(status, codes)| (status.to_string(), response(&codes)))
}

fn response(codes: &[Code]) -> Value {
    let meanings: Vec<String> =
        codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.title())).collect();
    let references: Vec<Value> = codes.iter().map(|code| schemas::reference(*code)).collect();
    let schema = match references.as_slice() {
        [one] => one.clone(),
        _ => json!({"oneOf": references}),
    };
    let mut response = json!({
        "description": meanings.join("; "),
        "content": {PROBLEM_JSON: {"schema": schema}},
    });
    let headers = headers(codes);
    if !headers.is_empty() {
        response["headers"] = Value::Object(headers);
    }
    response
}

fn headers(codes: &[Code]) -> Map<String, Value> {
    let mut headers = Map::new();
    if codes.iter().any(|code| retry_after_seconds(*code).is_some()) {
        let schema = json!({"type": "integer", "minimum": 1});
        headers.insert(
            "Retry-After".into(),
            json!({"description": "Seconds to wait, where that is known", "schema": schema}),
        );
    }
    if codes.contains(&Unauthenticated) {
        headers.insert(
            "WWW-Authenticate".into(),
            json!({"description": "That a token is asked for", "schema": {"type": "string"}}),
        );
    }
    headers
}

/// The ids of all operations.
#[cfg(test)]
pub(super) fn operations() -> Vec<&'static str> {
    OPERATIONS.iter().map(|(id, _)| *id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_but_two_is_one_that_some_operation_answers() {
        for code in Code::ALL {
            let answered = OPERATIONS.iter().any(|(id, _)| of(id).any(|answered| answered == *code));
            assert_eq!(answered, !matches!(code, MethodNotAllowed | Deadlock), "{}", code.as_str());
        }
    }

    #[test]
    fn codes_of_one_status_are_one_response() {
        let refused: BTreeMap<String, Value> = responses("inspectActor").collect();
        let not_found = &refused["404"]["content"][PROBLEM_JSON]["schema"]["oneOf"];
        assert_eq!(not_found.as_array().unwrap().len(), 2, "{not_found}");
        assert!(refused["401"]["headers"]["WWW-Authenticate"].is_object());
        assert!(is_open("checkAlive") && !is_open("inspectActor"));
    }
}
