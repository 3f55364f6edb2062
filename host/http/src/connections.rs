//! The connections that are open, which are so many at most. When another comes, those leave that have been without a
//! request for longest, of the peer that has most: who holds many and asks nothing keeps nobody out.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::connection::Activity;

/// How long those asked to leave are waited for, before others are asked.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// See the [module](self).
pub(crate) struct Connections {
    cap: u32,
    places: Arc<Semaphore>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    activities: BTreeMap<u64, Weak<Activity>>,
}

impl Connections {
    /// Places for so many.
    pub(crate) fn new(cap: usize) -> Arc<Self> {
        let cap = u32::try_from(cap.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let places = Arc::new(Semaphore::new(cap as usize));
        Arc::new(Connections { cap, places, open: Mutex::default() })
    }

    /// Finds a place for a connection, which it has until what is returned is dropped.
    pub(crate) async fn place(self: &Arc<Self>, activity: &Arc<Activity>) -> Placed {
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
                break permit;
            }
            self.ask_to_leave();
            if let Ok(Ok(permit)) = timeout(LOOK_AGAIN, Arc::clone(&self.places).acquire_owned()).await {
                break permit;
            }
        };
        let mut open = self.open.lock();
        let number = open.next;
        open.next += 1;
        open.activities.insert(number, Arc::downgrade(activity));
        Placed { connections: Arc::clone(self), number, _permit: permit }
    }

    /// Asks some that rest to leave: more than one, so that not everybody who comes next has to look for another.
    fn ask_to_leave(&self) {
        const PART: usize = 64;
        let open: Vec<Arc<Activity>> =
            self.open.lock().activities.values().filter_map(Weak::upgrade).collect();
        let mut of_peer: HashMap<_, usize> = HashMap::new();
        for activity in &open {
            *of_peer.entry(activity.peer.address()).or_default() += 1;
        }
        let mut resting: Vec<_> = open
            .iter()
            .filter_map(|activity| {
                Some((of_peer.get(&activity.peer.address())?, activity.rests()?, activity))
            })
            .collect();
        resting.sort_by_key(|(of_peer, rests, _)| Reverse((**of_peer, *rests)));
        for (_, _, activity) in resting.iter().take((self.cap as usize).div_ceil(PART)) {
            activity.leave();
        }
    }

    /// Resolves when all have closed and none can be placed any more.
    pub(crate) async fn all_closed(&self) {
        // The semaphore is never closed.
        drop(self.places.acquire_many(self.cap).await);
    }
}

/// The place of one connection.
pub(crate) struct Placed {
    connections: Arc<Connections>,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Placed {
    fn drop(&mut self) {
        self.connections.open.lock().activities.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Peers;
    use futures::FutureExt as _;

    #[tokio::test(start_paused = true)]
    async fn who_has_most_and_rests_longest_makes_room() {
        let (connections, peers) = (Connections::new(4), Peers::default());
        let [many, one] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(|address| peers.of(address.into()));
        let mut open = Vec::new();
        for peer in [&one, &many, &many, &many] {
            let activity = Arc::new(Activity::new(Arc::clone(peer)));
            let place = connections.place(&activity).now_or_never().unwrap();
            open.push((activity, Some(place)));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        // It has been there for longest, but does not rest.
        open[1].0.begin_request();
        let next = Arc::new(Activity::new(one));
        let mut waiting = std::pin::pin!(connections.place(&next));
        assert!(waiting.as_mut().now_or_never().is_none());
        let asked: Vec<bool> = open.iter().map(|(activity, _)| activity.is_asked_to_leave()).collect();
        assert_eq!(asked, [false, false, true, false]);
        open[2].1 = None;
        drop(waiting.await);
        open.clear();
        connections.all_closed().await;
    }
}
