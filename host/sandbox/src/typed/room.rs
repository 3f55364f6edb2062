//! Room for converted values: a value takes many times the memory of its JSON, so what messages
//! under way may hold of them is bounded for each and for all.
//!
//! A behavior may have a number of values in proportion to those for which there is still room, so that calls of
//! one, however long its turns take, leave some for every other.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use greenroom_core::{Code, Error};
use tokio::sync::Semaphore;

/// Values in one message or one answer. Each byte of a `list<u8>` is one.
pub(crate) const VALUES_MAX: usize = 1 << 20;
/// Values that the arguments of all calls under way have together, at some 40 bytes each and
/// as much again for the names in records.
pub(crate) const VALUES_UNDER_WAY_MAX: usize = 8 << 20;

/// How many values the calls of one behavior may have for each that is then still free.
const PER_FREE: usize = 3;

/// The room of one host.
pub(crate) struct Room {
    taken: AtomicUsize,
    /// As many large answers are written at a time as half of the processors.
    writers: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get);
        Room { taken: AtomicUsize::new(0), writers: Arc::new(Semaphore::new((processors / 2).max(1))) }
    }
}

/// What one behavior has of it.
pub(crate) struct Share {
    room: Arc<Room>,
    taken: AtomicUsize,
}

/// A part of it, given back when dropped.
pub(crate) struct Taken {
    share: Arc<Share>,
    values: usize,
}

impl Share {
    pub(crate) fn of(room: &Arc<Room>) -> Arc<Self> {
        Arc::new(Share { room: Arc::clone(room), taken: AtomicUsize::new(0) })
    }

    /// Takes room for so many values.
    ///
    /// # Errors
    /// `overloaded`: there is none, or the behavior has as much as it may have now.
    pub(crate) fn take(self: &Arc<Self>, values: usize) -> Result<Taken, Error> {
        let all = self.room.taken.fetch_add(values, Ordering::Relaxed);
        let own = self.taken.fetch_add(values, Ordering::Relaxed);
        // Made before the look, so that a refusal gives back what it took.
        let taken = Taken { share: Arc::clone(self), values };
        let free = VALUES_UNDER_WAY_MAX.checked_sub(all + values);
        if free.is_none_or(|free| own + values > free * PER_FREE) {
            return Err(Error::new(
                Code::Overloaded,
                format!(
                    "the arguments of calls under way have {all} values, {own} of them of this component, of \
                     {VALUES_UNDER_WAY_MAX} at most; try again"
                ),
            ));
        }
        Ok(taken)
    }
}

impl Taken {
    /// Who may write large answers.
    pub(crate) fn writers(&self) -> &Arc<Semaphore> {
        &self.share.room.writers
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.share.room.taken.fetch_sub(self.values, Ordering::Relaxed);
        self.share.taken.fetch_sub(self.values, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one behavior can have.
    const MOST: usize = VALUES_UNDER_WAY_MAX / (PER_FREE + 1) * PER_FREE;

    #[test]
    fn room_is_given_back() {
        let share = Share::of(&Arc::default());
        let most = share.take(MOST).unwrap();
        for _ in 0..3 {
            assert_eq!(share.take(1).err().map(|error| error.code), Some(Code::Overloaded));
        }
        drop(most);
        assert!(share.take(MOST).is_ok());
    }

    #[test]
    fn one_behavior_leaves_room_for_others() {
        let room = Arc::default();
        let flood = |values| {
            let share = Share::of(&room);
            std::iter::from_fn(|| share.take(values).ok()).collect::<Vec<Taken>>()
        };
        let held = [flood(VALUES_MAX), flood(VALUES_MAX), flood(VALUES_MAX / 4)];
        assert_eq!(held.each_ref().map(Vec::len), [6, 1, 3]);
        assert!(Share::of(&room).take(VALUES_MAX / 8).is_ok());
    }
}
