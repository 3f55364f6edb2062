//! How many stored messages wait for each actor, so that a mailbox takes no more than `mailbox_capacity` of them.
//!
//! Counted is between two commits, by whoever tells of one. What is not known is looked up in the store
//! ([`Dispatch::look_up_backlog`]): after a start that found messages, after a commit of unknown outcome, and where there
//! are too many actors to count for each. As long as nothing of that kind has happened, nobody of whom nothing is known has
//! anything waiting, and nothing is looked up.
//!
//! Half of a mailbox is kept for messages that are due soon. Otherwise whoever fills it with messages for next year would
//! close it to everybody until then.

use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use greenroom_core::store::{MailChange, MailKey, StoreResult, StoredMessage, WriteSet};
use greenroom_core::{ActorType, Address, Code, Error};

use crate::dispatch::Dispatch;

/// Actors whose waiting messages are counted at most. Beyond, those for whom fewest wait are forgotten, and looked up when
/// something is sent to them.
const BACKLOGS_MAX: usize = 100_000;

/// Messages that were to wait for longer than this many milliseconds take half of a mailbox at most.
const LONG_DELAY_MS: u64 = 60_000;

/// What waits for one actor.
#[derive(Clone, Copy, Default)]
struct Backlog {
    all: usize,
    /// Those of them that were to wait for long.
    long: usize,
}

impl Backlog {
    fn add(&mut self, key: MailKey) {
        self.all += 1;
        self.long += usize::from(is_long(key));
    }

    fn take(&mut self, key: MailKey) {
        self.all = self.all.saturating_sub(1);
        self.long = self.long.saturating_sub(usize::from(is_long(key)));
    }
}

/// Whether a message was to wait for long when it was sent.
fn is_long(key: MailKey) -> bool {
    key.due_at > key.id.made_at().plus_ms(LONG_DELAY_MS)
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Backlogs {
    known: DashMap<Address, Backlog, ahash::RandomState>,
    /// Nothing waits for those who are not known.
    are_complete: AtomicBool,
}

impl Backlogs {
    /// Nothing waits for anybody, so nothing has to be looked up.
    pub(crate) fn nothing_waits(&self) {
        self.known.clear();
        self.are_complete.store(true, Ordering::Relaxed);
    }

    fn is_known(&self, to: &Address) -> bool {
        self.are_complete.load(Ordering::Relaxed) || self.known.contains_key(to)
    }

    /// Counts a message that was put into a mailbox.
    pub(crate) fn sent(&self, to: &Address, key: MailKey) {
        if let Some(mut backlog) = self.known.get_mut(to) {
            return backlog.add(key);
        }
        if self.are_complete.load(Ordering::Relaxed) {
            let mut backlog = Backlog::default();
            backlog.add(key);
            self.note(to, backlog);
        }
    }

    /// Counts what a commit has changed.
    pub(crate) fn committed(&self, write_set: &WriteSet) {
        if write_set.purge {
            self.change(&write_set.address, |backlog| *backlog = Backlog::default());
        }
        match write_set.mail {
            Some(MailChange::Consumed(key) | MailChange::Dead { key, .. }) => {
                self.change(&write_set.address, |backlog| backlog.take(key));
            }
            Some(MailChange::Retry { .. } | MailChange::DeadFiring(_)) | None => {}
        }
        for sent in &write_set.sends {
            self.sent(&sent.to, sent.key());
        }
    }

    fn change(&self, of: &Address, change: impl FnOnce(&mut Backlog)) {
        if let dashmap::Entry::Occupied(mut entry) = self.known.entry(of.clone()) {
            change(entry.get_mut());
            if entry.get().all == 0 && self.are_complete.load(Ordering::Relaxed) {
                entry.remove();
            }
        }
    }

    /// What waits for those who may have sent or taken something, or not, is not known any more.
    pub(crate) fn forget(&self, write_sets: &[WriteSet]) {
        for write_set in write_sets {
            let own = (write_set.purge || write_set.mail.is_some()).then_some(&write_set.address);
            for address in own.into_iter().chain(write_set.sends.iter().map(|sent| &sent.to)) {
                self.are_complete.store(false, Ordering::Relaxed);
                self.known.remove(address);
            }
        }
    }

    /// Nothing waits any more for an actor that was purged.
    pub(crate) fn purged(&self, address: &Address) {
        self.change(address, |backlog| *backlog = Backlog::default());
    }

    /// Nothing waits any more for actors of a type that is gone.
    pub(crate) fn forget_type(&self, actor_type: &ActorType) {
        self.known.retain(|address, _| address.actor_type != *actor_type);
    }

    fn note(&self, of: &Address, backlog: Backlog) {
        let mut least = 0;
        while self.known.len() >= BACKLOGS_MAX {
            self.are_complete.store(false, Ordering::Relaxed);
            self.known.retain(|_, backlog| backlog.all > least);
            least = least * 2 + 1;
        }
        self.known.insert(of.clone(), backlog);
    }

    /// For how many actors something is known to wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.known.iter().filter(|backlog| backlog.all > 0).count()
    }
}

impl Dispatch {
    /// Looks up what waits for that actor, if that is not known. Cancel safe.
    pub(crate) async fn look_up_backlog(&self, to: &Address) -> StoreResult<()> {
        if self.backlogs.is_known(to) {
            return Ok(());
        }
        // Between two commits, so that each is counted once.
        let _pause = self.committer.pause().await;
        if self.backlogs.is_known(to) {
            return Ok(());
        }
        if self.store.waiting(None, 1).await?.is_empty() {
            self.backlogs.nothing_waits();
            return Ok(());
        }
        let mut backlog = Backlog::default();
        for key in self.store.waiting(Some(to), self.limits.mailbox_capacity).await? {
            backlog.add(key);
        }
        self.backlogs.note(to, backlog);
        Ok(())
    }

    fn mailbox_capacity(&self, of: &Address) -> Result<usize, Error> {
        self.types.with_settings(&of.actor_type, |settings| settings.limits.mailbox_capacity)
    }

    /// Whether one more message that waits so long may be sent to that address now, after those that the same turn
    /// has sent.
    pub(crate) fn check_send(
        &self,
        to: &Address,
        delay_ms: u64,
        sent: &[StoredMessage],
    ) -> Result<(), Error> {
        let capacity = self.mailbox_capacity(to)?;
        let mut backlog = self.backlogs.known.get(to).map_or_else(Backlog::default, |backlog| *backlog);
        let capacity_long = capacity.div_ceil(2);
        // They are counted one by one only where it matters.
        if backlog.all + sent.len() >= capacity_long {
            sent.iter().filter(|sent| sent.to == *to).for_each(|sent| backlog.add(sent.key()));
        }
        if backlog.all >= capacity {
            return Err(mailbox_full(to, capacity));
        }
        if delay_ms > LONG_DELAY_MS && backlog.long >= capacity_long {
            return Err(Error::new(
                Code::MailboxFull,
                format!(
                    "{} messages that were to wait for more than a minute wait for {to} already, half of its mailbox \
                     (mailbox_capacity); try again later, or with a shorter delay",
                    backlog.long
                ),
            ));
        }
        Ok(())
    }
}

/// The error of what finds no room in a mailbox.
pub(crate) fn mailbox_full(address: &Address, capacity: usize) -> Error {
    Error::new(
        Code::MailboxFull,
        format!("{capacity} messages wait for {address} already (mailbox_capacity); try again later"),
    )
}
