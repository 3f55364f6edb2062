//! Batches: as if the write sets were applied one after the other.

use greenroom_core::Timestamp;
use greenroom_core::store::{Store, StoredActor, WriteSet};

use super::samples::{
    ALL, at, bytes, idempotency, mail, message_id, purge, remembers, reminder, reminds, sends, task, writes,
};

pub(super) async fn an_empty_batch_changes_nothing(store: &impl Store) {
    store.commit(&[]).await.expect("a commit");
    store.commit(&[WriteSet::empty(task("a")), WriteSet::empty(task("b"))]).await.expect("a commit");
    assert_eq!(store.latest_message_id().await, Ok(None));
    assert_eq!(store.next_due(at(0)).await, Ok(None));
}

pub(super) async fn the_last_write_set_wins(store: &impl Store) {
    let one = task("one");
    let batch = [
        writes(&one, &[("kept", Some("1")), ("gone", Some("1")), ("back", Some("1"))]),
        reminds(&one, vec![reminder("r", 10), reminder("gone", 10)]),
        writes(&one, &[("kept", Some("2")), ("gone", None), ("back", None)]),
        WriteSet { reminders: vec![("gone".into(), None)], ..WriteSet::empty(one.clone()) },
        writes(&one, &[("back", Some("3"))]),
        reminds(&one, vec![reminder("r", 20)]),
    ];
    store.commit(&batch).await.expect("a commit");
    let loaded = store.load(&one, ALL).await.expect("a load");
    assert_eq!(loaded.state, Some(vec![("back".into(), bytes("3")), ("kept".into(), bytes("2"))]));
    assert_eq!(loaded.reminders, [reminder("r", 20)]);
}

pub(super) async fn a_purge_removes_what_came_before_it(store: &impl Store) {
    let (purged, other) = (task("purged"), task("purged-not"));
    let everything = |address: &_| WriteSet {
        idempotency: remembers(address, idempotency("key"), 10).idempotency,
        state: writes(address, &[("old", Some("1"))]).state,
        reminders: reminds(address, vec![reminder("old", 10)]).reminders,
        ..sends(address, vec![mail(&purged, 1, 0), mail(&other, 2, 0)])
    };
    store.commit(&[everything(&purged), everything(&other)]).await.expect("a commit");
    let before = store.load(&other, ALL).await.expect("a load");
    let batch = [
        writes(&purged, &[("older", Some("1"))]),
        sends(&other, vec![mail(&purged, 3, 0)]),
        purge(&purged),
        sends(&other, vec![mail(&purged, 4, 0)]),
    ];
    store.commit(&batch).await.expect("a commit");
    let empty = StoredActor { state: Some(Vec::new()), ..StoredActor::default() };
    assert_eq!(store.load(&purged, ALL).await, Ok(empty));
    let waiting = store.mail(&purged, Timestamp::MAX, None, 10).await.expect("mail").messages;
    assert_eq!(waiting.iter().map(|stored| stored.message.id).collect::<Vec<_>>(), [message_id(4)]);
    assert_eq!(store.load(&other, ALL).await, Ok(before));
    assert_eq!(store.mail(&other, Timestamp::MAX, None, 10).await.expect("mail").messages.len(), 1);
}

pub(super) async fn a_purged_actor_can_write_in_the_same_turn(store: &impl Store) {
    let reborn = task("reborn");
    store.commit(&[writes(&reborn, &[("old", Some("1")), ("new", Some("1"))])]).await.expect("a commit");
    let set = WriteSet { purge: true, ..writes(&reborn, &[("new", Some("2"))]) };
    store.commit(&[set]).await.expect("a commit");
    let loaded = store.load(&reborn, ALL).await.expect("a load");
    assert_eq!(loaded.state, Some(vec![("new".into(), bytes("2"))]));
}

pub(super) async fn the_same_batch_twice_is_the_same_as_once(store: &impl Store) {
    let twice = task("twice");
    let set = WriteSet {
        sends: vec![mail(&twice, 1, 0)],
        reminders: reminds(&twice, vec![reminder("r", 10)]).reminders,
        idempotency: remembers(&twice, idempotency("key"), 10).idempotency,
        ..writes(&twice, &[("a", Some("1"))])
    };
    store.commit(std::slice::from_ref(&set)).await.expect("a commit");
    let once = store.load(&twice, ALL).await.expect("a load");
    store.commit(&[set]).await.expect("a commit");
    assert_eq!(store.load(&twice, ALL).await, Ok(once));
    assert_eq!(store.mail(&twice, Timestamp::MAX, None, 10).await.expect("mail").messages.len(), 1);
}
