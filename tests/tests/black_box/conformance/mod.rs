//! One scenario for every language: everything in the WIT and every promise that a guest can see,
//! driven by scripts (`tests/guests/README.md`). A guest that is not built fails, and says how to
//! build it.

mod ends;
mod lifecycle;
mod message;
mod messaging;
mod methods;
mod point;
mod scheduled;
mod speaker;
mod state;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use anyhow::Context as _;
use futures::FutureExt as _;
use futures::future::join_all;
use greenroom_tests::config::Settings;
use greenroom_tests::host::Host;
use greenroom_tests::languages::{LANGUAGES, language};

use self::point::{Point, points};
use self::speaker::Speaker;

/// Short enough that a limit is met soon, long enough for every language on a busy machine.
fn settings() -> Settings {
    Settings::default()
        .limit("turn_cpu", "1s")
        .limit("sandbox_memory_bytes", "64 MiB")
        .limit("retry_backoff", "50ms")
        .limit("mailbox_capacity", "16")
}

/// Every point, in the order of the WIT.
fn scenario() -> Vec<Point> {
    [
        state::POINTS,
        messaging::POINTS,
        scheduled::POINTS,
        message::POINTS,
        lifecycle::POINTS,
        ends::POINTS,
        methods::POINTS,
    ]
    .concat()
}

/// Deploys the guest of that language on a host of its own and holds it to every point.
async fn conform(key: &str) -> anyhow::Result<()> {
    let language = language(key)?;
    let host = Arc::new(Host::sharing_code(settings()).await?);
    host.deploy(Speaker::TYPE, language.component()?).await?.expect(201);
    let points = scenario();
    let outcomes = join_all(points.iter().map(async |point| {
        let speaker = Speaker::new(&host, language, point.name);
        match AssertUnwindSafe((point.check)(speaker)).catch_unwind().await {
            Ok(outcome) => outcome.with_context(|| format!("{key}: {}", point.name)).err(),
            Err(_) => Some(anyhow::anyhow!("{key}: {} (its message is above)", point.name)),
        }
    }))
    .await;
    let failed: Vec<String> = outcomes.into_iter().flatten().map(|error| format!("{error:#}")).collect();
    assert!(failed.is_empty(), "{} of {} points failed:\n{}", failed.len(), points.len(), failed.join("\n"));
    Ok(())
}

macro_rules! languages {
    ($($key:ident)*) => {
        const TESTED: &[&str] = &[$(stringify!($key)),*];

        $(#[tokio::test(flavor = "multi_thread")]
        async fn $key() -> anyhow::Result<()> {
            conform(stringify!($key)).await
        })*
    };
}

languages! {
    rust
    python
    python_behavior
    python_typed
    typescript
    typescript_behavior
    typescript_typed
    go
    c
    c_behavior
    c_typed
}

#[test]
fn every_language_of_the_table_is_tested() {
    let table: BTreeSet<&str> = LANGUAGES.iter().map(|language| language.key).collect();
    assert_eq!(table, TESTED.iter().copied().collect());
}
