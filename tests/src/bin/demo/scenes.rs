//! The scenes in which nothing goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use greenroom_tests::client::Client;
use greenroom_tests::eventually::eventually;
use greenroom_tests::host::Host;
use greenroom_tests::statistics::{Latencies, shown};
use serde_json::{Value, json};

use crate::account::{Account, Progress, say};
use crate::users::{self, Task, ask};

/// Does something for each user, so many at once, and tells how long each took.
async fn for_each_user<Work, Working>(
    users: usize,
    concurrency: usize,
    progress: Progress,
    work: Work,
) -> anyhow::Result<Latencies>
where
    Work: Fn(usize) -> Working + Clone + Send + 'static,
    Working: Future<Output = anyhow::Result<()>> + Send,
{
    let (next, progress) = (Arc::new(AtomicUsize::new(0)), Arc::new(progress));
    let workers = (0..concurrency.max(1)).map(|_| {
        let (next, progress, work) = (Arc::clone(&next), Arc::clone(&progress), work.clone());
        tokio::spawn(async move {
            let mut took = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= users {
                    return anyhow::Ok(took);
                }
                let begun = Instant::now();
                work(number).await?;
                took.push(begun.elapsed());
                progress.advance();
            }
        })
    });
    let mut all = Vec::new();
    for worker in futures::future::join_all(workers).await {
        all.extend(worker??);
    }
    Ok(all.into())
}

/// Each user's chat and task are made by being used, and updated, all at once.
pub(crate) async fn many_users(
    account: &Account,
    host: &Host,
    users: usize,
    concurrency: usize,
) -> anyhow::Result<()> {
    const REQUESTS_OF_A_DAY: usize = 4;
    account.scene(&format!("{users} users arrive, each with a chat and a task"));
    let before = host.memory()?;
    let begun = Instant::now();
    let client: Client = (**host).clone();
    let days = for_each_user(users, concurrency, Progress::of("users", users), move |number| {
        let client = client.clone();
        async move { users::begin_day(&client, number).await }
    })
    .await?;
    let took = begun.elapsed();
    let requests = users * REQUESTS_OF_A_DAY;
    say(&format!(
        "{requests} requests in {}: {:.0} a second, each stored on disk before its reply",
        shown(took),
        requests as f64 / took.as_secs_f64()
    ));
    let per_request = |percent| shown(days.percentile(percent) / REQUESTS_OF_A_DAY as u32);
    say(&format!(
        "a request took {} (p50) to {} (p99), {concurrency} at once",
        per_request(50.0),
        per_request(99.0)
    ));
    let (after, active) = (host.memory()?, active_actors(host).await?);
    say(&format!(
        "{active} actors in memory; the host has grown from {} to {} MiB",
        before.resident >> 20,
        after.resident >> 20
    ));

    let client: Client = (**host).clone();
    for_each_user(users, concurrency, Progress::of("looked after", users), move |number| {
        let client = client.clone();
        async move { users::day_has_begun(&client, number).await }
    })
    .await?;
    account.holds(&format!("all {users} chats and tasks hold exactly what was asked of them"));
    Ok(())
}

async fn active_actors(host: &Host) -> anyhow::Result<u64> {
    let mut active = 0;
    for name in ["task", "chat"] {
        let known: Value = serde_json::from_slice(&host.get(&format!("/v1/actor-types/{name}")).await?.body)?;
        active += known["active_actors"].as_u64().unwrap_or_default();
    }
    Ok(active)
}

/// Two requests race for one task: they take effect one after the other, and everybody sees the
/// same order.
pub(crate) async fn races(account: &Account, host: &Host) -> anyhow::Result<()> {
    const RACES: usize = 100;
    account.scene("Two users race to update one task");
    let mut done_came_first = 0;
    for race in 0..RACES {
        let id = format!("raced-{race}");
        let update = |status: &str| ask::<Task>(host, "task", &id, "update_status", json!(status));
        let (done, cancelled) = tokio::try_join!(update("done"), update("cancelled"))?;
        let last = users::get_task(host, &id).await?;
        let order: Vec<&str> = last.history.iter().map(|change| change.status.as_str()).collect();
        let (first, second) = if done.history.len() == 1 { (&done, &cancelled) } else { (&cancelled, &done) };
        ensure!(
            (first.history.len(), second.history.len(), last.history.len()) == (1, 2, 2),
            "{id}: one request must see the other's effect and not the other way round: {first:?} {second:?}"
        );
        ensure!(order == [first.status.as_str(), second.status.as_str()], "{id}: {order:?}");
        ensure!(last.status == second.status, "{id}: the later one stands: {last:?}");
        done_came_first += usize::from(done.history.len() == 1);
    }
    account.holds("each of 100 races ended in one order that both requests agree on");
    say(&format!("done came before cancelled in {done_came_first} of {RACES}"));

    for status in ["\"done\"", "\"cancelled\""] {
        let reply = host.tell("task", "handed-in", "update_status", None, status).await?;
        ensure!(reply.status == 202, "expected 202, found {} {}", reply.status, reply.text());
    }
    let last = eventually("both updates", Duration::from_secs(30), || async {
        match users::get_task(host, "handed-in").await {
            Ok(task) if task.history.len() == 2 => Ok(task),
            other => Err(other),
        }
    })
    .await?;
    let order: Vec<&str> = last.history.iter().map(|change| change.status.as_str()).collect();
    account.check(
        "`done`, then `cancelled`, handed in for later, take effect as they arrived",
        &["done", "cancelled"][..],
        &order[..],
    )
}

/// Three messages without waiting for any answer.
pub(crate) async fn three_messages(account: &Account, host: &Host) -> anyhow::Result<()> {
    account.scene("Alice sends three messages and waits for no answer");
    let messages = ["First of all, hello", "Second, I have a question", "Third, never mind"];
    let begun = Instant::now();
    for message in messages {
        let body = json!(message).to_string();
        let reply = host.tell("chat", "alice", "process_message", None, body).await?;
        ensure!(reply.status == 202, "expected 202, found {} {}", reply.status, reply.text());
    }
    say(&format!("all three were stored within {}", shown(begun.elapsed())));
    let history = eventually("three answers", Duration::from_secs(30), || async {
        match users::get_history(host, "alice").await {
            Ok(history) if history.len() >= 6 => Ok(history),
            other => Err(other),
        }
    })
    .await?;
    let sequences: Vec<u64> = history.iter().map(|spoken| spoken.sequence).collect();
    account.check(
        "she finds them in order",
        &messages.map(str::to_owned)[..],
        &users::said_by_user(&history)[..],
    )?;
    account.check("each with its answer", &[1, 2, 3, 4, 5, 6][..], &sequences[..])
}

/// Nobody asks for a while, so the actor leaves memory; then somebody asks.
pub(crate) async fn an_idle_actor_returns(account: &Account, host: &Host) -> anyhow::Result<()> {
    account.scene("Alice goes for lunch, and her chat leaves memory");
    eventually("the chat is dormant", Duration::from_mins(1), || async {
        match host.get("/v1/actors/chat/alice").await.map(|reply| reply.json::<Value>()) {
            Ok(seen) if seen["lifecycle"] == "dormant" => Ok(()),
            other => Err(other),
        }
    })
    .await?;
    let begun = Instant::now();
    let history = users::get_history(host, "alice").await?;
    account.check("when she returns, her conversation is there", &6, &history.len())?;
    say(&format!("bringing it back took {}", shown(begun.elapsed())));
    Ok(())
}
