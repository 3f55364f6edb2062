//! Waiting for something to become true without guessing how long it takes.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

/// How long a test waits for what should happen at once on an idle machine.
pub const SOON: Duration = Duration::from_secs(20);

const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Looks again and again until there is a value, and fails when `deadline` passes without one.
/// `Err` is what was seen instead, for the message.
pub async fn eventually<T, Seen, Look, Looking>(
    what: &str,
    deadline: Duration,
    mut look: Look,
) -> anyhow::Result<T>
where
    Seen: Debug,
    Look: FnMut() -> Looking,
    Looking: Future<Output = Result<T, Seen>>,
{
    let begun = Instant::now();
    loop {
        let seen = match look().await {
            Ok(value) => return Ok(value),
            Err(seen) => seen,
        };
        if begun.elapsed() > deadline {
            anyhow::bail!("not within {deadline:?}: {what}; last seen: {seen:?}");
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}
