//! A storm of reminders: ten thousand that come due in one moment, also one that passed while the host
//! was down. Each fires once, clients keep their share meanwhile, and the host keeps to its memory.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use greenroom_tests::attack::while_under_attack;
use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::eventually::eventually;
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, remind};
use serde_json::{Value, json};

const ACTORS: usize = 1_000;
const REMINDERS: usize = 10;
const AT_ONCE: usize = 64;
/// What a thousand activations may add to the host.
const MEMORY_BYTES: u64 = 512 << 20;
/// How long ten thousand turns may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(2);

fn actors() -> impl Iterator<Item = String> {
    (0..ACTORS).map(|number| format!("sleeper-{number}"))
}

/// Sets every actor's reminders for the same moment.
async fn set_all(client: &Client, due: SystemTime) -> anyhow::Result<()> {
    let set = |id: String| async move {
        let left = due.duration_since(SystemTime::now()).unwrap_or_default();
        let schedule = json!({ "delay_ms": left.as_millis() as u64 });
        let reminders =
            (0..REMINDERS).map(|number| remind(&number.to_string(), &schedule, &number.to_string()));
        script::results(client, &id, Value::Array(reminders.collect())).await.map(drop)
    };
    stream::iter(actors().map(set)).buffer_unordered(AT_ONCE).try_collect().await
}

/// Waits until every reminder has fired, and sees that none fired twice.
async fn all_fired_once(client: &Client) -> anyhow::Result<()> {
    let fired = |id: String| async move {
        let what = format!("every reminder of {id} has fired");
        let list = eventually(&what, PATIENCE, || async {
            match script::list(client, &id).await {
                Ok(list) if list.len() >= REMINDERS => Ok(list),
                Ok(list) => Err(format!("{list:?}")),
                Err(error) => Err(error.to_string()),
            }
        });
        let list = list.await?;
        let each: BTreeSet<_> = list.iter().collect();
        anyhow::ensure!(list.len() == REMINDERS && each.len() == REMINDERS, "{id} has {list:?}");
        Ok(())
    };
    // One after the other: who looks must not be the storm.
    for id in actors() {
        fired(id).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn reminders_of_one_moment_fire_once_each_and_hold_nobody_up() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    let client = (*host).clone();
    let begun = Instant::now();
    set_all(&client, SystemTime::now() + Duration::from_hours(1)).await?;
    let due = SystemTime::now() + begun.elapsed() * 2;
    while_under_attack(&mut host, "ten thousand reminders at once", MEMORY_BYTES, async {
        // Set anew, and to fire: each replaces one that would not have.
        set_all(&client, due).await?;
        all_fired_once(&client).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn reminders_that_came_due_while_the_host_was_down_fire_once_each() -> anyhow::Result<()> {
    let mut host = Host::with_probe(Settings::default()).await?;
    let client = (*host).clone();
    let begun = Instant::now();
    set_all(&client, SystemTime::now() + Duration::from_hours(1)).await?;
    let due = SystemTime::now() + begun.elapsed() * 2;
    set_all(&client, due).await?;
    host.kill().await?;
    tokio::time::sleep(due.duration_since(SystemTime::now()).unwrap_or_default()).await;
    host.restart().await?;
    let client = (*host).clone();
    while_under_attack(
        &mut host,
        "ten thousand reminders after downtime",
        MEMORY_BYTES,
        all_fired_once(&client),
    )
    .await?;
    // Killed again, what fired before fires no second time.
    host.kill().await?;
    host.restart().await?;
    all_fired_once(&host).await
}
