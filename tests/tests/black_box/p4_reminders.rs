//! P4, reminders: durable alarms that wake a dormant actor, fire exactly once for each period, also
//! when the host was killed meanwhile, and of whose missed periods one firing is left. And timers,
//! which live as long as the actor is in memory.

use std::time::{Duration, Instant};

use greenroom_tests::config::Settings;
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, remind, simply};
use serde_json::json;

use crate::support::{until, until_list};

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_wakes_a_dormant_actor_once() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default().limit("idle_timeout", "200ms")).await?;
    let set = Instant::now();
    script::results(&host, "a", json!([remind("alarm", &json!({ "delay_ms": 1_500 }), "rung")])).await?;
    until(&host, "a", "dormant").await?;
    let list = until_list(&host, "a", "the alarm", |list| !list.is_empty()).await?;
    assert!(set.elapsed() >= Duration::from_millis(1_500), "it fired after {:?}", set.elapsed());
    assert_eq!(list, ["rung"]);
    assert_eq!(script::results(&host, "a", json!([simply("list_reminders")])).await?, [json!([])]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn repetitions_are_counted() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let schedule = json!({ "delay_ms": 50, "period_ms": 100, "repetitions": 3 });
    script::results(&host, "a", json!([remind("alarm", &schedule, "rung")])).await?;
    until_list(&host, "a", "three firings", |list| list.len() == 3).await?;
    let seen = script::results(&host, "a", json!([simply("list_reminders")])).await?;
    assert_eq!(seen, [json!([])], "nothing is left to fire");
    assert_eq!(script::list(&host, "a").await?.len(), 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_set_before_a_kill_fires_after_it() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    script::results(&host, "a", json!([remind("alarm", &json!({ "delay_ms": 1_000 }), "rung")])).await?;
    host.kill().await?;
    host.restart().await?;
    let list = until_list(&host, "a", "the alarm", |list| !list.is_empty()).await?;
    assert_eq!(list, ["rung"]);
    host.kill().await?;
    host.restart().await?;
    assert_eq!(script::list(&host, "a").await?, ["rung"], "it fires no second time");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn periods_missed_while_the_host_was_down_become_one_firing() -> anyhow::Result<()> {
    const PERIOD: Duration = Duration::from_millis(100);
    const DOWN: Duration = Duration::from_secs(3);
    let mut host = Host::with_probe(Settings::default()).await?;
    let schedule = json!({ "delay_ms": 0, "period_ms": PERIOD.as_millis() as u64 });
    script::results(&host, "a", json!([remind("alarm", &schedule, "rung")])).await?;
    until_list(&host, "a", "two firings", |list| list.len() >= 2).await?;
    let looked = Instant::now();
    let before = script::list(&host, "a").await?.len();
    host.kill().await?;
    let periods_until_killed = looked.elapsed().as_millis() / PERIOD.as_millis();
    tokio::time::sleep(DOWN).await;

    let restarted = Instant::now();
    host.restart().await?;
    let after = until_list(&host, "a", "a firing", |list| list.len() > before).await?.len();
    let periods_since = restarted.elapsed().as_millis() / PERIOD.as_millis();
    // One for all that was missed, and those that may have fired between the look and the kill.
    let most = before + 1 + (periods_until_killed + 1 + periods_since + 1) as usize;
    assert!(after <= most, "{before} firings, then {after}, at most {most} are due");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_is_replaced_and_cancelled_by_its_name() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let never = json!({ "delay_ms": 3_600_000 });
    let turn = json!([
        remind("a", &never, "first"),
        remind("b", &never, "other"),
        remind("a", &json!({ "delay_ms": 0 }), "second"),
        { "op": "cancel_reminder", "name": "b" },
        { "op": "cancel_reminder", "name": "b" },
        simply("list_reminders"),
    ]);
    let seen = script::results(&host, "x", turn).await?;
    assert_eq!((&seen[3], &seen[4]), (&json!(true), &json!(false)));
    assert_eq!(seen[5].as_array().map(Vec::len), Some(1), "{}", seen[5]);
    assert_eq!(seen[5][0]["name"], "a");
    let list = until_list(&host, "x", "the alarm", |list| !list.is_empty()).await?;
    assert_eq!(list, ["second"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_with_the_reason() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    for schedule in [
        json!({ "delay_ms": 0, "period_ms": 0 }),
        json!({ "delay_ms": 0, "repetitions": 0 }),
        json!({ "delay_ms": 0, "repetitions": 5 }),
    ] {
        let turn = json!([remind("a", &schedule, "x"), simply("list_reminders")]);
        let seen = script::results(&host, "x", turn).await?;
        let reason = seen[0]["limit_exceeded"].as_str().unwrap_or_default();
        assert!(reason.contains("schedule"), "{schedule}: {}", seen[0]);
        assert_eq!(seen[1], json!([]), "{schedule}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firing_says_which_reminder_it_is_of() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let tells = json!([script::call("witness", "append", json!("woken")), { "op": "message" }]);
    let alarm = json!({
        "op": "set_reminder", "name": "alarm", "schedule": { "delay_ms": 0 }, "method": "run",
        "payload": tells,
    });
    script::results(&host, "a", json!([alarm])).await?;
    until_list(&host, "witness", "the alarm", |list| list == ["woken"]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_fire_and_end_with_the_activation() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let timer = |name: &str, delay_ms: u64, text: &str| {
        json!({
            "op": "set_timer", "name": name, "schedule": { "delay_ms": delay_ms }, "method": "append",
            "payload": text,
        })
    };
    let turn = json!([
        timer("soon", 50, "soon"),
        timer("cancelled", 60, "cancelled"),
        timer("late", 1_500, "late"),
        { "op": "cancel_timer", "name": "cancelled" },
    ]);
    let set = Instant::now();
    script::results(&host, "a", turn).await?;
    until_list(&host, "a", "the timer", |list| list == ["soon"]).await?;
    host.post("/v1/actors/probe/a/-/deactivate", "").await?.expect(204);
    // A reminder set now comes after the moment of the timer that is gone.
    script::results(&host, "a", json!([remind("alarm", &json!({ "delay_ms": 2_000 }), "alarm")])).await?;
    let list = until_list(&host, "a", "the alarm", |list| list.len() > 1).await?;
    assert!(set.elapsed() > Duration::from_millis(1_500));
    assert_eq!(list, ["soon", "alarm"]);
    Ok(())
}
