//! Who stays in memory: how many sandboxes and activations there are at once, and who goes first
//! when there is no room.
//!
//! The least recently used idle ones go first: their sandboxes, and when there are none left,
//! whole activations. Nothing here stops a turn. When none is idle, [`shares`](crate::shares) says who
//! gets the next place.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use greenroom_core::sandbox::RoomWanted;
use greenroom_core::{ActorType, Address, Error, Limits};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::activation::Activation;
use crate::dispatch::Dispatch;
use crate::mailbox::Work;
use crate::patience::within;
use crate::shares::{Activations, Asked, Place, SandboxPermit, Sandboxes};
use crate::waits::Waits;

/// Tells the resident memory of the process, in bytes.
pub type ResidentBytes = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How often the resident memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How soon to look again while turns wait for a sandbox.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// How soon to look again while memory is short: sandboxes of large runtimes come by the thousand in
/// a second, and those that were told to go take a moment.
const LOOK_AT_MEMORY_AFTER: Duration = Duration::from_millis(10);

/// How long a turn that needs a sandbox waits at most for others to give memory back: for long enough that
/// sandboxes do not come faster than they can go, and no longer, since it may be that nothing comes back.
const HELD_BACK_MAX: Duration = Duration::from_millis(250);

/// From this part of `memory_bytes` on idle ones go, in sixteenths: before the engine stops sandboxes at work.
const IDLE_GO_SIXTEENTHS: u64 = 14;

/// The part of those in memory that goes at a time: one in so many, or more when memory is short by more.
const SHARE: usize = 20;

/// See the [module](self).
pub(crate) struct Residency {
    activations: Arc<Activations>,
    sandboxes: Arc<Sandboxes>,
    /// Types that were refused a place, until room was made.
    refused: Mutex<HashSet<ActorType, ahash::RandomState>>,
    /// The memory is used up, and nobody in it is idle.
    memory_is_short: AtomicBool,
    /// The memory is used up, and some in it are on their way out.
    memory_comes_back: watch::Sender<bool>,
    /// Turns that wait for a sandbox.
    waiting: AtomicUsize,
    short_of: Arc<Notify>,
}

/// One turn that waits for a sandbox.
pub(crate) struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who has to go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goes {
    Sandboxes,
    Activations,
}

impl Residency {
    pub(crate) fn new(limits: &Limits) -> Self {
        Residency {
            activations: Activations::new(limits.activations),
            sandboxes: Sandboxes::new(limits.sandboxes),
            refused: Mutex::default(),
            memory_is_short: AtomicBool::new(false),
            memory_comes_back: watch::Sender::new(false),
            waiting: AtomicUsize::new(0),
            short_of: Arc::default(),
        }
    }

    /// A place for one more activation of that type.
    ///
    /// # Errors
    /// `overloaded` when the type has its part already; idle ones of it are let go then.
    pub(crate) fn place(&self, actor_type: &ActorType) -> Result<Place, Error> {
        let memory_is_short = self.memory_is_short.load(Ordering::Relaxed);
        self.activations.take(actor_type, memory_is_short).inspect_err(|_| {
            self.refused.lock().insert(actor_type.clone());
            self.short_of.notify_one();
        })
    }

    /// Waits for the right to have one more sandbox, for that actor. `is_called` says whether a turn of another
    /// waits for this one.
    ///
    /// # Errors
    /// `overloaded` when too many wait already, when all who have a sandbox wait for others, or when none
    /// became idle before `deadline`. Cancel safe.
    pub(crate) async fn sandbox(
        &self,
        actor: &Address,
        deadline: Instant,
        is_called: bool,
        waits: &Waits,
    ) -> Result<SandboxPermit, Error> {
        if *self.memory_comes_back.borrow() {
            let until = deadline.min(Instant::now() + HELD_BACK_MAX);
            // Either way it goes on: the sender lives as long as this does.
            drop(within(until, self.memory_comes_back.subscribe().wait_for(|comes| !comes)).await);
        }
        match self.sandboxes.ask(actor, is_called)? {
            Asked::Given(permit) => Ok(permit),
            Asked::Waits(receiver) => {
                let _waiting = self.wait_for_sandboxes();
                self.look_for_standstill(waits, None);
                Sandboxes::wait(receiver, deadline).await
            }
        }
    }

    /// To be asked when a turn begins to wait for another actor, the `callee`, and when one begins to wait for a
    /// sandbox: the later of the two sees both.
    pub(crate) fn look_for_standstill(&self, waits: &Waits, callee: Option<&Address>) {
        if self.waiting() > 0 {
            self.sandboxes.refuse_if_stuck(waits.len(), callee);
        }
    }

    /// How many sandboxes there are.
    pub(crate) fn sandboxes(&self) -> usize {
        self.sandboxes.held()
    }

    /// How many turns wait for one.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many activations and sandboxes have a place, and turns wait for one.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.activations.taken() + self.sandboxes.taken() + self.waiting.load(Ordering::Relaxed)
    }

    /// As long as what this returns lives, idle sandboxes go.
    pub(crate) fn wait_for_sandboxes(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.short_of.notify_one();
        Waiting(&self.waiting)
    }

    /// Lets idle ones go whenever there is no room, for as long as the node lives.
    pub(crate) async fn keep(node: Weak<Dispatch>, resident_bytes: ResidentBytes) {
        loop {
            let Some(dispatch) = node.upgrade() else { return };
            let limits = &dispatch.limits;
            let short_of_sandboxes = dispatch.residency.waiting.load(Ordering::Relaxed) > 0;
            let resident = resident_bytes();
            let idle_go_above = limits.memory_bytes / 16 * IDLE_GO_SIXTEENTHS;
            let short_of_memory = resident > idle_go_above;
            let refused = std::mem::take(&mut *dispatch.residency.refused.lock());
            let short_of_activations = !refused.is_empty();
            let wanted = dispatch.types.room_wanted();
            let mut going = dispatch.make_room_for(&wanted);
            if short_of_sandboxes || short_of_memory {
                let excess = resident.saturating_sub(idle_go_above) as f64 / resident.max(1) as f64;
                going += dispatch.let_go(Goes::Sandboxes, excess, |_| true);
            }
            if short_of_activations {
                // A type makes its own room, as far as it has any.
                let own = dispatch.let_go(Goes::Activations, 0.0, |actor_type| refused.contains(actor_type));
                going += if own > 0 { own } else { dispatch.let_go(Goes::Activations, 0.0, |_| true) };
            } else if short_of_memory && going == 0 {
                going = dispatch.let_go(Goes::Activations, 0.0, |_| true);
            }
            dispatch.residency.memory_comes_back.send_replace(short_of_memory && going > 0);
            let memory_is_short = short_of_memory && going == 0;
            dispatch.residency.memory_is_short.store(memory_is_short, Ordering::Relaxed);
            if going > 0 {
                tracing::debug!(
                    going,
                    short_of_sandboxes,
                    short_of_memory,
                    short_of_activations,
                    "making room"
                );
            }
            // Those who wait for a sandbox while none is idle are helped as soon as one is.
            let pause = match (short_of_sandboxes || !wanted.is_empty(), short_of_memory && going > 0) {
                (true, _) => LOOK_AGAIN_AFTER,
                (false, true) => LOOK_AT_MEMORY_AFTER,
                (false, false) => LOOK_EVERY,
            };
            // Whoever sleeps keeps no node alive that everybody else has let go.
            let short_of = Arc::clone(&dispatch.residency.short_of);
            drop(dispatch);
            tokio::select! {
                biased;
                () = tokio::time::sleep(pause) => {}
                () = short_of.notified(), if !short_of_sandboxes => {}
            }
        }
    }
}

impl Dispatch {
    /// Lets idle sandboxes go for those at work that want room: first those of the same type. Says how many were
    /// asked.
    fn make_room_for(&self, wanted: &[RoomWanted]) -> usize {
        let make_room = |wanted: &RoomWanted| {
            let own = self.let_go(Goes::Sandboxes, 0.0, |actor_type| *actor_type == wanted.actor_type);
            let from_others = own == 0 && wanted.from_others;
            if from_others { self.let_go(Goes::Sandboxes, 0.0, |_| true) } else { own }
        };
        wanted.iter().map(make_room).sum()
    }

    /// Lets a share of the least recently used idle ones of those types go, at least that part of them;
    /// says how many were asked.
    fn let_go(&self, goes: Goes, part: f64, of_type: impl Fn(&ActorType) -> bool) -> usize {
        let mut idle: Vec<(Instant, Arc<Activation>)> = Vec::new();
        self.each_activation(|activation| {
            if of_type(&activation.address.actor_type)
                && activation.is_idle()
                && (goes == Goes::Activations || activation.has_sandbox())
            {
                idle.push((activation.last_used(), Arc::clone(activation)));
            }
        });
        if idle.is_empty() {
            return 0;
        }
        let part = (idle.len() as f64 * part).ceil() as usize;
        let count = part.max(idle.len() / SHARE).clamp(1, idle.len());
        // Among those used at the same time the address decides, not the order of a map.
        let earlier = |(used, a): &(Instant, Arc<Activation>), (other, b): &(Instant, Arc<Activation>)| {
            used.cmp(other).then_with(|| a.address.cmp(&b.address))
        };
        idle.select_nth_unstable_by(count - 1, earlier);
        idle[..count].sort_unstable_by(earlier);
        for (_, activation) in &idle[..count] {
            let work = if goes == Goes::Sandboxes { Work::ReleaseSandbox } else { Work::Deactivate };
            // One that has ended meanwhile needs no telling.
            drop(activation.tell(work));
        }
        count
    }
}
