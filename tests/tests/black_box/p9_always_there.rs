//! P9: always there. An actor needs no creation; idle ones leave memory and come back with their
//! state; a crashed one comes back at its next message; a client that hangs up changes nothing.

use std::time::Duration;

use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, get, set, simply, work};
use serde_json::{Value, json};

use crate::support::{state_value, until, until_begun};

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_actor_is_deactivated_and_returns_with_its_state() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default().limit("idle_timeout", "300ms")).await?;
    let turn = json!([set("kept", "in the store"), { "op": "remember", "value": "in memory" }]);
    script::results(&host, "counted-a", turn).await?;
    until(&host, "counted-a", "dormant").await?;
    assert_eq!(state_value(&host, "counted-a", "activations").await?.as_deref(), Some("1"));
    assert_eq!(state_value(&host, "counted-a", "deactivations").await?.as_deref(), Some("1"));

    let seen = script::results(&host, "counted-a", json!([get("kept"), simply("recall")])).await?;
    assert_eq!(seen, [json!("in the store"), json!({ "value": "", "turns": 1 })]);
    assert_eq!(state_value(&host, "counted-a", "activations").await?.as_deref(), Some("2"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_in_use_keeps_its_memory() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    script::results(&host, "a", json!([{ "op": "remember", "value": "in memory" }])).await?;
    let seen = script::results(&host, "a", json!([simply("recall")])).await?;
    assert_eq!(seen, [json!({ "value": "in memory", "turns": 2 })]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_few_sandboxes_the_least_recently_used_make_room() -> anyhow::Result<()> {
    const ACTORS: usize = 30;
    let host = Host::with_probe(Settings::default().limit("sandboxes", "8")).await?;
    for round in 1..=3 {
        for actor in 0..ACTORS {
            let reply = host.call("probe", &format!("counted-{actor}"), "increment", "").await?.expect(200);
            assert_eq!(reply.text(), round.to_string(), "actor {actor}");
        }
    }
    let first = eventually("the first actor was deactivated", SOON, || async {
        match state_value(&host, "counted-0", "deactivations").await {
            Ok(Some(times)) => Ok(times),
            other => Err(other),
        }
    })
    .await?;
    assert!(first.parse::<u32>()? >= 2, "{first}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_actor_comes_back_at_its_next_message() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    for round in 1..=5 {
        let reply = host.call("probe", "counted-a", "increment", "").await?.expect(200);
        assert_eq!(reply.text(), round.to_string());
        script::run(&host, "counted-a", json!([simply("trap")])).await?.refused(500, "actor-trapped");
    }
    let seen = script::results(&host, "counted-a", json!([get("deactivations")])).await?;
    assert_eq!(seen, [Value::Null], "deactivate is not called after a crash");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_does_not_cancel_its_turn() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default().limit("turn_cpu", "60s")).await?;
    let client = host.clone();
    let turn = json!([work(2_000), set("done", "yes")]);
    let asking = tokio::spawn(async move { script::run(&client, "a", turn).await });
    until_begun(&host, "a").await?;
    asking.abort();
    assert!(asking.await.is_err(), "it had its reply already");
    eventually("the turn is done", SOON, || async {
        match state_value(&host, "a", "done").await {
            Ok(Some(value)) if value == "yes" => Ok(()),
            other => Err(other),
        }
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_actors_come_and_go() -> anyhow::Result<()> {
    const ACTORS: u64 = 2_000;
    let settings = Settings::default().limit("idle_timeout", "500ms").limit("sandboxes", "500");
    let host = Host::with_probe(settings).await?;
    let address = host.base().trim_start_matches("http://").parse()?;
    for round in 0..2 {
        let extent = greenroom_tests::wire::Extent::Requests(ACTORS);
        let outcome = greenroom_tests::wire::load(address, 32, extent, |number, request| {
            let path = format!("/v1/actors/probe/user-{number}/increment");
            greenroom_tests::wire::post(request, &path, "");
        })
        .await?;
        assert_eq!((outcome.refused, outcome.latencies.count() as u64), (0, ACTORS), "round {round}");
    }
    for number in (0..ACTORS).step_by(97) {
        let reply = host.call("probe", &format!("user-{number}"), "get", "").await?.expect(200);
        assert_eq!(reply.text(), "2", "user-{number}");
    }
    eventually("all are dormant again", SOON + Duration::from_secs(20), || async {
        let reply = host.get("/v1/actor-types/probe").await.map(|reply| reply.json::<Value>());
        match reply {
            Ok(view) if view["active_actors"] == 0 => Ok(()),
            other => Err(other),
        }
    })
    .await?;
    Ok(())
}
