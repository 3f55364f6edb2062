//! The scheduler: wakes actors for which something stored is due.
//!
//! It only ever hints. What is due, and whether it still is, the actor itself reads from the
//! store; so a hint too many costs a look and nothing else. A hint too few can't happen: every
//! stored message and reminder has a `wake_at`, whoever commits one notes it here, and each pass
//! walks everything that is due. It wakes no faster than actors begin their turns ([`background`](crate::background)).

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use greenroom_core::store::StoreError;
use greenroom_core::{ActorType, Code, FailPoint, Timestamp};
use tokio::sync::Notify;

use crate::dispatch::Dispatch;

/// Actors in one page of a pass: as many as the store looks at in one go.
const PAGE: usize = 1_000;

/// Longest sleep: so soon a change of the wall clock is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// Shortest time between two passes, so that many small notes share one.
const PASS_EVERY: Duration = Duration::from_millis(5);

/// How far the machine's clock may be behind before people hear of it; a leap second is no news.
const BEHIND_TOLD: Duration = Duration::from_secs(10);

/// How long an actor that could not be woken is left alone.
const AGAIN_AFTER_MS: u64 = 250;

/// See the [module](self).
pub(crate) struct Scheduler {
    /// The earliest moment noted since the last pass; `u64::MAX` when there is none.
    noted_ms: AtomicU64,
    noted: Notify,
}

impl Scheduler {
    /// A scheduler whose first pass is due at once.
    pub(crate) fn new() -> Self {
        Scheduler { noted_ms: AtomicU64::new(0), noted: Notify::new() }
    }

    /// Notes that something is to be looked at by `at`.
    pub(crate) fn note(&self, at: Timestamp) {
        if self.noted_ms.fetch_min(at.unix_ms(), Ordering::Relaxed) > at.unix_ms() {
            self.noted.notify_one();
        }
    }

    /// Wakes actors when something of theirs is due, until the node drains.
    pub(crate) async fn run(node: Weak<Dispatch>) {
        let passes = Scheduler::make_passes(node.clone());
        if AssertUnwindSafe(passes).catch_unwind().await.is_err()
            && let Some(dispatch) = node.upgrade()
        {
            // Nothing stored would ever be delivered.
            dispatch.notice(&StoreError::Broken("the scheduler panicked".into()));
        }
    }

    async fn make_passes(node: Weak<Dispatch>) {
        let mut is_behind = false;
        loop {
            let Some(dispatch) = node.upgrade().filter(|dispatch| !dispatch.is_draining()) else { return };
            let scheduler = &dispatch.scheduler;
            let next = scheduler.noted_ms.load(Ordering::Relaxed);
            let now = dispatch.clock.now();
            is_behind = tell_if_set_back(dispatch.clock.wall().until(now), is_behind);
            if next <= now.unix_ms() {
                scheduler.noted_ms.store(u64::MAX, Ordering::Relaxed);
                dispatch.wake_due(now).await;
                tokio::time::sleep(PASS_EVERY).await;
                continue;
            }
            let pause = now.until(Timestamp::from_unix_ms(next)).min(SLEEP_MAX);
            let waiting = scheduler.noted.notified();
            tokio::select! {
                biased;
                () = tokio::time::sleep(pause) => {}
                () = waiting => {}
            }
        }
    }
}

/// Tells people when the machine's clock is behind the host's timeline, if it was not before; whether it is.
fn tell_if_set_back(behind: Duration, was_behind: bool) -> bool {
    let is_behind = behind > BEHIND_TOLD;
    if is_behind && !was_behind {
        tracing::warn!(
            ?behind,
            "the machine's clock was set back; what waits is not held up, but until that clock has caught up \
             the host shows moments that are ahead of it"
        );
    } else if was_behind && !is_behind {
        tracing::info!("the machine's clock has caught up");
    }
    is_behind
}

impl Dispatch {
    /// One pass: hints to every actor for which something is due, then notes what is due next.
    async fn wake_due(self: &std::sync::Arc<Self>, now: Timestamp) {
        let mut last = None;
        // Types whose actors can't be woken now: others do not wait for them.
        let mut stuck: HashSet<ActorType> = HashSet::new();
        loop {
            let page = match self.store.due(now, last.as_ref(), PAGE).await {
                Ok(page) => page,
                Err(error) => return self.could_not_look(&error, now),
            };
            FailPoint::SchedulerPass.reach();
            for due in &page {
                if self.is_draining() {
                    return;
                }
                if stuck.contains(&due.address.actor_type) {
                    continue;
                }
                if let Err(error) = self.wake(&due.address).await {
                    // A type that is not deployed is noted again by its deployment.
                    if error.code != Code::UnknownActorType {
                        self.scheduler.note(now.plus_ms(AGAIN_AFTER_MS));
                    }
                    if error.code == Code::Overloaded {
                        stuck.insert(due.address.actor_type.clone());
                    }
                }
            }
            if page.len() < PAGE {
                break;
            }
            last = page.into_iter().last();
            // Between two pages everybody else has a turn.
            tokio::task::yield_now().await;
        }
        match self.store.next_due(now).await {
            Ok(Some(next)) => self.scheduler.note(next),
            Ok(None) => {}
            Err(error) => self.could_not_look(&error, now),
        }
    }

    fn could_not_look(&self, error: &StoreError, now: Timestamp) {
        // The store closes under the last pass of a node that stops.
        if !self.is_draining() {
            tracing::error!(%error, "the scheduler can't read what is due; it tries again");
            self.scheduler.note(now.plus_ms(AGAIN_AFTER_MS));
        }
    }
}
