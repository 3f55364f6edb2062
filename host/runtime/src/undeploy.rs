//! Undeploying an actor type, so that nothing of it comes back.
//!
//! While a type goes, turns of its actors run, write sets of theirs are on their way to the store, and
//! calls and messages come in. None of that may be stored once the type is gone, not even when another
//! one is deployed under its name right after. So it goes between two commits ([`Committer::pause`]): what
//! was committed before is told, and what was not never is, since the gates of its activations fail. What
//! others have sent it meanwhile the committer refuses, as long as nothing is deployed under that name.
//!
//! Nobody is waited for: nobody reaches an activation any more whose type is gone, its turn is cut off, and
//! whoever waits for it hears that nothing is deployed under that name.
//!
//! [`Committer::pause`]: crate::committer::Committer::pause

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use greenroom_core::store::{ActorTypeRecord, StoreError, StoreResult, Undeployed};
use greenroom_core::{ActorType, Code, Error, FailPoint, Timestamp};

use crate::dispatch::Dispatch;
use crate::node::Node;
use crate::to_its_end::to_its_end;
use crate::types::unknown;

/// How soon to ask again what is stored, when the store does not tell.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

impl Node {
    /// Undeploys an actor type; with `purge`, all that its actors have stored goes too. Whatever of its
    /// actors is under way fails with `unknown-actor-type`, and is not committed.
    ///
    /// # Errors
    /// `actor-type-in-use` while actors have anything stored and `purge` is false, and then nothing has
    /// happened. When the store fails, the type stays, but with `purge` what is under way fails all the same.
    pub async fn undeploy(&self, actor_type: &ActorType, purge: bool) -> Result<(), Error> {
        self.check_not_draining()?;
        let (dispatch, name) = (Arc::clone(&self.dispatch), actor_type.clone());
        to_its_end(async move { dispatch.undeploy(&name, purge).await }).await
    }
}

impl Dispatch {
    async fn undeploy(&self, actor_type: &ActorType, purge: bool) -> Result<(), Error> {
        let _changing = self.types.changing().await;
        let before = self.types.active(actor_type).ok();
        let removal = AssertUnwindSafe(self.remove_type(actor_type, purge)).catch_unwind().await;
        // However it ended: there may be something to remove now.
        self.purges.begin();
        // Then nobody knows how far it came.
        let panicked = |_| Err(StoreError::Unknown("undeploying an actor type panicked".into()));
        let error = match removal.unwrap_or_else(panicked) {
            Ok(Undeployed::Removed) => {
                self.backlogs.forget_type(actor_type);
                tracing::info!(%actor_type, purge, "undeployed");
                return Ok(());
            }
            Ok(Undeployed::Unknown) => return Err(unknown(actor_type)),
            Ok(Undeployed::InUse) => {
                self.types.reopen(actor_type, before);
                in_use(actor_type)
            }
            Err(error @ (StoreError::Unavailable(_) | StoreError::Full(_))) => {
                self.types.reopen(actor_type, before);
                error.into()
            }
            Err(error) => {
                self.notice(&error);
                match self.stored_type(actor_type).await {
                    Some(Some(record)) => self.types.follow(&record),
                    Some(None) => {
                        self.backlogs.forget_type(actor_type);
                        return Ok(());
                    }
                    None => {}
                }
                error.into()
            }
        };
        // What was due meanwhile found nobody.
        self.scheduler.note(Timestamp::EPOCH);
        Err(error)
    }

    /// Removes a type from memory and from the store, while nothing is committed.
    async fn remove_type(&self, actor_type: &ActorType, purge: bool) -> StoreResult<Undeployed> {
        let _pause = self.committer.pause().await;
        // One that stays must not notice, and one that goes not have a turn that finds a part of it gone.
        if !purge && self.is_in_use(actor_type).await? {
            return Ok(Undeployed::InUse);
        }
        self.end_type(actor_type);
        FailPoint::UndeployClosed.reach();
        let undeployed = self.store.undeploy(actor_type, purge).await;
        FailPoint::UndeployStored.reach();
        undeployed
    }

    async fn is_in_use(&self, actor_type: &ActorType) -> StoreResult<bool> {
        let actors = self.store.actors(Some(actor_type), "", None, 1).await?;
        Ok(!actors.is_empty() || !self.store.dead_letters(Some(actor_type), None, 1).await?.is_empty())
    }

    /// Lets nobody reach actors of a type any more, nor anything of them be committed. Nothing must be on its
    /// way into the store: of that it would not be known whether it came to be.
    fn end_type(&self, actor_type: &ActorType) {
        // No activation is made from here on.
        self.types.close(actor_type);
        let error = unknown(actor_type);
        for activation in self.activations_of(Some(actor_type)) {
            activation.gate.fail(&error);
            for work in self.abandon(&activation) {
                work.refuse(error.clone());
            }
        }
    }

    /// What is stored of a type, as soon as the store tells; `None` when it does not before the node ends.
    async fn stored_type(&self, actor_type: &ActorType) -> Option<Option<ActorTypeRecord>> {
        loop {
            match self.types.stored(actor_type).await {
                Ok(record) => return Some(record),
                Err(StoreError::Broken(_)) => return None,
                Err(_) if self.is_draining() => return None,
                Err(_) => tokio::time::sleep(ASK_AGAIN_AFTER).await,
            }
        }
    }
}

fn in_use(actor_type: &ActorType) -> Error {
    Error::new(
        Code::ActorTypeInUse,
        format!(
            "actors of type {actor_type} still have something stored, or dead letters; purge=true removes all \
             that too"
        ),
    )
}
