//! What must be true once everything has arrived, whatever has crashed meanwhile.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use super::{DOOMED, Doomed, SENDERS, SPARE, Seen, Tokens, Versions, locked};
use crate::checker;
use crate::client::Client;
use crate::eventually::eventually;
use crate::guests;
use crate::history::History;
use crate::script;

/// How long it may take until everything has arrived; a retry after a crash waits up to a second.
const SETTLED: Duration = Duration::from_secs(20);
/// Of actors that had one message, so many are looked at.
const BRIEF_LOOKED_AT: usize = 25;

impl Seen {
    /// How much was acknowledged.
    pub fn acknowledged(&self) -> usize {
        let tokens = [&self.told, &self.sent, &self.armed, &self.poisoned, &self.brief];
        let tokens = tokens.map(|tokens| locked(tokens).acknowledged.len());
        tokens.iter().sum::<usize>() + self.called.acknowledged() + self.keyed.acknowledged()
    }

    /// Whether all that was acknowledged is there once, and all else at most once, in order.
    ///
    /// # Errors
    /// What is lost, doubled, out of order or otherwise wrong.
    pub async fn judge(&self, host: &Client) -> anyhow::Result<()> {
        judge_history("called", &self.called, host).await?;
        judge_history("keyed", &self.keyed, host).await?;
        let asked = self.keyed.operations().len();
        ensure!(self.keyed.acknowledged() == asked, "who repeats until answered has an answer");

        self.judge_told(host).await?;
        self.judge_sent(host).await?;
        let armed = kept(host, "alarm", "armed-", &self.armed).await?;
        arrived(host, "alarm", &armed).await?;
        self.judge_poisoned(host).await?;
        let met: Vec<_> =
            locked(&self.brief).acknowledged.iter().rev().take(BRIEF_LOOKED_AT).cloned().collect();
        for id in met {
            let list = script::list(host, &id).await?;
            ensure!(list == ["here"], "{id}: {list:?}");
        }
        self.judge_versions(host).await?;
        self.judge_doomed(host).await
    }

    async fn judge_told(&self, host: &Client) -> anyhow::Result<()> {
        let (begun, acknowledged) = {
            let told = locked(&self.told);
            (told.begun.clone(), told.acknowledged.clone())
        };
        let list = until("every acknowledged message", async || {
            let list = set_of(script::list(host, "told").await?)?;
            Ok(if acknowledged.is_subset(&list) { Ok(list) } else { Err(difference(&acknowledged, &list)) })
        })
        .await?;
        ensure!(list.is_subset(&begun), "nobody sent {:?}", difference(&list, &begun));
        Ok(())
    }

    async fn judge_sent(&self, host: &Client) -> anyhow::Result<()> {
        let mut sent = BTreeSet::new();
        for sender in 0..SENDERS {
            sent.extend(tokens_of(host, &format!("sender-{sender}"), "sent-").await?);
        }
        complete("sent", &sent, &self.sent)?;
        arrived(host, "later", &sent).await?;
        arrived(host, "receiver", &sent).await?;
        let list = script::list(host, "receiver").await?;
        for sender in 0..SENDERS {
            let of_sender = list.iter().filter(|token| token.starts_with(&format!("{sender}-")));
            ensure!(of_sender.is_sorted(), "the messages of sender {sender} are out of order: {list:?}");
        }
        Ok(())
    }

    async fn judge_poisoned(&self, host: &Client) -> anyhow::Result<()> {
        let poisoned = kept(host, "poisoner", "poisoned-", &self.poisoned).await?;
        let died = until("every dead letter", async || {
            let page: Value = host.get("/v1/dead-letters?limit=1000").await?.expect(200).json();
            let mut words = Vec::new();
            for letter in page["items"].as_array().context("no list")? {
                let text = letter["error"].as_str().unwrap_or_default();
                let token = text.split_whitespace().find(|word| word.starts_with("poison-"));
                words.push(token.with_context(|| format!("whose letter is this? {letter}"))?.to_owned());
            }
            let died = set_of(words)?;
            Ok(if poisoned.is_subset(&died) { Ok(died) } else { Err(difference(&poisoned, &died)) })
        })
        .await?;
        ensure!(died == poisoned, "nobody sent {:?}", difference(&died, &poisoned));
        Ok(())
    }

    /// An upload is there whole or not at all, and so is a change of version.
    async fn judge_versions(&self, host: &Client) -> anyhow::Result<()> {
        let Versions { active, under_way, .. } = *locked(&self.versions);
        if active == 0 {
            return Ok(());
        }
        let known: Value = host.get(&format!("/v1/actor-types/{SPARE}")).await?.expect(200).json();
        let found = known["active_version"].as_u64().unwrap_or_default();
        let may_be = [Some(active), under_way];
        ensure!(
            may_be.iter().flatten().any(|version| u64::from(*version) == found),
            "version {found} is active, and should be {active} or {under_way:?}"
        );
        for version in known["versions"].as_array().context("no versions")? {
            let number = &version["version"];
            let bytes = host.get(&format!("/v1/actor-types/{SPARE}/versions/{number}/component")).await?;
            ensure!(json!(bytes.expect(200).body.len()) == version["size"], "{version}");
        }
        let echoed = host.call_json(SPARE, "a", "truth", &json!(true)).await?;
        ensure!(echoed.status == 200, "{}", echoed.text());
        Ok(())
    }

    /// A type that was asked to go is there with all that its actors have, or is gone with all of it.
    async fn judge_doomed(&self, host: &Client) -> anyhow::Result<()> {
        let Doomed { asked, kept, goes } = locked(&self.doomed).clone();
        let is_there = host.get(&format!("/v1/actor-types/{DOOMED}")).await?.status == 200;
        if !is_there {
            ensure!(kept.is_none() || goes, "nobody asked it to go, and it is gone with {kept:?}");
            // Whatever is left of it would now be its successor's.
            host.deploy(DOOMED, guests::component("probe")?).await?.expect(201);
        }
        let keeper = format!("/v1/actors/{DOOMED}/keeper");
        let state = host.get(&format!("{keeper}/-/state/kept")).await?;
        let state = (state.status == 200).then(|| state.text());
        let reminders = items(host, &format!("{keeper}/-/reminders")).await?;
        let mail = items(host, &format!("/v1/actors/{DOOMED}/receiver/-/mailbox")).await?;
        let whole = usize::from(state.is_some());
        ensure!((reminders, mail) == (whole, whole), "{state:?}, {reminders} reminders, {mail} messages");
        if is_there {
            let may_be = [&asked, &kept].contains(&&state);
            ensure!(may_be && (kept.is_none() || state == kept), "{state:?} of {asked:?}, {kept:?}");
        } else {
            let actors = items(host, &format!("/v1/actors?type={DOOMED}")).await?;
            ensure!(actors == 0 && state.is_none(), "{actors} actors of a type that was gone");
        }
        Ok(())
    }
}

/// How many a list has; none, where there is no such thing.
async fn items(host: &Client, path: &str) -> anyhow::Result<usize> {
    let reply = host.get(path).await?;
    if reply.status == 404 {
        return Ok(0);
    }
    let page: Value = reply.expect(200).json();
    Ok(page["items"].as_array().context("no list")?.len())
}

async fn judge_history(id: &str, history: &History, host: &Client) -> anyhow::Result<()> {
    let list = script::list(host, id).await?;
    checker::check(&history.operations(), &list).with_context(|| format!("the list of {id}"))
}

/// The tokens that turns of an actor have kept under a prefix.
async fn tokens_of(host: &Client, id: &str, prefix: &str) -> anyhow::Result<BTreeSet<String>> {
    let turn = json!([{ "op": "keys", "prefix": prefix, "after": null, "limit": 100_000 }]);
    let seen = script::results(host, id, turn).await?;
    let keys: Vec<String> = serde_json::from_value(seen[0].clone())?;
    Ok(keys.iter().map(|key| key.trim_start_matches(prefix).to_owned()).collect())
}

/// The same, when they are as they should be.
async fn kept(
    host: &Client,
    id: &str,
    prefix: &str,
    tokens: &Mutex<Tokens>,
) -> anyhow::Result<BTreeSet<String>> {
    let kept = tokens_of(host, id, prefix).await?;
    complete(id, &kept, tokens)?;
    Ok(kept)
}

fn complete(what: &str, kept: &BTreeSet<String>, tokens: &Mutex<Tokens>) -> anyhow::Result<()> {
    let tokens = locked(tokens);
    let lost = difference(&tokens.acknowledged, kept);
    ensure!(lost.is_empty(), "{what}: lost though acknowledged: {lost:?}");
    let foreign = difference(kept, &tokens.begun);
    ensure!(foreign.is_empty(), "{what}: nobody asked for {foreign:?}");
    Ok(())
}

/// Waits until the list of an actor has just these tokens, each once.
async fn arrived(host: &Client, id: &str, tokens: &BTreeSet<String>) -> anyhow::Result<()> {
    let list = until(&format!("all that was sent to {id}"), async || {
        let list = set_of(script::list(host, id).await?)?;
        Ok(if tokens.is_subset(&list) { Ok(list) } else { Err(difference(tokens, &list)) })
    })
    .await?;
    ensure!(list == *tokens, "{id}: arrived without having been sent: {:?}", difference(&list, tokens));
    Ok(())
}

/// Looks until there is a value; an error ends the looking at once.
async fn until<T, Missing: Debug>(
    what: &str,
    look: impl AsyncFn() -> anyhow::Result<Result<T, Missing>>,
) -> anyhow::Result<T> {
    let found = eventually(what, SETTLED, || async {
        match look().await {
            Ok(Ok(found)) => Ok(Ok(found)),
            Ok(Err(missing)) => Err(missing),
            Err(wrong) => Ok(Err(wrong)),
        }
    });
    found.await?
}

fn set_of(list: Vec<String>) -> anyhow::Result<BTreeSet<String>> {
    let mut set = BTreeSet::new();
    for token in list {
        if !set.insert(token.clone()) {
            bail!("{token} is there twice");
        }
    }
    Ok(set)
}

fn difference(one: &BTreeSet<String>, other: &BTreeSet<String>) -> Vec<String> {
    one.difference(other).cloned().collect()
}
