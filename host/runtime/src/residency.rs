//! Who stays in memory: how many sandboxes and activations there are at once, and who goes first
//! when there is no room.
//!
//! The least recently used idle ones go first: their sandboxes, and when there are none left,
//! whole activations. Room for activations is made before it is used up, and nobody is looked at but those
//! that go. Nothing here stops a turn. When none is idle, [`shares`](crate::shares) says who
//! gets the next place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};
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
use crate::recency::{Found, Position, Recency};
use crate::shares::{Asked, For, Place, Places, Shortage};
use crate::waits::Waits;

/// Tells the resident memory of the process, in bytes.
pub type ResidentBytes = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How often the resident memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How soon to look again while somebody waits for a place.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// How soon to look again while memory is short: sandboxes of large runtimes come by the thousand in
/// a second, and those that were told to go take a moment.
const LOOK_AT_MEMORY_AFTER: Duration = Duration::from_millis(10);

/// How long a turn that needs a sandbox waits at most for others to give memory back: for long enough that
/// sandboxes do not come faster than they can go, and no longer, since it may be that nothing comes back.
const HELD_BACK_MAX: Duration = Duration::from_millis(250);

/// How long a message waits at most for room for the actor it is for: idle ones leave within milliseconds, so if it
/// is for longer, nearly all are at work.
const ROOM_WITHIN: Duration = Duration::from_secs(5);

/// From this part of `memory_bytes` on idle ones go, in sixteenths: before the engine stops sandboxes at work.
const IDLE_GO_SIXTEENTHS: u64 = 14;

/// The part of those in memory that goes at a time: one in so many, or more when memory is short by more.
const SHARE: usize = 20;

/// How many are looked at at a time: whoever activates an actor waits for that look.
const LOOKED_AT_MAX: usize = 4_096;

/// See the [module](self).
pub(crate) struct Residency {
    activations: Arc<Places>,
    sandboxes: Arc<Places>,
    in_memory: Mutex<InMemory>,
    /// The memory is used up, and some in it are on their way out.
    memory_comes_back: watch::Sender<bool>,
    /// Turns that wait for a sandbox.
    waiting: AtomicUsize,
    short_of: Arc<Notify>,
}

/// Those who were not told to go.
#[derive(Default)]
struct InMemory {
    activations: BTreeMap<ActorType, Recency>,
    /// Activations that had a sandbox when they were last looked at.
    with_sandbox: Recency,
}

/// One turn that waits for a sandbox.
pub(crate) struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Residency {
    pub(crate) fn new(limits: &Limits) -> Self {
        let short_of = Arc::<Notify>::default();
        Residency {
            activations: Places::new(For::Activations, limits.activations, Arc::clone(&short_of)),
            sandboxes: Places::new(For::Sandboxes, limits.sandboxes, Arc::clone(&short_of)),
            in_memory: Mutex::default(),
            memory_comes_back: watch::Sender::new(false),
            waiting: AtomicUsize::new(0),
            short_of,
        }
    }

    /// A place for one more activation of that type.
    ///
    /// # Errors
    /// `overloaded` when the type has its part already; room is made then.
    pub(crate) fn place(&self, actor_type: &ActorType) -> Result<Place, Error> {
        self.activations.take(actor_type)
    }

    /// Waits a moment for a place for the activation of that actor. `is_called` says whether a turn of another
    /// waits for it.
    ///
    /// # Errors
    /// `overloaded` when too many wait already, or when none became free. Cancel safe.
    pub(crate) async fn place_in_time(
        &self,
        actor: &Address,
        is_called: bool,
        deadline: Instant,
    ) -> Result<Place, Error> {
        match self.activations.ask(actor, is_called)? {
            Asked::Given(place) => Ok(place),
            Asked::Waits(receiver) => {
                let deadline = deadline.min(Instant::now() + ROOM_WITHIN);
                self.activations.wait(actor, receiver, deadline).await
            }
        }
    }

    /// Notes an activation that begins, or stays although it was told to go.
    pub(crate) fn note(&self, activation: &Arc<Activation>) {
        let mut in_memory = self.in_memory.lock();
        let own = in_memory.activations.entry(activation.address.actor_type.clone()).or_default();
        own.insert(activation, Instant::now());
    }

    /// Forgets an activation that has ended.
    pub(crate) fn forget(&self, activation: &Activation) {
        let address = &activation.address;
        let mut in_memory = self.in_memory.lock();
        in_memory.with_sandbox.remove(address);
        if let Some(own) = in_memory.activations.get_mut(&address.actor_type) {
            own.remove(address);
            if own.len() == 0 {
                in_memory.activations.remove(&address.actor_type);
            }
        }
    }

    /// Waits for the right to have one more sandbox, for that actor. `is_called` says whether a turn of another
    /// waits for this one.
    ///
    /// # Errors
    /// `overloaded` when too many wait already, when all who have a sandbox wait for others, or when none
    /// became idle before `deadline`. Cancel safe.
    pub(crate) async fn sandbox(
        &self,
        activation: &Arc<Activation>,
        deadline: Instant,
        is_called: bool,
        waits: &Waits,
    ) -> Result<Place, Error> {
        if *self.memory_comes_back.borrow() {
            let until = deadline.min(Instant::now() + HELD_BACK_MAX);
            // Either way it goes on: the sender lives as long as this does.
            drop(within(until, self.memory_comes_back.subscribe().wait_for(|comes| !comes)).await);
        }
        let actor = &activation.address;
        let place = match self.sandboxes.ask(actor, is_called)? {
            Asked::Given(place) => place,
            Asked::Waits(receiver) => {
                let _waiting = self.wait_for_sandboxes();
                self.look_for_standstill(waits, None);
                self.sandboxes.wait(actor, receiver, deadline).await?
            }
        };
        self.in_memory.lock().with_sandbox.insert(activation, Instant::now());
        Ok(place)
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

    /// How many activations and sandboxes have a place or are noted, and turns wait for one.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        let in_memory = self.in_memory.lock();
        let noted = in_memory.activations.len() + in_memory.with_sandbox.len();
        noted + self.activations.taken() + self.sandboxes.taken() + self.waiting()
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
            let idle_go_above = dispatch.limits.memory_bytes / 16 * IDLE_GO_SIXTEENTHS;
            let wanted = dispatch.types.room_wanted();
            let pause = dispatch.residency.make_room(resident_bytes(), idle_go_above, &wanted);
            // Whoever sleeps keeps no node alive that everybody else has let go.
            let short_of = Arc::clone(&dispatch.residency.short_of);
            drop(dispatch);
            tokio::select! {
                biased;
                () = tokio::time::sleep(pause) => {}
                // Those who wait while none is idle are helped as soon as one is, not sooner.
                () = short_of.notified(), if pause > LOOK_AGAIN_AFTER => {}
            }
        }
    }

    /// Lets some idle ones go where there is no room, or where sandboxes at work want some; says when to look again.
    fn make_room(&self, resident: u64, idle_go_above: u64, wanted: &[RoomWanted]) -> Duration {
        let short_of_sandboxes = self.waiting() > 0;
        let short_of_memory = resident > idle_go_above;
        let shortages = self.activations.shortages();
        let short_of_activations = !shortages.is_empty();
        let mut going = wanted.iter().map(|wanted| self.let_sandboxes_go_for(wanted)).sum();
        if short_of_sandboxes || short_of_memory {
            let excess = resident.saturating_sub(idle_go_above) as f64 / resident.max(1) as f64;
            going += self.let_sandboxes_go(None, excess);
        }
        for shortage in &shortages {
            going += self.let_activations_go_for(shortage);
        }
        if short_of_memory && going == 0 {
            going = self.let_activations_go(None, (self.activations.held() / SHARE).max(1));
        }
        self.memory_comes_back.send_replace(short_of_memory && going > 0);
        self.activations.set_memory_is_short(short_of_memory && going == 0);
        if going > 0 {
            tracing::debug!(going, short_of_sandboxes, short_of_memory, short_of_activations, "making room");
        }
        let somebody_waits = short_of_sandboxes || short_of_activations || !wanted.is_empty();
        match (somebody_waits, short_of_memory && going > 0) {
            (true, _) => LOOK_AGAIN_AFTER,
            (false, true) => LOOK_AT_MEMORY_AFTER,
            (false, false) => LOOK_EVERY,
        }
    }

    /// Lets idle sandboxes go for those at work that want room: first those of the same type. Says how many.
    fn let_sandboxes_go_for(&self, wanted: &RoomWanted) -> usize {
        let own = self.let_sandboxes_go(Some(&wanted.actor_type), 0.0);
        if own == 0 && wanted.from_others { self.let_sandboxes_go(None, 0.0) } else { own }
    }

    /// Lets a share of the least recently used idle sandboxes go, of that type or of all, at least that part of all;
    /// says how many.
    fn let_sandboxes_go(&self, of: Option<&ActorType>, part: f64) -> usize {
        let held = self.sandboxes.held();
        let count = ((held as f64 * part).ceil() as usize).max(held / SHARE).max(1);
        let going = self.in_memory.lock().idle_with_sandbox(of, count);
        tell(&going, || Work::ReleaseSandbox)
    }

    /// Makes the room that a type is short of: its own, as far as it has any. Says how many go.
    fn let_activations_go_for(&self, shortage: &Shortage) -> usize {
        let Shortage { actor_type, held, excess, is_wanted } = shortage;
        let told_to_go = held.saturating_sub(self.in_memory.lock().count(actor_type));
        let count = excess.saturating_sub(told_to_go);
        let own = self.let_activations_go(Some(actor_type), count);
        if own == 0 && *is_wanted { self.let_activations_go(None, count) } else { own }
    }

    /// Lets the least recently used idle activations go, of that type or of all; says how many.
    fn let_activations_go(&self, of: Option<&ActorType>, count: usize) -> usize {
        let going = self.in_memory.lock().idle_activations(of, count);
        tell(&going, || Work::Deactivate)
    }
}

fn tell(going: &[Arc<Activation>], work: impl Fn() -> Work) -> usize {
    for activation in going {
        // One that has ended meanwhile needs no telling.
        drop(activation.tell(work()));
    }
    going.len()
}

impl InMemory {
    fn count(&self, actor_type: &ActorType) -> usize {
        self.activations.get(actor_type).map_or(0, Recency::len)
    }

    /// Takes out the least recently used idle ones that have a sandbox, of that type or of all, at most so many.
    fn idle_with_sandbox(&mut self, of: Option<&ActorType>, count: usize) -> Vec<Arc<Activation>> {
        let now = Instant::now();
        let is_other = |activation: &Activation| of.is_some_and(|of| activation.address.actor_type != *of);
        let look = |activation: &Activation, known_used: Instant| match found(activation, known_used, now) {
            Found::Idle | Found::Used(_) if activation.is_idle() && !activation.has_sandbox() => Found::Gone,
            found => found,
        };
        let (mut going, mut others) = (Vec::new(), Vec::new());
        for _ in 0..looks(self.with_sandbox.len()) {
            match self.with_sandbox.take_first_if_idle(look) {
                Some((activation, used)) if is_other(&activation) => others.push((activation, used)),
                Some((activation, _)) => going.push(activation),
                None => {}
            }
            if going.len() == count {
                break;
            }
        }
        for (activation, used) in others {
            self.with_sandbox.insert(&activation, used);
        }
        going
    }

    /// Takes out the least recently used idle activations, of that type or of all, at most so many.
    fn idle_activations(&mut self, of: Option<&ActorType>, count: usize) -> Vec<Arc<Activation>> {
        let now = Instant::now();
        let types = match of {
            Some(of) => self.activations.range::<ActorType, _>(of..=of),
            None => self.activations.range::<ActorType, _>(..),
        };
        let looks = looks(types.clone().map(|(_, own)| own.len()).sum());
        let mut firsts: BTreeSet<Position> = types.filter_map(|(_, own)| own.first().cloned()).collect();
        let look = |_| {
            let (_, first) = firsts.pop_first()?;
            let own = self.activations.get_mut(&first.actor_type)?;
            let taken = own.take_first_if_idle(|activation, known_used| found(activation, known_used, now));
            firsts.extend(own.first().cloned());
            taken.map(|(activation, _)| activation)
        };
        (0..looks).filter_map(look).take(count).collect()
    }
}

/// How often to look so that everybody is looked at, if they are not too many: each may turn out to have been used,
/// and be first again.
fn looks(count: usize) -> usize {
    count.saturating_mul(2).min(LOOKED_AT_MAX)
}

fn found(activation: &Activation, known_used: Instant, now: Instant) -> Found {
    match (activation.is_idle(), activation.last_used()) {
        (false, _) => Found::Used(now),
        (true, used) if used > known_used => Found::Used(used),
        (true, _) => Found::Idle,
    }
}
