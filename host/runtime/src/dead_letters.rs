//! Dead letters, for people to look at, deliver again or remove. [`delivery`](crate::delivery) makes
//! them.

use std::sync::Arc;

use greenroom_core::store::{DeadLetter, DeadLetterSummary, MailKey, StoreError};
use greenroom_core::{ActorType, Address, Code, Error, MessageId, Timestamp};

use crate::dispatch::Dispatch;
use crate::node::Node;
use crate::to_its_end::to_its_end;

/// Which dead letters to list. The list is in the order in which the messages were sent.
#[derive(Clone, Debug, Default)]
pub struct DeadLetterQuery {
    /// Only to actors of this type.
    pub actor_type: Option<ActorType>,
    /// Only those after this one.
    pub after: Option<MessageId>,
    /// At most so many.
    pub limit: usize,
}

impl Node {
    /// Dead letters, by message id.
    pub async fn dead_letters(&self, query: &DeadLetterQuery) -> Result<Vec<DeadLetterSummary>, Error> {
        let DeadLetterQuery { actor_type, after, limit } = query;
        Ok(self.dispatch.store.dead_letters(actor_type.as_ref(), *after, *limit).await?)
    }

    /// One dead letter.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn dead_letter(&self, id: MessageId) -> Result<DeadLetter, Error> {
        self.dispatch.store.dead_letter(id).await?.ok_or_else(|| unknown(id))
    }

    /// Puts a dead letter back into the mailbox it came from, as if it had never been delivered. It
    /// goes back once, however many ask for that at once; the others are told that there is none.
    ///
    /// # Errors
    /// `not-found`; `mailbox-full` and `unknown-actor-type`, and then the letter stays.
    pub async fn retry_dead_letter(&self, id: MessageId) -> Result<(), Error> {
        self.check_not_draining()?;
        let dispatch = Arc::clone(&self.dispatch);
        // Whoever is back in a mailbox is also woken.
        to_its_end(async move { dispatch.retry_dead_letter(id).await }).await
    }

    /// Removes a dead letter.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn remove_dead_letter(&self, id: MessageId) -> Result<(), Error> {
        self.check_not_draining()?;
        if self.dispatch.store.remove_dead_letter(id).await? { Ok(()) } else { Err(unknown(id)) }
    }
}

impl Dispatch {
    async fn retry_dead_letter(self: &Arc<Self>, id: MessageId) -> Result<(), Error> {
        let letter = self.store.dead_letter(id).await?.ok_or_else(|| unknown(id))?;
        self.look_up_backlog(&letter.to).await?;
        self.check_send(&letter.to, 0, &[])?;
        let now = self.clock.now();
        // Between two commits: it is counted before it can be delivered, and its activation knows that the
        // commit by which it died is over; as long as it does not, it skips the message.
        let _pause = self.committer.pause().await;
        match self.store.retry_dead_letter(id, now).await {
            Ok(Some(to)) => {
                tracing::info!(actor = %to, message_id = %id, "a dead letter goes back into its mailbox");
                self.backlogs.sent(&to, MailKey { due_at: Timestamp::EPOCH, id });
                self.look(&to);
                Ok(())
            }
            Ok(None) => Err(unknown(id)),
            Err(error) => {
                // It may be back all the same.
                if let StoreError::Unknown(_) = error {
                    self.look(&letter.to);
                }
                Err(error.into())
            }
        }
    }

    /// Lets an actor look for a message that died before.
    fn look(self: &Arc<Self>, to: &Address) {
        if self.is_draining() || !self.hint(to) {
            self.scheduler.note(Timestamp::EPOCH);
        }
    }
}

fn unknown(id: MessageId) -> Error {
    Error::new(Code::NotFound, format!("there is no dead letter {id}; it may have been retried or removed"))
}
