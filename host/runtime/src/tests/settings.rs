//! What is set for an actor type holds from each actor's next turn on, and loses nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use greenroom_core::sandbox::RawAddress;
use greenroom_core::settings::Whose;
use greenroom_core::{ActorType, Code, Error, Limits};
use serde_json::{Value, json};

use super::scripted::script;
use super::world::{World, answer, host, limits, text, toolbox};

fn name() -> ActorType {
    ActorType::new("t").unwrap()
}

async fn set(world: &World, patch: Value) -> Result<(), Error> {
    world.node.change_settings(&name(), &patch).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn a_setting_holds_from_the_next_turn_on_and_null_takes_it_back() {
    let world = World::start().await;
    assert_eq!(world.call("a", "append_after", "500 x").await.unwrap(), "x");
    set(&world, json!({"turn_timeout_ms": 100})).await.unwrap();
    let error = world.call("a", "append_after", "500 y").await.unwrap_err();
    assert_eq!(error.code, Code::TurnTimeout);
    assert!(error.detail.contains("100ms"), "{error}");
    set(&world, json!({"turn_timeout_ms": null})).await.unwrap();
    assert_eq!(world.call("a", "append_after", "500 y").await.unwrap(), "x y");
}

#[tokio::test(start_paused = true)]
async fn settings_survive_a_crash_and_go_with_their_type() {
    let mut world = World::start().await;
    set(&world, json!({"state_value_bytes": 3, "environment": {"A": "1"}})).await.unwrap();
    world.crash().await;
    assert!(world.call("a", "append", "four").await.unwrap_err().detail.contains("state_value_bytes"));
    let shown = world.node.settings(&name()).await.unwrap();
    let row = shown.iter().find(|row| row.name == "state_value_bytes").unwrap();
    assert_eq!((&row.value, row.from, row.max), (&json!(3), Whose::Type, Some(1 << 20)));
    world.node.undeploy(&name(), true).await.unwrap();
    assert_eq!(world.node.settings(&name()).await.unwrap_err().code, Code::UnknownActorType);
    assert_eq!(set(&world, json!({})).await.unwrap_err().code, Code::UnknownActorType);
    world.node.deploy(&name(), "first".into()).await.unwrap();
    assert_eq!(world.call("a", "append", "four").await.unwrap(), "four");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_valid_changes_nothing() {
    let world = World::start().await;
    let error = set(&world, json!({"mailbox_capacity": 1, "sandboxes": 5})).await.unwrap_err();
    assert_eq!(error.code, Code::InvalidRequest);
    assert!(error.detail.starts_with("$.sandboxes: "), "{error}");
    let error = set(&world, json!({"mailbox_capacity": 1_001})).await.unwrap_err();
    assert!(error.detail.starts_with("$.mailbox_capacity: "), "{error}");
    let shown = world.node.settings(&name()).await.unwrap();
    assert!(shown.iter().all(|row| row.from != Whose::Type), "{shown:?}");
}

#[tokio::test(start_paused = true)]
async fn changing_settings_under_load_fails_and_loses_no_call() {
    let world = World::start().await;
    let callers: Vec<_> = (0..8)
        .map(|caller| {
            let node = world.node.clone();
            tokio::spawn(async move {
                let to = super::world::actor(if caller % 2 == 0 { "a" } else { "b" });
                for number in 0..200 {
                    let method = greenroom_core::Method::new("append_after").unwrap();
                    node.call(&to, method, text(&format!("1 {caller}/{number}"))).await.unwrap();
                }
            })
        })
        .collect();
    for round in 0..100 {
        set(&world, json!({"environment": {"ROUND": round.to_string()}, "mailbox_capacity": 10 + round % 5}))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(world.engine.counts.made.load(Ordering::Relaxed) > 50, "sandboxes were replaced");
    for id in ["a", "b"] {
        let list = world.call(id, "list", "").await.unwrap();
        let words: std::collections::BTreeSet<&str> = list.split(' ').collect();
        assert_eq!((words.len(), list.split(' ').count()), (800, 800));
    }
}

#[tokio::test(start_paused = true)]
async fn the_environment_and_the_limits_reach_the_sandbox() {
    let world = World::start().await;
    world.engine.add(
        "looks",
        script(|scene| async move {
            let settings = &scene.settings;
            answer(format!("{:?} {:?}", settings.environment, settings.limits.turn_cpu))
        }),
    );
    world.node.deploy(&name(), "looks".into()).await.unwrap();
    assert_eq!(world.call("a", "look", "").await.unwrap(), "{} 5s");
    set(&world, json!({"environment": {"A": "1"}, "turn_cpu_ms": 2_000})).await.unwrap();
    assert_eq!(world.call("a", "look", "").await.unwrap(), "{\"A\": \"1\"} 2s");
}

#[tokio::test(start_paused = true)]
async fn the_mailbox_of_an_actor_in_memory_gets_its_new_capacity() {
    let world = World::start().await;
    world.call("a", "append", "x").await.unwrap();
    set(&world, json!({"mailbox_capacity": 2})).await.unwrap();
    let running = world.calling("a", "append_after", "1000 y");
    tokio::time::sleep(Duration::from_millis(10)).await;
    let waiting = [world.calling("a", "list", ""), world.calling("a", "list", "")];
    tokio::time::sleep(Duration::from_millis(10)).await;
    let error = world.call("a", "list", "").await.unwrap_err();
    assert_eq!(error.code, Code::MailboxFull);
    assert!(error.detail.starts_with("2 messages"), "{error}");
    running.await.unwrap().unwrap();
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap().unwrap(), "x y");
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_leaves_memory_when_its_type_says() {
    let world = World::start().await;
    set(&world, json!({"idle_timeout_ms": 1_000})).await.unwrap();
    world.call("a", "append", "x").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(world.node.active_actors(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_tried_as_often_as_its_type_says() {
    let world = World::start().await;
    set(&world, json!({"delivery_attempts": 3, "retry_backoff_ms": 10_000})).await.unwrap();
    world.send("a", "poison", "x", 0).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.node.mailbox(&super::world::actor("a")).await.unwrap()[0].attempt, 2);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let letters = world.dead_letters().await;
    assert_eq!(letters.iter().map(|letter| letter.attempts).collect::<Vec<_>>(), [3]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_costs_the_sandbox_unless_the_behavior_keeps_nothing_in_memory() {
    let world = World::start().await;
    let counted = async |method: &str| {
        let before = world.call("a", "count", "").await.unwrap();
        world.call("a", method, "x").await.unwrap_err();
        (before, world.call("a", "count", "").await.unwrap())
    };
    assert_eq!(counted("append_then_fail").await, ("1".into(), "1".into()));
    set(&world, json!({"keeps_nothing_in_memory": true})).await.unwrap();
    assert_eq!(counted("append_then_fail").await, ("1".into(), "2".into()), "the sandbox goes on");
    assert_eq!(counted("append_then_trap").await, ("3".into(), "1".into()), "a trap costs it still");
    set(&world, json!({"turn_timeout_ms": 50})).await.unwrap();
    assert_eq!(counted("append_after").await, ("1".into(), "1".into()), "so does a deadline");
    assert_eq!(world.call("a", "list", "").await.unwrap(), "", "no failed turn left a trace");
}

#[tokio::test(start_paused = true)]
async fn a_callee_gets_no_more_time_than_its_own_type_allows() {
    let world =
        World::with(Limits { turn_timeout: Duration::from_secs(20), ..limits() }, script(toolbox)).await;
    let slow = world.engine.add(
        "slow",
        script(|_| async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            answer("late")
        }),
    );
    let other = ActorType::new("u").unwrap();
    world.node.deploy(&other, slow).await.unwrap();
    world.engine.add(
        "asks",
        script(|scene| async move {
            let to = RawAddress { actor_type: "u".into(), id: "a".into() };
            answer(format!("{:?}", host(scene.host.call(to, "run".into(), text("12345")).await)?.err()))
        }),
    );
    world.node.deploy(&name(), "asks".into()).await.unwrap();
    assert_eq!(world.call("a", "ask", "").await.unwrap(), "None");
    world.node.change_settings(&other, &json!({"turn_timeout_ms": 1_000})).await.unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(world.call("a", "ask", "").await.unwrap(), "Some(Timeout)");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    world.node.change_settings(&other, &json!({"payload_bytes": 4})).await.unwrap();
    assert!(world.call("a", "ask", "").await.unwrap().contains("at most 4 bytes (payload_bytes)"));
}
