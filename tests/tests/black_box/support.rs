//! What several of the tests do.

use anyhow::Context as _;
use greenroom_tests::client::{Client, encode};
use greenroom_tests::eventually::{SOON, eventually};
pub(crate) use greenroom_tests::guests::variant;
use serde_json::Value;

/// What the API says of a probe actor.
pub(crate) async fn inspect(client: &Client, id: &str) -> anyhow::Result<Value> {
    let reply = client.get(&format!("/v1/actors/probe/{}", encode(id))).await?;
    anyhow::ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
    serde_json::from_slice(&reply.body).context("not JSON")
}

/// Waits until a probe actor is at that point of its lifecycle.
pub(crate) async fn until(client: &Client, id: &str, lifecycle: &str) -> anyhow::Result<()> {
    eventually(&format!("{id} is {lifecycle}"), SOON, || async {
        match inspect(client, id).await {
            Ok(seen) if seen["lifecycle"] == lifecycle => Ok(()),
            Ok(seen) => Err(seen.to_string()),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
}

/// Waits until a probe actor that nothing was stored of has been activated by a message; by then it may
/// be done with that.
pub(crate) async fn until_begun(client: &Client, id: &str) -> anyhow::Result<()> {
    eventually(&format!("{id} has begun"), SOON, || async {
        inspect(client, id).await.map(drop).map_err(|error| error.to_string())
    })
    .await
}

/// Waits until the list of a probe actor is as wanted, and returns it.
pub(crate) async fn until_list(
    client: &Client,
    id: &str,
    what: &str,
    wanted: impl Fn(&[String]) -> bool,
) -> anyhow::Result<Vec<String>> {
    eventually(what, SOON, || async {
        match greenroom_tests::script::list(client, id).await {
            Ok(list) if wanted(&list) => Ok(list),
            Ok(list) => Err(format!("{list:?}")),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
}

/// A value of one probe actor's committed state.
pub(crate) async fn state_value(client: &Client, id: &str, key: &str) -> anyhow::Result<Option<String>> {
    let reply = client.get(&format!("/v1/actors/probe/{}/-/state/{}", encode(id), encode(key))).await?;
    match reply.status {
        200 => Ok(Some(reply.text())),
        404 => Ok(None),
        other => anyhow::bail!("{other} {}", reply.text()),
    }
}
