//! P5: with an idempotency key, a repeated request has one effect and the same answer, whether it
//! comes while the first is under way, after it, or after a crash.

use std::time::Duration;

use greenroom_core::store::StoreError;
use greenroom_core::{Code, IdempotencyKey, Limits, Method};
use greenroom_store::CommitFault;
use tokio::time::Instant;

use super::scripted::script;
use super::world::{World, actor, limits, toolbox};
use crate::Once;

/// The outcome of a request that was the first under its key.
#[track_caller]
fn first<T>(once: Once<T>) -> Result<T, Code> {
    assert!(!once.repeated, "it was taken for a repeat");
    once.outcome.map_err(|error| error.code)
}

/// The outcome of a repeat.
#[track_caller]
fn repeat<T>(once: Once<T>) -> Result<T, Code> {
    assert!(once.repeated, "it was not taken for a repeat");
    once.outcome.map_err(|error| error.code)
}

#[tokio::test(start_paused = true)]
async fn a_repeat_gets_the_reply_of_the_first_also_after_a_crash() {
    let mut world = World::start().await;
    assert_eq!(first(world.call_once("a", "append", "x", "k").await), Ok("x".into()));
    world.call("a", "append", "y").await.unwrap();
    assert_eq!(repeat(world.call_once("a", "append", "x", "k").await), Ok("x".into()));
    world.crash().await;
    assert_eq!(repeat(world.call_once("a", "append", "x", "k").await), Ok("x".into()));
    assert!(world.node.inspect(&actor("a")).await.unwrap().version.is_none(), "a repeat wakes nobody");
    assert_eq!(world.call("a", "list", "").await.unwrap(), "x y");
    // A key is the actor's: elsewhere it is another one.
    assert_eq!(first(world.call_once("b", "append", "x", "k").await), Ok("x".into()));
    assert_eq!(first(world.call_once("a", "append", "x", "K").await), Ok("x y x".into()));
}

#[tokio::test(start_paused = true)]
async fn repeats_that_come_meanwhile_join_the_first() {
    let world = World::start().await;
    let calls: Vec<_> = (0..20).map(|_| world.calling_once("a", "append_after", "100 x", "k")).collect();
    let mut firsts = 0;
    for call in calls {
        let once = call.await.unwrap();
        firsts += usize::from(!once.repeated);
        assert_eq!(once.outcome.unwrap(), "x");
    }
    assert_eq!(firsts, 1);
    assert_eq!(world.call("a", "list", "").await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn another_request_under_the_same_key_is_refused() {
    let world = World::start().await;
    assert_eq!(first(world.call_once("a", "append", "x", "k").await), Ok("x".into()));
    for (method, body) in [("append", "y"), ("list", "x")] {
        assert_eq!(first(world.call_once("a", method, body, "k").await), Err(Code::IdempotencyMismatch));
    }
    let typed = greenroom_core::Payload::new("text/html", "x");
    let (append, key) = (Method::new("append").unwrap(), IdempotencyKey::new("k").unwrap());
    let once = world.node.call_once(&actor("a"), append, typed, key).await;
    assert_eq!(once.outcome.unwrap_err().code, Code::IdempotencyMismatch);
    assert_eq!(first(world.send_once("a", "append", "x", 0, "k").await), Err(Code::IdempotencyMismatch));

    // Also while the first is under way; what is refused then does not spoil it for repeats.
    let slow = world.calling_once("a", "append_after", "100 slow", "s");
    tokio::time::sleep(Duration::from_millis(10)).await;
    let other = world.calling_once("a", "append", "other", "s");
    let same = world.calling_once("a", "append_after", "100 slow", "s");
    assert_eq!(first(slow.await.unwrap()), Ok("x slow".into()));
    assert_eq!(repeat(same.await.unwrap()), Ok("x slow".into()));
    assert_eq!(first(other.await.unwrap()), Err(Code::IdempotencyMismatch));
    assert_eq!(world.call("a", "list", "").await.unwrap(), "x slow");
}

#[tokio::test(start_paused = true)]
async fn a_repeated_send_sends_one_message() {
    let mut world = World::start().await;
    let id = first(world.send_once("a", "append", "x", 0, "k").await).unwrap();
    assert_eq!(repeat(world.send_once("a", "append", "x", 0, "k").await), Ok(id));
    world.until_list("a", &["x"]).await;
    world.crash().await;
    assert_eq!(repeat(world.send_once("a", "append", "x", 0, "k").await), Ok(id));
    let later = first(world.send_once("a", "append", "y", 5_000, "later").await).unwrap();
    assert_eq!(repeat(world.send_once("a", "append", "y", 5_000, "later").await), Ok(later));
    assert_eq!(
        first(world.send_once("a", "append", "y", 5_001, "later").await),
        Err(Code::IdempotencyMismatch)
    );
    assert_eq!(first(world.call_once("a", "append", "y", "later").await), Err(Code::IdempotencyMismatch));
    tokio::time::sleep(Duration::from_secs(10)).await;
    world.until_list("a", &["x", "y"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_actor_refused_stays_refused_for_its_key() {
    let mut world = World::start().await;
    world.call("a", "append", "x").await.unwrap();
    let refused = Err(Code::GuestConflict);
    assert_eq!(first(world.call_once("a", "append_unless_there", "y", "k").await), refused);
    world.node.delete(&actor("b")).await.unwrap();
    world.node.repair_state(&actor("a"), "list".into(), None).await.unwrap();
    let again = world.call_once("a", "append_unless_there", "y", "k").await;
    assert_eq!(again.outcome.as_ref().unwrap_err().detail, "there is a list");
    assert_eq!(repeat(again), refused);
    world.crash().await;
    assert_eq!(repeat(world.call_once("a", "append_unless_there", "y", "k").await), refused);
    assert_eq!(first(world.call_once("a", "append_unless_there", "y", "new").await), Ok("y".into()));
}

#[tokio::test(start_paused = true)]
async fn a_crash_of_the_guest_is_no_answer_so_a_repeat_runs_anew() {
    let world = World::start().await;
    for _ in 0..2 {
        assert_eq!(first(world.call_once("a", "append_then_trap", "x", "k").await), Err(Code::ActorTrapped));
    }
    let healed = world.engine.add(
        "healed",
        script(|mut scene| {
            if scene.message.method.as_str() == "append_then_trap" {
                scene.message.method = Method::new("append").unwrap();
            }
            toolbox(scene)
        }),
    );
    world.node.deploy(&actor("a").actor_type, healed).await.unwrap();
    assert_eq!(first(world.call_once("a", "append_then_trap", "x", "k").await), Ok("x".into()));
    assert_eq!(repeat(world.call_once("a", "append_then_trap", "x", "k").await), Ok("x".into()));
}

#[tokio::test(start_paused = true)]
async fn when_the_outcome_is_unknown_a_repeat_tells_the_truth() {
    let world = World::start().await;
    let unknown = || CommitFault::AppliedBut(StoreError::Unknown("as planned".into()));
    world.store.plan_next_commits(1, unknown());
    assert_eq!(first(world.call_once("a", "append", "x", "k").await), Err(Code::OutcomeUnknown));
    assert_eq!(repeat(world.call_once("a", "append", "x", "k").await), Ok("x".into()));
    world.store.plan_next_commits(1, CommitFault::Refused(StoreError::Unknown("as planned".into())));
    assert_eq!(first(world.call_once("a", "append", "y", "l").await), Err(Code::OutcomeUnknown));
    assert_eq!(first(world.call_once("a", "append", "y", "l").await), Ok("x y".into()));
    world.store.plan_next_commits(1, unknown());
    assert_eq!(first(world.send_once("b", "append", "z", 0, "m").await), Err(Code::OutcomeUnknown));
    assert!(repeat(world.send_once("b", "append", "z", 0, "m").await).is_ok());
    world.until_list("b", &["z"]).await;
}

#[tokio::test(start_paused = true)]
async fn no_repeat_slips_in_between_a_turn_and_its_commit() {
    let limits = Limits { turn_timeout: Duration::from_secs(1), ..limits() };
    let world = World::with(limits, script(toolbox)).await;
    let held = world.store.hold_commits();
    let slow = world.calling_once("a", "append", "x", "k");
    held.arrived().await;
    // Its client gives up, the commit is under way for longer than any client waits.
    assert_eq!(first(slow.await.unwrap()), Err(Code::TurnTimeout));
    let waiting = world.calling_once("a", "append", "x", "k");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!waiting.is_finished());
    held.release();
    assert_eq!(repeat(waiting.await.unwrap()), Ok("x".into()));
    assert_eq!(world.call("a", "list", "").await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_may_come_back_for_its_reply() {
    let world = World::start().await;
    let call = world.calling_once("a", "append_after", "100 x", "k");
    tokio::time::sleep(Duration::from_millis(10)).await;
    call.abort();
    let started = Instant::now();
    assert_eq!(repeat(world.call_once("a", "append_after", "100 x", "k").await), Ok("x".into()));
    assert!(started.elapsed() < Duration::from_millis(100), "it ran once more");
}

#[tokio::test(start_paused = true)]
async fn answers_are_kept_for_a_time_and_for_so_many_keys() {
    let limits =
        Limits { idempotency_retention: Duration::from_mins(10), idempotency_keys_per_actor: 3, ..limits() };
    let world = World::with(limits, script(toolbox)).await;
    for key in ["k1", "k2", "k3", "k4"] {
        first(world.call_once("a", "append", key, key).await).unwrap();
    }
    assert!(repeat(world.call_once("a", "append", "k2", "k2").await).is_ok());
    assert!(first(world.call_once("a", "append", "k1", "k1").await).is_ok(), "the oldest goes first");
    tokio::time::sleep(Duration::from_mins(9)).await;
    assert!(repeat(world.call_once("a", "append", "k1", "k1").await).is_ok());
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(world.store.idempotency_keys(&actor("a")), 0, "what is too old was not removed");
    assert!(first(world.call_once("a", "append", "k1", "k1").await).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_actor_forgets_its_keys() {
    let world = World::start().await;
    first(world.call_once("a", "append", "x", "k").await).unwrap();
    world.node.delete(&actor("a")).await.unwrap();
    assert_eq!(first(world.call_once("a", "append", "x", "k").await), Ok("x".into()));
    world.node.undeploy(&actor("a").actor_type, true).await.unwrap();
    assert_eq!(first(world.call_once("a", "append", "x", "k").await), Err(Code::UnknownActorType));
}

#[tokio::test(start_paused = true)]
async fn what_happened_to_nobody_is_not_kept() {
    let world = World::with(Limits { mailbox_capacity: 1, ..limits() }, script(toolbox)).await;
    let running = world.calling("a", "append_after", "100 0");
    tokio::time::sleep(Duration::from_millis(10)).await;
    let waiting = world.calling("a", "append", "1");
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(first(world.call_once("a", "append", "2", "k").await), Err(Code::MailboxFull));
    running.await.unwrap().unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(first(world.call_once("a", "append", "2", "k").await), Ok("0 1 2".into()));
    world.store.fail_next_commits(1, StoreError::Full("no room".into()));
    assert_eq!(first(world.call_once("a", "append", "3", "l").await), Err(Code::StoreFull));
    assert_eq!(first(world.call_once("a", "append", "3", "l").await), Ok("0 1 2 3".into()));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_panics_takes_no_earlier_answer_with_it() {
    let world = World::start().await;
    let held = world.store.hold_commits();
    let kept = world.calling_once("a", "append", "x", "k");
    held.arrived().await;
    let panicking = world.calling("a", "append_then_panic", "lost");
    tokio::time::sleep(Duration::from_millis(10)).await;
    let behind = world.calling("a", "append", "y");
    tokio::time::sleep(Duration::from_millis(10)).await;
    held.release();
    assert_eq!(first(kept.await.unwrap()), Ok("x".into()));
    assert_eq!(panicking.await.unwrap().unwrap_err().code, Code::Internal);
    assert_eq!(behind.await.unwrap().unwrap(), "x y");
    assert_eq!(repeat(world.call_once("a", "append", "x", "k").await), Ok("x".into()));
}
