//! Records that outlive their turn: answers kept for repeats of a request, and dead letters.

use greenroom_core::idempotency::Answer;
use greenroom_core::store::{DeadLetterSummary, MailChange, Remember, Store, Undeployed, WriteSet};
use greenroom_core::{Address, Code, Error, IdempotencyRecord, Payload, Timestamp};

use super::samples::{
    VERSIONS_MAX, actor_type, at, bytes, changes, component, idempotency, key, letter, message_id, purge,
    remembers, task, writes,
};

/// Which of these keys are kept.
async fn kept(store: &impl Store, address: &Address, keys: &[&'static str]) -> Vec<&'static str> {
    let mut kept = Vec::new();
    for text in keys {
        if store.idempotency_record(address, &key(text)).await.expect("a record").is_some() {
            kept.push(*text);
        }
    }
    kept
}

pub(super) async fn answers_come_back_as_they_were(store: &impl Store) {
    let one = task("one");
    let typed = Error { data: Some(bytes("{\"left\":0}")), ..Error::new(Code::MethodFailed, "sold out") };
    let answers = [
        Answer::Replied(Payload::new("", "")),
        Answer::Replied(Payload::new("image/x-made-up; a=b", vec![0, 255])),
        Answer::Refused(Error::new(Code::GuestNotFound, "no such thing")),
        Answer::Refused(typed),
        Answer::Accepted(message_id(u128::MAX)),
    ];
    let names = ["a", "b", "c d", "\"'; DROP TABLE idempotency", "~"];
    let record = |name, answer: &Answer| IdempotencyRecord { answer: answer.clone(), ..idempotency(name) };
    let records: Vec<_> = names.iter().zip(&answers).map(|(name, answer)| record(name, answer)).collect();
    let batch: Vec<_> = records.iter().map(|record| remembers(&one, record.clone(), 10)).collect();
    store.commit(&batch).await.expect("a commit");
    for record in records {
        assert_eq!(store.idempotency_record(&one, &record.key).await, Ok(Some(record.clone())));
        assert_eq!(store.idempotency_record(&task("two"), &record.key).await, Ok(None));
    }
    assert_eq!(store.idempotency_record(&one, &key("A")).await, Ok(None));
}

pub(super) async fn a_record_takes_the_place_of_one_with_its_key(store: &impl Store) {
    let one = task("one");
    let later = IdempotencyRecord { at: at(99), answer: Answer::Accepted(message_id(5)), ..idempotency("k") };
    for record in [idempotency("k"), later.clone()] {
        store.commit(&[remembers(&one, record, 10)]).await.expect("a commit");
    }
    assert_eq!(store.idempotency_record(&one, &key("k")).await, Ok(Some(later)));
}

pub(super) async fn only_the_newest_records_of_an_actor_stay(store: &impl Store) {
    let (one, other) = (task("one"), task("other"));
    let names = ["a", "b", "c", "d", "e"];
    store.commit(&[remembers(&other, idempotency("a"), 3)]).await.expect("a commit");
    for name in &names[..2] {
        store.commit(&[remembers(&one, idempotency(name), 3)]).await.expect("a commit");
    }
    let batch: Vec<_> = names[2..].iter().map(|name| remembers(&one, idempotency(name), 3)).collect();
    store.commit(&batch).await.expect("a commit");
    assert_eq!(kept(store, &one, &names).await, ["c", "d", "e"]);
    assert_eq!(kept(store, &other, &names).await, ["a"]);
    // A smaller bound counts from the next record on.
    store.commit(&[remembers(&one, idempotency("a"), 2)]).await.expect("a commit");
    assert_eq!(kept(store, &one, &names).await, ["a", "e"]);
}

pub(super) async fn records_are_bounded_in_bytes(store: &impl Store) {
    let one = task("one");
    let sized = |name, bytes: usize, newer_bytes_max| {
        let answer = Answer::Replied(Payload::new("", vec![0; bytes]));
        let record = IdempotencyRecord { answer, ..idempotency(name) };
        let remember = Remember { record, newest: 10, newer_bytes_max };
        WriteSet { idempotency: Some(Box::new(remember)), ..WriteSet::empty(one.clone()) }
    };
    let names = ["a", "b", "c", "d", "e"];
    // A key counts too, and an answer larger than the bound is kept like any other.
    for (name, bytes, left) in [
        ("a", 99, &["a"][..]),
        ("b", 99, &["a", "b"]),
        ("c", 99, &["a", "b", "c"]),
        ("d", 99, &["b", "c", "d"]),
        ("e", 999, &["e"]),
        ("a", 0, &["a", "e"]),
    ] {
        store.commit(&[sized(name, bytes, 300)]).await.expect("a commit");
        assert_eq!(kept(store, &one, &names).await, left, "after {name}");
    }
    let summary = store.summary(&one).await.expect("a summary");
    assert_eq!((summary.answers, summary.answer_bytes), (2, 1_001));
    assert!(!summary.is_empty());
    store.commit(&[sized("b", 99, 300), sized("c", 99, 300), sized("d", 99, 150)]).await.expect("a commit");
    assert_eq!(kept(store, &one, &names).await, ["c", "d"]);
}

pub(super) async fn many_records_in_one_batch_count_in_order(store: &impl Store) {
    let (before, one) = (task("before"), task("one"));
    let record = |number: usize| IdempotencyRecord { key: key(&format!("k{number}")), ..idempotency("k") };
    // More than one statement takes, and the second begins in the middle of an actor.
    let batch: Vec<_> = (0..300)
        .flat_map(|number| [remembers(&before, record(number), 200), remembers(&one, record(number), 200)])
        .collect();
    store.commit(&batch).await.expect("a commit");
    for address in [&before, &one] {
        for number in 0..300 {
            let found = store.idempotency_record(address, &record(number).key).await.expect("a record");
            assert_eq!(found.is_some(), number >= 100, "{number}");
        }
    }
}

pub(super) async fn old_records_are_forgotten(store: &impl Store) {
    let (one, other) = (task("one"), task("other"));
    let aged = |name, ms| IdempotencyRecord { at: at(ms), ..idempotency(name) };
    let batch = [
        remembers(&one, aged("c", 30), 10),
        remembers(&other, aged("a", 10), 10),
        remembers(&one, aged("b", 20), 10),
    ];
    store.commit(&batch).await.expect("a commit");
    assert_eq!(store.forget_idempotency(at(9), 10).await, Ok(0));
    assert_eq!(store.forget_idempotency(at(30), 1).await, Ok(1));
    assert_eq!(kept(store, &other, &["a"]).await, [""; 0]);
    assert_eq!(store.forget_idempotency(at(29), 10).await, Ok(1));
    assert_eq!(kept(store, &one, &["b", "c"]).await, ["c"]);
}

pub(super) async fn records_go_with_their_actor_and_with_its_type(store: &impl Store) {
    let (gone, left) = (task("gone"), task("left"));
    let (info, bytes) = component("task");
    store.deploy(&actor_type("task"), &info, &bytes, VERSIONS_MAX, at(1)).await.expect("a deployment");
    let batch = [
        remembers(&gone, idempotency("old"), 10),
        remembers(&left, idempotency("old"), 10),
        remembers(&gone, idempotency("older"), 10),
        purge(&gone),
        remembers(&gone, idempotency("new"), 10),
    ];
    store.commit(&batch).await.expect("a commit");
    assert_eq!(kept(store, &gone, &["old", "older", "new"]).await, ["new"]);
    assert_eq!(kept(store, &left, &["old"]).await, ["old"]);
    // They are a reason to keep a type, and do not outlive it.
    assert_eq!(store.undeploy(&actor_type("task"), false).await, Ok(Undeployed::InUse));
    assert_eq!(store.undeploy(&actor_type("task"), true).await, Ok(Undeployed::Removed));
    assert_eq!(kept(store, &gone, &["new"]).await, [""; 0]);
    assert_eq!(kept(store, &left, &["old"]).await, [""; 0]);
}

pub(super) async fn dead_letters_are_listed_and_shown(store: &impl Store) {
    let (one, elsewhere) = (task("one"), Address::parse("task2", "one").expect("a valid address"));
    let letters = [letter(&one, 3), letter(&elsewhere, 4), letter(&one, 5)];
    let dead = |letter| changes(&one, MailChange::DeadFiring(Box::new(letter)));
    store.commit(&letters.clone().map(dead)).await.expect("a commit");
    let list = async |actor_type, after: Option<u128>, limit| {
        let found = store.dead_letters(actor_type, after.map(message_id), limit).await.expect("letters");
        found.into_iter().map(|summary| summary.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, 10).await, [3, 4, 5].map(message_id));
    assert_eq!(list(None, Some(3), 1).await, [message_id(4)]);
    let task = actor_type("task");
    assert_eq!(list(Some(&task), None, 10).await, [3, 5].map(message_id));
    assert_eq!(list(Some(&task), Some(3), 10).await, [message_id(5)]);
    assert_eq!(list(Some(&actor_type("none")), None, 10).await, []);

    let first = store.dead_letters(None, None, 1).await.expect("letters");
    assert_eq!(first, [DeadLetterSummary::from(&letters[0])]);
    assert_eq!((first[0].body_bytes, first[0].attempts), (3, 1));
    assert_eq!(store.dead_letter(message_id(4)).await, Ok(Some(letters[1].clone())));
    assert_eq!(store.dead_letter(message_id(6)).await, Ok(None));
    assert_eq!(store.count_dead_letters(&one).await, Ok(2));
    assert_eq!(store.count_dead_letters(&elsewhere).await, Ok(1));
}

pub(super) async fn a_dead_letter_goes_back_once_as_if_never_delivered(store: &impl Store) {
    let one = task("one");
    let mut dead = letter(&one, 3);
    dead.message.attempt = 10;
    store.commit(&[changes(&one, MailChange::DeadFiring(Box::new(dead.clone())))]).await.expect("a commit");
    assert_eq!(store.retry_dead_letter(message_id(3), at(50)).await, Ok(Some(one.clone())));
    assert_eq!(store.retry_dead_letter(message_id(3), at(51)).await, Ok(None));
    let waiting = store.mail(&one, Timestamp::MAX, None, 10).await.expect("mail").messages;
    let [back] = &waiting[..] else { panic!("{waiting:?}") };
    dead.message.attempt = 1;
    assert_eq!((&back.message, back.sent_at), (&dead.message, at(50)));
    assert_eq!((back.due_at, back.wake_at), (at(0), at(0)));
    assert_eq!(store.dead_letters(None, None, 10).await, Ok(vec![]));
    assert_eq!(store.due(at(0), None, 10).await.expect("what is due").len(), 1);
}

pub(super) async fn a_dead_letter_is_removed_by_itself_or_with_its_actor(store: &impl Store) {
    let (one, other) = (task("one"), task("other"));
    let dead = |to: &Address, number| changes(to, MailChange::DeadFiring(letter(to, number).into()));
    store.commit(&[dead(&one, 1), dead(&one, 2), dead(&other, 3)]).await.expect("a commit");
    assert_eq!(store.remove_dead_letter(message_id(1)).await, Ok(true));
    assert_eq!(store.remove_dead_letter(message_id(1)).await, Ok(false));
    assert_eq!(store.retry_dead_letter(message_id(1), at(9)).await, Ok(None));
    store.commit(&[purge(&one)]).await.expect("a commit");
    let left = store.dead_letters(None, None, 10).await.expect("letters");
    assert_eq!(left.iter().map(|letter| letter.id).collect::<Vec<_>>(), [message_id(3)]);
}

pub(super) async fn a_type_with_dead_letters_stays_unless_purged(store: &impl Store) {
    let one = task("one");
    let (info, bytes) = component("task");
    let name = actor_type("task");
    store.deploy(&name, &info, &bytes, VERSIONS_MAX, at(1)).await.expect("a deployment");
    store.commit(&[changes(&one, MailChange::DeadFiring(letter(&one, 1).into()))]).await.expect("a commit");
    assert_eq!(store.undeploy(&name, false).await, Ok(Undeployed::InUse));
    assert_eq!(store.undeploy(&name, true).await, Ok(Undeployed::Removed));
    assert_eq!(store.dead_letters(None, None, 10).await, Ok(vec![]));
}

pub(super) async fn a_turn_and_its_answer_are_one(store: &impl Store) {
    let one = task("one");
    let set = WriteSet {
        idempotency: remembers(&one, idempotency("k"), 10).idempotency,
        ..writes(&one, &[("a", Some("1"))])
    };
    store.commit(&[set]).await.expect("a commit");
    assert_eq!(store.state_value(&one, "a").await, Ok(Some(bytes("1"))));
    assert_eq!(kept(store, &one, &["k"]).await, ["k"]);
}
