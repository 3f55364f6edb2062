//! Delivery of what is stored: messages that were sent to this actor, and its reminders.
//!
//! A stored message stays in the store until the turn that processes it commits, in the same
//! transaction, so it takes effect exactly once. The store is read anew for every batch; what was
//! delivered and whose commit is still under way is remembered here and skipped. A message whose
//! turn fails waits and is delivered again, up to `delivery_attempts` times, and then becomes a
//! dead letter; while it waits it holds back only later messages of the same sending actor.

use std::collections::HashSet;
use std::sync::Arc;

use greenroom_core::store::{DeadLetter, MailChange, MailKey, Reminder, StoredMessage, WriteSet};
use greenroom_core::{Address, Error, FailPoint, Message, MessageId, Origin, Source, Timestamp};
use tokio::time::Instant;

use crate::lifecycle::{Actor, Ended};
use crate::mailbox::Work;
use crate::retries::backoff;
use crate::shortened::shortened;

/// Stored messages in one batch, between which nothing else of the actor's mailbox is served.
const BATCH: usize = 64;

/// In how many stored messages one is looked for by its id: more than a mailbox takes.
const KEYS_MAX: usize = 1_000_000;

/// How soon to look again after an error of the host's, which is no delivery that failed.
const HOST_RETRY_MS: u64 = 500;

/// A stored message that was delivered and whose commit is under way, as far as the gate tells: the store may
/// have it already.
pub(crate) struct Settled {
    /// The number of that delivery. A row that has another one is a later row.
    attempt: u32,
    /// The number of that commit at the gate.
    sequence: u64,
    /// Whether it failed, and so holds back its sender's later messages.
    holds: bool,
}

/// Messages that keep their order among each other: those of one sending actor. Clients can't be
/// told apart, so no message of a client holds back another.
fn lane(origin: &Origin) -> Option<&Address> {
    match origin {
        Origin::Actor(sender) => Some(sender),
        Origin::Client | Origin::Reminder(_) | Origin::Timer(_) => None,
    }
}

/// What became of one delivery.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Delivered {
    /// The message is over, one way or the other.
    Over,
    /// It will be delivered again.
    Waits,
}

impl Actor {
    /// Fires the reminders that are due and delivers a batch of stored messages.
    pub(crate) async fn serve_stored(&mut self) -> Ended {
        self.activation.touch(Instant::now());
        self.fire_reminders().await;
        if self.gate.failure().is_none()
            && let Err(error) = self.deliver_mail().await
        {
            tracing::error!(actor = %self.activation.address, %error, "stored messages can't be read; trying again");
            self.look_again();
        }
        Ended::GoesOn
    }

    /// Whether a turn ended for reasons that are not its own: the host's, or because nothing of this
    /// activation is committed any more.
    fn is_no_failure(&self, error: &Error) -> bool {
        error.code.source() == Source::Host || self.gate.failure().is_some()
    }

    fn look_again(&self) {
        self.dispatch.scheduler.note(self.dispatch.clock.now().plus_ms(HOST_RETRY_MS));
    }

    async fn deliver_mail(&mut self) -> Result<(), Error> {
        let committed = self.gate.committed();
        self.settled.retain(|_, settled| settled.sequence > committed);
        let now = self.dispatch.clock.now();
        let mut held: HashSet<Address> = HashSet::new();
        let mut after: Option<MailKey> = None;
        loop {
            let page = self.dispatch.store.mail(&self.activation.address, now, after, BATCH).await?;
            after = page.messages.last().map(StoredMessage::key).or(after);
            FailPoint::MailRead.reach();
            let mut delivered = false;
            for stored in page.messages {
                let lane = lane(&stored.message.origin).cloned();
                let settled = self.settled.get(&stored.key());
                let waits = match settled.filter(|settled| settled.attempt == stored.message.attempt) {
                    Some(settled) if !settled.holds => continue,
                    Some(_) => true,
                    None => stored.wake_at > now,
                };
                if lane.as_ref().is_some_and(|lane| held.contains(lane)) {
                    continue;
                }
                if !waits {
                    delivered = true;
                    if self.deliver(stored).await == Delivered::Over {
                        continue;
                    }
                    if self.gate.failure().is_some() {
                        return Ok(());
                    }
                }
                held.extend(lane);
            }
            if !page.more {
                return Ok(());
            }
            if delivered {
                // More waits; what came meanwhile goes first.
                drop(self.activation.tell(Work::StoredDue(None)));
                return Ok(());
            }
        }
    }

    async fn deliver(&mut self, stored: StoredMessage) -> Delivered {
        let (key, attempt) = (stored.key(), stored.message.attempt);
        let (write_set, delivered) = match self.run_background_turn(stored.message.clone()).await {
            Ok((_, write_set)) => {
                (WriteSet { mail: Some(MailChange::Consumed(key)), ..write_set }, Delivered::Over)
            }
            Err(error) if self.is_no_failure(&error) => {
                self.look_again();
                return Delivered::Waits;
            }
            Err(error) => self.failed_delivery(stored, &error).await,
        };
        FailPoint::DeliveryTurnOver.reach();
        let sequence = self.submit(write_set).await;
        FailPoint::DeliverySettled.reach();
        self.settled.insert(key, Settled { attempt, sequence, holds: delivered == Delivered::Waits });
        delivered
    }

    async fn failed_delivery(&mut self, stored: StoredMessage, error: &Error) -> (WriteSet, Delivered) {
        let key = stored.key();
        let address = self.activation.address.clone();
        FailPoint::DeliveryFailed.reach();
        let (change, delivered) = if let Some(wake_at) = self.retry_at(&stored.message, error).await {
            let (attempt, error) = (stored.message.attempt + 1, Some(shortened(&error.to_string()).into()));
            (MailChange::Retry { key, attempt, wake_at, error }, Delivered::Waits)
        } else {
            let letter = self.dead_letter(stored.message, error);
            FailPoint::DeadLetterMade.reach();
            (MailChange::Dead { key, letter }, Delivered::Over)
        };
        (WriteSet { mail: Some(change), ..WriteSet::empty(address) }, delivered)
    }

    /// When to deliver a message again that failed; `None` when that was the last attempt.
    async fn retry_at(&mut self, message: &Message, error: &Error) -> Option<Timestamp> {
        let enough = message.attempt >= self.limits().delivery_attempts;
        let last = enough && self.may_give_up().await;
        let said = shortened(&error.to_string());
        tracing::warn!(
            actor = %self.activation.address, message_id = %message.id, method = %message.method,
            attempt = message.attempt, last, error = %said, "a stored message failed"
        );
        self.version.metrics.delivery_failed(last);
        let wait = backoff(self.limits(), message.attempt, &mut *self.dispatch.chance.lock());
        (!last).then(|| self.dispatch.clock.now().plus_ms(wait.as_millis() as u64))
    }

    /// Whether there is room for one more dead letter. Without, a message that fails is not given up:
    /// nothing is lost, and its mailbox tells its senders when it is full.
    async fn may_give_up(&mut self) -> bool {
        let address = &self.activation.address;
        let max = self.dispatch.limits.dead_letters_per_actor;
        // Those on their way to the store count, too. When they fail, this activation is over.
        if self.gate.wait().await.is_err() {
            return false;
        }
        match self.dispatch.store.count_dead_letters(address).await {
            Ok(count) if count < max => true,
            Ok(count) => {
                tracing::warn!(
                    actor = %address, count,
                    "no more dead letters fit (dead_letters_per_actor), so the message is tried again; \
                     retry or remove some of them"
                );
                false
            }
            Err(error) => {
                tracing::error!(actor = %address, %error, "dead letters can't be counted; trying again");
                false
            }
        }
    }

    fn dead_letter(&self, message: Message, error: &Error) -> Box<DeadLetter> {
        Box::new(DeadLetter {
            to: self.activation.address.clone(),
            message,
            died_at: self.dispatch.clock.now(),
            error: shortened(&error.to_string()),
        })
    }

    /// Removes a message that waits; says whether it was there.
    pub(crate) async fn cancel_mail(&mut self, id: MessageId) -> Result<bool, Error> {
        let Some(key) = self.waiting_key(id).await? else { return Ok(false) };
        tracing::info!(actor = %self.activation.address, message_id = %id, "a waiting message was removed by hand");
        self.change_mail(MailChange::Consumed(key)).await
    }

    /// Delivers a message at once that waits for another delivery; says whether there was one.
    pub(crate) async fn retry_mail(&mut self, id: MessageId) -> Result<bool, Error> {
        let Some(key) = self.waiting_key(id).await? else { return Ok(false) };
        let address = &self.activation.address;
        let page = self.dispatch.store.mail(address, Timestamp::MAX, Some(key.before()), 1).await?;
        let found = page.messages.into_iter().next().filter(|stored| stored.key() == key);
        let Some(stored) = found.filter(|stored| stored.message.attempt > 1) else { return Ok(false) };
        let (attempt, error) = (stored.message.attempt, stored.error);
        let wake_at = self.dispatch.clock.now();
        self.change_mail(MailChange::Retry { key, attempt, wake_at, error }).await
    }

    async fn waiting_key(&mut self, id: MessageId) -> Result<Option<MailKey>, Error> {
        // What is on its way to the store may be of this message.
        self.gate.wait().await?;
        let keys = self.dispatch.store.waiting(Some(&self.activation.address), KEYS_MAX).await?;
        Ok(keys.into_iter().find(|key| key.id == id))
    }

    async fn change_mail(&mut self, change: MailChange) -> Result<bool, Error> {
        let address = self.activation.address.clone();
        self.submit(WriteSet { mail: Some(change), ..WriteSet::empty(address) }).await;
        self.gate.wait().await?;
        // It may have held back others of its sender.
        drop(self.activation.tell(Work::StoredDue(None)));
        Ok(true)
    }

    async fn fire_reminders(&mut self) {
        let now = self.dispatch.clock.now();
        let mut due: Vec<(Timestamp, Arc<str>)> = {
            let data = self.data.lock();
            let due = data.reminders.values().filter(|reminder| reminder.wake_at <= now);
            due.map(|reminder| (reminder.wake_at, Arc::clone(&reminder.name))).collect()
        };
        due.sort();
        for (_, name) in due {
            // A turn before this one may have changed it.
            let reminder =
                self.data.lock().reminders.get(&name).filter(|reminder| reminder.wake_at <= now).cloned();
            if let Some(reminder) = reminder {
                self.fire(reminder).await;
            }
            if self.gate.failure().is_some() {
                return;
            }
        }
    }

    async fn fire(&mut self, reminder: Reminder) {
        let message = Message {
            id: reminder.firing_id,
            method: reminder.method.clone(),
            payload: reminder.payload.clone(),
            origin: Origin::Reminder(Arc::clone(&reminder.name)),
            attempt: reminder.attempt,
        };
        let name = Arc::clone(&reminder.name);
        FailPoint::ReminderDue.reach();
        let mut write_set = match self.run_background_turn(message.clone()).await {
            Ok((_, write_set)) => write_set,
            Err(error) if self.is_no_failure(&error) => return self.look_again(),
            Err(error) => {
                let mut write_set = WriteSet::empty(self.activation.address.clone());
                if let Some(wake_at) = self.retry_at(&message, &error).await {
                    let again = Reminder { attempt: reminder.attempt + 1, wake_at, ..reminder.clone() };
                    write_set.reminders.push((Arc::clone(&name), Some(again)));
                } else {
                    write_set.mail = Some(MailChange::DeadFiring(self.dead_letter(message, &error)));
                }
                write_set
            }
        };
        // A turn that set or cancelled its own reminder has had the last word on it.
        if !write_set.reminders.iter().any(|(changed, _)| *changed == name) {
            write_set.reminders.push((Arc::clone(&name), self.next_firing(reminder)));
        }
        {
            let mut data = self.data.lock();
            for (name, reminder) in &write_set.reminders {
                match reminder {
                    Some(reminder) => drop(data.reminders.insert(Arc::clone(name), reminder.clone())),
                    None => drop(data.reminders.remove(name)),
                }
            }
        }
        FailPoint::ReminderTurnOver.reach();
        self.submit(write_set).await;
        FailPoint::ReminderSettled.reach();
    }

    /// The reminder after its firing is over; `None` when that was the last one.
    fn next_firing(&self, reminder: Reminder) -> Option<Reminder> {
        let now = self.dispatch.clock.now();
        let fired = reminder.fired.saturating_add(1);
        let due_at = reminder.schedule.next_after(reminder.due_at, now, fired)?;
        let firing_id = self.dispatch.ids.next(now);
        Some(Reminder { due_at, wake_at: due_at, fired, attempt: 1, firing_id, ..reminder })
    }
}
