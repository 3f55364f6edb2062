//! Actors as a whole: reminders, sizes, the list of them, and the latest message id.

use greenroom_core::store::{MailChange, Reminder, StateSize, Store, StoredSummary, WriteSet};
use greenroom_core::{Address, Payload, Schedule, Timestamp};

use super::samples::{
    ALL, actor_type, at, changes, idempotency, letter, mail, message_id, remembers, reminder, reminds, sends,
    task, writes,
};

pub(super) async fn reminders_come_back_as_they_were(store: &impl Store) {
    let owner = task("owner");
    let odd = Reminder {
        payload: Payload::new("", vec![0xFF, 0]),
        schedule: Schedule::new(u64::MAX, Some(u64::MAX), Some(u32::MAX)).expect("a valid schedule"),
        due_at: Timestamp::MAX,
        fired: u32::MAX,
        attempt: u32::MAX,
        wake_at: Timestamp::EPOCH,
        ..reminder("ключ'", 0)
    };
    let once =
        Reminder { schedule: Schedule::new(0, None, None).expect("a valid schedule"), ..reminder("once", 3) };
    store.commit(&[reminds(&owner, vec![odd.clone(), once.clone()])]).await.expect("a commit");
    assert_eq!(store.load(&owner, ALL).await.expect("a load").reminders, [once.clone(), odd]);
    let removed = WriteSet { reminders: vec![("ключ'".into(), None)], ..WriteSet::empty(owner.clone()) };
    store.commit(&[removed]).await.expect("a commit");
    assert_eq!(store.load(&owner, ALL).await.expect("a load").reminders, [once]);
}

pub(super) async fn a_summary_counts_everything(store: &impl Store) {
    let owner = task("owner");
    let set = WriteSet {
        sends: vec![mail(&owner, 1, 0), mail(&owner, 2, 1_000_000)],
        reminders: reminds(&owner, vec![reminder("b", 1), reminder("a", 2)]).reminders,
        idempotency: remembers(&owner, idempotency("k"), 10).idempotency,
        ..writes(&owner, &[("é", Some("123")), ("k", Some(""))])
    };
    store.commit(&[set]).await.expect("a commit");
    let expected = StoredSummary {
        state_size: StateSize { keys: 2, bytes: 6 },
        mail: 2,
        reminders: vec![reminder("a", 2), reminder("b", 1)],
        answers: 1,
        answer_bytes: 19,
    };
    assert_eq!(store.summary(&owner).await, Ok(expected));
}

pub(super) async fn actors_are_listed_once_and_in_order(store: &impl Store) {
    let both = |id| WriteSet {
        reminders: reminds(&task(id), vec![reminder("r", 1), reminder("s", 1)]).reminders,
        ..writes(&task(id), &[("x", Some("1")), ("y", Some("1"))])
    };
    let other = Address::parse("task2", "a0").expect("a valid address");
    let answer = remembers(&task("a5"), idempotency("k"), 10);
    let batch = [
        both("b"),
        both("a%"),
        sends(&task("a4"), vec![mail(&task("a2"), 1, 0), mail(&task("a2"), 2, 0), mail(&task("a%"), 3, 0)]),
        reminds(&task("a3"), vec![reminder("r", 1)]),
        writes(&task("a\u{10FFFF}"), &[("x", Some("1"))]),
        writes(&task("a"), &[("x", Some("1"))]),
        writes(&other, &[("x", Some("1"))]),
        answer,
    ];
    store.commit(&batch).await.expect("a commit");
    let all = ["a", "a%", "a2", "a3", "a5", "a\u{10FFFF}", "b"];
    for prefix in ["", "a", "a%", "a\u{10FFFF}", "b", "c"] {
        for after in [None, Some("a"), Some("a%"), Some("a1"), Some("a3"), Some("b"), Some("z")] {
            for limit in [0, 1, 2, 100] {
                let expected = all
                    .iter()
                    .filter(|id| id.starts_with(prefix) && after.is_none_or(|after| **id > after))
                    .take(limit)
                    .map(|id| task(id).id)
                    .collect();
                let after = after.map(|after| task(after).id);
                let found = store.actors(&actor_type("task"), prefix, after.as_ref(), limit).await;
                assert_eq!(found, Ok(expected), "prefix {prefix} after {after:?} limit {limit}");
            }
        }
    }
}

pub(super) async fn the_latest_message_id_is_found_wherever_it_is(store: &impl Store) {
    assert_eq!(store.latest_message_id().await, Ok(None));
    let owner = task("owner");
    store.commit(&[sends(&owner, vec![mail(&owner, 5, 900), mail(&owner, 4, 901)])]).await.expect("a commit");
    assert_eq!(store.latest_message_id().await, Ok(Some(message_id(5))));
    store.commit(&[reminds(&owner, vec![reminder("r", 1)])]).await.expect("a commit");
    assert_eq!(store.latest_message_id().await, Ok(Some(message_id(77))));
    let dead = changes(&owner, MailChange::DeadFiring(letter(&owner, u128::MAX).into()));
    store.commit(&[dead]).await.expect("a commit");
    assert_eq!(store.latest_message_id().await, Ok(Some(message_id(u128::MAX))));
    assert_eq!(store.next_due(at(0)).await, Ok(Some(at(1))));
}
