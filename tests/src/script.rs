//! Words of the probe's method `run`: one function for each operation, and what came of them.

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::client::{Client, Reply};

/// Lets the probe actor `id` do these operations in one turn; the reply as it came.
pub async fn run(client: &Client, id: &str, operations: Value) -> anyhow::Result<Reply> {
    client.call_json("probe", id, "run", &operations).await
}

/// Lets the probe actor `id` do these operations in one turn that must succeed; their results.
pub async fn results(client: &Client, id: &str, operations: Value) -> anyhow::Result<Vec<Value>> {
    let reply = run(client, id, operations).await?;
    anyhow::ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
    serde_json::from_slice(&reply.body).context("not a list of results")
}

/// The lines of the list of the probe actor `id`.
pub async fn list(client: &Client, id: &str) -> anyhow::Result<Vec<String>> {
    let reply = client.call("probe", id, "list", "").await?;
    anyhow::ensure!(reply.status < 300, "{} {}", reply.status, reply.text());
    Ok(reply.text().lines().map(str::to_owned).collect())
}

/// Keeps a text.
pub fn set(key: &str, value: &str) -> Value {
    json!({ "op": "set", "key": key, "value": value })
}

/// Keeps so many bytes.
pub fn fill(key: &str, bytes: usize) -> Value {
    json!({ "op": "fill", "key": key, "bytes": bytes })
}

/// Reads a text, or null.
pub fn get(key: &str) -> Value {
    json!({ "op": "get", "key": key })
}

/// Asks another probe actor.
pub fn call(id: &str, method: &str, payload: impl Into<Value>) -> Value {
    let payload: Value = payload.into();
    json!({ "op": "call", "to": ["probe", id], "method": method, "payload": payload })
}

/// Tells another probe actor.
pub fn send(id: &str, method: &str, payload: impl Into<Value>) -> Value {
    let payload: Value = payload.into();
    json!({ "op": "send", "to": ["probe", id], "method": method, "payload": payload })
}

/// Tells another probe actor `count` times; `{}` in the text is the index.
pub fn send_many(id: &str, method: &str, text: &str, count: u32) -> Value {
    json!({ "op": "send", "to": ["probe", id], "method": method, "payload": text, "count": count })
}

/// A durable alarm that appends a text.
pub fn remind(name: &str, schedule: &Value, text: &str) -> Value {
    json!({ "op": "set_reminder", "name": name, "schedule": schedule, "method": "append", "payload": text })
}

/// Ends the turn with a failure.
pub fn fail(code: &str, message: &str) -> Value {
    json!({ "op": "fail", "code": code, "message": message })
}

/// An operation without arguments, for example `trap`.
pub fn simply(operation: &str) -> Value {
    json!({ "op": operation })
}

/// Computes for a while: a million rounds take about a millisecond.
pub fn work(million_rounds: u64) -> Value {
    json!({ "op": "work", "million_rounds": million_rounds })
}
