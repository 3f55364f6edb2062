//! When a delivery that failed is tried again: after a wait that doubles each time, up to a bound.
//!
//! A process that starts holds what it finds to that bound, too. A retry is planned by a clock that may
//! be set back before it is due, and unlike anything else that is stored it does not say when it was
//! planned; so it would wait until that clock has caught up.

use std::ops::RangeInclusive;
use std::time::Duration;

use greenroom_core::store::{Store, StoreResult};
use greenroom_core::{ActorType, Limits, Timestamp};
use rand::Rng;

/// Times the wait, so that what failed together does not come back together.
const JITTER: RangeInclusive<f64> = 0.8..=1.2;

/// Retries of each kind in one change.
const PAGE: usize = 1_000;

/// How long to wait after the failed delivery number `attempt`.
pub(crate) fn backoff(limits: &Limits, attempt: u32, chance: &mut impl Rng) -> Duration {
    doubled(limits, attempt).mul_f64(chance.random_range(JITTER))
}

fn doubled(limits: &Limits, attempt: u32) -> Duration {
    let doubled = limits.retry_backoff.saturating_mul(1 << (attempt - 1).min(20));
    doubled.min(limits.retry_backoff_max)
}

/// Lets no retry of actors of that type wait for longer from `now` on than one that is planned now. Not for
/// types whose actors are active: they know their reminders.
pub(crate) async fn bound(
    store: &dyn Store,
    actor_type: &ActorType,
    limits: &Limits,
    now: Timestamp,
) -> StoreResult<()> {
    let longest = limits.retry_backoff_max.mul_f64(*JITTER.end());
    let latest = now.plus_ms(u64::try_from(longest.as_millis()).unwrap_or(u64::MAX));
    let mut count = 0;
    loop {
        match store.bound_retries(actor_type, latest, PAGE).await? {
            0 => break,
            some => count += some,
        }
    }
    if count > 0 {
        tracing::info!(
            %actor_type, count,
            "retries were planned for later than retry_backoff_max_ms allows, by a clock that was ahead or by \
             earlier settings; they are brought forward"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_doubles_up_to_its_bound() {
        let limits = Limits {
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            ..Limits::default()
        };
        for (attempt, expected_ms) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (60, 1_000)] {
            assert_eq!(doubled(&limits, attempt).as_millis(), expected_ms, "{attempt}");
        }
    }
}
