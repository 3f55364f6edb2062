//! What one turn has changed so far. It becomes a write set when the turn succeeds, and nothing
//! when it does not.

use std::collections::BTreeMap;
use std::sync::Arc;

use greenroom_core::store::{Reminder, StoredMessage, WriteSet};
use greenroom_core::{Address, Code, Error, LimitExceeded};

use crate::keys::Gap;
use crate::state::{Entries, Growth, StateCache, entry_bytes};
use crate::timers::{Timer, Timers};

/// What an entry costs beside its key and value, so that many tiny ones are bounded too.
const ENTRY_OVERHEAD_BYTES: usize = 64;

/// What an activation keeps in memory of its actor, as its turns so far have left it.
pub(crate) struct ActorData {
    pub(crate) state: StateCache,
    pub(crate) reminders: BTreeMap<Arc<str>, Reminder>,
    pub(crate) timers: Timers,
}

/// A limit that a guest's request would pass.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) text: String,
}

impl Refusal {
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        Refusal { code, text: text.into() }
    }
}

impl From<Refusal> for LimitExceeded {
    fn from(refusal: Refusal) -> Self {
        LimitExceeded(refusal.text)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::new(refusal.code, refusal.text)
    }
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) state: Entries,
    /// By how much the actor's state grows.
    pub(crate) growth: Growth,
    /// Where no key is.
    pub(crate) gap: Option<Gap>,
    pub(crate) reminders: BTreeMap<Arc<str>, Option<Reminder>>,
    pub(crate) sends: Vec<StoredMessage>,
    pub(crate) timers: BTreeMap<Arc<str>, Option<Timer>>,
    pub(crate) calls: u32,
    bytes: usize,
}

impl Changes {
    /// Counts `bytes` of one more entry against the limit.
    ///
    /// # Errors
    /// The limit would be passed; nothing was counted.
    pub(crate) fn spend(&mut self, bytes: usize, limit: usize) -> Result<(), Refusal> {
        let spent = self.bytes + bytes + ENTRY_OVERHEAD_BYTES;
        if spent > limit {
            return Err(Refusal::new(
                Code::WriteSetTooLarge,
                format!("the turn would write more than write_set_bytes ({limit} bytes)"),
            ));
        }
        self.bytes = spent;
        Ok(())
    }

    /// Notes that a key that had a value of so many bytes, or none, has `after` from now on.
    pub(crate) fn write_state(&mut self, key: String, before: Option<u64>, after: Option<bytes::Bytes>) {
        let size = |value: Option<u64>| value.map_or(0, |bytes| (key.len() as u64 + bytes) as i64);
        self.growth.bytes += size(after.as_ref().map(|after| after.len() as u64)) - size(before);
        self.growth.keys += i64::from(after.is_some()) - i64::from(before.is_some());
        if after.is_some() && self.gap.as_ref().is_some_and(|gap| gap.contains(&key)) {
            self.gap = None;
        }
        if let Some(overwritten) = self.state.get(&key) {
            let given_back = entry_bytes(&key, overwritten.as_ref()) as usize + ENTRY_OVERHEAD_BYTES;
            self.bytes = self.bytes.saturating_sub(given_back);
        }
        self.state.insert(key, after);
    }

    /// Lets the turn's changes take their place in memory, and makes the write set of them.
    pub(crate) fn settle(self, address: &Address, data: &mut ActorData, counted_bytes_max: u64) -> WriteSet {
        let state_size = data.state.apply(&self.state, self.growth, counted_bytes_max);
        for (name, reminder) in &self.reminders {
            match reminder {
                Some(reminder) => drop(data.reminders.insert(Arc::clone(name), reminder.clone())),
                None => drop(data.reminders.remove(name)),
            }
        }
        for (name, timer) in self.timers {
            data.timers.change(name, timer);
        }
        WriteSet {
            state: self.state.into_iter().collect(),
            state_size,
            reminders: self.reminders.into_iter().collect(),
            sends: self.sends,
            ..WriteSet::empty(address.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn overwriting_a_key_in_one_turn_counts_once() {
        let mut changes = Changes::default();
        for _ in 0..100 {
            changes.spend(10, 200).unwrap();
            changes.write_state("k".into(), None, Some(Bytes::from_static(b"123456789")));
        }
        assert!(changes.spend(200, 200).is_err());
    }

    #[test]
    fn many_tiny_entries_are_bounded() {
        let mut changes = Changes::default();
        let taken = (0..1_000).take_while(|_| changes.spend(0, 6_400).is_ok()).count();
        assert_eq!(taken, 100);
    }
}
