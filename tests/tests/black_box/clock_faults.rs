//! P4 and P5 while the wall clock of the host's machine is set forward and back, by an hour and by ten years:
//! what came due meanwhile fires once, nothing fires a second time, nothing waits for a clock to catch up, and
//! deadlines don't notice. Only that clock is moved (`tests/shim/clock.c`); the host is the real one.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use greenroom_tests::client::{Client, Reply};
use greenroom_tests::clock::{WallClock, true_time_ms};
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, remind, send, send_many, simply};
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{inspect, until_begun, until_list};

const HOUR_MS: i64 = 3_600_000;
const TEN_YEARS_MS: i64 = 10 * 365 * 24 * HOUR_MS;
const JUMPS: [(&str, i64); 2] = [("hour", HOUR_MS), ("years", TEN_YEARS_MS)];

/// Comes due in every jump forward.
const HALF_HOUR_MS: i64 = HOUR_MS / 2;
/// Between the firings of a reminder that comes due often in every jump.
const TEN_MINUTES_MS: i64 = HOUR_MS / 6;

/// Between the firings of a reminder that never stops.
const TICK: Duration = Duration::from_millis(200);
/// So many more of them are time enough for anything else that would fire, too.
const SOME_TICKS: usize = 8;

const TURN_TIMEOUT: Duration = Duration::from_secs(5);
const TIMER: Duration = Duration::from_secs(3);

/// What two readings of a clock may lie apart.
const READINGS_APART_MS: i64 = 60_000;

/// A host whose wall clock the test sets, with an actor `ticker` whose reminder notes each of its firings.
struct World {
    host: Host,
    clock: WallClock,
    begun: Instant,
    /// Firings that a jump forward or a restart may have brought besides those of the time that passed.
    extra: usize,
}

impl World {
    async fn start() -> anyhow::Result<World> {
        let clock = WallClock::new()?;
        let settings = Settings::default().limit("turn_timeout", "5s").limit("turn_cpu", "1m");
        let settings = settings.limit("idle_timeout", "10min");
        let host = Host::with_probe(clock.of(settings)?).await?;
        let begun = Instant::now();
        let schedule = json!({ "delay_ms": 0, "period_ms": TICK.as_millis() as u64 });
        // Without a text, what is appended is the firing's id.
        script::results(&host, "ticker", json!([remind("tick", &schedule, "")])).await?;
        let world = World { host, clock, begun, extra: 1 };
        world.ticks_on().await?;
        Ok(world)
    }

    async fn jump(&mut self, ms: i64) -> anyhow::Result<()> {
        self.extra += 1;
        self.clock.jump(ms).await?;
        self.guests_see_the_clock().await
    }

    async fn restart(&mut self) -> anyhow::Result<()> {
        self.host.kill().await?;
        self.extra += 1;
        self.host.restart().await?;
        self.guests_see_the_clock().await
    }

    /// Without which these tests would show nothing.
    async fn guests_see_the_clock(&self) -> anyhow::Result<()> {
        let seen = script::results(&self.host, "watch", json!([simply("now")])).await?;
        let ahead_ms = seen[0].as_i64().context("a time")? - true_time_ms();
        let expected_ms = self.clock.ahead_ms()?;
        ensure!((ahead_ms - expected_ms).abs() < READINGS_APART_MS, "{ahead_ms} ahead, not {expected_ms}");
        Ok(())
    }

    /// Waits until the ticker has fired some more; each firing was one, and none too many.
    async fn ticks_on(&self) -> anyhow::Result<()> {
        let before = script::list(&self.host, "ticker").await?.len();
        let what = format!("more than {before} ticks");
        let ticks = until_list(&self.host, "ticker", &what, |list| list.len() >= before + SOME_TICKS).await?;
        let due = (self.begun.elapsed().as_millis() / TICK.as_millis()) as usize;
        ensure!(ticks.len() <= due + self.extra, "{} firings of {due} and {}", ticks.len(), self.extra);
        // Ids are numbers of a fixed length, so that their texts sort as they do.
        ensure!(ticks.is_sorted_by(|one, other| one < other), "a firing came again: {ticks:?}");
        Ok(())
    }

    /// New things that are to come after a while come then.
    async fn plans_anew(&self, name: &str) -> anyhow::Result<()> {
        let [alarm, mail] = ["alarm", "mail"].map(|what| format!("{what}-{name}"));
        let schedule = json!({ "delay_ms": 500 });
        let set = Instant::now();
        script::results(&self.host, &alarm, json!([remind("alarm", &schedule, "rung")])).await?;
        self.host.tell("probe", &mail, "append", Some("PT0.5S"), "delivered").await?.expect(202);
        self.host.tell("probe", &mail, "append", None, "at once").await?.expect(202);
        until_list(&self.host, &alarm, "the alarm", |list| list == ["rung"]).await?;
        // A machine that stands still for half a second delivers the other one first.
        let both = |list: &[String]| list == ["at once", "delivered"] || list == ["delivered", "at once"];
        until_list(&self.host, &mail, "both messages", both).await?;
        ensure!(set.elapsed() >= Duration::from_millis(500), "early, after {:?}", set.elapsed());
        Ok(())
    }

    /// What one actor sends another, and a client sends it, arrives in order, also what it sent before.
    async fn sends_arrive_in_order(&self, rounds: usize) -> anyhow::Result<()> {
        let texts = format!("{rounds}-{{}}");
        let turn = json!([send_many("receiver", "append", &texts, 20), send("receiver", "append", "last")]);
        script::results(&self.host, "sender", turn).await?;
        let of_round = |round| (0..20).map(move |it| format!("{round}-{it}")).chain(["last".to_owned()]);
        let expected: Vec<String> = (0..=rounds).flat_map(of_round).collect();
        until_list(&self.host, "receiver", "all that was sent", |list| list == expected).await?;

        let mut sent = Vec::new();
        for _ in 0..3 {
            let receipt: Value = self.host.tell("probe", "ids", "append", None, "").await?.expect(202).json();
            sent.push(receipt["message_id"].as_str().context("an id")?.to_owned());
        }
        let ids = until_list(&self.host, "ids", "three more", |list| list.ends_with(&sent)).await?;
        ensure!(ids.len() == 3 * (rounds + 1) && ids.is_sorted(), "{ids:?}");
        Ok(())
    }

    /// Begins a call that never ends, so that its deadline ends it.
    async fn spin(&self, id: &str) -> anyhow::Result<JoinHandle<anyhow::Result<(Reply, Duration)>>> {
        let (client, to, begun) = ((*self.host).clone(), id.to_owned(), Instant::now());
        let call = tokio::spawn(async move {
            let reply = script::run(&client, &to, json!([simply("spin")])).await?;
            Ok((reply, begun.elapsed()))
        });
        until_begun(&self.host, id).await?;
        Ok(call)
    }
}

/// Such a call ended when it should.
async fn ended_in_time(call: JoinHandle<anyhow::Result<(Reply, Duration)>>) -> anyhow::Result<()> {
    let (reply, took) = call.await??;
    reply.refused(504, "turn-timeout");
    ensure!(took >= TURN_TIMEOUT && took < TURN_TIMEOUT + SOON, "its deadline passed after {took:?}");
    Ok(())
}

async fn keyed(client: &Client, key: &str) -> anyhow::Result<Reply> {
    let headers = [("idempotency-key", key), ("content-type", "text/plain")];
    client.send_request(Method::POST, "/v1/actors/probe/keyed/append", &headers, "once").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_forward_fires_what_came_due_once() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let slow = json!({ "delay_ms": TEN_MINUTES_MS, "period_ms": TEN_MINUTES_MS });
    script::results(&world.host, "slow", json!([remind("alarm", &slow, "rung")])).await?;
    let mut slow_firings = vec![];
    for (name, jump_ms) in JUMPS {
        let [alarm, mail] = ["alarm", "mail"].map(|what| format!("{what}-in-{name}"));
        let once = json!({ "delay_ms": HALF_HOUR_MS });
        script::results(&world.host, &alarm, json!([remind("alarm", &once, "rung")])).await?;
        world.host.tell("probe", &mail, "append", Some("PT30M"), "delivered").await?.expect(202);

        world.jump(jump_ms).await?;
        until_list(&world.host, &alarm, "the alarm", |list| list == ["rung"]).await?;
        until_list(&world.host, &mail, "the message", |list| list == ["delivered"]).await?;
        slow_firings.push("rung".to_owned());
        until_list(&world.host, "slow", "one firing for all", |list| list == slow_firings).await?;
        world.ticks_on().await?;
        ensure!(script::list(&world.host, "slow").await? == slow_firings, "missed firings are one");

        // It has kept its period.
        world.jump(TEN_MINUTES_MS).await?;
        slow_firings.push("rung".to_owned());
        until_list(&world.host, "slow", "its next firing", |list| list == slow_firings).await?;
        world.plans_anew(name).await?;
        world.ticks_on().await?;
        ensure!(script::list(&world.host, "slow").await? == slow_firings);
        ensure!(script::list(&world.host, &alarm).await? == ["rung"]);
        ensure!(script::list(&world.host, &mail).await? == ["delivered"]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_fires_nothing_again_and_holds_up_nothing() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.plans_anew("before").await?;
    world.sends_arrive_in_order(0).await?;
    for (round, (name, jump_ms)) in JUMPS.into_iter().enumerate() {
        let (alarm, mail) = (format!("alarm-over-{name}"), format!("mail-over-{name}"));
        script::results(&world.host, &alarm, json!([remind("alarm", &json!({ "delay_ms": 2_000 }), "rung")]))
            .await?;
        world.host.tell("probe", &mail, "append", Some("PT2S"), "delivered").await?.expect(202);

        world.jump(-jump_ms).await?;
        world.ticks_on().await?;
        world.sends_arrive_in_order(round + 1).await?;
        world.plans_anew(name).await?;
        until_list(&world.host, &alarm, "the alarm", |list| list == ["rung"]).await?;
        until_list(&world.host, &mail, "the message", |list| list == ["delivered"]).await?;
        world.ticks_on().await?;
        for fired in ["alarm-before", &alarm] {
            ensure!(script::list(&world.host, fired).await? == ["rung"], "{fired} fired again");
        }
    }
    ensure!(world.host.log().contains("the machine's clock was set back"), "{}", world.host.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_and_started_under_a_clock_set_back_does_neither() -> anyhow::Result<()> {
    for (name, jump_ms) in JUMPS {
        let mut world = World::start().await?;
        world.plans_anew("before").await?;
        world.sends_arrive_in_order(0).await?;
        let later = json!({ "delay_ms": 4_000 });
        script::results(&world.host, "alarm", json!([remind("alarm", &later, "rung")])).await?;
        world.host.tell("probe", "mail", "append", Some("PT4S"), "delivered").await?.expect(202);

        // Killed under the clock that was set back, then with the clock set back while it is down.
        world.jump(-jump_ms).await?;
        for round in 1..3 {
            world.restart().await?;
            world.ticks_on().await?;
            world.sends_arrive_in_order(round).await?;
            world.plans_anew(&format!("{name}-{round}")).await?;
            until_list(&world.host, "alarm", "the alarm", |list| list == ["rung"]).await?;
            until_list(&world.host, "mail", "the message", |list| list == ["delivered"]).await?;
            world.ticks_on().await?;
            ensure!(script::list(&world.host, "alarm-before").await? == ["rung"], "it fired again");
            world.clock.move_by(-HOUR_MS)?;
        }

        // When somebody sets it right, nothing comes a second time either.
        world.jump(jump_ms + 2 * HOUR_MS).await?;
        world.ticks_on().await?;
        ensure!(script::list(&world.host, "alarm").await? == ["rung"]);
        ensure!(script::list(&world.host, "mail").await? == ["delivered"]);
    }
    Ok(())
}

/// Nothing else is stored here: an id that was made under the clock that was ahead would say how far that was.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_planned_under_a_clock_ahead_comes_soon_after_a_start_under_the_right_one()
-> anyhow::Result<()> {
    for (_, jump_ms) in JUMPS {
        let clock = WallClock::new()?;
        let settings = Settings::default().limit("delivery_attempts", "1000");
        let settings = settings.limit("retry_backoff", "200ms").limit("retry_backoff_max", "1s");
        let mut host = Host::with_probe(clock.of(settings)?).await?;
        let id = "fail-activate-until-healed";
        let actor = format!("/v1/actors/probe/{id}/-");
        host.tell("probe", id, "append", None, "delivered").await?.expect(202);
        let alarm = json!({ "method": "append", "delay_ms": 0, "payload": "rung" }).to_string();
        let headers = [("content-type", "application/json")];
        host.send_request(Method::PUT, &format!("{actor}/reminders/alarm"), &headers, alarm)
            .await?
            .expect(204);

        clock.jump(jump_ms).await?;
        let jumped = attempts(&host, &actor).await?;
        eventually("both fail under the clock that is ahead", SOON, || async {
            match attempts(&host, &actor).await {
                Ok(attempts) if attempts.0 > jumped.0 + 1 && attempts.1 > jumped.1 + 1 => Ok(()),
                other => Err(other),
            }
        })
        .await?;
        host.kill().await?;
        clock.move_by(-jump_ms)?;
        host.restart().await?;
        host.put(&format!("{actor}/state/healed"), "1").await?.expect(204);
        let both = |list: &[String]| {
            list.len() == 2 && ["delivered", "\"rung\""].iter().all(|it| list.contains(&(*it).to_owned()))
        };
        until_list(&host, id, "the message and the alarm", both).await?;
        ensure!(host.log().contains("retries were planned for later"), "{}", host.log());
    }
    Ok(())
}

/// The numbers of the next deliveries of an actor's only message and of its alarm.
async fn attempts(client: &Client, actor: &str) -> anyhow::Result<(u64, u64)> {
    let attempt = async |kind: &str| {
        let page: Value = client.get(&format!("{actor}/{kind}")).await?.expect(200).json();
        page["items"][0]["attempt"].as_u64().with_context(|| format!("no attempt: {page}"))
    };
    Ok((attempt("mailbox").await?, attempt("reminders").await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlines_timers_and_idle_time_know_no_wall_clock() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    script::results(&world.host, "idle", json!([{ "op": "remember", "value": "in memory" }])).await?;
    for jump_ms in [HOUR_MS, TEN_YEARS_MS, -HOUR_MS, -TEN_YEARS_MS] {
        let timed = format!("timed-{jump_ms}");
        let spinning = world.spin(&format!("spinning-{jump_ms}")).await?;
        let timer = json!({
            "op": "set_timer", "name": "t", "schedule": { "delay_ms": TIMER.as_millis() as u64 },
            "method": "append", "payload": "fired",
        });
        let set = Instant::now();
        script::results(&world.host, &timed, json!([timer])).await?;
        world.jump(jump_ms).await?;
        until_list(&world.host, &timed, "the timer", |list| list == ["fired"]).await?;
        ensure!(set.elapsed() >= TIMER, "the timer fired after {:?}", set.elapsed());
        ended_in_time(spinning).await?;
        let seen = script::results(&world.host, "idle", json!([simply("recall")])).await?;
        ensure!(seen[0]["value"] == "in memory", "it left memory: {}", inspect(&world.host, "idle").await?);
    }
    Ok(())
}

/// Answers are kept for `idempotency_retention`, a day, by the host's timeline.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_kept_for_its_time_by_a_clock_that_goes_forward_only() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    keyed(&world.host, "key").await?.expect(200);
    for jump_ms in [HOUR_MS, -HOUR_MS, -TEN_YEARS_MS] {
        world.jump(jump_ms).await?;
        let reply = keyed(&world.host, "key").await?.expect(200);
        ensure!(reply.header("idempotency-replayed") == "true", "after {jump_ms} ms");
    }
    world.restart().await?;
    let reply = keyed(&world.host, "key").await?.expect(200);
    ensure!(reply.header("idempotency-replayed") == "true", "after a restart");
    ensure!(script::list(&world.host, "keyed").await? == ["once"]);

    world.jump(2 * TEN_YEARS_MS).await?;
    let reply = keyed(&world.host, "key").await?.expect(200);
    ensure!(reply.header("idempotency-replayed").is_empty(), "ten years later");
    ensure!(script::list(&world.host, "keyed").await? == ["once", "once"]);
    Ok(())
}
