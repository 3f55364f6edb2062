//! P1, P2, P6 and the bounds of a turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use greenroom_core::{Code, Limits};
use greenroom_store::{Encounter, Operation};
use tokio::time::Instant;

use super::scripted::script;
use super::world::{World, actor, answer, fails, host, limits, toolbox};

#[tokio::test(start_paused = true)]
async fn one_actor_does_one_thing_at_a_time_in_arrival_order() {
    let world = World::start().await;
    let started = Instant::now();
    let calls: Vec<_> = (0..5).map(|n| world.calling("a", "append_after", &format!("100 {n}"))).collect();
    for (n, call) in calls.into_iter().enumerate() {
        let list = call.await.unwrap().unwrap();
        assert_eq!(list.split(' ').count(), n + 1, "{list}");
    }
    assert_eq!(world.call("a", "list", "").await.unwrap(), "0 1 2 3 4");
    assert!(started.elapsed() >= Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn different_actors_run_in_parallel() {
    let world = World::start().await;
    let started = Instant::now();
    let calls: Vec<_> = (0..50).map(|n| world.calling(&format!("a{n}"), "append_after", "100 x")).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert!(started.elapsed() < Duration::from_millis(200), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_fails_leaves_no_trace_in_store_or_memory() {
    let world = World::start().await;
    world.call("a", "append", "kept").await.unwrap();
    assert_eq!(world.call("a", "count", "").await.unwrap(), "1");
    for (method, code) in
        [("append_then_fail", Code::GuestConflict), ("append_then_trap", Code::ActorTrapped)]
    {
        assert_eq!(world.call("a", method, "lost").await.unwrap_err().code, code);
        assert_eq!(world.call("a", "list", "").await.unwrap(), "kept", "{method}");
        assert_eq!(world.call("a", "count", "").await.unwrap(), "1", "{method} kept the guest's memory");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_panics_in_the_host_ends_its_activation_only() {
    let world = World::start().await;
    world.call("a", "append", "kept").await.unwrap();
    let waiting = world.calling("a", "append_after", "50 first");
    let panicking = world.calling("a", "append_then_panic", "lost");
    let behind = world.calling("a", "append", "behind");
    assert!(waiting.await.unwrap().is_ok());
    assert_eq!(panicking.await.unwrap().unwrap_err().code, Code::Internal);
    assert_eq!(behind.await.unwrap().unwrap(), "kept first behind");
}

#[tokio::test(start_paused = true)]
async fn a_turn_past_its_deadline_is_stopped_and_forgotten() {
    let world =
        World::with(Limits { turn_timeout: Duration::from_secs(1), ..limits() }, script(toolbox)).await;
    let late = world.calling("a", "append_after", "5000 late");
    let behind = world.calling("a", "append", "behind");
    let error = late.await.unwrap().unwrap_err();
    assert_eq!(error.code, Code::TurnTimeout);
    assert!(error.detail.contains("turn_timeout"), "{error}");
    // It waited just as long, so it is not run any more.
    assert_eq!(behind.await.unwrap().unwrap_err().code, Code::TurnTimeout);
    assert_eq!(world.call("a", "append", "next").await.unwrap(), "next");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_does_not_cancel_its_turn() {
    let world = World::start().await;
    let call = world.calling("a", "append_after", "100 done");
    tokio::time::sleep(Duration::from_millis(10)).await;
    call.abort();
    world.until_list("a", &["done"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_refuses_and_loses_nothing() {
    let world = World::with(Limits { mailbox_capacity: 3, ..limits() }, script(toolbox)).await;
    let running = world.calling("a", "append_after", "100 0");
    tokio::time::sleep(Duration::from_millis(10)).await;
    let waiting: Vec<_> = (1..=3).map(|n| world.calling("a", "append", &n.to_string())).collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let error = world.call("a", "append", "refused").await.unwrap_err();
    assert_eq!(error.code, Code::MailboxFull);
    assert!(error.detail.contains("mailbox_capacity"), "{error}");
    assert!(world.call("b", "append", "x").await.is_ok(), "another actor was refused too");
    running.await.unwrap().unwrap();
    for call in waiting {
        call.await.unwrap().unwrap();
    }
    assert_eq!(world.call("a", "list", "").await.unwrap(), "0 1 2 3");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_would_wait_for_itself_fails_at_once_with_the_chain() {
    let world = World::start().await;
    let started = Instant::now();
    let myself = world.call("a", "call", "a list").await.unwrap();
    assert_eq!(myself, r#"Deadlock("t/a → t/a")"#);
    let circle = world.call("a", "call", "b call c call a list").await.unwrap();
    assert_eq!(circle, r#"Deadlock("t/c → t/a → t/b → t/c")"#);
    assert!(started.elapsed() < Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn two_chains_that_wait_for_each_other_are_found() {
    let world = World::start().await;
    // Both are in a turn before either calls the other.
    world.engine.add(
        "slow caller",
        script(|scene| async move {
            if scene.message.method.as_str() == "slow_call" {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let mut scene = scene;
                scene.message.method = greenroom_core::Method::new("call").unwrap();
                return toolbox(scene).await;
            }
            toolbox(scene).await
        }),
    );
    let deployed =
        world.node.deploy(&greenroom_core::ActorType::new("t").unwrap(), "slow caller".into()).await;
    assert_eq!(deployed.unwrap().version.number, 2);
    let started = Instant::now();
    let (a, b) = (world.calling("a", "slow_call", "b list"), world.calling("b", "slow_call", "a list"));
    let answers = [a.await.unwrap().unwrap(), b.await.unwrap().unwrap()];
    assert_eq!(answers.iter().filter(|answer| answer.starts_with("Deadlock")).count(), 1, "{answers:?}");
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_calls_is_bounded_in_depth_and_its_deadline_shrinks() {
    let limits = Limits { call_depth: 3, turn_timeout: Duration::from_secs(10), ..limits() };
    let world = World::with(limits, script(toolbox)).await;
    let deep = world.call("a", "call", "b call c call d call e list").await.unwrap();
    assert!(deep.starts_with("Deadlock") && deep.contains("call_depth"), "{deep}");
    // The callee's deadline is sooner, so the caller lives to tell.
    let started = Instant::now();
    assert_eq!(world.call("a", "call", "b append_after 60000 x").await.unwrap(), "Timeout");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn limits_reach_the_guest_by_name() {
    let world = World::with(Limits { state_bytes: 20, ..limits() }, script(toolbox)).await;
    world.call("a", "append", "0123456789").await.unwrap();
    let error = world.call("a", "append", "0123456789").await.unwrap_err();
    assert!(error.detail.contains("state_bytes"), "{error}");
    assert_eq!(world.call("a", "list", "").await.unwrap(), "0123456789");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_told_plainly() {
    let world = World::start().await;
    let nowhere = greenroom_core::Address::parse("unknown", "a").unwrap();
    let method = || greenroom_core::Method::new("list").unwrap();
    let error = world.node.call(&nowhere, method(), super::world::text("")).await.unwrap_err();
    assert_eq!(error.code, Code::UnknownActorType);
    assert_eq!(world.node.inspect(&super::world::actor("a")).await.unwrap_err().code, Code::UnknownActor);
    let refused = world.call("refuses", "list", "").await.unwrap_err();
    assert_eq!(refused.code, Code::ActivationFailed);
    assert!(refused.detail.contains("not today"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_of_a_guests_words_is_bounded() {
    let long = script(|_| async { fails("x".repeat(1 << 20)) });
    let world = World::with(limits(), long).await;
    let error = world.call("a", "any", "").await.unwrap_err();
    assert_eq!(error.detail.len(), 1 << 20);
    let last = world.node.inspect(&actor("a")).await.unwrap().last_error.unwrap();
    assert!(last.error.detail.len() < 8 << 10, "{}", last.error.detail.len());
}

#[tokio::test(start_paused = true)]
async fn an_actor_whose_turns_run_ahead_of_the_store_does_not_gather_its_state_in_memory() {
    const CALLS: usize = 100;
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    let writes = script(move |scene| {
        let number = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            host(scene.host.state_set(number.to_string(), vec![0; 1 << 10].into()).await)?.unwrap();
            answer("")
        }
    });
    let world = World::with(Limits { state_preload_bytes: 1 << 10, ..limits() }, writes).await;
    let held = world.store.hold_commits();
    let calls: Vec<_> = (0..CALLS).map(|_| world.calling("a", "write", "")).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let ahead = ran.load(Ordering::Relaxed);
    assert!((10..30).contains(&ahead), "{ahead} turns have their writes in memory");
    held.release();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(ran.load(Ordering::Relaxed), CALLS);
}

/// What the store was asked while a guest wrote, or deleted, 2,000 keys of an actor that does not load whole.
async fn reads_of_a_large_actor(work: &'static str) -> usize {
    const KEYS: usize = 2_000;
    let name = |number: usize| format!("{number:05}");
    let guest = script(move |scene| async move {
        match scene.message.method.as_str() {
            "write" => {
                for number in 0..KEYS {
                    host(scene.host.state_set(name(number), "1".into()).await)?.unwrap();
                }
            }
            "take" => {
                for number in 0..KEYS {
                    let first = host(scene.host.state_keys(String::new(), None, 1).await)?;
                    assert_eq!(first, [name(number)]);
                    assert!(host(scene.host.state_delete(name(number)).await)?);
                }
            }
            _ => {
                for number in 0..KEYS {
                    assert!(host(scene.host.state_delete(name(number)).await)?);
                }
            }
        }
        let first = host(scene.host.state_keys(String::new(), None, 1).await)?;
        answer(first.first().cloned().unwrap_or_default())
    });
    let mut world = World::with(Limits { state_preload_bytes: 1 << 10, ..limits() }, guest).await;
    assert_eq!(world.call("a", "write", "").await.unwrap(), name(0));
    world.crash().await;
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    world.store.set_encounters(Arc::new(move |operation| {
        counted.fetch_add(usize::from(operation == Operation::Read), Ordering::Relaxed);
        Encounter::default()
    }));
    let first = world.call("a", work, "").await.unwrap();
    assert_eq!(first, if work == "write" { name(0) } else { String::new() });
    reads.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn keys_written_over_in_their_order_are_not_looked_up_one_by_one() {
    let reads = reads_of_a_large_actor("write").await;
    assert!(reads < 50, "{reads} reads");
}

#[tokio::test(start_paused = true)]
async fn keys_after_many_that_were_deleted_are_found_in_a_few_pages() {
    let reads = reads_of_a_large_actor("delete").await;
    assert!(reads < 50, "{reads} reads");
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_takes_the_first_key_again_and_again_does_not_pass_the_others_each_time() {
    let reads = reads_of_a_large_actor("take").await;
    // Each time it meets the one that it has just taken, and the next.
    assert!(reads < 6_000, "{reads} reads");
}
