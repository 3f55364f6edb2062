//! P2 and P3: what the world may see, and when; and what a failed commit undoes.

use std::time::Duration;

use greenroom_core::Code;
use greenroom_core::store::StoreError;

use super::world::World;

async fn a_while() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[tokio::test(start_paused = true)]
async fn replies_wait_for_the_commit_while_the_next_turns_run() {
    let world = World::start().await;
    world.call("a", "append", "0").await.unwrap();
    let held = world.store.hold_commits();
    let (first, second) = (world.calling("a", "append", "1"), world.calling("a", "append", "2"));
    let (read, other) = (world.calling("a", "list", ""), world.calling("b", "list", ""));
    a_while().await;
    assert!(!first.is_finished() && !second.is_finished());
    assert!(!read.is_finished(), "a read saw writes that are not durable, and was let out");
    assert!(other.is_finished(), "an actor with nothing to commit was made to wait");
    held.release();
    assert_eq!(first.await.unwrap().unwrap(), "0 1");
    assert_eq!(second.await.unwrap().unwrap(), "0 1 2");
    assert_eq!(read.await.unwrap().unwrap(), "0 1 2");
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_the_writes_of_turns_before_it() {
    let world = World::start().await;
    let held = world.store.hold_commits();
    let writing = world.calling("a", "append", "1");
    let calling = world.calling("a", "call", "b count");
    a_while().await;
    let callee = world.node.inspect(&super::world::actor("b")).await;
    assert_eq!(callee.unwrap_err().code, Code::UnknownActor, "the callee was called before the commit");
    held.release();
    writing.await.unwrap().unwrap();
    assert_eq!(calling.await.unwrap().unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn turns_that_end_meanwhile_share_one_commit() {
    let world = World::start().await;
    let held = world.store.hold_commits();
    let before = world.store.commits();
    let calls: Vec<_> = (0..100).map(|n| world.calling(&format!("a{n}"), "append", "x")).collect();
    a_while().await;
    held.release();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert!(world.store.commits() - before <= 3, "{} commits", world.store.commits() - before);
}

#[tokio::test(start_paused = true)]
async fn a_failed_commit_fails_every_turn_built_on_it_and_the_actor_reloads() {
    let world = World::start().await;
    world.call("a", "append", "0").await.unwrap();
    let held = world.store.hold_commits();
    world.store.fail_next_commits(1, StoreError::Full("no room".into()));
    let first = world.calling("a", "append", "1");
    a_while().await;
    let (second, read) = (world.calling("a", "append", "2"), world.calling("a", "list", ""));
    a_while().await;
    held.release();
    for call in [first, second, read] {
        assert_eq!(call.await.unwrap().unwrap_err().code, Code::StoreFull);
    }
    assert_eq!(world.call("a", "append", "3").await.unwrap(), "0 3");
    assert_eq!(world.call("a", "count", "").await.unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_broken_is_told_to_whoever_runs_the_node() {
    let world = World::start().await;
    world.store.fail_next_commits(1, StoreError::Failed("fsync: EIO".into()));
    let error = world.call("a", "append", "1").await.unwrap_err();
    assert_eq!(error.code, Code::OutcomeUnknown);
    assert!(!error.detail.contains("EIO"), "{error}");
    world.node.broken().await;
}
