//! Speaks to the conformance guest in its own way: a `behavior` is told a script as plain text, a
//! typed method as a JSON string.

use std::sync::Arc;

use greenroom_tests::client::{Reply, encode};
use greenroom_tests::eventually::{SOON, eventually};
use greenroom_tests::host::Host;
use greenroom_tests::languages::Language;
use http::Method;
use serde_json::{Value, json};

/// A client that knows how one guest is spoken to. Each point has one, and actors of its own.
#[derive(Clone)]
pub(crate) struct Speaker {
    host: Arc<Host>,
    language: &'static Language,
    point: &'static str,
}

impl Speaker {
    /// What the guest is deployed as.
    pub(crate) const TYPE: &'static str = "conformance";

    pub(crate) fn new(host: &Arc<Host>, language: &'static Language, point: &'static str) -> Self {
        Speaker { host: Arc::clone(host), language, point }
    }

    pub(crate) fn language(&self) -> &'static Language {
        self.language
    }

    /// The id of the point's actor of that name; begins with the name.
    pub(crate) fn id(&self, name: &str) -> String {
        format!("{name}-{}", self.point)
    }

    /// The body that tells the guest a script.
    pub(crate) fn body(&self, script: &str) -> String {
        if self.language.is_typed() { json!(script).to_string() } else { script.to_owned() }
    }

    /// What the guest said, from the body in which it said it.
    pub(crate) fn said(&self, body: &str) -> String {
        let text = || serde_json::from_str::<String>(body).ok();
        if self.language.is_typed() { text().unwrap_or_else(|| body.to_owned()) } else { body.to_owned() }
    }

    /// The words `TYPE ID run SCRIPT` of a command that goes to the point's actor of that name.
    pub(crate) fn run_at(&self, name: &str, script: &str) -> String {
        format!("{} {} run {}", Self::TYPE, self.id(name), self.body(script))
    }

    /// Any method of the point's actor of that name.
    pub(crate) async fn ask(&self, name: &str, method: &str, body: &str) -> anyhow::Result<Reply> {
        self.host.call(Self::TYPE, &self.id(name), method, body.to_owned()).await
    }

    /// The same with a body of any kind.
    pub(crate) async fn ask_as(
        &self,
        name: &str,
        method: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Reply> {
        let path = format!("{}/{method}", self.path(name));
        self.host.send_request(Method::POST, &path, &[("content-type", content_type)], body).await
    }

    /// A script that may fail.
    pub(crate) async fn attempt(&self, name: &str, script: &str) -> anyhow::Result<Reply> {
        self.ask(name, "run", &self.body(script)).await
    }

    /// A script that must succeed: the results, one for each line.
    pub(crate) async fn run(&self, name: &str, script: &str) -> anyhow::Result<Vec<String>> {
        let reply = self.attempt(name, script).await?;
        anyhow::ensure!([200, 204].contains(&reply.status), "{script}: {} {}", reply.status, reply.text());
        let results: Vec<String> = self.said(&reply.text()).split('\n').map(str::to_owned).collect();
        anyhow::ensure!(results.len() == script.split('\n').count(), "{script}: {results:?}");
        Ok(results)
    }

    /// A script of one line that must succeed; its result may have line breaks of its own.
    pub(crate) async fn one(&self, name: &str, line: &str) -> anyhow::Result<String> {
        let reply = self.attempt(name, line).await?;
        anyhow::ensure!([200, 204].contains(&reply.status), "{line}: {} {}", reply.status, reply.text());
        Ok(self.said(&reply.text()))
    }

    /// What a line that asks another actor to run a script brought.
    pub(crate) async fn called(&self, name: &str, line: &str) -> anyhow::Result<String> {
        let result = self.one(name, line).await?;
        let reply = result.strip_prefix("reply ");
        Ok(reply.map_or_else(|| result.clone(), |body| format!("reply {}", self.said(body))))
    }

    /// Sends a script.
    pub(crate) async fn tell(&self, name: &str, script: &str, delay: Option<&str>) -> anyhow::Result<Reply> {
        self.host.tell(Self::TYPE, &self.id(name), "run", delay, self.body(script)).await
    }

    /// Lets go of an actor.
    pub(crate) async fn deactivate(&self, name: &str) -> anyhow::Result<()> {
        self.host.post(&format!("{}/-/deactivate", self.path(name)), "").await?.expect(204);
        Ok(())
    }

    /// Writes one key of an actor from outside.
    pub(crate) async fn repair(&self, name: &str, key: &str, value: &str) -> anyhow::Result<()> {
        self.host.put(&format!("{}/-/state/{key}", self.path(name)), value.to_owned()).await?.expect(204);
        Ok(())
    }

    /// What is committed under one key.
    pub(crate) async fn committed(&self, name: &str, key: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let reply = self.host.get(&format!("{}/-/state/{}", self.path(name), encode(key))).await?;
        match reply.status {
            200 => Ok(Some(reply.body.to_vec())),
            404 => Ok(None),
            other => anyhow::bail!("{other} {}", reply.text()),
        }
    }

    /// The same as text.
    pub(crate) async fn committed_text(&self, name: &str, key: &str) -> anyhow::Result<Option<String>> {
        let value = self.committed(name, key).await?;
        Ok(value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Waits until what is committed under the key is as wanted.
    pub(crate) async fn until(
        &self,
        name: &str,
        key: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> anyhow::Result<String> {
        eventually(&format!("{key} of {name}"), SOON, || async {
            match self.committed_text(name, key).await {
                Ok(Some(value)) if wanted(&value) => Ok(value),
                other => Err(other),
            }
        })
        .await
    }

    /// The line of the host's log that has these words.
    pub(crate) async fn logged(&self, words: &str) -> anyhow::Result<String> {
        eventually(&format!("{words:?} in the log"), SOON, || async {
            self.host.log().lines().find(|line| line.contains(words)).map(str::to_owned).ok_or(())
        })
        .await
    }

    /// What the API says of an actor.
    pub(crate) async fn inspect(&self, name: &str) -> anyhow::Result<Value> {
        let reply = self.host.get(&self.path(name)).await?;
        anyhow::ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
        Ok(serde_json::from_slice(&reply.body)?)
    }

    fn path(&self, name: &str) -> String {
        format!("/v1/actors/{}/{}", Self::TYPE, encode(&self.id(name)))
    }
}
