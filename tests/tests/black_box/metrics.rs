//! `GET /metrics`: what it counts has happened, and how large it is follows what is deployed, not what clients ask.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use greenroom_tests::script;
use http::Method;
use serde_json::{Value, json};

/// Each series, and its value.
type Series = BTreeMap<String, f64>;

async fn scraped(client: &Client) -> anyhow::Result<String> {
    let reply = client.get("/metrics").await?.expect(200);
    ensure!(reply.header("content-type") == "application/openmetrics-text; version=1.0.0; charset=utf-8");
    ensure!(reply.text().ends_with("# EOF\n"), "it is cut off");
    Ok(reply.text())
}

async fn scrape(client: &Client) -> anyhow::Result<Series> {
    let text = scraped(client).await?;
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ').context("a sample has a value")?;
        Ok((series.to_owned(), value.parse()?))
    };
    samples.map(sample).collect()
}

fn value(series: &Series, name: &str) -> f64 {
    series.get(name).copied().unwrap_or(f64::NAN)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_has_happened() -> anyhow::Result<()> {
    let settings = Settings::default().limit("delivery_attempts", "3").limit("retry_backoff", "10ms");
    let host = Host::with_probe(settings).await?;
    for number in 0..20 {
        host.call("probe", &format!("actor-{number}"), "append", "x").await?.expect(200);
    }
    for _ in 0..4 {
        host.call("probe", "actor-1", "no_such_method", "").await?.refused(501, "unimplemented");
    }
    host.call("nothing", "a", "append", "").await?.refused(404, "unknown-actor-type");
    for _ in 0..2 {
        host.tell("probe", "actor-2", "no_such_method", None, "").await?.expect(202);
    }
    // A retry is counted before it is stored, and a dead letter too.
    let seen = eventually("both messages are given up", SOON, || async {
        let seen = scrape(&host).await.map_err(|error| error.to_string())?;
        let dead = value(&seen, "greenroom_dead_letters_total{actor_type=\"probe\"}");
        if dead >= 2.0 { Ok(seen) } else { Err(format!("{dead}")) }
    })
    .await?;
    let expected = [
        ("greenroom_http_request_seconds_count{route=\"/v1/actors/{type}/{id}/{method}\"}", 27.0),
        ("greenroom_http_request_seconds_count{route=\"/v1/actor-types/{type}\"}", 1.0),
        ("greenroom_http_errors_total{code=\"unimplemented\",source=\"guest\"}", 4.0),
        ("greenroom_http_errors_total{code=\"unknown-actor-type\",source=\"client\"}", 1.0),
        ("greenroom_turn_seconds_count{actor_type=\"probe\"}", 30.0),
        ("greenroom_turn_seconds_bucket{le=\"+Inf\",actor_type=\"probe\"}", 30.0),
        ("greenroom_failed_turns_total{actor_type=\"probe\",code=\"unimplemented\",source=\"guest\"}", 10.0),
        ("greenroom_delivery_retries_total{actor_type=\"probe\"}", 4.0),
        ("greenroom_dead_letters_total{actor_type=\"probe\"}", 2.0),
        ("greenroom_active_actors{actor_type=\"probe\"}", 20.0),
        ("greenroom_failed_commits_total", 0.0),
    ];
    for (name, count) in expected {
        ensure!((value(&seen, name) - count).abs() < 0.5, "{name} is {}, not {count}", value(&seen, name));
    }
    ensure!(value(&seen, "greenroom_commit_turns_sum") >= 22.0, "{seen:?}");
    ensure!(value(&seen, "greenroom_commit_seconds_sum") > 0.0, "{seen:?}");
    ensure!(value(&seen, "greenroom_sandboxes") >= 1.0, "{seen:?}");
    ensure!(value(&seen, "greenroom_resident_memory_bytes") > 1e6, "{seen:?}");
    let node: Value = host.get("/v1/node").await?.expect(200).json();
    let version = node["version"].as_str().context("a version")?;
    ensure!(seen.contains_key(&format!("greenroom_build_info{{version=\"{version}\"}}")), "{seen:?}");
    Ok(())
}

/// Whatever clients make up, and guests.
async fn make_up_names(client: &Client, word: &str) -> anyhow::Result<()> {
    client.call("probe", word, "append", word.to_owned()).await?.expect(200);
    client.call("probe", "one", word, "").await?.refused(501, "unimplemented");
    client.call(word, "a", "append", "").await?.refused(404, "unknown-actor-type");
    client.get(&format!("/v1/{word}")).await?.refused(404, "not-found");
    client.get(&format!("/v1/actors/probe/{word}/-/state/{word}")).await?.refused(404, "not-found");
    client.get(&format!("/v1/actor-types/{word}")).await?.refused(404, "unknown-actor-type");
    client.get(&format!("/errors/{word}")).await?.refused(404, "not-found");
    let method = Method::from_bytes(word.to_uppercase().as_bytes())?;
    client.send_request(method, "/v1/node", &[], "").await?.refused(405, "method-not-allowed");
    let headers = [("idempotency-key", word), ("content-type", "text/plain")];
    client.send_request(Method::POST, "/v1/actors/probe/two/append", &headers, "").await?.expect(200);
    script::run(client, "three", json!([script::fail("internal", word)])).await?.refused(500, "internal");
    let reminder = json!({ "op": "set_reminder", "name": word, "schedule": { "delay_ms": 3_600_000 },
        "method": word, "payload": word });
    script::results(client, word, json!([reminder])).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_does_not_grow_with_what_clients_make_up() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    make_up_names(&host, "made-up").await?;
    // The first scrape is not in itself.
    scrape(&host).await?;
    let before: Vec<String> = scrape(&host).await?.into_keys().collect();
    for number in 0..300 {
        make_up_names(&host, &format!("made-up-{number}")).await?;
    }
    let after: Vec<String> = scrape(&host).await?.into_keys().collect();
    ensure!(before == after, "{} series, then {}", before.len(), after.len());
    ensure!(!scraped(&host).await?.contains("made-up"), "somebody else's words are in it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_series_of_a_type_live_as_long_as_it_does() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let turns = "greenroom_turn_seconds_count{actor_type=\"probe\"}";
    host.call("probe", "a", "echo", "x").await?.expect(200);
    let mut other = guests::component("probe")?;
    other.extend([0, 2, 1, b'v']);
    host.deploy("probe", other).await?.expect(201);
    host.call("probe", "a", "echo", "x").await?.expect(200);
    ensure!((value(&scrape(&host).await?, turns) - 2.0).abs() < 0.5, "a version begins anew");
    host.delete("/v1/actor-types/probe?purge=true").await?.expect(204);
    let left = scraped(&host).await?;
    ensure!(!left.contains("probe"), "{left}");
    Ok(())
}
