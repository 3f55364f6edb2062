//! P9 and P10: actors come and go by themselves, and their code changes under them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use greenroom_core::{ActorType, Address, Code, Limits, Method};
use greenroom_store::{Encounter, Operation, Pause};
use tokio::time::Instant;

use super::scripted::script;
use super::world::{World, actor, answer, host, limits, text, toolbox};
use crate::{ActorQuery, Lifecycle};

#[tokio::test(start_paused = true)]
async fn an_idle_actor_is_told_leaves_memory_and_comes_back_with_its_state() {
    let limits = Limits { idle_timeout: Duration::from_mins(1), ..limits() };
    let world = World::with(limits, script(toolbox)).await;
    world.call("notes-deactivation", "append", "x").await.unwrap();
    assert_eq!(world.node.inspect(&actor("notes-deactivation")).await.unwrap().lifecycle, Lifecycle::Idle);
    tokio::time::sleep(Duration::from_secs(61)).await;
    let view = world.node.inspect(&actor("notes-deactivation")).await.unwrap();
    assert_eq!((view.lifecycle, view.state_keys), (Lifecycle::Dormant, 2));
    assert_eq!(world.engine.counts.alive.load(Ordering::Relaxed), 0);
    assert_eq!(world.node.active_actors(), 0);
    assert_eq!(world.call("notes-deactivation", "append", "y").await.unwrap(), "x y");
    assert_eq!(world.call("notes-deactivation", "count", "").await.unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn a_timer_does_not_keep_an_idle_actor_in_memory() {
    let limits = Limits { idle_timeout: Duration::from_secs(5), ..limits() };
    let world = World::with(limits, script(toolbox)).await;
    world.call("a", "time", "t 1000 1000 0 who").await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.node.active_actors(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_least_recently_used_sandboxes_make_room() {
    let world = World::with(Limits { sandboxes: 3, ..limits() }, script(toolbox)).await;
    for id in ["a", "b", "c", "a", "d"] {
        world.call(id, "append", id).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.engine.counts.alive.load(Ordering::Relaxed), 3);
    // `b` went; it is still active, and works again with a new sandbox.
    let view = world.node.inspect(&actor("b")).await.unwrap();
    assert_eq!((view.lifecycle, view.sandbox_memory_bytes), (Lifecycle::Idle, None));
    assert_eq!(world.call("a", "append", "again").await.unwrap(), "a a again");
    assert_eq!(world.call("b", "append", "again").await.unwrap(), "b again");
    assert_eq!(world.call("b", "count", "").await.unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn many_more_actors_than_sandboxes_are_served_in_turn() {
    let world = World::with(Limits { sandboxes: 10, activations: 50, ..limits() }, script(toolbox)).await;
    for round in 0..3 {
        for n in 0..200 {
            let done = world.call(&format!("a{n}"), "append", "x").await;
            assert_eq!(done.unwrap().split(' ').count(), round + 1);
        }
    }
    assert!(world.engine.counts.alive.load(Ordering::Relaxed) <= 10);
    assert!(world.node.active_actors() <= 50);
}

#[tokio::test(start_paused = true)]
async fn where_nearly_all_are_idle_nobody_is_refused_room() {
    let world = World::with(Limits { activations: 100, ..limits() }, script(toolbox)).await;
    for n in 0..1_000 {
        world.call(&format!("a{n}"), "append", "x").await.unwrap();
        assert!(world.node.active_actors() <= 100);
    }
    for n in 0..200 {
        assert_eq!(world.call(&format!("b{n}"), "call", &format!("c{n} append x")).await.unwrap(), "x");
    }
    let at_once: Vec<_> = (0..500).map(|n| world.calling(&format!("d{n}"), "append", "x")).collect();
    for call in at_once {
        assert_eq!(call.await.unwrap().unwrap(), "x");
    }
    world.node.delete(&actor("a0")).await.unwrap();
    assert!(world.node.active_actors() <= 100);
}

#[tokio::test(start_paused = true)]
async fn room_is_made_of_the_least_recently_used_before_there_is_none() {
    let world = World::with(Limits { activations: 100, ..limits() }, script(toolbox)).await;
    for n in 0..400 {
        world.call(&format!("a{n}"), "append", "x").await.unwrap();
        assert!(
            n == 0 || world.node.dispatch.find(&actor("used")).is_some(),
            "what is used all the time went"
        );
        world.call("used", "count", "").await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        // One type has at most nine tenths of all; a twentieth of all is kept free of that.
        assert!(world.node.active_actors() <= 87, "{}", world.node.active_actors());
    }
    assert!(world.node.active_actors() >= 80, "{}", world.node.active_actors());
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_never_gives_memory_back_is_replaced_before_it_meets_its_limit() {
    let world = World::with(Limits { sandbox_memory_bytes: 8 << 20, ..limits() }, script(toolbox)).await;
    world.call("a", "append", "kept").await.unwrap();
    world.call("a", "time", "t 60000 0 0 who").await.unwrap();
    let mut counted = Vec::new();
    for _ in 0..8 {
        counted.push(world.call("a", "count", "").await.unwrap());
    }
    assert_eq!(counted, ["1", "2", "3", "4", "5", "6", "1", "2"]);
    assert_eq!(world.engine.counts.deactivated.load(Ordering::Relaxed), 1);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "kept t#1");
}

#[tokio::test(start_paused = true)]
async fn when_every_sandbox_is_at_work_others_wait_and_then_are_told() {
    let limits = Limits { sandboxes: 1, turn_timeout: Duration::from_secs(5), ..limits() };
    let world = World::with(limits, script(toolbox)).await;
    let busy = world.calling("a", "append_after", "3000 x");
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(world.call("b", "append", "y").await.unwrap(), "y");
    busy.await.unwrap().unwrap();
    let _first = world.calling("a", "append_after", "4000 x");
    tokio::time::sleep(Duration::from_millis(10)).await;
    let refused = world.calling("b", "append", "y");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let _second = world.calling("a", "append_after", "4000 x");
    let error = refused.await.unwrap().unwrap_err();
    assert_eq!(error.code, Code::Overloaded, "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_activate_writes_is_kept() {
    let world = World::start().await;
    world.call("notes-activation", "count", "").await.unwrap();
    let value = world.node.state_value(&actor("notes-activation"), "activated").await.unwrap();
    assert_eq!(value, Some(Bytes::from_static(b"yes")));
}

#[tokio::test(start_paused = true)]
async fn a_new_version_takes_over_at_the_next_turn_with_state_and_mailbox_kept() {
    let world = World::start().await;
    let name = ActorType::new("t").unwrap();
    world.call("a", "append", "old").await.unwrap();
    let running = world.calling("a", "append_after", "100 running");
    tokio::time::sleep(Duration::from_millis(10)).await;
    let waiting = world.calling("a", "version", "");
    world.engine.add(
        "second",
        script(|scene| async move {
            if scene.message.method.as_str() == "version" { answer("two") } else { toolbox(scene).await }
        }),
    );
    let deployed = world.node.deploy(&name, "second".into()).await.unwrap();
    assert_eq!((deployed.created, deployed.version.number), (true, 2));
    assert!(!world.node.deploy(&name, "second".into()).await.unwrap().created);
    assert_eq!(running.await.unwrap().unwrap(), "old running");
    assert_eq!(waiting.await.unwrap().unwrap(), "two");
    assert_eq!(world.call("a", "list", "").await.unwrap(), "old running");
    assert_eq!(world.engine.counts.deactivated.load(Ordering::Relaxed), 1);
    let types = world.node.actor_types().await.unwrap();
    assert_eq!((types[0].active_version, types[0].versions.len(), types[0].active_actors), (2, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_component_changes_nothing() {
    let world = World::start().await;
    let error = world.node.deploy(&ActorType::new("t").unwrap(), "nonsense".into()).await.unwrap_err();
    assert_eq!(error.code, Code::ComponentRejected);
    assert_eq!(world.call("a", "append", "x").await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn an_actor_type_in_use_is_kept_unless_purged() {
    let mut world = World::start().await;
    let name = ActorType::new("t").unwrap();
    world.call("a", "append", "x").await.unwrap();
    assert_eq!(world.node.undeploy(&name, false).await.unwrap_err().code, Code::ActorTypeInUse);
    world.node.undeploy(&name, true).await.unwrap();
    assert_eq!(world.call("a", "list", "").await.unwrap_err().code, Code::UnknownActorType);
    world.crash().await;
    assert_eq!(world.call("a", "list", "").await.unwrap_err().code, Code::UnknownActorType);
    let again = world.node.deploy(&name, "first".into()).await.unwrap();
    assert_eq!(again.version.number, 1);
    assert_eq!(world.call("a", "list", "").await.unwrap(), "");
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_is_asked_while_its_type_goes_remembers_nothing() {
    let world = World::start().await;
    let name = ActorType::new("t").unwrap();
    world.call("a", "append", "x").await.unwrap();
    world.node.undeploy(&name, true).await.unwrap();
    assert_eq!(world.call("a", "list", "").await.unwrap_err().code, Code::UnknownActorType);
    world.node.deploy(&name, "first".into()).await.unwrap();
    assert_eq!(world.call("a", "list", "").await.unwrap(), "");
}

#[tokio::test(start_paused = true)]
async fn deleting_an_actor_removes_all_of_it() {
    let world = World::start().await;
    world.call("a", "append", "x").await.unwrap();
    world.call("a", "remind", "r 5000 0 0 who").await.unwrap();
    world.send("a", "append", "later", 5_000).await.unwrap();
    world.node.delete(&actor("a")).await.unwrap();
    assert_eq!(world.node.inspect(&actor("a")).await.unwrap_err().code, Code::UnknownActor);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.call("a", "append", "new").await.unwrap(), "new");
    assert_eq!(world.call("a", "count", "").await.unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn state_repaired_by_hand_is_what_the_guest_sees_next() {
    let world = World::start().await;
    world.call("a", "append", "wrong").await.unwrap();
    assert!(world.node.repair_state(&actor("a"), "list".into(), Some("right".into())).await.unwrap());
    assert_eq!(world.call("a", "append", "next").await.unwrap(), "right next");
    assert!(world.node.repair_state(&actor("a"), "list".into(), None).await.unwrap());
    assert!(!world.node.repair_state(&actor("a"), "list".into(), None).await.unwrap());
    assert_eq!(world.call("a", "append", "fresh").await.unwrap(), "fresh");
}

#[tokio::test(start_paused = true)]
async fn actors_are_listed_whether_stored_or_in_memory() {
    let world = World::start().await;
    for id in ["a1", "a2", "b1"] {
        world.call(id, "append", "x").await.unwrap();
    }
    world.call("a3", "count", "").await.unwrap();
    world.node.deactivate(&actor("a1")).await.unwrap();
    let ids = |query: ActorQuery| {
        let node = world.node.clone();
        async move {
            let listed = node.actors(&query).await.unwrap();
            listed.into_iter().map(|summary| summary.address.id.as_str().to_owned()).collect::<Vec<_>>()
        }
    };
    let all = ActorQuery { limit: 10, ..ActorQuery::default() };
    assert_eq!(ids(all.clone()).await, ["a1", "a2", "a3", "b1"]);
    assert_eq!(ids(ActorQuery { prefix: "a".into(), ..all.clone() }).await, ["a1", "a2", "a3"]);
    assert_eq!(ids(ActorQuery { after: Some(actor("a2")), limit: 1, ..all.clone() }).await, ["a3"]);
    assert_eq!(ids(ActorQuery { actor_type: ActorType::new("other").ok(), ..all.clone() }).await, [""; 0]);
    world.node.deploy(&ActorType::new("s").unwrap(), "first".into()).await.unwrap();
    for (actor_type, id) in [("s", "b0"), ("t", "b0")] {
        let to = Address::parse(actor_type, id).unwrap();
        world.node.call(&to, Method::new("count").unwrap(), text("")).await.unwrap();
    }
    assert_eq!(ids(all.clone()).await, ["b0", "a1", "a2", "a3", "b0", "b1"]);
    assert_eq!(ids(ActorQuery { prefix: "b".into(), limit: 2, ..all.clone() }).await, ["b0", "b0"]);
    assert_eq!(ids(ActorQuery { after: Some(actor("a3")), ..all }).await, ["b0", "b1"]);
}

#[tokio::test(start_paused = true)]
async fn draining_finishes_what_was_begun_and_refuses_the_rest() {
    let mut world = World::start().await;
    let running = world.calling("notes-deactivation", "append_after", "1000 x");
    tokio::time::sleep(Duration::from_millis(10)).await;
    let node = world.node.clone();
    let drained = tokio::spawn(async move { node.drain().await });
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(world.call("b", "append", "y").await.unwrap_err().code, Code::Draining);
    assert_eq!(running.await.unwrap().unwrap(), "x");
    drained.await.unwrap();
    assert_eq!(world.node.active_actors(), 0);
    world.crash().await;
    let keys = world.node.state_keys(&actor("notes-deactivation"), "", None, 10).await.unwrap();
    assert_eq!(keys, ["deactivated", "list"]);
}

#[tokio::test(start_paused = true)]
async fn draining_gives_up_what_is_only_prepared() {
    let mut world = World::start().await;
    let component = world.engine.add("other", script(toolbox));
    world.node.deploy(&ActorType::new("t").unwrap(), component).await.unwrap();
    *world.engine.prepares_for.lock() = Duration::from_hours(1);
    world.crash().await;
    let began = Instant::now();
    let calling = world.calling("a", "append", "x");
    let node = world.node.clone();
    let deploying = tokio::spawn(async move {
        node.deploy(&ActorType::new("u").unwrap(), Bytes::from_static(b"other")).await.map(drop)
    });
    let node = world.node.clone();
    let activating =
        tokio::spawn(async move { node.activate_version(&ActorType::new("t").unwrap(), 1).await.map(drop) });
    tokio::time::sleep(Duration::from_millis(10)).await;
    world.node.drain().await;
    assert_eq!(calling.await.unwrap().unwrap_err().code, Code::Draining);
    assert_eq!(deploying.await.unwrap().unwrap_err().code, Code::Draining);
    assert_eq!(activating.await.unwrap().unwrap_err().code, Code::Draining);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_the_host_lacks_to_prepare_code_is_not_the_actors_fault() {
    let mut world = World::start().await;
    *world.engine.lacks.lock() = Some("memory".to_owned());
    world.crash().await;
    let name = ActorType::new("t").unwrap();
    let errors = [
        world.call("a", "append", "x").await.unwrap_err(),
        world.node.deploy(&name, Bytes::from_static(b"other")).await.map(drop).unwrap_err(),
        world.node.activate_version(&name, 1).await.map(drop).unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.code, error.detail.as_str()), (Code::Overloaded, "memory"));
    }
    *world.engine.lacks.lock() = None;
    assert_eq!(world.call("a", "append", "y").await.unwrap(), "y");
}

#[tokio::test(start_paused = true)]
async fn what_is_found_due_too_late_wakes_nobody_in_a_node_that_has_stopped() {
    let mut world = World::start().await;
    world.send("a", "append", "x", 1_000).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let slow = Pause { time: Duration::from_secs(5), ..Pause::default() };
    world.store.set_encounters(Arc::new(move |operation| match operation {
        Operation::Read => Encounter { after: slow, ..Encounter::default() },
        Operation::Commit | Operation::Change => Encounter::default(),
    }));
    // The scheduler reads what is due when the node stops, and has read it when nobody is there any more.
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.node.drain().await;
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(world.node.active_actors(), 0);
    }
    assert_eq!(world.engine.counts.made.load(Ordering::Relaxed), 0);
    world.crash().await;
    world.until_list("a", &["x"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_large_state_is_read_as_needed_and_listed_whole() {
    let world = World::with(Limits { state_preload_bytes: 30, ..limits() }, script(toolbox)).await;
    let name = ActorType::new("t").unwrap();
    world.engine.add(
        "keys",
        script(|scene| async move {
            let body = String::from_utf8(scene.message.payload.body.to_vec()).unwrap();
            match scene.message.method.as_str() {
                "fill" => {
                    for n in 0..20 {
                        host(scene.host.state_set(format!("k{n:02}"), Bytes::from(n.to_string())).await)?
                            .unwrap();
                    }
                    answer("")
                }
                "change" => {
                    assert!(host(scene.host.state_delete("k05".into()).await)?);
                    assert!(!host(scene.host.state_delete("k05".into()).await)?);
                    host(scene.host.state_set("k055".into(), Bytes::new()).await)?.unwrap();
                    let read = host(scene.host.state_get("k07".into()).await)?.unwrap();
                    assert_eq!(read, "7");
                    answer(keys(&scene, &body).await)
                }
                _ => answer(keys(&scene, &body).await),
            }
        }),
    );
    world.node.deploy(&name, "keys".into()).await.unwrap();
    world.call("a", "fill", "").await.unwrap();
    world.node.deactivate(&actor("a")).await.unwrap();
    let expected: Vec<String> = (0..20)
        .filter(|n| *n != 5)
        .map(|n| format!("k{n:02}"))
        .chain(["k055".to_owned()])
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    for (method, page) in [("change", "3"), ("keys", "3"), ("keys", "1000"), ("keys", "1")] {
        assert_eq!(world.call("a", method, page).await.unwrap(), expected.join(" "), "{method} {page}");
    }
}

/// All keys, read in pages of `page`.
async fn keys(scene: &super::scripted::Scene, page: &str) -> String {
    let limit: u32 = page.parse().unwrap();
    let mut keys: Vec<String> = Vec::new();
    loop {
        let more = scene.host.state_keys("k".into(), keys.last().cloned(), limit).await.unwrap();
        let done = more.len() < limit as usize;
        keys.extend(more);
        if done {
            return keys.join(" ");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn code_that_takes_longer_to_prepare_than_a_turn_may_take_is_prepared_all_the_same() {
    let mut world = World::start().await;
    *world.engine.prepares_for.lock() = world.limits.turn_timeout * 5 / 2;
    world.crash().await;
    assert_eq!(world.call("a", "append", "x").await.unwrap_err().code, Code::TurnTimeout);
    assert_eq!(world.call("b", "append", "x").await.unwrap_err().code, Code::TurnTimeout);
    assert_eq!(world.call("a", "append", "y").await.unwrap(), "y");
    assert_eq!(world.call("b", "append", "y").await.unwrap(), "y");
}

#[tokio::test(start_paused = true)]
async fn turns_that_have_all_sandboxes_and_wait_for_actors_without_one_do_not_wait_in_vain() {
    let world = World::with(Limits { sandboxes: 3, ..limits() }, script(toolbox)).await;
    let started = Instant::now();
    let calls: Vec<_> =
        (0..12).map(|n| world.calling(&format!("a{n}"), "call", &format!("b{n} append x"))).collect();
    let mut answered = 0;
    for call in calls {
        match call.await.unwrap().unwrap().as_str() {
            "x" => answered += 1,
            told => assert!(told.contains("Unavailable") && told.contains("sandboxes"), "{told}"),
        }
    }
    assert!(answered >= 6, "{answered}");
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}
