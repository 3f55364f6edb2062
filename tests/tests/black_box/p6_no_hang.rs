//! P6: a call that would wait for itself fails at once, and says along which chain.

use std::time::{Duration, Instant};

use greenroom_tests::config::Settings;
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, call, get, set, work};
use serde_json::{Value, json};

/// Far below the default `turn_timeout` of 30 s, which is how long a hang would take.
const AT_ONCE: Duration = Duration::from_secs(10);

/// The deadlock's text, at the end of so many nested calls.
fn deadlock(results: &[Value], depth: usize) -> String {
    let innermost = (0..depth).fold(results[0].clone(), |result, _| result["reply"][0].clone());
    innermost["deadlock"].as_str().unwrap_or_else(|| panic!("no deadlock: {results:?}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_to_oneself_fails_at_once() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let begun = Instant::now();
    let seen = script::results(&host, "a", json!([call("a", "get", json!("")), set("alive", "yes")])).await?;
    assert!(deadlock(&seen, 0).contains("probe/a"));
    assert!(begun.elapsed() < AT_ONCE);
    assert_eq!(script::results(&host, "a", json!([get("alive")])).await?, [json!("yes")]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cycle_fails_at_once_with_its_chain() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let begun = Instant::now();
    let back = json!([call("a", "get", json!(""))]);
    let chain = json!([call("b", "run", json!([call("c", "run", back)]))]);
    let text = deadlock(&script::results(&host, "a", chain).await?, 2);
    for actor in ["probe/a", "probe/b", "probe/c"] {
        assert!(text.contains(actor), "{text}");
    }
    assert!(begun.elapsed() < AT_ONCE);
    for actor in ["a", "b", "c"] {
        host.call("probe", actor, "get", "").await?.expect(200);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_requests_that_wait_for_each_other_do_not_hang() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    for round in 0..5 {
        let (left, right) = (format!("left-{round}"), format!("right-{round}"));
        let begun = Instant::now();
        let from = |other: &str| json!([work(50), call(other, "get", json!(""))]);
        let (of_left, of_right) = tokio::join!(
            script::results(&host, &left, from(&right)),
            script::results(&host, &right, from(&left)),
        );
        let ends = [of_left?[1].clone(), of_right?[1].clone()];
        let replies = ends.iter().filter(|end| end.get("reply").is_some()).count();
        let deadlocks = ends.iter().filter(|end| end.get("deadlock").is_some()).count();
        assert_eq!(replies + deadlocks, 2, "{ends:?}");
        assert!(replies >= 1, "one of the two gets its reply: {ends:?}");
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_actor_may_be_called_again_once_it_has_replied() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let twice = json!([call("b", "increment", json!("")), call("b", "increment", json!(""))]);
    let seen = script::results(&host, "a", twice).await?;
    assert_eq!(seen, [json!({ "reply": 1 }), json!({ "reply": 2 })]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_calls_has_an_end() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default().limit("call_depth", "4")).await?;
    let mut chain = json!([set("reached", "yes")]);
    for link in (1..10).rev() {
        chain = json!([call(&format!("link-{link}"), "run", chain)]);
    }
    let seen = script::results(&host, "link-0", chain).await?;
    let text = Value::from(seen).to_string();
    assert!(text.contains("call_depth"), "{text}");
    host.get("/v1/actors/probe/link-9").await?.refused(404, "unknown-actor");
    Ok(())
}
