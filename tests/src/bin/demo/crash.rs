//! The scene in which the machine seems to lose power: the host is killed under load, and nothing
//! that was acknowledged is lost or doubled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use greenroom_tests::checker;
use greenroom_tests::client::Client;
use greenroom_tests::eventually::eventually;
use greenroom_tests::history::History;
use greenroom_tests::host::Host;
use greenroom_tests::statistics::shown;
use serde_json::{Value, json};

use crate::account::{Account, say};
use crate::users::{self, Spoken, Task, ask};

/// Users who talk while the host is killed.
const TALKERS: usize = 128;
/// A chat keeps its last 50 messages, two for each that a user says.
const WORDS_MAX: usize = 24;
/// The host is killed when so many of all messages are acknowledged.
const UNTIL_THE_KILL: usize = TALKERS * WORDS_MAX / 3;
/// Long enough that the host is dead and back before.
const DEADLINE_MS: u64 = 4_000;

pub(crate) async fn killed_under_load(
    account: &Account,
    host: &mut Host,
    users: usize,
) -> anyhow::Result<()> {
    account.scene("A deadline is set, and the host is killed in the middle of load");
    let created = json!({ "title": "Write the report", "assignee": "alice" });
    let _: Task = ask(host, "task", "report", "create", created).await?;
    let deadline = json!({ "in_ms": DEADLINE_MS });
    let _: Task = ask(host, "task", "report", "set_deadline_reminder", deadline).await?;

    let histories: Vec<Arc<History>> = (0..TALKERS).map(|_| Arc::default()).collect();
    let talkers: Vec<_> = histories
        .iter()
        .enumerate()
        .map(|(talker, history)| tokio::spawn(talk((**host).clone(), talker, Arc::clone(history))))
        .collect();
    eventually("messages are acknowledged", Duration::from_mins(1), || async {
        let so_far: usize = histories.iter().map(|it| it.acknowledged()).sum();
        if so_far >= UNTIL_THE_KILL { Ok(()) } else { Err(so_far) }
    })
    .await?;
    host.kill().await?;
    for talker in talkers {
        talker.await?;
    }
    let operations: Vec<_> = histories.iter().map(|history| history.operations()).collect();
    let begun: usize = operations.iter().map(Vec::len).sum();
    let acknowledged: usize = histories.iter().map(|it| it.acknowledged()).sum();
    say(&format!("killed with {begun} messages begun, {acknowledged} of them acknowledged"));
    account.check("some were under way", &true, &(acknowledged < TALKERS * WORDS_MAX))?;

    let restarted = Instant::now();
    let starting = host.restart().await?;
    let _: Task = users::get_task(host, "report").await?;
    say(&format!(
        "started again in {}, the first reply after {}",
        shown(starting),
        shown(restarted.elapsed())
    ));

    for (talker, operations) in operations.iter().enumerate() {
        let said = users::said_by_user(&users::get_history(host, &name(talker)).await?);
        checker::check(operations, &said)?;
    }
    account.holds("every acknowledged message is there exactly once, in its order");
    for number in (0..users).step_by((users / 200).max(1)) {
        users::day_has_begun(host, number).await?;
    }
    account.holds("the other users' actors are as they were");
    overdue(account, host).await
}

fn name(talker: usize) -> String {
    format!("talker-{talker}")
}

/// Says one thing after the other until the host is gone.
async fn talk(client: Client, talker: usize, history: Arc<History>) {
    for sequence in 0..WORDS_MAX {
        let text = format!("word {sequence} of {talker}");
        let operation = history.begin(talker, sequence, &text);
        match client.call_json("chat", &name(talker), "process_message", &json!(text)).await {
            Ok(reply) if reply.status == 200 => history.acknowledge(operation, None),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// The reminder that was set before the kill fires after it, once.
async fn overdue(account: &Account, host: &Host) -> anyhow::Result<()> {
    let task = eventually("the task is overdue", Duration::from_mins(1), || async {
        match users::get_task(host, "report").await {
            Ok(task) if task.status == "overdue" => Ok(task),
            other => Err(other),
        }
    })
    .await?;
    let by: Vec<&str> = task.history.iter().map(|change| change.by.as_str()).collect();
    account.check("the deadline of before the kill passes after it", &["reminder deadline"][..], &by[..])?;
    let sequence = task.history.last().map(|change| change.sequence);
    account.check("and it passes once", &Some(1), &sequence)?;

    let is_note = |spoken: &&Spoken| spoken.role == "note";
    let notes = eventually("a note for alice", Duration::from_mins(1), || async {
        match users::get_history(host, "alice").await {
            Ok(history) if history.iter().any(|spoken| is_note(&spoken)) => {
                Ok(history.iter().filter(is_note).count())
            }
            other => Err(other),
        }
    })
    .await?;
    account.check("alice's chat has one note about it", &1, &notes)?;
    let session: Value = ask(host, "chat", "alice", "get_session", Value::Null).await?;
    account.check("and it is her current task", &json!("report"), &session["context"]["current_task"])
}
