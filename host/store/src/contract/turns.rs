//! Batches: as if the write sets were applied one after the other.

use greenroom_core::Timestamp;
use greenroom_core::store::{Store, StoredActor, WriteSet};

use super::samples::{
    ALL, at, bytes, idempotency, mail, message_id, purge, remembers, reminder, reminds, remove_all, sends,
    task, writes,
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

pub(super) async fn a_large_actor_is_purged_and_begins_from_nothing(store: &impl Store) {
    let (large, other) = (task("large"), task("large-not"));
    let keys: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
    let state: Vec<_> = keys.iter().map(|key| (key.as_str(), Some("value"))).collect();
    let batch = [
        writes(&large, &state),
        reminds(&large, vec![reminder("r", 10)]),
        sends(&other, vec![mail(&large, 1, 0)]),
        remembers(&large, idempotency("key"), 10),
        writes(&other, &[("kept", Some("1"))]),
    ];
    store.commit(&batch).await.expect("a commit");
    store.commit(&[purge(&large)]).await.expect("a commit");
    let empty = StoredActor { state: Some(Vec::new()), ..StoredActor::default() };
    assert_eq!(store.load(&large, ALL).await, Ok(empty.clone()));
    assert!(store.summary(&large).await.expect("a summary").is_empty());
    assert_eq!(store.due(Timestamp::MAX, None, 10).await, Ok(Vec::new()));
    assert!(!store.is_purging_actor(&other) && !store.is_purging_type(&large.actor_type));

    remove_all(store).await;
    assert!(!store.is_purging_actor(&large));
    assert_eq!(store.load(&large, ALL).await, Ok(empty));
    store.commit(&[writes(&large, &[("new", Some("1"))])]).await.expect("a commit");
    assert_eq!(store.state_keys(&large, "", None, 10).await.expect("keys"), ["new"]);
    assert_eq!(store.state_keys(&other, "", None, 10).await.expect("keys"), ["kept"]);

    // What is its own after it in the same batch stays, however large it was.
    store.commit(&[writes(&large, &state)]).await.expect("a commit");
    let batch = [purge(&large), writes(&large, &[("newer", Some("1"))])];
    store.commit(&batch).await.expect("a commit");
    assert_eq!(store.state_keys(&large, "", None, 10).await.expect("keys"), ["newer"]);
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
