//! Actor types and components.

use greenroom_core::settings::TYPE_LIMITS;
use greenroom_core::store::{MailChange, Store, StoredActor, StoredSummary, Undeployed};
use greenroom_core::{Digest, Limits, Timestamp, TypeSettings};
use serde_json::json;

use super::samples::{
    ALL, VERSIONS_MAX, actor_type, at, changes, component, idempotency, letter, mail, remembers, remove_all,
    sends, task, writes,
};

pub(super) async fn versions_count_up(store: &impl Store) {
    let name = actor_type("task");
    assert_eq!(store.actor_types().await, Ok(Vec::new()));
    let mut latest = None;
    for (number, text) in (1..).zip(["one", "two", "one"]) {
        let (info, component) = component(text);
        let record =
            store.deploy(&name, &info, &component, VERSIONS_MAX, at(number)).await.expect("a deployment");
        assert_eq!(u64::from(record.active_version), number);
        let active = record.active().expect("an active version");
        assert_eq!((&active.component, active.deployed_at), (&info, at(number)));
        assert_eq!(store.component(&info.digest).await, Ok(Some(component)));
        latest = Some(record);
    }
    let (info, component) = component("other");
    let other = store
        .deploy(&actor_type("chat"), &info, &component, VERSIONS_MAX, at(9))
        .await
        .expect("a deployment");
    assert_eq!(other.active_version, 1);
    assert_eq!(store.actor_types().await.expect("types"), [other, latest.expect("deployed")]);
    assert_eq!(store.component(&Digest::of(b"unknown")).await, Ok(None));
}

pub(super) async fn one_component_may_serve_several_types(store: &impl Store) {
    let (info, component) = component("shared");
    for name in ["a", "b"] {
        store.deploy(&actor_type(name), &info, &component, VERSIONS_MAX, at(1)).await.expect("a deployment");
    }
    assert_eq!(store.undeploy(&actor_type("a"), false).await, Ok(Undeployed::Removed));
    remove_all(store).await;
    assert_eq!(store.component(&info.digest).await, Ok(Some(component)));
    assert_eq!(store.undeploy(&actor_type("b"), false).await, Ok(Undeployed::Removed));
    remove_all(store).await;
    assert_eq!(store.component(&info.digest).await, Ok(None));
    assert_eq!(store.undeploy(&actor_type("b"), true).await, Ok(Undeployed::Unknown));
}

pub(super) async fn a_type_in_use_stays_unless_purged(store: &impl Store) {
    let (info, component) = component("task");
    let (name, other) = (actor_type("task"), actor_type("task2"));
    for name in [&name, &other] {
        store.deploy(name, &info, &component, VERSIONS_MAX, at(1)).await.expect("a deployment");
    }
    let one = task("one");
    store.commit(&[sends(&one, vec![mail(&one, 1, 0)])]).await.expect("a commit");
    assert_eq!(store.undeploy(&name, false).await, Ok(Undeployed::InUse));
    store.commit(&[writes(&one, &[("a", Some("1"))])]).await.expect("a commit");
    assert_eq!(store.undeploy(&other, true).await, Ok(Undeployed::Removed));
    assert_eq!(store.summary(&one).await.expect("a summary").mail, 1);
    assert_eq!(store.undeploy(&name, true).await, Ok(Undeployed::Removed));
    let empty = StoredActor { state: Some(Vec::new()), ..StoredActor::default() };
    assert_eq!(store.load(&one, ALL).await, Ok(empty));
    remove_all(store).await;
    assert_eq!(store.next_due(at(0)).await, Ok(None));
    let record = store.deploy(&name, &info, &component, VERSIONS_MAX, at(2)).await.expect("a deployment");
    assert_eq!(record.active_version, 1);
}

pub(super) async fn what_was_purged_is_hidden_at_once_and_its_name_free_when_it_is_gone(store: &impl Store) {
    let (info, component) = component("task");
    let name = actor_type("task");
    store.deploy(&name, &info, &component, VERSIONS_MAX, at(1)).await.expect("a deployment");
    let (one, other) = (task("one"), task("other"));
    let keys: Vec<String> = (0..3_000).map(|number| number.to_string()).collect();
    let state: Vec<_> = keys.iter().map(|key| (key.as_str(), Some("value"))).collect();
    let many = (0..1_500).map(|number| mail(&other, number, 0)).collect();
    let batch = [
        writes(&one, &state),
        sends(&one, many),
        changes(&one, MailChange::DeadFiring(letter(&one, 9).into())),
        remembers(&one, idempotency("k"), 10),
    ];
    store.commit(&batch).await.expect("a commit");
    assert!(!store.is_purging_type(&name));
    assert_eq!(store.undeploy(&name, true).await, Ok(Undeployed::Removed));

    assert!(store.is_purging_type(&name) && !store.is_purging_type(&actor_type("task2")));
    let empty = StoredActor { state: Some(Vec::new()), ..StoredActor::default() };
    for actor in [&one, &other] {
        assert_eq!(store.load(actor, ALL).await, Ok(empty.clone()));
        assert_eq!(store.summary(actor).await, Ok(StoredSummary::default()));
        assert!(store.mail(actor, Timestamp::MAX, None, 10).await.expect("mail").messages.is_empty());
        assert_eq!(store.count_dead_letters(actor).await, Ok(0));
    }
    assert_eq!(store.state_value(&one, "1").await, Ok(None));
    assert_eq!(store.state_keys(&one, "", None, 10).await, Ok(Vec::new()));
    assert_eq!(store.idempotency_record(&one, &idempotency("k").key).await, Ok(None));
    assert_eq!(store.actors(&name, "", None, 10).await, Ok(Vec::new()));
    assert_eq!(store.due(Timestamp::MAX, None, 10).await, Ok(Vec::new()));
    assert_eq!(store.dead_letters(None, None, 10).await, Ok(Vec::new()));
    assert_eq!(store.dead_letters(Some(&name), None, 10).await, Ok(Vec::new()));
    let dead = letter(&one, 9).message.id;
    assert_eq!(store.dead_letter(dead).await, Ok(None));
    assert_eq!(store.retry_dead_letter(dead, at(1)).await, Ok(None));
    assert_eq!(store.remove_dead_letter(dead).await, Ok(false));

    remove_all(store).await;
    assert!(!store.is_purging_type(&name));
    let record = store.deploy(&name, &info, &component, VERSIONS_MAX, at(2)).await.expect("a deployment");
    assert_eq!(record.active_version, 1);
    assert_eq!(store.load(&one, ALL).await, Ok(empty));
    assert_eq!(store.latest_message_id().await, Ok(None));
}

pub(super) async fn any_kept_version_can_be_activated(store: &impl Store) {
    let name = actor_type("task");
    assert_eq!(store.activate_version(&name, 1).await, Ok(None));
    for (number, text) in (1..=3).zip(["one", "two", "three"]) {
        let (info, component) = component(text);
        let record =
            store.deploy(&name, &info, &component, VERSIONS_MAX, at(number)).await.expect("a deployment");
        let before = u32::try_from(number).ok().and_then(|number| number.checked_sub(1));
        assert_eq!(record.previous_version, before.filter(|before| *before > 0));
    }
    for (version, previous) in [(1, 3), (1, 3), (2, 1), (3, 2)] {
        let record = store.activate_version(&name, version).await.expect("an answer").expect("known");
        assert_eq!((record.active_version, record.previous_version), (version, Some(previous)));
        assert_eq!(record.versions.len(), 3);
        assert_eq!(store.actor_types().await, Ok(vec![record]));
    }
    assert_eq!(store.activate_version(&name, 4).await, Ok(None));
    assert_eq!(store.activate_version(&actor_type("other"), 1).await, Ok(None));
    assert_eq!(store.actor_types().await.expect("types")[0].active_version, 3);
}

pub(super) async fn old_versions_go_but_never_the_one_to_go_back_to(store: &impl Store) {
    let name = actor_type("task");
    let deploy = async |text: &str| {
        let (info, component) = component(text);
        let record = store.deploy(&name, &info, &component, 3, at(1)).await.expect("a deployment");
        record.versions.iter().map(|version| version.number).collect::<Vec<_>>()
    };
    for text in ["one", "two", "three"] {
        deploy(text).await;
    }
    store.activate_version(&name, 1).await.expect("an answer").expect("known");
    assert_eq!(deploy("four").await, [1, 2, 3, 4], "1 was active before");
    assert_eq!(deploy("four again").await, [3, 4, 5]);
    assert_eq!(deploy("three").await, [4, 5, 6]);
    remove_all(store).await;
    for (text, there) in [("one", false), ("two", false), ("three", true), ("four", true)] {
        let found = store.component(&Digest::of(text.as_bytes())).await.expect("an answer");
        assert_eq!(found.is_some(), there, "{text}");
    }
    assert_eq!(store.activate_version(&name, 2).await, Ok(None));
}

pub(super) async fn settings_come_back_as_they_were(store: &impl Store) {
    let name = actor_type("task");
    let limits = TYPE_LIMITS.iter().map(|limit| (limit.json_name(), json!(7)));
    let mut patch: serde_json::Map<_, _> = limits.collect();
    patch.insert("environment".into(), json!({"it's": "\"odd\" ü"}));
    let patch = serde_json::Value::Object(patch);
    let settings = TypeSettings::default().patched(&patch, &Limits::default()).expect("valid settings");
    assert_eq!(store.set_settings(&name, &settings).await, Ok(None));

    let (info, component) = component("task");
    for name in [&name, &actor_type("other")] {
        let deployed =
            store.deploy(name, &info, &component, VERSIONS_MAX, at(1)).await.expect("a deployment");
        assert_eq!(deployed.settings, TypeSettings::default());
    }
    let set = store.set_settings(&name, &settings).await.expect("an answer").expect("known");
    assert_eq!(set.settings, settings);
    let deployed = store.deploy(&name, &info, &component, VERSIONS_MAX, at(2)).await.expect("a deployment");
    let rolled_back = store.activate_version(&name, 1).await.expect("an answer").expect("known");
    assert_eq!((&deployed.settings, &rolled_back.settings), (&settings, &settings));
    let types = store.actor_types().await.expect("types");
    assert_eq!((&types[0].settings, &types[1].settings), (&TypeSettings::default(), &settings));

    assert_eq!(store.undeploy(&name, false).await, Ok(Undeployed::Removed));
    remove_all(store).await;
    let again = store.deploy(&name, &info, &component, VERSIONS_MAX, at(3)).await.expect("a deployment");
    assert_eq!((again.settings, again.previous_version), (TypeSettings::default(), None));
}
