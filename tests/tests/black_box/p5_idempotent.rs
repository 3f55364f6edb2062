//! P5: with an `Idempotency-Key`, a repeated request has one effect and the same reply, whether the
//! repeat comes while the first is under way, after it, or after the host was killed.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom_tests::checker;
use greenroom_tests::client::{Client, Reply};
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::history::History;
use greenroom_tests::host::Host;
use greenroom_tests::script;
use http::Method;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::support::until_list;

const TEXT: (&str, &str) = ("content-type", "text/plain");
const ASYNC: (&str, &str) = ("prefer", "respond-async");

/// A call of a probe actor with a key.
async fn call(client: &Client, id: &str, method: &str, body: &str, key: &str) -> anyhow::Result<Reply> {
    let path = format!("/v1/actors/probe/{id}/{method}");
    let headers = [TEXT, ("idempotency-key", key)];
    client.send_request(Method::POST, &path, &headers, body.to_owned()).await
}

/// A send to a probe actor with a key.
async fn send(client: &Client, id: &str, method: &str, body: &str, key: &str) -> anyhow::Result<Reply> {
    let path = format!("/v1/actors/probe/{id}/{method}");
    let headers = [TEXT, ASYNC, ("idempotency-key", key)];
    client.send_request(Method::POST, &path, &headers, body.to_owned()).await
}

fn is_repeat(reply: &Reply) -> bool {
    reply.header("idempotency-replayed") == "true"
}

/// What a repeat must have in common with the first.
fn essence(reply: &Reply) -> (u16, String, String, String) {
    let header = |name| reply.header(name).to_owned();
    (reply.status, header("content-type"), header("preference-applied"), reply.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_repeats_have_one_effect_and_one_reply() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    let slow = json!([script::work(100), script::send("b", "append", json!("told"))]).to_string();
    let repeats: Vec<_> = (0..32)
        .map(|_| {
            let (client, slow) = (host.clone(), slow.clone());
            tokio::spawn(async move { call(&client, "a", "run", &slow, "the-key").await })
        })
        .collect();
    let mut replies = Vec::new();
    for repeat in repeats {
        replies.push(repeat.await??.expect(200));
    }
    assert_eq!(replies.iter().filter(|reply| !is_repeat(reply)).count(), 1);
    assert!(replies.iter().all(|reply| essence(reply) == essence(&replies[0])));
    host.tell("probe", "b", "append", None, "last").await?.expect(202);
    let list = until_list(&host, "b", "all have arrived", |list| list.contains(&"last".to_owned())).await?;
    assert_eq!(list.iter().filter(|word| *word == "told").count(), 1, "{list:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_after_a_kill_gets_what_the_first_got() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    let refusal = json!([script::fail("conflict", "not now")]).to_string();
    let ask_all = async |host: &Client| {
        anyhow::Ok([
            call(host, "a", "increment", "", "reply").await?,
            call(host, "a", "echo", "", "empty").await?,
            call(host, "a", "run", &refusal, "refusal").await?,
            send(host, "a", "append", "x", "send").await?,
        ])
    };
    let first = ask_all(&host).await?;
    assert_eq!(first.each_ref().map(|reply| reply.status), [200, 204, 409, 202]);
    assert!(!first.iter().any(is_repeat));
    for kill in [false, true] {
        if kill {
            host.kill().await?;
            host.restart().await?;
        }
        let again = ask_all(&host).await?;
        assert!(again.iter().all(is_repeat), "kill {kill}");
        assert_eq!(again.each_ref().map(essence), first.each_ref().map(essence));
    }
    assert_eq!(host.call("probe", "a", "get", "").await?.expect(200).text(), "1");
    assert_eq!(until_list(&host, "a", "the message", |list| !list.is_empty()).await?, ["x"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_names_one_request_to_one_actor() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    call(&host, "a", "append", "x", "k").await?.expect(200);
    call(&host, "a", "append", "y", "k").await?.refused(409, "idempotency-mismatch");
    call(&host, "a", "echo", "x", "k").await?.refused(409, "idempotency-mismatch");
    send(&host, "a", "append", "x", "k").await?.refused(409, "idempotency-mismatch");
    let path = "/v1/actors/probe/a/append";
    let html = [("content-type", "text/html"), ("idempotency-key", "k")];
    host.send_request(Method::POST, path, &html, "x").await?.refused(409, "idempotency-mismatch");
    assert!(
        is_repeat(&call(&host, "a", "append", "x", "\"k\"").await?.expect(200)),
        "quotes are no part of it"
    );
    assert!(!is_repeat(&call(&host, "b", "append", "x", "k").await?.expect(200)));
    assert_eq!(script::list(&host, "a").await?, ["x"]);

    for bad in ["a b", "a,b", "\"open", &"x".repeat(256)] {
        let problem = call(&host, "a", "append", "x", bad).await?.refused(400, "invalid-request");
        assert!(problem.detail.contains("Idempotency-Key"), "{problem:?}");
    }
    let twice = [("idempotency-key", "k"), ("idempotency-key", "k")];
    host.send_request(Method::POST, path, &twice, "x").await?.refused(400, "invalid-request");
    assert_eq!(script::list(&host, "a").await?, ["x"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_crashed_is_no_answer() -> anyhow::Result<()> {
    let host = Host::with_probe(Settings::default()).await?;
    for _ in 0..2 {
        let reply = call(&host, "fail-activate-a", "append", "x", "k").await?;
        reply.refused(500, "activation-failed");
        assert!(!is_repeat(&reply));
    }
    host.put("/v1/actors/probe/fail-activate-a/-/state/healed", "1").await?.expect(204);
    assert!(!is_repeat(&call(&host, "fail-activate-a", "append", "x", "k").await?.expect(200)));
    assert!(is_repeat(&call(&host, "fail-activate-a", "append", "x", "k").await?.expect(200)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_bounded_by_count_and_by_age() -> anyhow::Result<()> {
    let few = Settings::default().limit("idempotency_keys_per_actor", "10");
    let mut host = Host::with_probe(few).await?;
    for key in 0..100 {
        call(&host, "a", "increment", "", &format!("k{key}")).await?.expect(200);
    }
    for key in (0..100).rev() {
        if key >= 90 {
            assert!(is_repeat(&call(&host, "a", "increment", "", &format!("k{key}")).await?), "{key}");
        }
    }
    assert!(!is_repeat(&call(&host, "a", "increment", "", "k89").await?.expect(200)));
    assert!(!is_repeat(&call(&host, "b", "increment", "", "k99").await?.expect(200)), "another actor's key");

    host.terminate().await?;
    host.restart_with(Settings::default().limit("idempotency_retention", "1s")).await?;
    call(&host, "c", "increment", "", "k").await?.expect(200);
    eventually("a request that is too old to be known", SOON, || async {
        let reply = call(&host, "c", "increment", "", "k").await.map_err(|error| error.to_string())?;
        if is_repeat(&reply) { Err(reply.text()) } else { Ok(()) }
    })
    .await?;
    assert_eq!(host.call("probe", "c", "get", "").await?.expect(200).text(), "2");

    host.delete("/v1/actors/probe/a").await?.expect(204);
    assert!(!is_repeat(&call(&host, "a", "increment", "", "k99").await?.expect(200)), "it was deleted");
    Ok(())
}

/// The host that clients find, on whichever port.
type Door = Arc<Mutex<Client>>;

/// Repeats an append of `token`, which is its key too, until it is answered, whatever happens to the
/// host meanwhile: a call of the actor `called`, or a message to the actor `told`.
async fn until_answered(door: &Door, id: &str, token: &str) -> Reply {
    loop {
        let client = door.lock().expect("nobody panics at the door").clone();
        let asked = match id {
            "told" => send(&client, id, "append", token, token).await,
            _ => call(&client, id, "append", token, token).await,
        };
        match asked {
            Ok(reply) if reply.status < 300 => return reply,
            Ok(reply) => {
                let problem: Value = reply.json();
                assert_ne!(problem["retry"], "never", "{problem}");
            }
            Err(_no_reply) => {}
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_has_one_effect_over_many_kills_under_load() -> anyhow::Result<()> {
    const ROUNDS: usize = 12;
    const CLIENTS: usize = 6;
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut host = Host::with_probe(Settings::default()).await?;
    let door: Door = Arc::new(Mutex::new(host.clone()));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let history: Arc<History> = Arc::default();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (door, history, stopped) = (Arc::clone(&door), Arc::clone(&history), stopped.clone());
            tokio::spawn(async move { repeats(client, &door, &history, || *stopped.borrow()).await })
        })
        .collect();
    for _ in 0..ROUNDS {
        tokio::time::sleep(Duration::from_millis(random.random_range(20..250))).await;
        host.kill().await?;
        host.restart().await?;
        *door.lock().expect("nobody panics at the door") = host.clone();
    }
    stop.send_replace(true);
    let (mut sent, mut repeated) = (HashSet::new(), 0);
    for client in clients {
        let (tokens, repeats) = client.await?;
        sent.extend(tokens);
        repeated += repeats;
    }

    let list = script::list(&host, "called").await?;
    if let Err(violation) = checker::check(&history.operations(), &list) {
        anyhow::bail!("seed {seed}: {violation}");
    }
    assert_eq!(history.acknowledged(), history.operations().len(), "everybody repeats until answered");
    let told = until_list(&host, "told", "all have arrived", |list| list.len() >= sent.len()).await?;
    assert_eq!(told.len(), sent.len(), "a message was sent twice");
    assert_eq!(told.into_iter().collect::<HashSet<_>>(), sent);
    assert!(
        list.len() > ROUNDS && repeated > 0,
        "too little to tell: {} calls, {repeated} repeats",
        list.len()
    );
    Ok(())
}

/// Appends one after the other, every fourth by a message, each under a key of its own. Returns what
/// was sent, and how many answers were those of an earlier attempt.
async fn repeats(
    client: usize,
    door: &Door,
    history: &History,
    is_over: impl Fn() -> bool,
) -> (Vec<String>, usize) {
    let (mut sent, mut repeated) = (Vec::new(), 0);
    for step in 0.. {
        if is_over() {
            break;
        }
        let token = format!("{client}-{step}");
        if step % 4 == 3 {
            repeated += usize::from(is_repeat(&until_answered(door, "told", &token).await));
            sent.push(token);
        } else {
            let operation = history.begin(client, step, &token);
            let reply = until_answered(door, "called", &token).await;
            history.acknowledge(operation, Some(reply.text().lines().count() - 1));
            repeated += usize::from(is_repeat(&reply));
        }
    }
    (sent, repeated)
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_answers_are_bounded_in_bytes_shown_and_something_stored() -> anyhow::Result<()> {
    let settings = Settings::default().limit("idempotency_bytes_per_actor", "300 KiB");
    let host = Host::with_probe(settings).await?;
    let body = "x".repeat(100 << 10);
    for number in 0..8 {
        call(&host, "keeper", "echo", &body, &format!("key-{number}")).await?.expect(200);
    }
    let kept: Value = host.get("/v1/actors/probe/keeper").await?.expect(200).json();
    let (answers, bytes) = (kept["answers"].as_u64(), kept["answer_bytes"].as_u64());
    assert!(answers.is_some_and(|answers| (1..=4).contains(&answers)), "{kept}");
    assert!(bytes.is_some_and(|bytes| (100 << 10..=410 << 10).contains(&bytes)), "{kept}");
    assert!(is_repeat(&call(&host, "keeper", "echo", &body, "key-7").await?.expect(200)));
    assert!(!is_repeat(&call(&host, "keeper", "echo", &body, "key-0").await?.expect(200)));
    host.delete("/v1/actor-types/probe").await?.refused(409, "actor-type-in-use");
    host.delete("/v1/actors/probe/keeper").await?.expect(204);
    host.delete("/v1/actor-types/probe").await?.expect(204);
    Ok(())
}
