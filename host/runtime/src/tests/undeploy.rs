//! Undeploying an actor type while its actors are at work: nothing of before is there afterwards.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use greenroom_core::store::{Store as _, StoreError};
use greenroom_core::{ActorType, Address, Code, Error, Limits, Method};
use greenroom_store::{CommitFault, Encounter, ModelStore, Operation, Pause};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::scripted::{Scene, script};
use super::world::{World, actor, answer, host, limits, text, toolbox};
use crate::Node;

fn the_type() -> ActorType {
    ActorType::new("t").unwrap()
}

async fn a_while() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Code {
    outcome.unwrap_err().code
}

impl World {
    async fn undeploy(&self, purge: bool) -> Result<(), Error> {
        self.node.undeploy(&the_type(), purge).await
    }

    fn undeploying(&self) -> JoinHandle<Result<(), Error>> {
        let node = self.node.clone();
        tokio::spawn(async move { node.undeploy(&the_type(), true).await })
    }

    async fn deploy_again(&self) {
        assert_eq!(self.node.deploy(&the_type(), "first".into()).await.unwrap().version.number, 1);
    }

    /// Deploys the type again and expects that actor to begin from nothing, now and later.
    async fn begins_anew(&self, id: &str) {
        self.deploy_again().await;
        for _ in 0..2 {
            assert_eq!(self.call(id, "list", "").await.unwrap(), "");
            assert_eq!(self.call(id, "reminders", "").await.unwrap(), "");
            let stored = self.store.summary(&actor(id)).await.unwrap();
            assert_eq!((stored.state_size.keys, stored.mail, stored.reminders.len()), (0, 0, 0));
            assert!(self.dead_letters().await.is_empty());
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
        self.node.deactivate(&actor(id)).await.unwrap();
        assert_eq!(self.node.dispatch.leftovers(), [""; 0]);
    }
}

/// The next operations of that kind meet these, one each.
fn meet(store: &ModelStore, operation: Operation, encounters: impl IntoIterator<Item = Encounter>) {
    let encounters = Mutex::new(VecDeque::from_iter(encounters));
    store.set_encounters(Arc::new(move |met| {
        let next = if met == operation { encounters.lock().pop_front() } else { None };
        next.unwrap_or_default()
    }));
}

fn slow() -> Encounter {
    let pause = Pause { yields: 0, time: Duration::from_millis(50) };
    Encounter { before: pause, fault: None, after: pause }
}

fn faulty(fault: CommitFault) -> Encounter {
    Encounter { fault: Some(fault), ..Encounter::default() }
}

#[tokio::test(start_paused = true)]
async fn a_turn_under_way_leaves_nothing() {
    let world = World::start().await;
    world.call("a", "append", "0").await.unwrap();
    world.call("a", "remind", "r 5000 0 0 who").await.unwrap();
    world.call("a", "time", "t 5000 0 0 who").await.unwrap();
    world.send("a", "append", "later", 5_000).await.unwrap();
    let under_way = world.calling("a", "append_after", "1000 1");
    let keyed = world.calling_once("b", "append_after", "1000 1", "k");
    a_while().await;
    let (waiting, repairing) = (world.calling("a", "append", "2"), {
        let node = world.node.clone();
        tokio::spawn(async move { node.repair_state(&actor("a"), "k".into(), Some("v".into())).await })
    });
    a_while().await;
    let before = Instant::now();
    world.undeploy(true).await.unwrap();
    assert_eq!(code(under_way.await.unwrap()), Code::UnknownActorType);
    assert_eq!(code(keyed.await.unwrap().outcome), Code::UnknownActorType);
    assert_eq!(code(waiting.await.unwrap()), Code::UnknownActorType);
    assert_eq!(code(repairing.await.unwrap()), Code::UnknownActorType);
    assert_eq!(before.elapsed(), Duration::ZERO, "somebody waited for a turn");
    assert_eq!(world.engine.counts.alive.load(Ordering::Relaxed), 0);
    world.begins_anew("a").await;
    let again = world.call_once("b", "append_after", "1000 1", "k").await;
    assert_eq!((again.outcome, again.repeated), (Ok("1".into()), false));
}

#[tokio::test(start_paused = true)]
async fn a_stored_message_and_a_reminder_under_way_leave_nothing() {
    let world = World::start().await;
    world.send("a", "append_after", "1000 1", 0).await.unwrap();
    world.send("a", "poison", "2", 0).await.unwrap();
    world.send("b", "poison", "3", 0).await.unwrap();
    world.call("c", "remind", "r 0 1 0 append_then_fail").await.unwrap();
    a_while().await;
    world.undeploy(true).await.unwrap();
    for id in ["a", "b", "c"] {
        world.begins_anew(id).await;
        world.undeploy(false).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_committed_by_then_never_is() {
    let world = World::start().await;
    world.call("a", "append", "0").await.unwrap();
    let held = world.store.hold_commits();
    let first = world.calling("a", "append", "1");
    held.arrived().await;
    let (second, read) = (world.calling("a", "append", "2"), world.calling("a", "list", ""));
    let other = world.calling("b", "append", "3");
    a_while().await;
    let undeploying = world.undeploying();
    a_while().await;
    assert!(!undeploying.is_finished(), "a commit was under way");
    held.release();
    undeploying.await.unwrap().unwrap();
    // This one was durable before its type went.
    assert_eq!(first.await.unwrap().unwrap(), "0 1");
    for call in [second, read, other] {
        assert_eq!(code(call.await.unwrap()), Code::UnknownActorType);
    }
    world.begins_anew("a").await;
    world.undeploy(false).await.unwrap();
    world.begins_anew("b").await;
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_never_answers_keeps_nobody_waiting() {
    let hangs = |scene: Scene| async move {
        if scene.message.method.as_str() == "hang" {
            std::future::pending().await
        } else {
            toolbox(scene).await
        }
    };
    let limits = Limits { turn_timeout: Duration::from_hours(1), ..limits() };
    let world = World::with(limits, script(hangs)).await;
    let hanging = world.calling("a", "hang", "");
    let calling = world.calling("b", "call", "a append x");
    a_while().await;
    let before = Instant::now();
    world.undeploy(true).await.unwrap();
    assert_eq!(code(hanging.await.unwrap()), Code::UnknownActorType);
    assert_eq!(code(calling.await.unwrap()), Code::UnknownActorType);
    world.deploy_again().await;
    assert_eq!(world.call("a", "append", "x").await.unwrap(), "x");
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_reached_while_a_type_goes_and_none_of_its_name_comes() {
    let world = World::start().await;
    world.call("a", "append", "0").await.unwrap();
    meet(&world.store, Operation::Change, [slow()]);
    let undeploying = world.undeploying();
    a_while().await;
    for id in ["a", "new"] {
        assert_eq!(code(world.call(id, "list", "").await), Code::UnknownActorType);
        assert_eq!(code(world.send(id, "append", "x", 0).await), Code::UnknownActorType);
    }
    assert!(!undeploying.is_finished());
    world.begins_anew("a").await;
    undeploying.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_stored_for_actors_of_a_type_that_is_gone() {
    // Sends at once, and goes on for a while.
    let sends = |scene: Scene| async move {
        let to = greenroom_core::sandbox::RawAddress { actor_type: "t".into(), id: "a".into() };
        host(scene.host.send(to, "append".into(), text("x"), 0).await)?.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        answer("sent")
    };
    let world = World::start().await;
    let other = Address::parse("u", "x").unwrap();
    world.node.deploy(&other.actor_type, world.engine.add("sends", script(sends))).await.unwrap();
    let ask = |node: &Node| {
        let (node, other) = (node.clone(), other.clone());
        tokio::spawn(async move { node.call(&other, Method::new("do").unwrap(), text("")).await })
    };
    let sending = ask(&world.node);
    a_while().await;
    let held = world.store.hold_commits();
    let committing = world.calling("b", "append", "0");
    held.arrived().await;
    let (node, letter) = (world.node.clone(), Method::new("append").unwrap());
    let told = tokio::spawn(async move { node.send(&actor("a"), letter, text("x"), Duration::ZERO).await });
    let undeploying = world.undeploying();
    a_while().await;
    held.release();
    committing.await.unwrap().unwrap();
    undeploying.await.unwrap().unwrap();
    assert_eq!(code(told.await.unwrap()), Code::UnknownActorType);
    assert_eq!(code(sending.await.unwrap()), Code::UnknownActorType);
    world.node.deactivate(&other).await.unwrap();
    world.begins_anew("a").await;
    assert!(ask(&world.node).await.unwrap().is_ok());
    world.until_list("a", &["x"]).await;
}

#[tokio::test(start_paused = true)]
async fn only_the_turn_that_sent_is_refused_not_those_before_it() {
    let world = World::start().await;
    let (other, first) = (Address::parse("u", "x").unwrap(), "first");
    world.node.deploy(&other.actor_type, first.into()).await.unwrap();
    let held = world.store.hold_commits();
    let _committing = world.calling("b", "append", "0");
    held.arrived().await;
    let ask = |method: &str, body: &str| {
        let (node, other) = (world.node.clone(), other.clone());
        let (method, body) = (Method::new(method).unwrap(), text(body));
        tokio::spawn(async move { node.call(&other, method, body).await.map(|reply| reply.body) })
    };
    let before = ask("append", "1");
    a_while().await;
    let sends = ask("append_and_send", "2 a append x");
    a_while().await;
    let after = ask("append", "3");
    a_while().await;
    let undeploying = world.undeploying();
    a_while().await;
    held.release();
    undeploying.await.unwrap().unwrap();
    assert_eq!(before.await.unwrap().unwrap(), "1");
    assert_eq!(code(sends.await.unwrap()), Code::UnknownActorType);
    assert_eq!(code(after.await.unwrap()), Code::UnknownActorType);
    assert_eq!(ask("append", "4").await.unwrap().unwrap(), "1 4");
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_panics_leaves_no_type_that_is_stored_and_out_of_reach() {
    let world = World::start().await;
    world.call("a", "append", "0").await.unwrap();
    let has_panicked = AtomicBool::new(false);
    world.store.set_encounters(Arc::new(move |operation| {
        assert!(operation != Operation::Change || has_panicked.swap(true, Ordering::Relaxed), "as planned");
        Encounter::default()
    }));
    assert_eq!(code(world.undeploy(true).await), Error::from(StoreError::Unknown(String::new())).code);
    assert_eq!(world.call("a", "list", "").await.unwrap(), "0");
    world.undeploy(true).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_type_that_could_not_be_removed_is_there_with_all_that_is_stored() {
    let unavailable = || StoreError::Unavailable("as planned".into());
    let unknown = || StoreError::Unknown("as planned".into());
    let world = World::start().await;
    world.call("a", "append", "0").await.unwrap();
    for (number, error) in
        [unavailable(), StoreError::Full("as planned".into()), unknown()].iter().enumerate()
    {
        let under_way = world.calling("a", "append_after", "1000 never");
        world.send("a", "append", &format!("m{number}"), 30).await.unwrap();
        a_while().await;
        let slow = slow();
        let fault = Some(CommitFault::Refused(error.clone()));
        meet(&world.store, Operation::Change, [Encounter { fault, ..slow }]);
        let refused = code(world.undeploy(true).await);
        assert_eq!(refused, Error::from(error.clone()).code);
        assert_eq!(code(under_way.await.unwrap()), Code::UnknownActorType);
        let expected: Vec<String> =
            ["0".into()].into_iter().chain((0..=number).map(|n| format!("m{n}"))).collect();
        world.until_list("a", &expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    // It was removed, and the store does not say so, nor anything else for a while.
    world.store.set_encounters(Arc::new({
        let calls = Mutex::new(0);
        move |operation| {
            *calls.lock() += 1;
            let fault = match (operation, *calls.lock()) {
                (Operation::Change, 1) => CommitFault::AppliedBut(unknown()),
                (Operation::Read, 2..6) => CommitFault::Refused(unavailable()),
                _ => return Encounter::default(),
            };
            faulty(fault)
        }
    }));
    world.undeploy(true).await.unwrap();
    assert_eq!(code(world.call("a", "list", "").await), Code::UnknownActorType);
    world.begins_anew("a").await;
}

#[tokio::test(start_paused = true)]
async fn without_purge_a_type_in_use_does_not_notice() {
    let world = World::start().await;
    world.call("a", "append", "0").await.unwrap();
    world.call("a", "count", "").await.unwrap();
    let under_way = world.calling("a", "append_after", "1000 1");
    a_while().await;
    meet(&world.store, Operation::Read, [slow(), slow(), slow()]);
    let (node, called) = (world.node.clone(), world.calling("b", "list", ""));
    let undeploying = tokio::spawn(async move { node.undeploy(&the_type(), false).await });
    assert_eq!(called.await.unwrap().unwrap(), "");
    assert_eq!(code(undeploying.await.unwrap()), Code::ActorTypeInUse);
    assert_eq!(under_way.await.unwrap().unwrap(), "0 1");
    assert_eq!(world.call("a", "count", "").await.unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn without_purge_too_nothing_is_stored_afterwards() {
    let world = World::start().await;
    let under_way = world.calling("a", "append_after", "1000 1");
    a_while().await;
    world.undeploy(false).await.unwrap();
    assert_eq!(code(under_way.await.unwrap()), Code::UnknownActorType);
    world.begins_anew("a").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_at_while_it_goes_is_no_failure_of_the_host() {
    for (describes, anew) in [(true, false), (true, true), (false, false), (false, true)] {
        let mut world = World::start().await;
        // What nobody has asked for yet is not prepared; and the scheduler has looked at the store by then.
        world.crash().await;
        a_while().await;
        // The last read is that of the component; before it, who fetches one reads which there are.
        let reads = if describes { vec![slow()] } else { vec![Encounter::default(), slow()] };
        meet(&world.store, Operation::Read, reads);
        let node = world.node.clone();
        let looking = tokio::spawn(async move {
            if describes {
                node.describe(&the_type()).await.map(drop)
            } else {
                node.component(&the_type(), 1).await.map(drop)
            }
        });
        a_while().await;
        world.node.undeploy(&the_type(), true).await.unwrap();
        if anew {
            let other = world.engine.add("other", script(toolbox));
            world.node.deploy(&the_type(), other).await.unwrap();
        }
        let expected = if anew { Code::VersionConflict } else { Code::UnknownActorType };
        assert_eq!(code(looking.await.unwrap()), expected, "describes {describes}, anew {anew}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_may_drain_while_a_type_goes() {
    let mut world = World::start().await;
    world.call("a", "append", "0").await.unwrap();
    let under_way = world.calling("a", "append_after", "1000 1");
    meet(&world.store, Operation::Change, [slow()]);
    a_while().await;
    let undeploying = world.undeploying();
    a_while().await;
    world.node.drain().await;
    undeploying.await.unwrap().unwrap();
    assert_eq!(code(under_way.await.unwrap()), Code::UnknownActorType);
    assert_eq!(world.node.dispatch.leftovers(), [""; 0]);
    assert_eq!(code(world.undeploy(true).await), Code::Draining);
    world.crash().await;
    assert_eq!(code(world.call("a", "list", "").await), Code::UnknownActorType);
    world.begins_anew("a").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_leaves_no_type_half_gone() {
    let world = World::start().await;
    world.call("a", "append", "0").await.unwrap();
    meet(&world.store, Operation::Change, [slow()]);
    let impatient = tokio::time::timeout(Duration::from_millis(10), world.undeploy(true)).await;
    assert!(impatient.is_err());
    world.begins_anew("a").await;
}

/// Undeploys a type of which it takes so long to remove what is left, and deploys it again.
async fn deployed_again(removal: Duration) -> (Result<(), Code>, Duration) {
    let world = World::start().await;
    world.call("a", "append", "x").await.unwrap();
    let changes = AtomicUsize::new(0);
    world.store.set_encounters(Arc::new(move |operation| {
        // The first is that the type goes.
        let is_removal = operation == Operation::Change && changes.fetch_add(1, Ordering::Relaxed) == 1;
        let time = if is_removal { removal } else { Duration::ZERO };
        Encounter { before: Pause { time, ..Pause::default() }, ..Encounter::default() }
    }));
    world.undeploy(true).await.unwrap();
    let begun = Instant::now();
    let deployed = world.node.deploy(&the_type(), "first".into()).await;
    (deployed.map(drop).map_err(|error| error.code), begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_deployment_waits_until_nothing_is_left_of_that_name_but_not_for_ever() {
    let (deployed, took) = deployed_again(Duration::from_secs(3)).await;
    assert!(deployed == Ok(()) && took >= Duration::from_secs(3), "{deployed:?} after {took:?}");
    let (refused, took) = deployed_again(Duration::from_mins(10)).await;
    assert!(refused == Err(Code::Overloaded) && took < Duration::from_mins(1), "{refused:?} after {took:?}");
}
