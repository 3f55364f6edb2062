//! One function for each kind of client. Each does one thing after the other until the load is over; what
//! brings no reply, or a refusal, is not acknowledged, and nobody knows what became of it.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::{DOOMED, Doomed, SPARE, Shared, Tokens, Versions, locked};
use crate::client::{Client, Reply};
use crate::script::{self, remind, send, set};

/// After a request that failed: the host may be gone.
const AFTER_FAILURE: Duration = Duration::from_millis(20);
/// Between two messages that never succeed: each waits for those before it.
const BETWEEN_POISONS: Duration = Duration::from_millis(60);
/// After every test.
const FAR_MS: u64 = 3_600_000;
/// Between two changes of the active version.
const BETWEEN_DEPLOYMENTS: Duration = Duration::from_millis(30);

/// A little while, so that the clients don't starve what they test.
async fn pause(random: &mut StdRng) {
    tokio::time::sleep(Duration::from_micros(random.random_range(0..4_000))).await;
}

/// Whether it was acknowledged; after a failure, in a while.
async fn acknowledged(reply: anyhow::Result<Reply>) -> Option<Reply> {
    match reply {
        Ok(reply) if reply.status < 300 => return Some(reply),
        Ok(_refused) => {}
        Err(_no_reply) => tokio::time::sleep(AFTER_FAILURE).await,
    }
    None
}

/// Notes a token, makes the request, and notes whether it was acknowledged.
async fn noted(
    tokens: &std::sync::Mutex<Tokens>,
    token: &str,
    request: impl Future<Output = anyhow::Result<Reply>>,
) {
    locked(tokens).begun.insert(token.to_owned());
    if acknowledged(request.await).await.is_some() {
        locked(tokens).acknowledged.insert(token.to_owned());
    }
}

fn lines(reply: &Reply) -> usize {
    reply.text().lines().count()
}

pub(super) async fn calls(load: Arc<Shared>, client: usize, mut random: StdRng) {
    for step in 0.. {
        if load.is_over() {
            return;
        }
        let token = format!("{client}-{step}");
        let operation = load.seen.called.begin(client, step, &token);
        let http = load.client();
        if let Some(reply) = acknowledged(http.call("probe", "called", "append", token).await).await {
            load.seen.called.acknowledge(operation, Some(lines(&reply) - 1));
        }
        pause(&mut random).await;
    }
}

/// Every fourth is a message.
pub(super) async fn calls_with_keys(load: Arc<Shared>, client: usize, mut random: StdRng) {
    for step in 0.. {
        if load.is_over() {
            return;
        }
        let token = format!("key-{client}-{step}");
        if step % 4 == 3 {
            locked(&load.seen.told).begun.insert(token.clone());
            until_answered(&load, "told", &token).await;
            locked(&load.seen.told).acknowledged.insert(token);
        } else {
            let operation = load.seen.keyed.begin(client, step, &token);
            let reply = until_answered(&load, "keyed", &token).await;
            load.seen.keyed.acknowledge(operation, Some(lines(&reply) - 1));
        }
        pause(&mut random).await;
    }
}

/// Appends a token, which is the key too, however often it takes.
async fn until_answered(load: &Shared, id: &str, token: &str) -> Reply {
    loop {
        let path = format!("/v1/actors/probe/{id}/append");
        let mut headers = vec![("content-type", "text/plain"), ("idempotency-key", token)];
        if id == "told" {
            headers.push(("prefer", "respond-async"));
        }
        let request =
            async { load.client().send_request(Method::POST, &path, &headers, token.to_owned()).await };
        if let Some(reply) = acknowledged(request.await).await {
            return reply;
        }
        tokio::time::sleep(AFTER_FAILURE).await;
    }
}

/// Every other is delayed.
pub(super) async fn tells(load: Arc<Shared>, mut random: StdRng) {
    for step in 0.. {
        if load.is_over() {
            return;
        }
        let token = format!("told-{step}");
        let delay = (step % 2 == 1).then_some("PT0.05S");
        let http = load.client();
        noted(&load.seen.told, &token, http.tell("probe", "told", "append", delay, token.clone())).await;
        pause(&mut random).await;
    }
}

/// In each turn a key and one or two messages: the receivers' lists and the sender's keys tell on each other.
pub(super) async fn sends(load: Arc<Shared>, sender: usize, mut random: StdRng) {
    for step in 0.. {
        if load.is_over() {
            return;
        }
        let token = format!("{sender}-{step:06}");
        let delayed = json!({
            "op": "send", "to": ["probe", "later"], "method": "append", "payload": token, "delay_ms": 20
        });
        let turn =
            json!([set(&format!("sent-{token}"), ""), send("receiver", "append", json!(token)), delayed,]);
        let http = load.client();
        let id = format!("sender-{sender}");
        noted(&load.seen.sent, &token, script::run(&http, &id, turn)).await;
        pause(&mut random).await;
    }
}

pub(super) async fn arms(load: Arc<Shared>, mut random: StdRng) {
    for step in 0.. {
        if load.is_over() {
            return;
        }
        let token = format!("alarm-{step}");
        let schedule = json!({ "delay_ms": random.random_range(0..40) });
        let turn = json!([set(&format!("armed-{token}"), ""), remind(&token, &schedule, &token)]);
        let http = load.client();
        noted(&load.seen.armed, &token, script::run(&http, "alarm", turn)).await;
        pause(&mut random).await;
    }
}

pub(super) async fn poisons(load: Arc<Shared>, mut random: StdRng) {
    for step in 0.. {
        if load.is_over() {
            return;
        }
        let token = format!("poison-{step}");
        let poison = json!([script::fail("internal", &token)]);
        let turn = json!([set(&format!("poisoned-{token}"), ""), send("victim", "run", poison)]);
        let http = load.client();
        noted(&load.seen.poisoned, &token, script::run(&http, "poisoner", turn)).await;
        tokio::time::sleep(BETWEEN_POISONS).await;
        pause(&mut random).await;
    }
}

/// Each actor gets one message and leaves memory soon after.
pub(super) async fn meets_new_actors(load: Arc<Shared>, mut random: StdRng) {
    for step in 0.. {
        if load.is_over() {
            return;
        }
        let id = format!("brief-{step}");
        let http = load.client();
        noted(&load.seen.brief, &id, http.call("probe", &id, "append", "here")).await;
        pause(&mut random).await;
        pause(&mut random).await;
    }
}

/// A new version, or the one before again. Each upload is one that nobody has seen.
pub(super) async fn deploys(load: Arc<Shared>, component: Vec<u8>, seed: u64) {
    *locked(&load.seen.versions) = Versions { active: 1, under_way: None, latest: 1 };
    for step in 0_u64.. {
        if load.is_over() {
            return;
        }
        let http = load.client();
        let Versions { active, latest, .. } = *locked(&load.seen.versions);
        let next = match step % 2 {
            0 => latest + 1,
            _ if active == latest => latest - 1,
            _ => latest,
        };
        locked(&load.seen.versions).under_way = Some(next);
        let reply = if next > latest {
            http.deploy(SPARE, unseen(&component, seed, step)).await
        } else {
            activate(&http, next).await
        };
        if acknowledged(reply).await.is_none() {
            // Nobody knows what is active now, so nothing more is changed.
            return;
        }
        *locked(&load.seen.versions) = Versions { active: next, under_way: None, latest: latest.max(next) };
        tokio::time::sleep(BETWEEN_DEPLOYMENTS).await;
    }
}

async fn activate(http: &Client, version: u32) -> anyhow::Result<Reply> {
    http.post(&format!("/v1/actor-types/{SPARE}/versions/{version}/activate"), "").await
}

/// Lets a type have something of everything, and takes it away while an actor of it is at work.
pub(super) async fn undeploys(load: Arc<Shared>, component: Vec<u8>) {
    for step in 0_u64.. {
        if load.is_over() {
            return;
        }
        let http = load.client();
        let token = format!("doomed-{step}");
        if acknowledged(http.deploy(DOOMED, component.clone()).await).await.is_none() {
            return;
        }
        locked(&load.seen.doomed).asked = Some(token.clone());
        let mail = json!({
            "op": "send", "to": [DOOMED, "receiver"], "method": "append", "payload": token,
            "delay_ms": FAR_MS,
        });
        let turn =
            json!([set("kept", &token), remind("alarm", &json!({ "delay_ms": FAR_MS }), &token), mail]);
        if acknowledged(http.call_json(DOOMED, "keeper", "run", &turn).await).await.is_none() {
            return;
        }
        locked(&load.seen.doomed).kept = Some(token);
        let worker = http.clone();
        let at_work = tokio::spawn(async move {
            let turn = json!([set("begun", ""), script::work(100), set("ended", "")]);
            worker.call_json(DOOMED, "worker", "run", &turn).await
        });
        tokio::time::sleep(BETWEEN_DEPLOYMENTS).await;
        locked(&load.seen.doomed).goes = true;
        let gone = http.delete(&format!("/v1/actor-types/{DOOMED}?purge=true")).await;
        // It is cut off, or was over before.
        drop(at_work.await);
        if acknowledged(gone).await.is_none() {
            // Nobody knows whether it is gone.
            return;
        }
        *locked(&load.seen.doomed) = Doomed::default();
    }
}

/// The same behavior in bytes of its own: with a custom section at its end.
fn unseen(component: &[u8], seed: u64, step: u64) -> Vec<u8> {
    let name = Value::from(format!("{seed:016x}{step:016x}")).to_string();
    let mut bytes = component.to_vec();
    bytes.extend([0, name.len() as u8 + 1, name.len() as u8]);
    bytes.extend(name.into_bytes());
    bytes
}
