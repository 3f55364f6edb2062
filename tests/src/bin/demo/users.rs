//! What users ask of their chats and tasks, as the examples' own documents have it.

use anyhow::{Context as _, ensure};
use greenroom_tests::client::Client;
use serde::Deserialize;
use serde_json::{Value, json};

/// A task, as it answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Task {
    pub(crate) title: Option<String>,
    pub(crate) status: String,
    pub(crate) history: Vec<Change>,
}

/// One change of a task's status.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    pub(crate) sequence: u64,
    pub(crate) status: String,
    pub(crate) by: String,
}

/// A message of a conversation.
#[derive(Debug, Deserialize)]
pub(crate) struct Spoken {
    pub(crate) sequence: u64,
    pub(crate) role: String,
    pub(crate) text: String,
}

/// Calls an actor and takes its reply apart.
pub(crate) async fn ask<T: for<'a> Deserialize<'a>>(
    client: &Client,
    actor_type: &str,
    id: &str,
    method: &str,
    arguments: Value,
) -> anyhow::Result<T> {
    let reply = client.call_json(actor_type, id, method, &arguments).await?;
    let said = || format!("{actor_type}/{id} {method}: {} {}", reply.status, reply.text());
    ensure!(reply.status == 200, "expected 200, found {}", said());
    serde_json::from_slice(&reply.body).with_context(said)
}

pub(crate) async fn get_task(client: &Client, id: &str) -> anyhow::Result<Task> {
    ask(client, "task", id, "get_task", Value::Null).await
}

pub(crate) async fn get_history(client: &Client, user: &str) -> anyhow::Result<Vec<Spoken>> {
    ask(client, "chat", user, "get_history", Value::Null).await
}

/// What a user has said, in order.
pub(crate) fn said_by_user(history: &[Spoken]) -> Vec<String> {
    history.iter().filter(|spoken| spoken.role == "user").map(|spoken| spoken.text.clone()).collect()
}

/// The beginning of one user's day: four requests that reach three turns of two actors.
pub(crate) async fn begin_day(client: &Client, number: usize) -> anyhow::Result<()> {
    let (user, task) = (format!("user-{number}"), format!("task-{number}"));
    let created = json!({ "title": format!("Errand {number}"), "assignee": user });
    let _: Task = ask(client, "task", &task, "create", created).await?;
    let _: Value = ask(client, "chat", &user, "set_context", json!({ "current_task": task })).await?;
    let _: Task = ask(client, "task", &task, "update_status", json!("in_progress")).await?;
    let _: Spoken = ask(client, "chat", &user, "process_message", json!("What is my task?")).await?;
    Ok(())
}

/// Whether one user's actors hold exactly what [`begin_day`] left.
pub(crate) async fn day_has_begun(client: &Client, number: usize) -> anyhow::Result<()> {
    let task = get_task(client, &format!("task-{number}")).await?;
    ensure!(task.title.as_deref() == Some(&format!("Errand {number}")), "{task:?}");
    ensure!(task.status == "in_progress" && task.history.len() == 1, "{task:?}");
    let history = get_history(client, &format!("user-{number}")).await?;
    ensure!(said_by_user(&history) == ["What is my task?"], "{history:?}");
    ensure!(history.len() == 2 && history[1].text.contains("in_progress"), "{history:?}");
    Ok(())
}
