//! What was purged leaves the store in parts, between commits, while everybody else goes on; and so does the room
//! that is free afterwards, or when actors have deleted much.
//!
//! One task removes it, so that no commit ever waits for two parts, and rests after each for as long as that took.
//! Whoever needs a name that is not free yet (a deployment, an actor that was deleted) waits for that task.

use std::sync::Weak;
use std::time::Duration;

use greenroom_core::store::Store;
use greenroom_core::{ActorType, Address, Code, Error};
use tokio::sync::{MutexGuard, watch};
use tokio::time::Instant;

use crate::dispatch::Dispatch;
use crate::patience::within;

/// How soon to try again after the store refused.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How often to look for free room.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// How long a deployment waits for what another type of its name has left.
const DEPLOYMENT_WAITS: Duration = Duration::from_secs(20);

/// See the [module](self).
pub(crate) struct Purges {
    /// Something was purged.
    begun: watch::Sender<()>,
    /// A part of it is gone.
    parts: watch::Sender<()>,
}

impl Default for Purges {
    fn default() -> Self {
        Purges { begun: watch::Sender::new(()), parts: watch::Sender::new(()) }
    }
}

impl Purges {
    /// Tells that there may be something to remove.
    pub(crate) fn begin(&self) {
        self.begun.send_replace(());
    }
}

impl Dispatch {
    async fn until_removed(&self, is_left: impl Fn(&dyn Store) -> bool) {
        let mut parts = self.purges.parts.subscribe();
        while is_left(&*self.store) {
            // It can't fail: the sender is the node's.
            let _ = parts.changed().await;
        }
    }

    /// Waits until an actor that was purged has nothing stored. Cancel safe.
    pub(crate) async fn until_actor_is_removed(&self, address: &Address) {
        self.until_removed(|store| store.is_purging_actor(address)).await;
    }

    /// Waits until nobody else changes what is deployed, and nothing is left of an earlier type of that name; both
    /// stays so as long as what this returns lives. Holds up no other types meanwhile. Cancel safe.
    ///
    /// # Errors
    /// `overloaded` when that takes too long.
    pub(crate) async fn changing_free_name(
        &self,
        actor_type: &ActorType,
    ) -> Result<MutexGuard<'_, ()>, Error> {
        let deadline = Instant::now() + DEPLOYMENT_WAITS;
        loop {
            let changing = self.types.changing().await;
            if !self.store.is_purging_type(actor_type) {
                return Ok(changing);
            }
            drop(changing);
            let removed = self.until_removed(|store| store.is_purging_type(actor_type));
            within(deadline, removed).await.map_err(|_| {
                let text = format!(
                    "what actors of type {actor_type} had stored is still being removed; nothing was deployed, so \
                     try again in a while"
                );
                Error::new(Code::Overloaded, text)
            })?;
        }
    }
}

/// Removes what was purged, also by the process before, as long as the node is there.
pub(crate) async fn run(node: Weak<Dispatch>) {
    let Some(mut begun) = node.upgrade().map(|dispatch| dispatch.purges.begun.subscribe()) else { return };
    loop {
        let Some(dispatch) = node.upgrade() else { return };
        let started = Instant::now();
        begun.mark_unchanged();
        let mut removed = dispatch.store.remove_purged().await;
        dispatch.purges.parts.send_replace(());
        if removed == Ok(false) && !dispatch.is_draining() {
            removed = dispatch.store.give_back().await;
        }
        if let Err(error) = &removed {
            dispatch.notice(error);
            tracing::warn!(%error, "what was purged can't be removed now, or its room given back; trying again");
        }
        drop(dispatch);
        match removed {
            Ok(true) => tokio::time::sleep(started.elapsed()).await,
            Ok(false) => drop(within(Instant::now() + LOOK_EVERY, begun.changed()).await),
            Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
        }
    }
}
