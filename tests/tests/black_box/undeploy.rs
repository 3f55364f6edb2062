//! An actor type is undeployed with all that its actors have, while they are at work: whoever waits hears
//! so, and what is deployed anew under that name begins from nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use greenroom_tests::client::Client;
use greenroom_tests::config::Settings;
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use greenroom_tests::script::{self, fill, remind, simply};
use serde_json::json;

use crate::crash_image::check_database;
use crate::support::until_begun;

const CLIENTS: usize = 8;
const ACTORS: usize = 3;
const PURGES: usize = 12;

/// One append that is over. A purge counts as begun when it is asked for, and as done when it is answered.
struct Append {
    token: String,
    actor: usize,
    /// Purges that were done when it was asked for.
    done_before: usize,
    /// Purges that had begun when it was answered.
    begun_after: usize,
    /// The list with it, if that was the answer.
    list: Option<Vec<String>>,
}

#[derive(Default)]
struct Purges {
    begun: AtomicUsize,
    done: AtomicUsize,
    are_over: AtomicBool,
}

/// Appends until there are no more purges.
async fn appends(http: Client, purges: Arc<Purges>, client: usize) -> anyhow::Result<Vec<Append>> {
    let mut over = Vec::new();
    while !purges.are_over.load(Ordering::SeqCst) {
        let (token, actor) = (format!("{client}-{}", over.len()), (client + over.len()) % ACTORS);
        let done_before = purges.done.load(Ordering::SeqCst);
        let reply = http.call("probe", &format!("list-{actor}"), "append", token.clone()).await?;
        let begun_after = purges.begun.load(Ordering::SeqCst);
        let list = if reply.status == 200 {
            Some(reply.text().lines().map(str::to_owned).collect())
        } else {
            reply.refused(404, "unknown-actor-type");
            None
        };
        over.push(Append { token, actor, done_before, begun_after, list });
    }
    Ok(over)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_purged_under_load_comes_back_with_nothing() -> anyhow::Result<()> {
    let patient = Settings::default().limit("turn_cpu", "60s").limit("turn_timeout", "60s");
    let mut host = Host::with_probe(patient).await?;
    let probe = guests::component("probe")?;
    let purges = Arc::new(Purges::default());
    let clients: Vec<_> =
        (0..CLIENTS).map(|client| tokio::spawn(appends(host.clone(), Arc::clone(&purges), client))).collect();
    for _ in 0..PURGES {
        // A guest that never answers, a reminder, and messages that wait.
        let http = host.clone();
        let spinning =
            tokio::spawn(async move { script::run(&http, "spinner", json!([simply("spin")])).await });
        until_begun(&host, "spinner").await?;
        let soon = json!({ "delay_ms": 1_500 });
        script::results(&host, "list-0", json!([remind("alarm", &soon, "from-a-reminder")])).await?;
        host.tell("probe", "list-1", "append", Some("PT1.5S"), "from-a-message").await?.expect(202);

        purges.begun.fetch_add(1, Ordering::SeqCst);
        let asked = Instant::now();
        host.delete("/v1/actor-types/probe?purge=true").await?.expect(204);
        assert!(asked.elapsed() < Duration::from_secs(30), "it waited for the guest that never answers");
        spinning.await??.refused(404, "unknown-actor-type");
        purges.done.fetch_add(1, Ordering::SeqCst);
        host.deploy("probe", probe.clone()).await?.expect(201);
    }
    purges.are_over.store(true, Ordering::SeqCst);
    let mut over = Vec::new();
    for client in clients {
        over.extend(client.await??);
    }
    judge(&over);

    // The end of the history is what is there, now, when what was to come has not, and after a crash.
    let longest = |actor| {
        let lists = over.iter().filter(|append| append.actor == actor && append.done_before == PURGES);
        lists.filter_map(|append| append.list.clone()).max_by_key(Vec::len)
    };
    tokio::time::sleep(Duration::from_secs(2)).await;
    for restarts in 0..2 {
        for actor in 0..ACTORS {
            let list = script::list(&host, &format!("list-{actor}")).await?;
            assert!(!list.iter().any(|line| line.starts_with("from-")), "{list:?}");
            if let Some(longest) = longest(actor) {
                assert!(list.starts_with(&longest), "list-{actor} has {list:?} and not {longest:?}");
            }
        }
        if restarts == 0 {
            host.kill().await?;
            host.restart().await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_goes_on_where_a_host_has_died() -> anyhow::Result<()> {
    let armed = Settings::default().fail_points("purge::written=abort@2");
    let folder = tempfile::tempdir()?;
    let mut host = Host::at(folder.path(), armed).await?;
    host.deploy("probe", guests::component("probe")?).await?.expect(201);
    for turn in 0..3 {
        // More than two parts remove.
        let fills: Vec<_> = (0..10).map(|key| fill(&format!("{turn}-{key}"), 1 << 20)).collect();
        script::results(&host, "large", json!(fills)).await?;
    }
    // It may die before it answers.
    drop(host.delete("/v1/actor-types/probe?purge=true").await);
    host.ended().await?;
    host.restart_with(Settings::default()).await?;
    host.get("/v1/actors/probe/large").await?.refused(404, "unknown-actor-type");

    host.deploy("probe", guests::component("probe")?).await?.expect(201);
    host.get("/v1/actors/probe/large").await?.refused(404, "unknown-actor");
    let keys = json!([{ "op": "keys", "prefix": "", "after": null, "limit": 10 }]);
    assert_eq!(script::results(&host, "large", keys).await?, [json!([])]);
    host.terminate().await?;
    check_database(&host.data()).await
}

/// Nobody saw what was over before a purge, after it, nor ever what was refused.
fn judge(over: &[Append]) {
    let by_token: BTreeMap<&str, &Append> = over.iter().map(|append| (&*append.token, append)).collect();
    let acknowledged = over.iter().filter(|append| append.list.is_some()).count();
    let cut_off = over.len() - acknowledged;
    assert!(acknowledged > 0 && cut_off > 0, "{acknowledged} were acknowledged, and {cut_off} refused");
    for seer in over {
        let Some(list) = &seer.list else { continue };
        assert_eq!(list.last(), Some(&seer.token), "the reply shows the turn's own write");
        let once: BTreeSet<&String> = list.iter().collect();
        assert_eq!(once.len(), list.len(), "a token is there twice: {list:?}");
        for token in list {
            let seen = by_token[&**token];
            assert!(seen.list.is_some(), "{token} was refused, and {} saw it", seer.token);
            assert!(
                seen.begun_after >= seer.done_before,
                "{token} was over after {} purges, and {} saw it after {}",
                seen.begun_after,
                seer.token,
                seer.done_before
            );
        }
    }
}
