//! The same random turns on both stores: whatever can be read is the same.

use std::sync::Arc;

use bytes::Bytes;
use greenroom_core::idempotency::Answer;
use greenroom_core::store::{
    DeadLetter, MailChange, MailKey, Remember, Reminder, Store, StoredMessage, WriteSet,
};
use greenroom_core::{
    ActorType, Address, Code, Digest, Error, IdempotencyKey, IdempotencyRecord, Message, MessageId, Method,
    Origin, Payload, Schedule, Timestamp,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::open;
use crate::ModelStore;

const IDS: [&str; 5] = ["a", "a%", "'; DROP TABLE state; --", "ключ", "a\u{10FFFF}"];
const KEYS: [&str; 7] = ["", "a", "a\0", "a%", "a_", "aé", "\u{10FFFF}"];
const IDEMPOTENCY_KEYS: [&str; 5] = ["a", "A", "b c", "%", "~"];
const MOMENTS: std::ops::Range<u64> = 0..6;

fn addresses() -> Vec<Address> {
    let types = ["task", "task2"];
    types.iter().flat_map(|name| IDS.iter().map(|id| Address::parse(name, id).unwrap())).collect()
}

fn address() -> impl Strategy<Value = Address> {
    select(addresses())
}

fn moment() -> impl Strategy<Value = Timestamp> {
    MOMENTS.prop_map(Timestamp::from_unix_ms)
}

fn id() -> impl Strategy<Value = MessageId> {
    (0..12_u128).prop_map(|number| MessageId::from_bytes((number << 100).to_be_bytes()))
}

fn payload() -> impl Strategy<Value = Payload> {
    (select(vec!["", "text/plain", "é"]), vec(any::<u8>(), 0..40))
        .prop_map(|(content_type, body)| Payload::new(content_type, body))
}

fn origin() -> impl Strategy<Value = Origin> {
    prop_oneof![
        Just(Origin::Client),
        address().prop_map(Origin::Actor),
        select(&KEYS[..]).prop_map(|name| Origin::Reminder(name.into())),
        select(&KEYS[..]).prop_map(|name| Origin::Timer(name.into())),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    (id(), payload(), origin(), 1..3_u32).prop_map(|(id, payload, origin, attempt)| Message {
        id,
        method: Method::new("m.x").unwrap(),
        payload,
        origin,
        attempt,
    })
}

fn stored_message() -> impl Strategy<Value = StoredMessage> {
    (address(), message(), moment(), moment(), 0..3_u64).prop_map(|(to, message, due_at, sent_at, later)| {
        StoredMessage { to, message, due_at, sent_at, wake_at: due_at.plus_ms(later), error: None }
    })
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let repeating = (any::<u64>(), 10..=u64::MAX, proptest::option::of(1..=u32::MAX))
        .prop_map(|(delay, period, repetitions)| Schedule::new(delay, Some(period), repetitions).unwrap());
    prop_oneof![any::<u64>().prop_map(|delay| Schedule::new(delay, None, None).unwrap()), repeating]
}

fn reminder(name: &'static str) -> impl Strategy<Value = Reminder> {
    (payload(), schedule(), moment(), any::<u32>(), id(), 1..3_u32, moment()).prop_map(
        move |(payload, schedule, due_at, fired, firing_id, attempt, wake_at)| Reminder {
            name: name.into(),
            method: Method::new("r").unwrap(),
            payload,
            schedule,
            due_at,
            fired,
            firing_id,
            attempt,
            wake_at,
        },
    )
}

fn reminder_change() -> impl Strategy<Value = (Arc<str>, Option<Reminder>)> {
    select(&KEYS[..])
        .prop_flat_map(|name| (Just(Arc::from(name)), proptest::option::weighted(0.7, reminder(name))))
}

/// An id belongs to one message, which has one receiver.
fn letter() -> impl Strategy<Value = DeadLetter> {
    (message(), moment(), ".{0,5}").prop_map(|(message, died_at, error)| {
        let addresses = addresses();
        let to = addresses[usize::from(message.id.as_bytes()[0]) % addresses.len()].clone();
        DeadLetter { to, message, died_at, error }
    })
}

fn mail_change() -> impl Strategy<Value = MailChange> {
    let key = || (moment(), id()).prop_map(|(due_at, id)| MailKey { due_at, id });
    prop_oneof![
        3 => key().prop_map(MailChange::Consumed),
        2 => (key(), 2..4_u32, 0..3_u64).prop_map(|(key, attempt, later)| MailChange::Retry {
            key,
            attempt,
            wake_at: key.due_at.plus_ms(later),
            error: (later > 0).then(|| "trapped".into()),
        }),
        1 => (key(), letter()).prop_map(|(key, letter)| MailChange::Dead { key, letter: Box::new(letter) }),
        1 => letter().prop_map(|letter| MailChange::DeadFiring(Box::new(letter))),
    ]
}

fn idempotency() -> impl Strategy<Value = Remember> {
    let data = proptest::option::of(vec(any::<u8>(), 0..10).prop_map(Bytes::from));
    let answer = prop_oneof![
        payload().prop_map(Answer::Replied),
        (select(Code::ALL), data)
            .prop_map(|(code, data)| Answer::Refused(Error { data, ..Error::new(code, "detail") })),
        id().prop_map(Answer::Accepted),
    ];
    (select(&IDEMPOTENCY_KEYS[..]), answer, moment(), 1..5_u32, 1..100_u64).prop_map(
        |(key, answer, at, newest, newer_bytes_max)| {
            let record = IdempotencyRecord {
                key: IdempotencyKey::new(key).unwrap(),
                request_digest: Digest::of(key.as_bytes()),
                answer,
                at,
            };
            Remember { record, newest, newer_bytes_max }
        },
    )
}

fn write_set() -> impl Strategy<Value = WriteSet> {
    let value = proptest::option::weighted(0.7, vec(any::<u8>(), 0..60).prop_map(Bytes::from));
    let state = vec((select(&KEYS[..]).prop_map(str::to_owned), value), 0..4);
    (
        address(),
        proptest::bool::weighted(0.1),
        state,
        vec(reminder_change(), 0..3),
        vec(stored_message(), 0..4),
        proptest::option::of(mail_change()),
        proptest::option::weighted(0.3, idempotency()),
    )
        .prop_map(|(address, purge, state, reminders, sends, mail, idempotency)| WriteSet {
            address,
            purge,
            state,
            state_size: None,
            reminders,
            sends,
            mail,
            idempotency: idempotency.map(Box::new),
        })
}

/// Asserts that both stores answer every question the same.
async fn assert_same(one: &impl Store, other: &impl Store) {
    macro_rules! same {
        ($store:ident => $question:expr) => {
            let ask = async |$store: &dyn Store| $question.await.unwrap();
            assert_eq!(ask(one).await, ask(other).await);
        };
    }
    for address in &addresses() {
        for bound in [0, 30, u64::MAX] {
            same!(store => store.load(address, bound));
        }
        same!(store => store.summary(address));
        same!(store => store.mail(address, Timestamp::MAX, None, 100));
        same!(store => store.mail(address, Timestamp::MAX, None, 2));
        for key in KEYS {
            same!(store => store.state_value(address, key));
            same!(store => store.state_keys(address, key, None, 100));
            same!(store => store.state_keys(address, "a", Some(key), 2));
            same!(store => store.state_value_sizes(address, key, 3));
        }
        same!(store => store.waiting(Some(address), 2));
        for now in MOMENTS.map(Timestamp::from_unix_ms) {
            same!(store => store.mail(address, now, None, 2));
            let after = MailKey { due_at: now, id: MessageId::from_bytes([0x30; 16]) };
            same!(store => store.mail(address, now, Some(after), 100));
        }
        for after in IDS.map(|id| Address::parse("task", id).unwrap()) {
            same!(store => store.actors(None, "a", Some(&after), 5));
            same!(store => store.actors(Some(&address.actor_type), "a", Some(&after), 2));
        }
        same!(store => store.actors(Some(&address.actor_type), "", None, 100));
    }
    same!(store => store.actors(None, "", None, 100));
    for until in MOMENTS.map(Timestamp::from_unix_ms) {
        same!(store => store.due(until, None, 100));
        same!(store => store.due(until, None, 2));
        same!(store => store.next_due(until));
        for after in one.due(until, None, 100).await.unwrap() {
            same!(store => store.due(until, Some(&after), 3));
        }
    }
    same!(store => store.latest_message_id());
    same!(store => store.waiting(None, 5));
    for actor_type in ["task", "task2"].map(|name| ActorType::new(name).unwrap()) {
        same!(store => store.dead_letters(Some(&actor_type), None, 100));
        same!(store => store.dead_letters(Some(&actor_type), Some(MessageId::from_bytes([0x30; 16])), 2));
    }
    same!(store => store.dead_letters(None, None, 3));
    for letter in one.dead_letters(None, None, 100).await.unwrap() {
        same!(store => store.dead_letter(letter.id));
    }
    for address in &addresses() {
        same!(store => store.count_dead_letters(address));
        for key in IDEMPOTENCY_KEYS.map(|key| IdempotencyKey::new(key).unwrap()) {
            same!(store => store.idempotency_record(address, &key));
        }
    }
}

/// What is done between turns.
#[derive(Clone, Debug)]
enum Between {
    Forget(Timestamp),
    Retry(MessageId, Timestamp),
    Remove(MessageId),
    BoundRetries(Timestamp),
}

fn between() -> impl Strategy<Value = Between> {
    prop_oneof![
        moment().prop_map(Between::Forget),
        (id(), moment()).prop_map(|(id, now)| Between::Retry(id, now)),
        id().prop_map(Between::Remove),
        moment().prop_map(Between::BoundRetries),
    ]
}

/// Does the same to both, with the same answer.
async fn do_between(one: &impl Store, other: &impl Store, change: &Between) {
    match change {
        Between::Forget(until) => {
            let forgotten = one.forget_idempotency(*until, 1_000).await.unwrap();
            assert_eq!(other.forget_idempotency(*until, 1_000).await, Ok(forgotten));
        }
        Between::Retry(id, now) => {
            let to = one.retry_dead_letter(*id, *now).await.unwrap();
            assert_eq!(other.retry_dead_letter(*id, *now).await, Ok(to));
        }
        Between::Remove(id) => {
            let removed = one.remove_dead_letter(*id).await.unwrap();
            assert_eq!(other.remove_dead_letter(*id).await, Ok(removed));
        }
        Between::BoundRetries(latest) => {
            let actor_type = ActorType::new("task").unwrap();
            let bounded = one.bound_retries(&actor_type, *latest, 1_000).await.unwrap();
            assert_eq!(other.bound_retries(&actor_type, *latest, 1_000).await, Ok(bounded));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_turns_leave_the_same_in_both(
        batches in vec((vec(write_set(), 0..12), proptest::option::of(between())), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let (sqlite, model) = (open(directory.path()).await, ModelStore::new());
            for (batch, change) in &batches {
                sqlite.commit(batch).await.unwrap();
                model.commit(batch).await.unwrap();
                assert_same(&sqlite, &model).await;
                if let Some(change) = change {
                    do_between(&sqlite, &model, change).await;
                    assert_same(&sqlite, &model).await;
                }
            }
            let backup = super::backup::read_all(&mut *sqlite.backup().await.unwrap()).await;
            let copy = directory.path().join("copy");
            crate::restore(&backup[..], &copy).await.unwrap();
            assert_same(&open(&copy).await, &model).await;
            sqlite.close().await;
            let reopened = open(directory.path()).await;
            assert_same(&reopened, &model).await;
        });
    }
}
