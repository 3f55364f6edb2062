//! How much compiled code there is in memory. Code that no sandbox runs goes when other code needs its room, the least
//! recently used first; it is loaded again when it is next needed.
//!
//! The code of one component counts for half of the bound at most, however large it is: it never takes all of the
//! room, and two components can always be at work.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use greenroom_core::sandbox::{Behavior, RoomWanted};
use greenroom_core::{ActorType, Code, Digest, Error};
use parking_lot::Mutex;
use tokio::time::Instant;

/// How long a turn waits at most for room for its code: sandboxes that are idle leave within milliseconds, so if it is
/// for longer, nearly all are at work.
const CODE_ROOM_WITHIN: Duration = Duration::from_secs(5);

/// How soon to look again while somebody waits.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// One component may have one part in so many of the room.
const PARTS: u64 = 2;

/// See the [module](self).
pub(crate) struct CodeRoom {
    bytes_max: u64,
    taken: Mutex<Taken>,
    /// Turns that wait for room, by their type.
    waiting: Mutex<BTreeMap<ActorType, usize>>,
}

/// What is in memory, and on its way there.
#[derive(Default)]
struct Taken {
    by_component: HashMap<Digest, Weak<Held>, ahash::RandomState>,
    /// What all of it counts for.
    charged: u64,
    bytes: u64,
}

/// The room that the code of one component has, whichever types run it.
pub(crate) struct Held {
    room: Arc<CodeRoom>,
    digest: Digest,
    bytes: AtomicU64,
    /// Sandboxes that run it.
    users: AtomicUsize,
    used: Mutex<Instant>,
}

/// Compiled code in memory, and its room.
pub(crate) struct LoadedCode {
    pub(crate) behavior: Arc<dyn Behavior>,
    held: Arc<Held>,
}

/// As long as it lives, the code stays.
pub(crate) struct InUse(Arc<Held>);

impl CodeRoom {
    pub(crate) fn new(bytes_max: u64) -> Arc<Self> {
        Arc::new(CodeRoom { bytes_max, taken: Mutex::default(), waiting: Mutex::default() })
    }

    /// How many bytes of code are in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.taken.lock().bytes
    }

    /// For which types turns wait for room that idle sandboxes could make.
    pub(crate) fn wanted(&self) -> Vec<RoomWanted> {
        let waiting = self.waiting.lock();
        waiting
            .keys()
            .map(|actor_type| RoomWanted { actor_type: actor_type.clone(), from_others: true })
            .collect()
    }

    /// Waits a moment for room for the code of a component, of which so many bytes are expected. `make_room` lets code go that nobody uses
    /// until that many bytes are free, as far as it can.
    ///
    /// # Errors
    /// `overloaded` when the code of others that are at work leaves none. Cancel safe.
    pub(crate) async fn take(
        self: &Arc<Self>,
        actor_type: &ActorType,
        (digest, expected): (Digest, u64),
        make_room: impl Fn(u64),
    ) -> Result<Arc<Held>, Error> {
        let until = Instant::now() + CODE_ROOM_WITHIN;
        let mut waits = None;
        loop {
            if let Some(held) = self.try_take(digest, expected) {
                return Ok(held);
            }
            make_room(self.charge(expected));
            if let Some(held) = self.try_take(digest, expected) {
                return Ok(held);
            }
            if Instant::now() >= until {
                return Err(self.used_up());
            }
            waits.get_or_insert_with(|| Waits::begin(self, actor_type));
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
    }

    /// The room of code that was loaded in any case.
    pub(crate) fn hold(self: &Arc<Self>, behavior: Arc<dyn Behavior>) -> LoadedCode {
        let bytes = behavior.code_bytes();
        let held = self.enter(&mut self.taken.lock(), behavior.info().digest, bytes);
        LoadedCode::new(behavior, held)
    }

    /// Whether so much more fits.
    pub(crate) fn has(&self, charge: u64) -> bool {
        self.taken.lock().charged.saturating_add(charge) <= self.bytes_max
    }

    fn try_take(self: &Arc<Self>, digest: Digest, expected: u64) -> Option<Arc<Held>> {
        let mut taken = self.taken.lock();
        let known = taken.by_component.get(&digest).and_then(Weak::upgrade);
        if known.is_some() || taken.charged.saturating_add(self.charge(expected)) > self.bytes_max {
            // Dropped outside the lock if it is the last.
            return known;
        }
        Some(self.enter(&mut taken, digest, expected))
    }

    fn enter(self: &Arc<Self>, taken: &mut Taken, digest: Digest, bytes: u64) -> Arc<Held> {
        if let Some(known) = taken.by_component.get(&digest).and_then(Weak::upgrade) {
            return known;
        }
        let held = Arc::new(Held {
            room: Arc::clone(self),
            digest,
            bytes: AtomicU64::new(bytes),
            users: AtomicUsize::new(0),
            used: Mutex::new(Instant::now()),
        });
        taken.by_component.insert(digest, Arc::downgrade(&held));
        taken.charged += self.charge(bytes);
        taken.bytes += bytes;
        held
    }

    /// What so many bytes of one component count for.
    fn charge(&self, bytes: u64) -> u64 {
        bytes.min(self.bytes_max / PARTS)
    }

    fn used_up(&self) -> Error {
        let text = format!(
            "the code of other types at work takes the {} bytes there are for code; ask again later, or raise \
             `limits.code_bytes`",
            self.bytes_max
        );
        Error::new(Code::Overloaded, text)
    }
}

impl Held {
    /// Notes how much it came to.
    fn becomes(&self, bytes: u64) {
        let mut taken = self.room.taken.lock();
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        taken.charged = taken.charged + self.room.charge(bytes) - self.room.charge(before);
        taken.bytes = taken.bytes + bytes - before;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        let mut taken = self.room.taken.lock();
        taken.charged -= self.room.charge(bytes);
        taken.bytes -= bytes;
        // The same component may have been loaded anew since.
        if taken.by_component.get(&self.digest).is_some_and(|known| known.strong_count() == 0) {
            taken.by_component.remove(&self.digest);
        }
    }
}

impl LoadedCode {
    /// Code that was loaded into the room it had been given.
    pub(crate) fn new(behavior: Arc<dyn Behavior>, held: Arc<Held>) -> Self {
        held.becomes(behavior.code_bytes());
        LoadedCode { behavior, held }
    }

    /// To be kept by a sandbox for as long as it lives.
    pub(crate) fn begin_use(&self) -> InUse {
        self.held.users.fetch_add(1, Ordering::Relaxed);
        InUse(Arc::clone(&self.held))
    }

    /// When it was last used, if no sandbox runs it.
    pub(crate) fn unused_since(&self) -> Option<Instant> {
        (self.held.users.load(Ordering::Relaxed) == 0).then(|| *self.held.used.lock())
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        *self.0.used.lock() = Instant::now();
        self.0.users.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A turn that waits for room for the code of its type.
struct Waits<'a> {
    room: &'a CodeRoom,
    actor_type: ActorType,
}

impl<'a> Waits<'a> {
    fn begin(room: &'a CodeRoom, actor_type: &ActorType) -> Self {
        *room.waiting.lock().entry(actor_type.clone()).or_default() += 1;
        Waits { room, actor_type: actor_type.clone() }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut waiting = self.room.waiting.lock();
        if let Some(count) = waiting.get_mut(&self.actor_type) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.actor_type);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_MAX: u64 = 1_000;

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    #[test]
    fn there_is_room_for_so_much_and_once_for_the_same_component() {
        let room = CodeRoom::new(BYTES_MAX);
        let one = room.try_take(digest("one"), 300).unwrap();
        let again = room.try_take(digest("one"), 300).unwrap();
        assert_eq!(room.bytes(), 300);
        let _two = room.try_take(digest("two"), 400).unwrap();
        assert!(room.try_take(digest("three"), 301).is_none());
        drop(one);
        assert!(room.try_take(digest("three"), 301).is_none(), "somebody has it still");
        drop(again);
        assert!(room.try_take(digest("three"), 301).is_some());
    }

    #[test]
    fn what_it_came_to_counts_and_goes_with_it() {
        let room = CodeRoom::new(BYTES_MAX);
        let held = room.try_take(digest("one"), 100).unwrap();
        held.becomes(450);
        assert_eq!(room.bytes(), 450);
        assert!(!room.has(551) && room.has(550));
        drop(held);
        assert_eq!((room.bytes(), room.has(BYTES_MAX)), (0, true));
        assert!(room.taken.lock().by_component.is_empty());
    }

    #[test]
    fn one_that_is_larger_than_all_leaves_half_to_the_others() {
        let room = CodeRoom::new(BYTES_MAX);
        let giant = room.try_take(digest("giant"), 10 * BYTES_MAX).unwrap();
        assert_eq!((room.bytes(), room.has(500)), (10 * BYTES_MAX, true));
        let _other = room.try_take(digest("other"), 500).unwrap();
        assert!(room.try_take(digest("third"), 1).is_none());
        drop(giant);
        assert!(room.try_take(digest("third"), 1).is_some());
    }
}
