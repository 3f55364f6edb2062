//! How long the values are that a turn writes over, without a question to the store for each of them.
//!
//! A turn that goes through a large actor's keys in their order asks for the next ones with each; one that jumps asks
//! for hardly more than it needs.

use std::collections::BTreeMap;

/// Keys asked for at once at most.
const KEYS_MAX: usize = 1_000;

/// What is known of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueSize {
    /// It has so many bytes, or there is none.
    Known(Option<u64>),
    Unknown,
}

/// What a turn knows of the stored values of some keys that follow each other.
pub(crate) struct ReadAhead {
    sizes: BTreeMap<String, u64>,
    /// Which keys it knows; those without a size are not there.
    known: Option<(String, Option<String>)>,
    /// How many of the sizes were wanted.
    used: usize,
    /// How many to ask for next.
    next: usize,
}

impl Default for ReadAhead {
    fn default() -> Self {
        ReadAhead { sizes: BTreeMap::new(), known: None, used: 0, next: 1 }
    }
}

impl ReadAhead {
    pub(crate) fn get(&mut self, key: &str) -> ValueSize {
        let is_known = self.known.as_ref().is_some_and(|(from, through)| {
            key >= from.as_str() && through.as_ref().is_none_or(|through| key <= through.as_str())
        });
        if !is_known {
            return ValueSize::Unknown;
        }
        self.used += 1;
        ValueSize::Known(self.sizes.get(key).copied())
    }

    /// How many keys to ask for when one is not known: twice as many as before where most of those were of use.
    pub(crate) fn next(&mut self) -> usize {
        let were_useful = self.used * 2 > self.sizes.len();
        self.next = if were_useful { (self.next * 2).min(KEYS_MAX) } else { 1 };
        self.next
    }

    /// Knows what the store says, asked for so many keys from one on.
    pub(crate) fn learn(&mut self, from: String, asked: usize, sizes: Vec<(String, u64)>) {
        let through = sizes.last().filter(|_| sizes.len() >= asked).map(|(last, _)| last.clone());
        *self = ReadAhead {
            sizes: sizes.into_iter().collect(),
            known: Some((from, through)),
            // The one that was asked for.
            used: 1,
            next: self.next,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks for those keys in a store of that many, and says how many questions that took, and how many answers.
    fn looks(stored: u32, keys: impl Iterator<Item = u32>) -> (usize, usize) {
        let name = |number: u32| format!("{number:06}");
        let (mut questions, mut answers) = (0, 0);
        let mut ahead = ReadAhead::default();
        for number in keys {
            match ahead.get(&name(number)) {
                ValueSize::Known(size) => assert_eq!(size, (number < stored).then_some(u64::from(number))),
                ValueSize::Unknown => {
                    let asked = ahead.next();
                    let sizes: Vec<_> = (number..stored)
                        .take(asked)
                        .map(|number| (name(number), u64::from(number)))
                        .collect();
                    questions += 1;
                    answers += sizes.len();
                    ahead.learn(name(number), asked, sizes);
                }
            }
        }
        (questions, answers)
    }

    #[test]
    fn keys_in_their_order_are_asked_for_together() {
        let (questions, answers) = looks(100_000, 0..100_000);
        assert!(questions < 120 && answers == 100_000, "{questions} questions, {answers} answers");
        // Of what comes after the last, one question tells all.
        assert_eq!(looks(10, 10..10_000).0, 1);
    }

    #[test]
    fn keys_in_no_order_cost_hardly_more_than_one_by_one() {
        let (questions, answers) = looks(100_000, (0..1_000).map(|number| number * 7_919 % 100_000));
        assert!(questions <= 1_000 && answers < 4_000, "{questions} questions, {answers} answers");
    }
}
