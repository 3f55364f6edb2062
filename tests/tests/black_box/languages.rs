//! An actor type is the same to its callers in whatever language it is written: the example `task` in
//! each of them answers one scenario alike, speaks to a `chat` in Rust, and takes over the state that
//! another language left.

use anyhow::Context as _;
use greenroom_tests::client::{Client, Reply};
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use serde_json::{Value, json};

/// The languages, in the order in which they take over from each other.
const LANGUAGES: [&str; 8] = ["rust", "python", "typescript", "go", "c", "cpp", "zig", "rust-again"];

fn component(language: &str) -> anyhow::Result<Vec<u8>> {
    if language.starts_with("rust") {
        guests::component("task")
    } else {
        guests::component_in(language, "task")
    }
}

async fn ask(host: &Client, id: &str, method: &str, argument: Value) -> anyhow::Result<Reply> {
    host.call_json("task", id, method, &argument).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_the_same_in_every_language_and_hands_its_state_to_the_next() -> anyhow::Result<()> {
    let host = Host::sharing_code(Settings::default()).await?;
    host.deploy("chat", guests::component("chat")?).await?.expect(201);
    for (turn, language) in LANGUAGES.into_iter().enumerate() {
        host.deploy("task", component(language)?).await?.expect(201);
        scenario(&host, language).await.with_context(|| format!("a task in {language}"))?;

        let status = if turn % 2 == 0 { "in_progress" } else { "todo" };
        let shared: Value = ask(&host, "shared", "update_status", json!(status)).await?.expect(200).json();
        let changes = shared["history"].as_array().map(Vec::len);
        assert_eq!(changes, Some(turn + 1), "{language} lost what another left: {shared}");
        assert_eq!(shared["history"][turn]["sequence"], json!(turn + 1), "{language}");
    }
    Ok(())
}

async fn scenario(host: &Client, language: &str) -> anyhow::Result<()> {
    let (id, user) = (format!("{language}-1"), format!("user-{language}"));
    let blank: Value = ask(host, &id, "get_task", Value::Null).await?.expect(200).json();
    let expected = json!({
        "id": id, "title": null, "status": "todo", "assignee": null, "deadline_ms": null, "history": []
    });
    assert_eq!(blank, expected, "{language}");

    let new = json!({ "title": "Write the report", "assignee": user });
    let created: Value = ask(host, &id, "create", new.clone()).await?.expect(200).json();
    assert_eq!((&created["title"], &created["assignee"]), (&new["title"], &new["assignee"]), "{language}");
    ask(host, &id, "create", new).await?.refused(409, "conflict");
    ask(host, &id, "update_status", json!("overdue")).await?.refused(412, "failed-precondition");
    ask(host, &id, "update_status", json!("nonsense")).await?.refused(400, "invalid-argument");
    ask(host, &id, "update_status", json!({ "state": "done" })).await?.refused(400, "invalid-argument");
    ask(host, &id, "deadline_passed", Value::Null).await?.refused(403, "permission-denied");
    ask(host, &id, "no_such_method", Value::Null).await?.refused(501, "unimplemented");

    ask(host, &id, "set_deadline_reminder", json!({ "in_ms": 100 })).await?.expect(200);
    eventually(&format!("the task in {language} is overdue"), SOON, || async {
        let task: Value =
            ask(host, &id, "get_task", Value::Null).await.map_err(|error| error.to_string())?.json();
        if task["status"] == "overdue" { Ok(()) } else { Err(task.to_string()) }
    })
    .await?;
    eventually(&format!("the chat has a note of the task in {language}"), SOON, || async {
        let reply = host.call_json("chat", &user, "get_history", &Value::Null).await;
        let history: Value = reply.map_err(|error| error.to_string())?.json();
        let notes = history.as_array().into_iter().flatten().filter(|message| message["role"] == "note");
        if notes.count() == 1 { Ok(()) } else { Err(history.to_string()) }
    })
    .await?;

    let done: Value = ask(host, &id, "update_status", json!({ "status": "done" })).await?.expect(200).json();
    let history: Vec<(&Value, &Value)> = done["history"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|change| (&change["status"], &change["by"]))
        .collect();
    let expected = [(json!("overdue"), json!("reminder deadline")), (json!("done"), json!("client"))];
    assert_eq!(history, expected.iter().map(|(status, by)| (status, by)).collect::<Vec<_>>(), "{language}");
    ask(host, &id, "set_deadline_reminder", json!({ "in_ms": 1000 }))
        .await?
        .refused(412, "failed-precondition");
    Ok(())
}
