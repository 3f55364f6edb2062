//! Which actors are woken for what they have stored and have not begun their turn: only so many at a time, of which no
//! type has all.
//!
//! A type whose actors can't begin, because all of its sandboxes are at work for long, keeps its own actors waiting and
//! nobody else's: it has three quarters of what is left at most.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::ActorType;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::patience::within;

/// Actors that are woken at once. That keeps the store's readers and all processors busy.
const WOKEN_MAX: usize = 64;

/// How many places a type may have for each one that is free.
const PER_FREE: usize = 3;

/// How long to wait for a place. Actors that can begin at all begin within milliseconds.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// See the [module](self). Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Wakings(Arc<Shared>);

#[derive(Default)]
struct Shared {
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_type: HashMap<ActorType, usize, ahash::RandomState>,
}

/// An actor that was woken and has not begun its turn; over when dropped.
pub(crate) struct Woken {
    wakings: Wakings,
    actor_type: ActorType,
}

impl Wakings {
    /// The right to wake one more actor of that type, if there is one now.
    pub(crate) fn try_take(&self, actor_type: &ActorType) -> Option<Woken> {
        let mut taken = self.0.taken.lock();
        let free = WOKEN_MAX - taken.all;
        let own = taken.by_type.get(actor_type).copied().unwrap_or(0);
        if own >= free * PER_FREE {
            return None;
        }
        taken.all += 1;
        *taken.by_type.entry(actor_type.clone()).or_default() += 1;
        Some(Woken { wakings: self.clone(), actor_type: actor_type.clone() })
    }

    /// Waits a moment for the right to wake one more actor of that type; `None` when its actors do not get to begin.
    /// For one that waits at a time. Cancel safe.
    pub(crate) async fn take(&self, actor_type: &ActorType) -> Option<Woken> {
        let until = Instant::now() + WAIT_MAX;
        loop {
            if let Some(woken) = self.try_take(actor_type) {
                return Some(woken);
            }
            within(until, self.0.freed.notified()).await.ok()?;
        }
    }

    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.0.taken.lock().all
    }
}

impl Drop for Woken {
    fn drop(&mut self) {
        let shared = &self.wakings.0;
        {
            let mut taken = shared.taken.lock();
            taken.all -= 1;
            if let Some(own) = taken.by_type.get_mut(&self.actor_type) {
                *own -= 1;
                if *own == 0 {
                    taken.by_type.remove(&self.actor_type);
                }
            }
        }
        shared.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ActorType {
        ActorType::new(text).unwrap()
    }

    fn all(wakings: &Wakings, actor_type: &str) -> Vec<Woken> {
        let actor_type = name(actor_type);
        std::iter::from_fn(|| wakings.try_take(&actor_type)).collect()
    }

    #[test]
    fn a_type_leaves_a_quarter_of_what_there_is_to_others() {
        let wakings = Wakings::default();
        let first = all(&wakings, "a");
        assert_eq!(first.len(), WOKEN_MAX / 4 * 3);
        let second = all(&wakings, "b");
        assert_eq!(second.len(), WOKEN_MAX / 16 * 3);
        assert!(wakings.try_take(&name("c")).is_some());
        drop((first, second));
        assert_eq!((wakings.taken(), wakings.0.taken.lock().by_type.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_has_the_place_of_the_first_that_begins() {
        let wakings = Wakings::default();
        let (own, mut woken) = (name("a"), all(&wakings, "a"));
        let begins = async {
            tokio::time::sleep(WAIT_MAX / 2).await;
            woken.pop();
        };
        let (taken, ()) = tokio::join!(wakings.take(&own), begins);
        assert!(taken.is_some());
        assert!(wakings.take(&own).await.is_none(), "nobody begins");
    }
}
