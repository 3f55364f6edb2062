//! The memory of bodies, from their first bytes until whoever works with them is done.
//!
//! All bodies share it, and no peer has all of it. While there is none left, a body that is still arriving keeps what
//! it has only as long as it keeps the pace: of those that brought less over the last seconds the slowest are ended,
//! so who sends much and then hardly anything takes no room from others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::peer::{Full, Peer, Place, Room, Shared};

/// What was brought is looked at over at least so long.
const PACE_WINDOW: Duration = Duration::from_secs(2);
/// When all keep the pace, they are not looked at again for so long.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// The unit in which room is given out.
const UNIT_BYTES: usize = 1 << 10;

/// Room for bodies.
pub(crate) struct Arriving {
    room: Arc<Room>,
    bytes_per_second: u64,
    bodies: Mutex<Bodies>,
}

#[derive(Default)]
struct Bodies {
    next: u64,
    arriving: HashMap<u64, Body>,
    /// Until then nobody is looked for who could go.
    all_keep_pace_until: Option<Instant>,
}

/// A body that is arriving.
struct Body {
    place: Place,
    begun: Instant,
    window: Window,
    ended: Arc<Notify>,
}

/// What a body has brought in the window of now, and in the one before.
struct Window {
    since: Instant,
    bytes: usize,
    before: usize,
}

impl Window {
    fn add(&mut self, bytes: usize, now: Instant) {
        let elapsed = now - self.since;
        if elapsed < PACE_WINDOW {
            self.bytes += bytes;
            return;
        }
        let before = if elapsed < 2 * PACE_WINDOW { self.bytes } else { 0 };
        *self = Window { since: now, bytes, before };
    }

    /// What it has brought over the last [`PACE_WINDOW`] or a little longer.
    fn brought(&self, now: Instant) -> usize {
        match now - self.since {
            elapsed if elapsed < PACE_WINDOW => self.before + self.bytes,
            elapsed if elapsed < 2 * PACE_WINDOW => self.bytes,
            _ => 0,
        }
    }
}

/// Why a body gets no more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// There is none, or its peer has its share.
    Full(Full),
    /// Others needed it, and it was slow.
    Ended,
}

impl Arriving {
    /// Room for so many bytes, to be brought at that pace.
    pub(crate) fn new(shared: Shared, bytes: usize, bytes_per_second: u64) -> Arc<Self> {
        Arc::new(Arriving {
            room: Room::new(shared, bytes / UNIT_BYTES),
            bytes_per_second,
            bodies: Mutex::default(),
        })
    }

    /// Bytes that one peer may have.
    pub(crate) fn bytes_of_peer(&self) -> usize {
        self.room.units_of_peer() * UNIT_BYTES
    }

    /// Counts a body of `peer` that has brought so many bytes, which take `taken` of memory.
    pub(crate) fn begin(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        brought: usize,
        taken: usize,
    ) -> Result<Arrival, NoRoom> {
        let (now, units) = (Instant::now(), taken.div_ceil(UNIT_BYTES));
        let mut bodies = self.bodies.lock();
        let place = self.with_room(&mut bodies, now, peer, units, || self.room.take(peer, units));
        let place = place.map_err(NoRoom::Full)?;
        let (number, ended) = (bodies.next, Arc::new(Notify::new()));
        bodies.next += 1;
        let window = Window { since: now, bytes: brought, before: 0 };
        bodies.arriving.insert(number, Body { place, begun: now, window, ended: Arc::clone(&ended) });
        Ok(Arrival { arriving: Arc::clone(self), number, ended })
    }

    /// Tries `take`, and when it finds no room once more after the slow have been ended.
    fn with_room<T>(
        &self,
        bodies: &mut Bodies,
        now: Instant,
        peer: &Arc<Peer>,
        units: usize,
        mut take: impl FnMut() -> Result<T, Full>,
    ) -> Result<T, Full> {
        let mut taken = take();
        // Those of the peer itself may make room for it, and then those of all for the host.
        for _ in 0..2 {
            let Err(full) = taken else { break };
            let of = (full == Full::Peer).then_some(peer);
            if !self.end_slow(bodies, now, of, units) {
                break;
            }
            taken = take();
        }
        taken
    }

    /// Ends the slowest bodies, of one peer or of all, until there is room for `units` and some more. Whether there
    /// was one.
    fn end_slow(&self, bodies: &mut Bodies, now: Instant, of: Option<&Arc<Peer>>, units: usize) -> bool {
        if bodies.all_keep_pace_until.is_some_and(|until| now < until) {
            return false;
        }
        let pace = usize::try_from(self.bytes_per_second * PACE_WINDOW.as_secs()).unwrap_or(usize::MAX);
        let mut slow: Vec<(usize, u64)> = bodies
            .arriving
            .iter()
            .filter(|(_, body)| now - body.begun >= PACE_WINDOW)
            .map(|(number, body)| (body.window.brought(now), *number))
            .filter(|(brought, _)| *brought < pace)
            .collect();
        if slow.is_empty() {
            bodies.all_keep_pace_until = Some(now + LOOK_AGAIN);
            return false;
        }
        slow.retain(|(_, number)| of.is_none_or(|peer| bodies.arriving[number].place.is_of(peer)));
        slow.sort_unstable();
        // Some more, so that not everybody who comes next has to look again.
        let wanted = units.max(self.room.units() / 16);
        let mut freed = 0;
        for (_, number) in &slow {
            if freed >= wanted {
                break;
            }
            if let Some(body) = bodies.arriving.remove(number) {
                freed += body.place.units();
                body.ended.notify_one();
            }
        }
        freed > 0
    }

    #[cfg(test)]
    pub(crate) fn taken_bytes(&self) -> usize {
        self.room.taken() * UNIT_BYTES
    }
}

/// A body that is arriving, for whoever reads it.
pub(crate) struct Arrival {
    arriving: Arc<Arriving>,
    number: u64,
    ended: Arc<Notify>,
}

impl Arrival {
    /// Notes that it has brought so many bytes more, and takes `taken` of memory by now.
    pub(crate) fn bring(&self, bytes: usize, taken: usize) -> Result<(), NoRoom> {
        let now = Instant::now();
        let mut bodies = self.arriving.bodies.lock();
        // While it makes room for itself it is nobody whom others could end.
        let mut own = bodies.arriving.remove(&self.number).ok_or(NoRoom::Ended)?;
        own.window.add(bytes, now);
        let more = taken.div_ceil(UNIT_BYTES).saturating_sub(own.place.units());
        if more > 0 {
            let peer = own.place.peer();
            let grown = self.arriving.with_room(&mut bodies, now, &peer, more, || own.place.grow(more));
            grown.map_err(NoRoom::Full)?;
        }
        bodies.arriving.insert(self.number, own);
        Ok(())
    }

    /// Resolves when others needed its room.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// It is all there, and takes so many bytes until what is returned is dropped.
    pub(crate) fn complete(self, taken: usize) -> Result<Place, NoRoom> {
        let own = self.arriving.bodies.lock().arriving.remove(&self.number);
        let mut place = own.ok_or(NoRoom::Ended)?.place;
        place.shrink(taken.div_ceil(UNIT_BYTES));
        Ok(place)
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.arriving.bodies.lock().arriving.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Peers;
    use futures::FutureExt as _;
    use tokio::time::advance;

    const MIB: usize = 1 << 20;
    const PACE: u64 = 16 << 10;

    fn room() -> (Arc<Arriving>, Arc<Peer>, Arc<Peer>) {
        let peers = Peers::default();
        let [one, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(|address| peers.of(address.into()));
        (Arriving::new(Shared::Bodies, 4 * MIB, PACE), one, other)
    }

    #[tokio::test(start_paused = true)]
    async fn without_room_the_slowest_goes() {
        let (room, one, other) = room();
        let still = room.begin(&one, MIB, MIB).unwrap();
        let slow = room.begin(&one, MIB, MIB).unwrap();
        let fast = room.begin(&other, MIB, MIB).unwrap();
        let slower = room.begin(&other, MIB, MIB).unwrap();
        let full = Some(NoRoom::Full(Full::Host));
        assert_eq!(room.begin(&one, MIB, MIB).err(), Some(NoRoom::Full(Full::Host)), "all have just begun");
        for _ in 0..10 {
            advance(Duration::from_secs(1)).await;
            for (body, bytes) in [(&slow, 10_000), (&slower, 1_000), (&fast, 20_000)] {
                assert_eq!(body.bring(bytes, MIB), Ok(()));
            }
        }
        let next = room.begin(&other, MIB, MIB).unwrap();
        assert!(still.ended().now_or_never().is_some(), "it brought nothing");
        assert_eq!(still.bring(1, MIB), Err(NoRoom::Ended));
        let after = room.begin(&one, MIB, MIB).unwrap();
        assert!(slower.ended().now_or_never().is_some());
        assert!(slow.ended().now_or_never().is_none());
        assert_eq!(fast.bring(20_000, 2 * MIB), Ok(()), "who is fast may have more");
        assert!(slow.ended().now_or_never().is_some());
        assert_eq!(room.begin(&one, MIB, MIB).err(), full, "the rest keep the pace");
        drop((still, slow, fast, slower, next, after));
        assert_eq!(room.taken_bytes(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_with_its_share_makes_room_for_itself_alone() {
        let (room, one, other) = room();
        let of_other = room.begin(&other, MIB, MIB).unwrap();
        let held: Vec<Arrival> = (0..3).map(|_| room.begin(&one, MIB, MIB).unwrap()).collect();
        let complete = room.begin(&one, 0, 0).unwrap().complete(0).unwrap();
        assert_eq!(room.begin(&one, MIB, MIB).err(), Some(NoRoom::Full(Full::Peer)));
        advance(Duration::from_secs(10)).await;
        assert!(room.begin(&one, MIB, MIB).is_ok());
        assert_eq!(held.iter().filter(|body| body.ended().now_or_never().is_some()).count(), 1);
        assert!(of_other.ended().now_or_never().is_none());
        drop(complete);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_there_can_not_be_ended() {
        let (room, one, other) = room();
        let held: Vec<Place> =
            (0..3).map(|_| room.begin(&one, MIB, MIB).unwrap().complete(MIB).unwrap()).collect();
        advance(Duration::from_mins(1)).await;
        assert_eq!(room.begin(&other, 2 * MIB, 2 * MIB).err(), Some(NoRoom::Full(Full::Host)));
        assert!(room.begin(&other, MIB, MIB).is_ok());
        drop(held);
        assert_eq!(room.taken_bytes(), 0);
    }
}
