//! Room for converted values: a value takes many times the memory of its JSON, so what messages
//! under way may hold of them is bounded for each and for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use greenroom_core::{Code, Error};

/// Values in one message or one answer. Each byte of a `list<u8>` is one.
pub(crate) const VALUES_MAX: usize = 1 << 20;
/// Values that the arguments of all calls under way have together, at some 40 bytes each and
/// as much again for the names in records.
pub(crate) const VALUES_UNDER_WAY_MAX: usize = 8 << 20;

/// The room of one host.
#[derive(Default)]
pub(crate) struct Room {
    taken: AtomicUsize,
}

/// A part of it, given back when dropped.
pub(crate) struct Taken {
    room: Arc<Room>,
    values: usize,
}

impl Room {
    /// Takes room for so many values.
    pub(crate) fn take(room: &Arc<Room>, values: usize) -> Result<Taken, Error> {
        // Made before the look, so that a refusal gives back what it took.
        let taken = Taken { room: Arc::clone(room), values };
        if room.taken.fetch_add(values, Ordering::Relaxed) + values > VALUES_UNDER_WAY_MAX {
            return Err(Error::new(
                Code::Overloaded,
                format!(
                    "the arguments of calls under way have {VALUES_UNDER_WAY_MAX} values already; try again"
                ),
            ));
        }
        Ok(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.values, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back() {
        let room = Arc::default();
        let most = Room::take(&room, VALUES_UNDER_WAY_MAX).unwrap();
        for _ in 0..3 {
            assert_eq!(Room::take(&room, 1).err().map(|error| error.code), Some(Code::Overloaded));
        }
        drop(most);
        assert!(Room::take(&room, VALUES_UNDER_WAY_MAX).is_ok());
    }
}
