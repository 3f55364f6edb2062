//! P10: going back to another version, and forward again, loses nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use greenroom_core::store::StoreError;
use greenroom_core::{ActorType, Code, Error, Limits, Method};
use greenroom_store::{CommitFault, Encounter, Encounters, Operation, Pause};
use serde_json::json;

use super::scripted::script;
use super::world::{World, actor, answer, fails, limits, text, toolbox};
use crate::Node;

fn name() -> ActorType {
    ActorType::new("t").unwrap()
}

/// The toolbox, with a method `version` that says `label`.
fn labelled(world: &World, label: &'static str) -> Bytes {
    world.engine.add(
        label,
        script(move |scene| async move {
            if scene.message.method.as_str() == "version" { answer(label) } else { toolbox(scene).await }
        }),
    )
}

/// With the versions `first`, `two` and `three`.
async fn world() -> World {
    let world = World::start().await;
    for label in ["two", "three"] {
        let component = labelled(&world, label);
        world.node.deploy(&name(), component).await.unwrap();
    }
    world
}

#[tokio::test(start_paused = true)]
async fn an_actor_goes_back_at_its_next_turn_with_state_and_mailbox_kept() {
    let mut world = world().await;
    world.call("a", "append", "kept").await.unwrap();
    let running = world.calling("a", "append_after", "100 running");
    tokio::time::sleep(Duration::from_millis(10)).await;
    let waiting = world.calling("a", "version", "");
    let view = world.node.activate_version(&name(), 2).await.unwrap();
    assert_eq!((view.active_version, view.previous_version), (2, Some(3)));
    assert_eq!(running.await.unwrap().unwrap(), "kept running");
    assert_eq!(waiting.await.unwrap().unwrap(), "two");

    world.crash().await;
    assert_eq!(world.call("a", "version", "").await.unwrap(), "two", "also after a restart");
    let view = world.node.activate_version(&name(), view.previous_version.unwrap()).await.unwrap();
    assert_eq!((view.active_version, view.previous_version), (3, Some(2)));
    assert_eq!(world.call("a", "version", "").await.unwrap(), "three");
    assert_eq!(world.call("a", "list", "").await.unwrap(), "kept running");
}

#[tokio::test(start_paused = true)]
async fn a_node_runs_what_is_stored_also_when_the_store_does_not_say_that_it_is() {
    let mut world = world().await;
    let unsure: Encounters = Arc::new(|operation| Encounter {
        fault: (operation == Operation::Change)
            .then(|| CommitFault::AppliedBut(StoreError::Unknown("as planned".into()))),
        ..Encounter::default()
    });
    world.store.set_encounters(Arc::clone(&unsure));
    let error = world.node.activate_version(&name(), 1).await.unwrap_err();
    assert_eq!(error.code, Code::OutcomeUnknown);
    assert_eq!(world.call("a", "version", "").await.unwrap_err().code, Code::GuestConflict, "the first");
    let error = world.node.deploy(&name(), "two".into()).await.unwrap_err();
    assert_eq!(error.code, Code::OutcomeUnknown);
    assert_eq!(world.call("a", "version", "").await.unwrap(), "two");
    assert!(!world.node.deploy(&name(), "two".into()).await.unwrap().created, "it is there already");
    world.crash().await;
    assert_eq!(world.call("a", "version", "").await.unwrap(), "two");
}

/// Asks for one of the changes of a type that there are.
async fn change(node: Node, asks: &str) -> Result<(), Error> {
    match asks {
        "deploy" => node.deploy(&name(), "two".into()).await.map(drop),
        "activate" => node.activate_version(&name(), 2).await.map(drop),
        _ => node.change_settings(&name(), &json!({ "payload_bytes": 100 })).await.map(drop),
    }
}

/// Whether turns run what such a change makes of `world()`.
async fn is_made(world: &World, asks: &str) -> bool {
    if asks == "settings" {
        world.call("a", "append", &"x".repeat(101)).await.is_err()
    } else {
        world.call("a", "version", "").await.unwrap() == "two"
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_stored_is_made_also_when_its_client_has_gone() {
    for asks in ["deploy", "activate", "settings"] {
        for ms in [5, 15] {
            let world = world().await;
            let slow = Pause { yields: 0, time: Duration::from_millis(10) };
            world.store.set_encounters(Arc::new(move |operation| match operation {
                Operation::Change => Encounter { before: slow, fault: None, after: slow },
                _ => Encounter::default(),
            }));
            let client = tokio::spawn(change(world.node.clone(), asks));
            tokio::time::sleep(Duration::from_millis(ms)).await;
            assert!(!is_made(&world, asks).await, "it is over already");
            client.abort();
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(is_made(&world, asks).await, "{asks}, whose client went after {ms} ms");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_panics_leaves_nothing_stored_that_does_not_run() {
    for asks in ["deploy", "activate", "settings"] {
        let mut world = world().await;
        let has_panicked = AtomicBool::new(false);
        world.store.set_encounters(Arc::new(move |operation| {
            let comes_first = operation == Operation::Change && !has_panicked.swap(true, Ordering::Relaxed);
            assert!(!comes_first, "as planned");
            Encounter::default()
        }));
        let error = change(world.node.clone(), asks).await.unwrap_err();
        assert_eq!(error.code, Code::OutcomeUnknown, "{asks}");
        let runs = is_made(&world, asks).await;
        world.crash().await;
        assert_eq!(is_made(&world, asks).await, runs, "{asks}");
        change(world.node.clone(), asks).await.unwrap();
        assert!(is_made(&world, asks).await, "{asks}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_not_there_or_active_already_changes_nothing() {
    let world = world().await;
    let error = world.node.activate_version(&name(), 4).await.unwrap_err();
    assert_eq!(error.code, Code::NotFound);
    assert!(error.detail.contains("t has no version 4; it has 1, 2, 3"), "{error}");
    let view = world.node.activate_version(&name(), 3).await.unwrap();
    assert_eq!((view.active_version, view.previous_version), (3, Some(2)));
    let unknown = world.node.activate_version(&ActorType::new("u").unwrap(), 1).await.unwrap_err();
    assert_eq!(unknown.code, Code::UnknownActorType);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_fails_is_left_at_once() {
    let world = world().await;
    world.call("a", "append", "x").await.unwrap();
    world.engine.add("bad", script(|_| async { fails("every time") }));
    world.node.deploy(&name(), "bad".into()).await.unwrap();
    world.send("a", "append", "y", 0).await.unwrap();
    assert!(world.call("a", "list", "").await.is_err());
    world.node.activate_version(&name(), 3).await.unwrap();
    assert!(world.call("a", "list", "").await.unwrap().starts_with('x'));
    world.until_list("a", &["x", "y"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_version_whose_code_can_not_be_prepared_does_not_become_active() {
    let world = world().await;
    world.engine.scripts.lock().remove("two");
    let error = world.node.activate_version(&name(), 2).await.unwrap_err();
    assert_eq!(error.code, Code::ActivationFailed);
    assert_eq!(world.call("a", "version", "").await.unwrap(), "three");
    world.node.activate_version(&name(), 1).await.unwrap();
    assert_eq!(world.call("a", "append", "x").await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn bytes_of_an_earlier_version_are_a_new_version() {
    let world = world().await;
    let again = world.node.deploy(&name(), "two".into()).await.unwrap();
    assert_eq!((again.created, again.version.number), (true, 4));
    assert!(!world.node.deploy(&name(), "two".into()).await.unwrap().created);
    assert_eq!(world.call("a", "version", "").await.unwrap(), "two");
}

#[tokio::test(start_paused = true)]
async fn so_many_versions_are_kept_as_the_limit_says() {
    let world = World::with(Limits { versions_per_type: 3, ..limits() }, script(toolbox)).await;
    for label in ["two", "three", "four", "five"] {
        let component = labelled(&world, label);
        world.node.deploy(&name(), component).await.unwrap();
    }
    let kept = async || {
        let view = world.node.actor_type(&name()).await.unwrap();
        view.versions.iter().map(|version| version.number).collect::<Vec<_>>()
    };
    assert_eq!(kept().await, [3, 4, 5]);
    assert_eq!(world.node.activate_version(&name(), 2).await.unwrap_err().code, Code::NotFound);
    world.node.activate_version(&name(), 3).await.unwrap();
    let component = labelled(&world, "six");
    world.node.deploy(&name(), component).await.unwrap();
    assert_eq!(kept().await, [3, 4, 5, 6], "3 is the one to go back to");
}

#[tokio::test(start_paused = true)]
async fn rolling_back_and_forward_under_load_fails_and_loses_no_call() {
    let world = world().await;
    let over = std::sync::Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..6)
        .map(|caller| {
            let (node, over) = (world.node.clone(), std::sync::Arc::clone(&over));
            tokio::spawn(async move {
                let mut done = 0;
                while !over.load(Ordering::Relaxed) {
                    let (to, method) =
                        (actor(["a", "b", "c"][caller % 3]), Method::new("append_after").unwrap());
                    node.call(&to, method, text(&format!("1 {caller}/{done}"))).await.unwrap();
                    done += 1;
                }
                done
            })
        })
        .collect();
    for round in 0..60 {
        world.node.activate_version(&name(), 1 + round % 3).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    over.store(true, Ordering::Relaxed);
    let mut done = 0;
    for caller in callers {
        done += caller.await.unwrap();
    }
    let mut kept = 0;
    for id in ["a", "b", "c"] {
        let list = world.call(id, "list", "").await.unwrap();
        let words: std::collections::BTreeSet<&str> = list.split(' ').collect();
        assert_eq!(words.len(), list.split(' ').count());
        kept += words.len();
    }
    assert!(done > 300, "{done}");
    assert_eq!(kept, done);
}
