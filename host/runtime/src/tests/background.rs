//! Work that nobody waits for yields to work that somebody waits for, and both get on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use greenroom_core::sandbox::RawSchedule;
use greenroom_core::{ActorType, Address, Limits, Method, Origin};

use super::scripted::{Script, script};
use super::world::{World, actor, answer, host, limits, text, toolbox};

/// So many turns that nobody waits for may go before a call is answered, for each processor: what runs already, and what
/// is let in at each of the few steps that a call takes.
const PASSED_MAX: usize = 8;

/// `toolbox`, which counts turns of timers, reminders and senders; `flood` sets a thousand timers of 10 ms.
fn counting(turns: &Arc<AtomicUsize>) -> Script {
    let turns = Arc::clone(turns);
    script(move |scene| {
        let turns = Arc::clone(&turns);
        async move {
            if !matches!(scene.message.origin, Origin::Client) {
                turns.fetch_add(1, Ordering::Relaxed);
            }
            if scene.message.method.as_str() == "flood" {
                for number in 0..1_000 {
                    let schedule = RawSchedule { delay_ms: 10, period_ms: Some(10), repetitions: None };
                    let name = format!("{number}");
                    host(scene.host.timer_set(name, schedule, "list".into(), text("")))?.unwrap();
                }
                return answer("");
            }
            toolbox(scene).await
        }
    })
}

/// Calls a neighbour again and again, and sees how many turns that nobody waits for go before each.
async fn calls_are_not_held_up(world: &World, turns: &AtomicUsize, calls: usize) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    for _ in 0..calls {
        let before = turns.load(Ordering::Relaxed);
        world.call("neighbour", "append_unless_there", "x").await.ok();
        let passed = turns.load(Ordering::Relaxed) - before;
        assert!(passed <= PASSED_MAX * processors, "{passed} turns that nobody waits for went before a call");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_timers_holds_up_no_call() {
    let turns = Arc::default();
    let world = World::with(limits(), counting(&turns)).await;
    world.call("neighbour", "append", "x").await.unwrap();
    for number in 0..64 {
        world.call(&format!("flood-{number}"), "flood", "").await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    calls_are_not_held_up(&world, &turns, 500).await;
    assert!(turns.load(Ordering::Relaxed) > 0, "no timer has fired");
}

#[tokio::test(start_paused = true)]
async fn reminders_of_thousands_of_dormant_actors_hold_up_no_call_and_all_fire() {
    const ACTORS: usize = 2_000;
    let turns = Arc::default();
    let mut world = World::with(limits(), counting(&turns)).await;
    for number in 0..ACTORS {
        world.call(&format!("sleeper-{number}"), "remind", "alarm 60000 0 0 who").await.unwrap();
    }
    world.crash().await;
    assert_eq!(world.node.active_actors(), 0);
    world.call("neighbour", "append", "x").await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    for _ in 0..100_000 {
        if turns.load(Ordering::Relaxed) > 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    let woken = world.node.active_actors();
    assert!(woken < ACTORS / 2, "{woken} actors were woken before the first had its turn");
    calls_are_not_held_up(&world, &turns, 100).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(turns.load(Ordering::Relaxed), ACTORS);
    for number in [0, ACTORS / 2, ACTORS - 1] {
        world.until_list(&format!("sleeper-{number}"), &["alarm#1"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_behind_messages_of_a_flooded_type_is_answered() {
    let turns = Arc::default();
    let world = World::with(limits(), counting(&turns)).await;
    for number in 0..64 {
        world.call(&format!("flood-{number}"), "flood", "").await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    for number in 0..20 {
        world.send("box", "append", &number.to_string(), 0).await.unwrap();
    }
    let all: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    world.until_list("box", &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

#[tokio::test(start_paused = true)]
async fn turns_that_nobody_waits_for_call_each_other_in_chains() {
    let turns = Arc::default();
    let world =
        World::with(Limits { turn_timeout: Duration::from_secs(5), ..limits() }, counting(&turns)).await;
    for number in 0..32 {
        let chain = format!("b-{number} call c-{number} append done");
        world.send(&format!("a-{number}"), "call", &chain, 0).await.unwrap();
    }
    for number in 0..32 {
        world.until_list(&format!("c-{number}"), &["done"]).await;
    }
    assert!(world.dead_letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_something_else_keep_nobody_waiting() {
    let turns = Arc::default();
    let world = World::with(limits(), counting(&turns)).await;
    for number in 0..200 {
        world.send(&format!("slow-{number}"), "append_after", "10000 slow", 0).await.unwrap();
    }
    world.send("quick", "append", "x", 0).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.call("quick", "list", "").await.unwrap(), "x");
    tokio::time::sleep(Duration::from_secs(10)).await;
    for number in 0..200 {
        assert_eq!(world.call(&format!("slow-{number}"), "list", "").await.unwrap(), "slow");
    }
    let waiting = world.node.mailbox(&actor("slow-0")).await.unwrap();
    assert!(waiting.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_type_whose_turns_can_not_begin_holds_up_no_reminder_of_another() {
    const SANDBOXES: usize = 16;
    const DUE: usize = 500;
    let slow = Limits { sandboxes: SANDBOXES, ..limits() };
    let mut world = World::with(slow, script(toolbox)).await;
    let other = ActorType::new("other").unwrap();
    world.node.deploy(&other, world.engine.add("second", script(toolbox))).await.unwrap();
    let remind = "alarm 60000 0 0 who";
    for number in 0..DUE {
        world.call(&format!("sleeper-{number}"), "remind", remind).await.unwrap();
    }
    // Due after all of them.
    let reminded = Address::parse("other", "a").unwrap();
    world.node.call(&reminded, Method::new("remind").unwrap(), text("alarm 60500 0 0 who")).await.unwrap();
    world.crash().await;

    // All sandboxes of the first type are at work until long after that.
    tokio::time::sleep(Duration::from_secs(50)).await;
    let works: Vec<_> = (0..SANDBOXES)
        .map(|number| world.calling(&format!("w-{number}"), "append_after", "25000 x"))
        .collect();
    tokio::time::sleep(Duration::from_secs(12)).await;
    let reply = world.node.call(&reminded, Method::new("list").unwrap(), text("")).await.unwrap();
    assert_eq!(reply.body, "alarm#1");
    for work in works {
        work.await.unwrap().unwrap();
    }
}
