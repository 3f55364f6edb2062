//! Actor types and components.

use greenroom_core::Digest;
use greenroom_core::store::{Store, StoredActor, Undeployed};

use super::samples::{ALL, actor_type, at, component, mail, sends, task, writes};

pub(super) async fn versions_count_up(store: &impl Store) {
    let name = actor_type("task");
    assert_eq!(store.actor_types().await, Ok(Vec::new()));
    let mut latest = None;
    for (number, text) in (1..).zip(["one", "two", "one"]) {
        let (info, component) = component(text);
        let record = store.deploy(&name, &info, &component, at(number)).await.expect("a deployment");
        assert_eq!(u64::from(record.active_version), number);
        let active = record.active().expect("an active version");
        assert_eq!((&active.component, active.deployed_at), (&info, at(number)));
        assert_eq!(store.component(&info.digest).await, Ok(Some(component)));
        latest = Some(record);
    }
    let (info, component) = component("other");
    let other = store.deploy(&actor_type("chat"), &info, &component, at(9)).await.expect("a deployment");
    assert_eq!(other.active_version, 1);
    assert_eq!(store.actor_types().await.expect("types"), [other, latest.expect("deployed")]);
    assert_eq!(store.component(&Digest::of(b"unknown")).await, Ok(None));
}

pub(super) async fn one_component_may_serve_several_types(store: &impl Store) {
    let (info, component) = component("shared");
    for name in ["a", "b"] {
        store.deploy(&actor_type(name), &info, &component, at(1)).await.expect("a deployment");
    }
    assert_eq!(store.undeploy(&actor_type("a"), false).await, Ok(Undeployed::Removed));
    assert_eq!(store.component(&info.digest).await, Ok(Some(component)));
    assert_eq!(store.undeploy(&actor_type("b"), false).await, Ok(Undeployed::Removed));
    assert_eq!(store.component(&info.digest).await, Ok(None));
    assert_eq!(store.undeploy(&actor_type("b"), true).await, Ok(Undeployed::Unknown));
}

pub(super) async fn a_type_in_use_stays_unless_purged(store: &impl Store) {
    let (info, component) = component("task");
    let (name, other) = (actor_type("task"), actor_type("task2"));
    for name in [&name, &other] {
        store.deploy(name, &info, &component, at(1)).await.expect("a deployment");
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
    assert_eq!(store.next_due(at(0)).await, Ok(None));
    let record = store.deploy(&name, &info, &component, at(2)).await.expect("a deployment");
    assert_eq!(record.active_version, 1);
}
