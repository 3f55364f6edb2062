//! Values for the checks.

use std::sync::Arc;

use bytes::Bytes;
use greenroom_core::idempotency::Answer;
use greenroom_core::store::{DeadLetter, MailChange, Remember, Reminder, Store, StoredMessage, WriteSet};
use greenroom_core::{
    ActorType, Address, ComponentInfo, Digest, IdempotencyKey, IdempotencyRecord, Message, MessageId, Method,
    Origin, Payload, Schedule, Timestamp,
};

/// Longer than any state of a check.
pub(crate) const ALL: u64 = 1 << 40;

pub(crate) fn at(ms: u64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

pub(crate) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(crate) fn actor_type(name: &str) -> ActorType {
    ActorType::new(name).expect("a valid actor type")
}

/// An actor of type `task`.
pub(crate) fn task(id: &str) -> Address {
    Address::parse("task", id).expect("a valid id")
}

pub(crate) fn message_id(number: u128) -> MessageId {
    MessageId::from_bytes(number.to_be_bytes())
}

pub(crate) fn message(number: u128) -> Message {
    Message {
        id: message_id(number),
        method: Method::new("update").expect("a valid method"),
        payload: Payload::new("application/octet-stream", vec![0, 255, number as u8]),
        origin: Origin::Client,
        attempt: 1,
    }
}

/// A message due at `due_ms`.
pub(crate) fn mail(to: &Address, number: u128, due_ms: u64) -> StoredMessage {
    StoredMessage {
        to: to.clone(),
        message: message(number),
        due_at: at(due_ms),
        sent_at: at(7),
        wake_at: at(due_ms),
        error: None,
    }
}

pub(crate) fn letter(to: &Address, number: u128) -> DeadLetter {
    DeadLetter { to: to.clone(), message: message(number), died_at: at(9), error: "trapped".into() }
}

/// A reminder that wakes at `wake_ms`.
pub(crate) fn reminder(name: &str, wake_ms: u64) -> Reminder {
    Reminder {
        name: Arc::from(name),
        method: Method::new("remind").expect("a valid method"),
        payload: Payload::new("text/plain", "soon"),
        schedule: Schedule::new(5, Some(1_000), Some(3)).expect("a valid schedule"),
        due_at: at(wake_ms),
        fired: 1,
        firing_id: message_id(77),
        attempt: 2,
        wake_at: at(wake_ms),
    }
}

pub(crate) fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).expect("a valid key")
}

pub(crate) fn idempotency(text: &str) -> IdempotencyRecord {
    IdempotencyRecord {
        key: key(text),
        request_digest: Digest::of(b"request"),
        answer: Answer::Replied(Payload::new(Payload::JSON, "{}")),
        at: at(11),
    }
}

/// A set that keeps this record.
pub(crate) fn remembers(address: &Address, record: IdempotencyRecord, newest: u32) -> WriteSet {
    let remember = Remember { record, newest, newer_bytes_max: ALL };
    WriteSet { idempotency: Some(Box::new(remember)), ..WriteSet::empty(address.clone()) }
}

/// More versions than any check but one deploys.
pub(crate) const VERSIONS_MAX: usize = 10;

/// A component of that text.
pub(crate) fn component(text: &str) -> (ComponentInfo, Bytes) {
    let bytes = bytes(text);
    let info = ComponentInfo {
        digest: Digest::of(&bytes),
        size_bytes: bytes.len() as u64,
        imports: vec!["greenroom:actor/state@0.1.0".into(), "it's \"odd\"".into()],
    };
    (info, bytes)
}

/// A set that writes these keys.
pub(crate) fn writes(address: &Address, state: &[(&str, Option<&str>)]) -> WriteSet {
    let state = state.iter().map(|(key, value)| ((*key).to_owned(), value.map(bytes))).collect();
    WriteSet { state, ..WriteSet::empty(address.clone()) }
}

/// A set that sends these messages.
pub(crate) fn sends(address: &Address, sends: Vec<StoredMessage>) -> WriteSet {
    WriteSet { sends, ..WriteSet::empty(address.clone()) }
}

/// A set that keeps these reminders.
pub(crate) fn reminds(address: &Address, reminders: Vec<Reminder>) -> WriteSet {
    let reminders = reminders.into_iter().map(|kept| (kept.name.clone(), Some(kept))).collect();
    WriteSet { reminders, ..WriteSet::empty(address.clone()) }
}

/// A set that does this to a stored message.
pub(crate) fn changes(address: &Address, change: MailChange) -> WriteSet {
    WriteSet { mail: Some(change), ..WriteSet::empty(address.clone()) }
}

pub(crate) fn purge(address: &Address) -> WriteSet {
    WriteSet { purge: true, ..WriteSet::empty(address.clone()) }
}

/// Removes all that was purged.
pub(crate) async fn remove_all(store: &impl Store) {
    while store.remove_purged().await.expect("a part is removed") {}
}
