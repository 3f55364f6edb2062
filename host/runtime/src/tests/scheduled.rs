//! Reminders, which survive everything, and timers, which live as long as the activation.

use std::time::Duration;

use greenroom_core::sandbox::RawSchedule;
use greenroom_core::{Code, Limits, Method, Payload, Schedule};

use super::scripted::script;
use super::world::{World, actor, answer, fails, host, limits, text, toolbox};

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

#[tokio::test(start_paused = true)]
async fn a_reminder_fires_on_time_as_often_as_asked_and_not_again() {
    let world = World::start().await;
    world.call("a", "remind", "r 10000 10000 3 who").await.unwrap();
    seconds(9).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "");
    seconds(2).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "r#1");
    seconds(60).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "r#1 r#1 r#1");
    assert!(world.node.reminders(&actor("a")).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_reminder_wakes_a_dormant_actor_and_survives_a_crash() {
    let mut world = World::start().await;
    world.call("a", "remind", "r 10000 0 0 who").await.unwrap();
    world.node.deactivate(&actor("a")).await.unwrap();
    world.crash().await;
    seconds(12).await;
    world.until_list("a", &["r#1"]).await;
    world.crash().await;
    seconds(60).await;
    world.until_list("a", &["r#1"]).await;
}

#[tokio::test(start_paused = true)]
async fn periods_missed_while_the_host_was_down_coalesce_into_one_firing() {
    let mut world = World::start().await;
    world.call("a", "remind", "r 1000 1000 0 who").await.unwrap();
    world.node.drain().await;
    seconds(100).await;
    world.crash().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "r#1");
    seconds(1).await;
    world.until_list("a", &["r#1", "r#1"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_reminder_never_fires_and_a_replaced_one_fires_anew() {
    let world = World::start().await;
    world.call("a", "remind", "gone 5000 0 0 who").await.unwrap();
    world.call("a", "remind", "later 5000 0 0 who").await.unwrap();
    assert_eq!(world.call("a", "forget", "gone").await.unwrap(), "true");
    assert_eq!(world.call("a", "forget", "gone").await.unwrap(), "false");
    world.call("a", "remind", "later 20000 0 0 who").await.unwrap();
    assert_eq!(world.call("a", "reminders", "").await.unwrap(), "later");
    seconds(10).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "");
    seconds(15).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "later#1");
}

#[tokio::test(start_paused = true)]
async fn a_failing_firing_is_retried_then_becomes_a_dead_letter_and_the_reminder_goes_on() {
    let limits = Limits { delivery_attempts: 2, retry_backoff: Duration::from_secs(1), ..limits() };
    let world = World::with(limits, script(toolbox)).await;
    world.call("a", "remind", "bad 1000 60000 0 poison").await.unwrap();
    seconds(20).await;
    let dead = world.dead_letters().await;
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].attempts, &dead[0].origin), (2, &greenroom_core::Origin::Reminder("bad".into())));
    let reminders = world.node.reminders(&actor("a")).await.unwrap();
    assert_eq!((reminders[0].fired, reminders[0].attempt), (1, 1));
    assert_eq!(world.call("a", "append", "alive").await.unwrap(), "alive");
}

const HOUR_MS: i64 = 3_600_000;
const TEN_YEARS_MS: i64 = 10 * 365 * 24 * HOUR_MS;

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_neither_loses_nor_repeats_a_firing() {
    let world = World::start().await;
    world.call("a", "remind", "r 3600000 3600000 0 who").await.unwrap();
    world.machine.shift(TEN_YEARS_MS);
    seconds(3).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "r#1");
    world.machine.shift(-HOUR_MS);
    seconds(3).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "r#1");
    world.send("a", "append", "sent", 0).await.unwrap();
    world.until_list("a", &["r#1", "sent"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_holds_up_nothing_that_is_due() {
    for back_ms in [HOUR_MS, TEN_YEARS_MS] {
        let world = World::start().await;
        world.call("a", "remind", "r 10000 10000 0 who").await.unwrap();
        world.machine.shift(-back_ms);
        world.call("a", "remind", "new 5000 0 0 who").await.unwrap();
        world.send("a", "append", "sent", 7_000).await.unwrap();
        seconds(4).await;
        assert_eq!(world.call("a", "list", "").await.unwrap(), "");
        seconds(27).await;
        assert_eq!(world.call("a", "list", "").await.unwrap(), "new#1 sent r#1 r#1 r#1", "{back_ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_while_the_host_is_down_holds_up_nothing_that_is_due() {
    for back_ms in [HOUR_MS, TEN_YEARS_MS] {
        let mut world = World::start().await;
        world.call("a", "remind", "r 10000 10000 0 who").await.unwrap();
        world.send("a", "append", "sent", 7_000).await.unwrap();
        seconds(12).await;
        assert_eq!(world.call("a", "list", "").await.unwrap(), "sent r#1");
        world.machine.shift(-back_ms);
        for firings in 2..4 {
            world.crash().await;
            seconds(11).await;
            let list = world.call("a", "list", "").await.unwrap();
            assert_eq!(list, format!("sent{}", " r#1".repeat(firings)), "{back_ms}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_planned_by_a_clock_that_was_ahead_waits_no_longer_than_any_other() {
    for ahead_ms in [HOUR_MS, TEN_YEARS_MS] {
        let limits = Limits {
            delivery_attempts: 9,
            retry_backoff: Duration::from_secs(1),
            retry_backoff_max: Duration::from_secs(10),
            ..limits()
        };
        let mut world = World::with(limits, script(toolbox)).await;
        world.call("a", "remind", "r 2000 0 0 poison").await.unwrap();
        world.send("a", "poison", "", 2_000).await.unwrap();
        world.machine.shift(ahead_ms);
        // Both have failed by now, more than once.
        seconds(9).await;
        world.machine.shift(-ahead_ms);
        world.crash().await;
        let attempts = async || {
            let waiting = world.node.mailbox(&actor("a")).await.unwrap();
            let reminders = world.node.reminders(&actor("a")).await.unwrap();
            (waiting[0].attempt, reminders[0].attempt)
        };
        let (message, reminder) = attempts().await;
        assert!(message > 2 && reminder > 2, "{message} {reminder}");
        seconds(13).await;
        assert_eq!(attempts().await, (message + 1, reminder + 1), "{ahead_ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reminder_set_by_hand_is_a_reminder() {
    let world = World::start().await;
    let schedule = Schedule::new(5_000, None, None).unwrap();
    let (who, payload) = (Method::new("who").unwrap(), text(""));
    world.node.set_reminder(&actor("a"), "by-hand", schedule, who, payload).await.unwrap();
    assert_eq!(world.node.reminders(&actor("a")).await.unwrap().len(), 1);
    seconds(6).await;
    world.until_list("a", &["by-hand#1"]).await;
    assert!(!world.node.cancel_reminder(&actor("a"), "by-hand").await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_number_of_reminders_is_bounded() {
    let world = World::with(Limits { reminders_per_actor: 2, ..limits() }, script(toolbox)).await;
    for name in ["a", "b", "b"] {
        let set = world.call("a", "remind", &format!("{name} 5000 0 0 who")).await.unwrap();
        assert_eq!(set, "Ok(())");
    }
    let refused = world.call("a", "remind", "c 5000 0 0 who").await.unwrap();
    assert!(refused.contains("reminders_per_actor"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_timer_fires_while_the_activation_lives_and_not_after() {
    let world = World::start().await;
    world.call("a", "time", "t 1000 1000 0 who").await.unwrap();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "t#1 t#1");
    world.node.deactivate(&actor("a")).await.unwrap();
    seconds(10).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "t#1 t#1");
}

#[tokio::test(start_paused = true)]
async fn a_timer_of_a_turn_that_failed_was_never_set() {
    let world = World::start().await;
    world.engine.add(
        "sets and fails",
        script(|scene| async move {
            let timing = scene.message.method.as_str() == "time";
            let answer = toolbox(scene).await;
            if timing { super::world::fails("after all") } else { answer }
        }),
    );
    world.node.deploy(&actor("a").actor_type, "sets and fails".into()).await.unwrap();
    assert_eq!(world.call("a", "time", "t 1000 0 0 who").await.unwrap_err().code, Code::GuestConflict);
    seconds(5).await;
    assert_eq!(world.call("a", "list", "").await.unwrap(), "");
}

#[tokio::test(start_paused = true)]
async fn what_reminders_and_timers_carry_is_bounded_for_each_actor() {
    let script = script(|scene| async move {
        let schedule = RawSchedule { delay_ms: 3_600_000, period_ms: None, repetitions: None };
        let large = Payload::new("text/plain", vec![0; 1 << 20]);
        let (name, method) = (scene.message.id.to_string(), "tick".to_owned());
        let set = match scene.message.method.as_str() {
            "remind" => scene.host.reminder_set(name, schedule, method, large),
            _ => scene.host.timer_set(name, schedule, method, large),
        };
        match host(set)? {
            Ok(()) => answer("set"),
            Err(limit) => fails(limit.0),
        }
    });
    let world = World::with(limits(), script).await;
    for method in ["remind", "time"] {
        let mut set = 0;
        let refusal = loop {
            match world.call("a", method, "").await {
                Ok(_) => set += 1,
                Err(refusal) => break refusal,
            }
            assert!(set <= 64, "{method}");
        };
        assert!(set >= 10 && refusal.detail.contains("bytes"), "{method}: {set}, {refusal}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_turn_sets_anew_or_cancels_takes_no_room() {
    let script = script(|scene| async move {
        let reminds = scene.message.method.as_str() == "remind";
        let set = |name: &str| {
            let schedule = RawSchedule { delay_ms: 3_600_000, period_ms: None, repetitions: None };
            let (name, method) = (name.to_owned(), "tick".to_owned());
            let set = if reminds {
                scene.host.reminder_set(name, schedule, method, text(""))
            } else {
                scene.host.timer_set(name, schedule, method, text(""))
            };
            host(set).map(|set| set.is_ok())
        };
        let cancel = |name: &str| {
            let name = name.to_owned();
            host(if reminds { scene.host.reminder_cancel(name) } else { scene.host.timer_cancel(name) })
        };
        let done = [set("a")?, set("b")?, set("a")?, set("c")?, cancel("b")?, set("c")?, set("b")?];
        answer(done.map(|done| if done { "yes" } else { "no" }).join(" "))
    });
    let world = World::with(Limits { reminders_per_actor: 2, timers_per_actor: 2, ..limits() }, script).await;
    for method in ["remind", "time"] {
        assert_eq!(world.call("a", method, "").await.unwrap(), "yes yes yes no yes yes no", "{method}");
        // The turn before has left a and c.
        assert_eq!(world.call("a", method, "").await.unwrap(), "yes no yes yes no yes no", "{method}");
    }
}
