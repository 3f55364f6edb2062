//! A batch of write sets, coalesced: for every row only what the last write set makes of it.
//!
//! A purge makes earlier changes of the same actor pointless, so those are dropped, and all purges
//! can go first in the transaction.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use greenroom_core::clock::Timestamp;
use greenroom_core::store::{
    DeadLetter, MailChange, MailKey, Remember, Reminder, StateSize, StoredMessage, WriteSet,
};
use greenroom_core::{Address, IdempotencyRecord, MessageId};

/// What becomes of one row of a mailbox.
#[derive(Clone, Copy, Debug)]
pub(super) enum MailRow<'a> {
    /// Put there; its attempt and wake-up may have been changed since it was sent.
    Put { message: &'a StoredMessage, next: Delivery<'a> },
    /// Changed where it is.
    Retry { next: Delivery<'a> },
    /// Removed.
    Delete,
}

/// What a failed delivery changes of a message: about the one to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery<'a> {
    pub(super) attempt: u32,
    pub(super) wake_at: Timestamp,
    /// Why the one before failed.
    pub(super) error: Option<&'a str>,
}

impl<'a> Delivery<'a> {
    /// The first.
    pub(super) fn of(stored: &'a StoredMessage) -> Self {
        let StoredMessage { message, wake_at, error, .. } = stored;
        Delivery { attempt: message.attempt, wake_at: *wake_at, error: error.as_deref() }
    }
}

/// What is kept for repeats of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remembered<'a> {
    pub(super) record: &'a IdempotencyRecord,
    /// Where it stands among the actor's records in this batch, those counted that were replaced.
    pub(super) end: Extent,
}

/// So many records, and their bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    pub(super) count: u32,
    pub(super) bytes: u64,
}

/// Changes by row. Rows of one actor are neighbours here as they are in the indexes.
#[derive(Debug, Default)]
pub(super) struct Changes<'a> {
    pub(super) purges: BTreeSet<&'a Address>,
    pub(super) state: BTreeMap<(&'a Address, &'a str), Option<&'a Bytes>>,
    pub(super) state_sizes: BTreeMap<&'a Address, StateSize>,
    pub(super) reminders: BTreeMap<(&'a Address, &'a str), Option<&'a Reminder>>,
    pub(super) mail: BTreeMap<(&'a Address, MailKey), MailRow<'a>>,
    pub(super) dead_letters: BTreeMap<MessageId, &'a DeadLetter>,
    pub(super) idempotency: BTreeMap<(&'a Address, &'a str), Remembered<'a>>,
    /// How much of an actor's records stays.
    pub(super) newest_idempotency: BTreeMap<&'a Address, Extent>,
    idempotency_ends: BTreeMap<&'a Address, Extent>,
}

impl<'a> Changes<'a> {
    /// What `batch` comes to.
    pub(super) fn of(batch: &'a [WriteSet]) -> Self {
        let mut changes = Changes::default();
        for set in batch {
            changes.add(set);
        }
        changes
    }

    fn add(&mut self, set: &'a WriteSet) {
        let address = &set.address;
        if set.purge {
            self.purge(address);
        }
        for (key, value) in &set.state {
            self.state.insert((address, key), value.as_ref());
        }
        if let Some(size) = set.state_size {
            self.state_sizes.insert(address, size);
        }
        for (name, reminder) in &set.reminders {
            self.reminders.insert((address, name), reminder.as_ref());
        }
        for message in &set.sends {
            let row = MailRow::Put { message, next: Delivery::of(message) };
            self.mail.insert((&message.to, message.key()), row);
        }
        match &set.mail {
            None => {}
            Some(MailChange::Consumed(key)) => self.remove_mail(address, *key),
            Some(MailChange::Retry { key, attempt, wake_at, error }) => {
                let next = Delivery { attempt: *attempt, wake_at: *wake_at, error: error.as_deref() };
                self.retry_mail(address, *key, next);
            }
            Some(MailChange::Dead { key, letter }) => {
                self.remove_mail(address, *key);
                self.dead_letters.insert(letter.message.id, letter);
            }
            Some(MailChange::DeadFiring(letter)) => {
                self.dead_letters.insert(letter.message.id, letter);
            }
        }
        if let Some(remember) = &set.idempotency {
            self.remember(address, remember);
        }
    }

    fn purge(&mut self, address: &'a Address) {
        self.purges.insert(address);
        self.state.retain(|(owner, _), _| *owner != address);
        self.state_sizes.remove(address);
        self.reminders.retain(|(owner, _), _| *owner != address);
        self.mail.retain(|(owner, _), _| *owner != address);
        self.idempotency.retain(|(owner, _), _| *owner != address);
        self.newest_idempotency.remove(address);
        self.idempotency_ends.remove(address);
        self.dead_letters.retain(|_, letter| letter.to != *address);
    }

    fn remember(&mut self, address: &'a Address, remember: &'a Remember) {
        let Remember { record, newest, newer_bytes_max } = remember;
        let bytes = record.bytes();
        let end = self.idempotency_ends.entry(address).or_default();
        *end = Extent { count: end.count + 1, bytes: end.bytes + bytes };
        self.idempotency.insert((address, record.key.as_str()), Remembered { record, end: *end });
        // What this record leaves of those before it is what they had left, and itself.
        let bound = Extent { count: *newest, bytes: *newer_bytes_max };
        let stay = self.newest_idempotency.entry(address).or_insert(bound);
        stay.count = stay.count.saturating_add(1).min(bound.count);
        stay.bytes = stay.bytes.saturating_add(bytes).min(bound.bytes);
    }

    fn remove_mail(&mut self, address: &'a Address, key: MailKey) {
        self.mail.insert((address, key), MailRow::Delete);
    }

    fn retry_mail(&mut self, address: &'a Address, key: MailKey, next: Delivery<'a>) {
        let retry = MailRow::Retry { next };
        self.mail
            .entry((address, key))
            .and_modify(|row| match row {
                MailRow::Put { message, .. } => *row = MailRow::Put { message, next },
                MailRow::Retry { .. } => *row = retry,
                MailRow::Delete => {}
            })
            .or_insert(retry);
    }
}
