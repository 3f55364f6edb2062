//! What an activation keeps in memory of its actor's state, and what a turn lays over it.
//!
//! The cache holds what the committed turns and those on their way to the store left behind. Only
//! the activation writes, so the cache is right by construction. A small actor's cache is
//! complete; a larger one's holds the keys that were read or written.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use greenroom_core::store::{StateSize, StoredActor};

/// Values by key; `None` is a key known to be absent.
pub(crate) type Entries = BTreeMap<String, Option<Bytes>>;

/// What is known of a key without asking the store.
pub(crate) enum Known {
    Value(Option<Bytes>),
    Unknown,
}

/// See the [module](self).
pub(crate) struct StateCache {
    entries: Entries,
    /// Every key that is not in `entries` is absent.
    complete: bool,
    /// What the actor has, in memory or not.
    size: StateSize,
    /// Whether the store keeps that: then it is told of each change.
    size_is_kept: bool,
    /// Bytes of the keys and values in `entries`.
    cached_bytes: u64,
}

impl StateCache {
    pub(crate) fn new(stored: &mut StoredActor) -> Self {
        let complete = stored.state.is_some();
        let mut cache = StateCache {
            entries: Entries::new(),
            complete,
            size: stored.state_size,
            size_is_kept: stored.size_is_kept,
            cached_bytes: 0,
        };
        for (key, value) in stored.state.take().unwrap_or_default() {
            cache.keep(key, Some(value));
        }
        cache
    }

    pub(crate) fn get(&self, key: &str) -> Known {
        match self.entries.get(key) {
            Some(value) => Known::Value(value.clone()),
            None if self.complete => Known::Value(None),
            None => Known::Unknown,
        }
    }

    /// Keeps a value that was read from the store, unless more than `bytes_max` are kept already: it can be read
    /// again.
    pub(crate) fn keep_read(&mut self, key: String, value: Option<Bytes>, bytes_max: u64) {
        if self.cached_bytes <= bytes_max {
            self.keep(key, value);
        }
    }

    /// Bytes of the keys and values that are in memory.
    pub(crate) fn cached_bytes(&self) -> u64 {
        self.cached_bytes
    }

    /// Keeps a value that was read from the store or written by a turn.
    fn keep(&mut self, key: String, value: Option<Bytes>) {
        let size = entry_bytes(&key, value.as_ref());
        let before = match self.entries.get(&key) {
            Some(before) => entry_bytes(&key, before.as_ref()),
            None => 0,
        };
        self.cached_bytes = self.cached_bytes + size - before;
        if value.is_none() && self.complete {
            self.entries.remove(&key);
            self.cached_bytes -= size;
        } else {
            self.entries.insert(key, value);
        }
    }

    /// Takes over what a finished turn wrote. Says what the state comes to, if the store is to keep that: once it is
    /// more than `counted_bytes_max`, which is what it counts when the actor is loaded.
    pub(crate) fn apply(
        &mut self,
        written: &Entries,
        growth: Growth,
        counted_bytes_max: u64,
    ) -> Option<StateSize> {
        for (key, value) in written {
            self.keep(key.clone(), value.clone());
        }
        self.size.keys = self.size.keys.saturating_add_signed(growth.keys);
        self.size.bytes = self.size.bytes.saturating_add_signed(growth.bytes);
        self.size_is_kept |= self.size.bytes > counted_bytes_max;
        (self.size_is_kept && !written.is_empty()).then_some(self.size)
    }

    /// Forgets what can be read again, when it is more than `bytes_max`. Only right while nothing
    /// is on its way to the store.
    pub(crate) fn shed(&mut self, bytes_max: u64) {
        if self.cached_bytes > bytes_max {
            self.entries.clear();
            self.cached_bytes = 0;
            self.complete = false;
        }
    }

    /// Forgets everything, because nothing is stored any more.
    pub(crate) fn purge(&mut self) {
        *self = StateCache {
            entries: Entries::new(),
            complete: true,
            size: StateSize::default(),
            size_is_kept: false,
            cached_bytes: 0,
        };
    }

    /// Bytes of all keys and values that the actor has.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.size.bytes
    }

    /// Whether every key that is not cached is absent.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// What is cached of the keys that begin with `prefix` and come after `after`.
    pub(crate) fn range<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a String, &'a Option<Bytes>)> {
        range(&self.entries, prefix, after)
    }
}

/// By how much an actor's state grows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Growth {
    pub(crate) keys: i64,
    pub(crate) bytes: i64,
}

/// What a stored entry counts; an absent key counts its name while it is remembered.
pub(crate) fn entry_bytes(key: &str, value: Option<&Bytes>) -> u64 {
    (key.len() + value.map_or(0, Bytes::len)) as u64
}

/// The entries whose key begins with `prefix` and comes after `after`, in byte order.
pub(crate) fn range<'a>(
    entries: &'a Entries,
    prefix: &'a str,
    after: Option<&'a str>,
) -> impl Iterator<Item = (&'a String, &'a Option<Bytes>)> {
    let from = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    };
    entries.range::<str, _>((from, Bound::Unbounded)).take_while(move |(key, _)| key.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: &[(&str, &str)]) -> StateCache {
        let state = entries.iter().map(|(k, v)| ((*k).to_owned(), Bytes::from((*v).to_owned()))).collect();
        let state_size = StateSize { keys: 2, bytes: 4 };
        let mut stored = StoredActor { state: Some(state), state_size, ..StoredActor::default() };
        StateCache::new(&mut stored)
    }

    #[test]
    fn a_complete_cache_knows_what_is_absent_and_a_shed_one_does_not() {
        let mut cache = cache(&[("a", "1"), ("b", "2")]);
        assert!(matches!(cache.get("c"), Known::Value(None)));
        cache.shed(4);
        assert!(matches!(cache.get("a"), Known::Value(Some(_))));
        cache.shed(3);
        assert!(matches!(cache.get("a"), Known::Unknown));
        assert!(matches!(cache.get("c"), Known::Unknown));
        cache.keep_read("c".into(), None, 3);
        assert!(matches!(cache.get("c"), Known::Value(None)));
    }

    #[test]
    fn what_is_read_is_kept_only_while_there_is_room() {
        let mut cache = cache(&[]);
        cache.complete = false;
        for number in 0..1_000 {
            cache.keep_read(number.to_string(), None, 100);
        }
        assert!((100..110).contains(&cache.cached_bytes()), "{}", cache.cached_bytes());
    }

    #[test]
    fn ranges_keep_to_the_prefix_and_come_after() {
        let cache = cache(&[("a", ""), ("b/1", ""), ("b/2", ""), ("b0", "")]);
        let keys = |after| cache.range("b/", after).map(|(key, _)| key.clone()).collect::<Vec<_>>();
        assert_eq!(keys(None), ["b/1", "b/2"]);
        assert_eq!(keys(Some("a")), ["b/1", "b/2"]);
        assert_eq!(keys(Some("b/1")), ["b/2"]);
        assert!(keys(Some("b/2")).is_empty());
    }

    #[test]
    fn deleting_gives_the_bytes_back() {
        let mut cache = cache(&[("a", "1"), ("b", "2")]);
        let told = cache.apply(&Entries::from([("a".to_owned(), None)]), Growth { keys: -1, bytes: -2 }, 9);
        assert_eq!((told, cache.total_bytes(), cache.cached_bytes), (None, 2, 2));
    }

    #[test]
    fn a_size_is_told_once_it_is_large_and_from_then_on() {
        let mut cache = cache(&[("a", "1"), ("b", "2")]);
        let one = |key: &str| Entries::from([(key.to_owned(), Some(Bytes::from_static(b"1")))]);
        let mut grow = |key, keys, bytes| cache.apply(&one(key), Growth { keys, bytes }, 5);
        assert_eq!(grow("a", 0, 0), None);
        assert_eq!(grow("c", 1, 2), Some(StateSize { keys: 3, bytes: 6 }));
        assert_eq!(grow("d", -1, -2), Some(StateSize { keys: 2, bytes: 4 }));
        assert_eq!(cache.apply(&Entries::new(), Growth::default(), 5), None, "nothing was written");
        cache.purge();
        assert_eq!(cache.apply(&one("a"), Growth { keys: 1, bytes: 2 }, 5), None);
    }
}
