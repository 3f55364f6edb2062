//! Who is at the other end of a connection, and what each has of what all share.
//!
//! A peer is an address, or a network of IPv6, as an address is given to one machine there a network is. However many
//! connections it has, no peer has all of anything: a quarter is left to the others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// What peers share.
#[derive(Clone, Copy)]
pub(crate) enum Shared {
    /// Requests under way.
    Requests,
    /// Memory for large heads of requests.
    Heads,
    /// Memory for bodies.
    Bodies,
    /// Memory for components on their way to be deployed.
    Components,
}

const SHARED: usize = Shared::Components as usize + 1;

/// One peer.
pub(crate) struct Peer {
    address: IpAddr,
    taken: [AtomicUsize; SHARED],
}

impl Peer {
    fn new(address: IpAddr) -> Self {
        Peer { address, taken: Default::default() }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }
}

#[cfg(test)]
impl Default for Peer {
    fn default() -> Self {
        Peer::new(IpAddr::from([127, 0, 0, 1]))
    }
}

/// Every peer that has a connection.
#[derive(Default)]
pub(crate) struct Peers(Mutex<Known>);

#[derive(Default)]
struct Known {
    peers: HashMap<IpAddr, Weak<Peer>>,
    /// When there are as many, those that have gone are looked for.
    looked_through_at: usize,
}

impl Peers {
    /// The peer of a connection from that address.
    pub(crate) fn of(&self, address: IpAddr) -> Arc<Peer> {
        const LOOKED_THROUGH_MIN: usize = 64;
        let address = of_one_machine(address);
        let mut known = self.0.lock();
        if let Some(peer) = known.peers.get(&address).and_then(Weak::upgrade) {
            return peer;
        }
        if known.peers.len() >= known.looked_through_at {
            known.peers.retain(|_, peer| peer.strong_count() > 0);
            known.looked_through_at = (2 * known.peers.len()).max(LOOKED_THROUGH_MIN);
        }
        let peer = Arc::new(Peer::new(address));
        known.peers.insert(address, Arc::downgrade(&peer));
        peer
    }
}

/// The address, or the first of the network that one machine has all of.
fn of_one_machine(address: IpAddr) -> IpAddr {
    const NETWORK: u128 = !(u64::MAX as u128);
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK))
        }
        other => other,
    }
}

/// Who has too much for more to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The one who asks.
    Peer,
    /// All together.
    Host,
}

/// So much of something, for all peers together.
pub(crate) struct Room {
    shared: Shared,
    units: usize,
    taken: AtomicUsize,
}

impl Room {
    /// Room for so many units.
    pub(crate) fn new(shared: Shared, units: usize) -> Arc<Self> {
        Arc::new(Room { shared, units, taken: AtomicUsize::new(0) })
    }

    /// What all may have.
    pub(crate) fn units(&self) -> usize {
        self.units
    }

    /// What one peer may have.
    pub(crate) fn units_of_peer(&self) -> usize {
        self.units - self.units / 4
    }

    /// What all have.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    fn of<'a>(&self, peer: &'a Peer) -> &'a AtomicUsize {
        &peer.taken[self.shared as usize]
    }

    fn take_units(&self, peer: &Peer, units: usize) -> Result<(), Full> {
        let within = |taken: &AtomicUsize, most: usize| {
            let before = taken.fetch_add(units, Ordering::Relaxed);
            let fits = before.saturating_add(units) <= most;
            if !fits {
                taken.fetch_sub(units, Ordering::Relaxed);
            }
            fits
        };
        if !within(self.of(peer), self.units_of_peer()) {
            return Err(Full::Peer);
        }
        if !within(&self.taken, self.units) {
            self.of(peer).fetch_sub(units, Ordering::Relaxed);
            return Err(Full::Host);
        }
        Ok(())
    }

    fn give_back(&self, peer: &Peer, units: usize) {
        self.of(peer).fetch_sub(units, Ordering::Relaxed);
        self.taken.fetch_sub(units, Ordering::Relaxed);
    }

    /// Takes so many units for `peer`, until what is returned is dropped.
    pub(crate) fn take(self: &Arc<Self>, peer: &Arc<Peer>, units: usize) -> Result<Place, Full> {
        self.take_units(peer, units)?;
        Ok(Place { room: Arc::clone(self), peer: Arc::clone(peer), units })
    }
}

/// What somebody has of a [`Room`].
pub(crate) struct Place {
    room: Arc<Room>,
    peer: Arc<Peer>,
    units: usize,
}

impl Place {
    /// Whose it is.
    pub(crate) fn peer(&self) -> Arc<Peer> {
        Arc::clone(&self.peer)
    }

    /// Whether it is that peer's.
    pub(crate) fn is_of(&self, peer: &Arc<Peer>) -> bool {
        Arc::ptr_eq(&self.peer, peer)
    }

    /// How much it is.
    pub(crate) fn units(&self) -> usize {
        self.units
    }

    /// Takes so many units more.
    pub(crate) fn grow(&mut self, more: usize) -> Result<(), Full> {
        self.room.take_units(&self.peer, more)?;
        self.units += more;
        Ok(())
    }

    /// Gives back what is more than that.
    pub(crate) fn shrink(&mut self, units: usize) {
        let more = self.units.saturating_sub(units);
        self.room.give_back(&self.peer, more);
        self.units -= more;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.give_back(&self.peer, self.units);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(peers: &Peers, address: &str) -> Arc<Peer> {
        peers.of(address.parse().unwrap())
    }

    #[test]
    fn no_peer_has_all_and_what_is_given_back_is_there_again() {
        let (room, peers) = (Room::new(Shared::Requests, 8), Peers::default());
        let (one, other) = (peer(&peers, "192.0.2.1"), peer(&peers, "192.0.2.2"));
        let take = |peer: &Arc<Peer>, units| room.take(peer, units);
        let mut held = take(&one, 4).unwrap();
        assert_eq!(held.grow(3).err(), Some(Full::Peer));
        held.grow(2).unwrap();
        assert_eq!(take(&one, 1).err(), Some(Full::Peer));
        let rest = take(&other, 2).unwrap();
        assert_eq!(take(&other, 1).err(), Some(Full::Host));
        held.shrink(1);
        assert_eq!((held.units(), room.taken()), (1, 3));
        drop((held, rest));
        assert_eq!(room.taken(), 0);
        assert!(take(&one, 6).is_ok() && take(&other, 6).is_ok());
    }

    #[test]
    fn a_peer_is_all_that_one_machine_may_call_itself() {
        let peers = Peers::default();
        let same = |one: &str, other: &str| Arc::ptr_eq(&peer(&peers, one), &peer(&peers, other));
        let _kept: Vec<_> = ["192.0.2.1", "2001:db8::1", "::1"].iter().map(|one| peer(&peers, one)).collect();
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(same("2001:db8::1", "2001:db8::ffff:0:0:2"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(!same("::1", "::2"));
    }

    #[test]
    fn those_who_have_gone_are_forgotten() {
        let peers = Peers::default();
        for number in 0..10_000_u32 {
            peers.of(IpAddr::from(number.to_be_bytes()));
        }
        assert!(peers.0.lock().peers.len() <= 64);
    }
}
