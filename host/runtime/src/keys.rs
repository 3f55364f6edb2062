//! The state keys that a guest sees: those of the store, with what the activation and the turn know better over them.
//!
//! All three are in order, so they are gone through together, a page of the store at a time, and no further than the
//! guest has asked. Keys that a turn has deleted are met on the way; a turn that takes away the first key again and
//! again does not meet those before it each time ([`Gap`]).

use std::iter::Peekable;

use bytes::Bytes;

use crate::state::{Entries, StateCache, range};

/// Keys without one that is there: from the first text on, through the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    from: String,
    through: String,
}

impl Gap {
    pub(crate) fn contains(&self, key: &str) -> bool {
        (self.from.as_str()..=self.through.as_str()).contains(&key)
    }
}

/// One search for keys.
pub(crate) struct KeySearch {
    prefix: String,
    /// The last key that was looked at, or that the guest wants the next ones of.
    after: Option<String>,
    limit: usize,
    /// Where it began.
    from: String,
    /// The last of the absent keys that came before any that is there.
    absent_through: Option<String>,
    found: Vec<String>,
    is_over: bool,
}

impl KeySearch {
    /// For the first `limit` keys that begin with `prefix` and come after `after`. Nothing is looked for in `gap`.
    pub(crate) fn new(prefix: String, after: Option<String>, limit: usize, gap: Option<&Gap>) -> Self {
        let from = match &after {
            // Nothing lies between a text and the same text with a zero byte.
            Some(after) if *after >= prefix => format!("{after}\0"),
            _ => prefix.clone(),
        };
        let gap = gap.filter(|gap| gap.contains(&from));
        KeySearch {
            after: gap.map(|gap| gap.through.clone()).or(after),
            absent_through: gap.map(|gap| gap.through.clone()),
            from: gap.map_or(from, |gap| gap.from.clone()),
            is_over: limit == 0,
            prefix,
            limit,
            found: Vec::new(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// How many keys are missing.
    pub(crate) fn missing(&self) -> usize {
        self.limit - self.found.len()
    }

    /// Goes on with the store's next keys; `is_last` says that it has no others.
    pub(crate) fn go_on(&mut self, page: &[String], is_last: bool, cache: &StateCache, changed: &Entries) {
        let until = page.last().filter(|_| !is_last);
        let within = |key: &str| until.is_none_or(|until| key <= until.as_str());
        let after = self.after.clone();
        let mut stored = page.iter().map(|key| (key.as_str(), true)).peekable();
        let mut cached = cache.range(&self.prefix, after.as_deref()).map(known).peekable();
        let mut changed = range(changed, &self.prefix, after.as_deref()).map(known).peekable();
        loop {
            let first = [stored.peek(), cached.peek(), changed.peek()];
            let Some(key) = first.into_iter().flatten().map(|(key, _)| *key).min().filter(|key| within(key))
            else {
                break;
            };
            let is_stored = take(&mut stored, key);
            let is_cached = take(&mut cached, key).or(is_stored);
            let is_there = take(&mut changed, key).or(is_cached) == Some(true);
            if is_there {
                self.found.push(key.to_owned());
                if self.found.len() == self.limit {
                    self.is_over = true;
                    return;
                }
            } else if self.found.is_empty() {
                self.absent_through = Some(key.to_owned());
            }
        }
        self.is_over |= is_last;
        self.after = page.last().cloned().or_else(|| after.clone());
    }

    /// The keys, and where there are none.
    pub(crate) fn end(self) -> (Vec<String>, Option<Gap>) {
        let gap = self.absent_through.map(|through| Gap { from: self.from, through });
        (self.found, gap)
    }
}

/// A key, and whether it is there.
fn known<'a>((key, value): (&'a String, &'a Option<Bytes>)) -> (&'a str, bool) {
    (key, value.is_some())
}

/// Whether the key is there, if that is the one that comes next.
fn take<'a>(keys: &mut Peekable<impl Iterator<Item = (&'a str, bool)>>, key: &str) -> Option<bool> {
    keys.next_if(|(next, _)| *next == key).map(|(_, is_there)| is_there)
}

#[cfg(test)]
mod tests {
    use greenroom_core::store::StoredActor;
    use proptest::prelude::*;

    use super::*;

    fn entries(keys: &[(String, bool)]) -> Entries {
        keys.iter().map(|(key, is_there)| (key.clone(), is_there.then(Bytes::new))).collect()
    }

    fn large(cached: Entries) -> StateCache {
        let mut cache = StateCache::new(&mut StoredActor::default());
        for (key, value) in cached {
            cache.keep_read(key, value, u64::MAX);
        }
        cache
    }

    /// What a search finds in a store of which it reads so many keys at a time.
    fn search(
        mut search: KeySearch,
        stored: &[String],
        page: usize,
        cache: &StateCache,
        changed: &Entries,
    ) -> (Vec<String>, Option<Gap>) {
        while !search.is_over() {
            let (prefix, after) = (search.prefix().to_owned(), search.after().map(str::to_owned));
            let next = stored.iter().filter(|key| key.starts_with(&prefix));
            let next = next.filter(|key| after.as_ref().is_none_or(|after| *key > after));
            let next: Vec<String> = next.take(page).cloned().collect();
            search.go_on(&next, next.len() < page, cache, changed);
        }
        search.end()
    }

    proptest! {
        #[test]
        fn a_search_finds_what_is_there_in_order(
            stored in proptest::collection::btree_set("[ab]{0,3}", 0..12),
            cached in proptest::collection::vec(("[ab]{0,3}", any::<bool>()), 0..8),
            changed in proptest::collection::vec(("[ab]{0,3}", any::<bool>()), 0..8),
            prefix in "[ab]{0,1}",
            after in proptest::option::of("[ab]{0,3}"),
            limit in 0..5_usize,
            page in 1..4_usize,
        ) {
            let (cached, changed) = (entries(&cached), entries(&changed));
            let mut there: std::collections::BTreeSet<String> = stored.clone();
            for (key, value) in cached.iter().chain(&changed) {
                if value.is_some() { there.insert(key.clone()) } else { there.remove(key) };
            }
            let expected: Vec<String> = there
                .iter()
                .filter(|key| key.starts_with(&prefix) && after.as_ref().is_none_or(|after| *key > after))
                .take(limit)
                .cloned()
                .collect();
            let stored: Vec<String> = stored.into_iter().collect();
            let cache = large(cached);
            let begin = |gap: Option<&Gap>| KeySearch::new(prefix.clone(), after.clone(), limit, gap);
            let (found, gap) = search(begin(None), &stored, page, &cache, &changed);
            prop_assert_eq!(&found, &expected);
            if let Some(gap) = &gap {
                prop_assert!(!there.iter().any(|key| gap.contains(key)), "{:?} in {:?}", there, gap);
                prop_assert_eq!(search(begin(Some(gap)), &stored, page, &cache, &changed), (found, Some(gap.clone())));
            }
        }
    }
}
