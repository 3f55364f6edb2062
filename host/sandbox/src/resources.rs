//! What all sandboxes of a host share: places in the pool, mappings of the process's memory, and memory. Each takes
//! its part here and gives it back when it goes, and no actor type ever has all of anything.
//!
//! *Sharing.* A type may have of each resource nine times what is then still free: nine tenths when it is alone, and
//! the more types want, the closer they come to equal parts. Whoever finds no room waits a moment, for which
//! [`Resources::wanted`] says who has to go, and is refused then.
//!
//! *Memory.* Linear memory and tables are reserved before a guest has them, but for the first few megabytes of each
//! sandbox and for what its component's data may fill: thousands of small sandboxes have most of that only on
//! paper. What they really have shows in the host's [resident memory](crate::resident). While that is beyond its
//! bound, sandboxes of types that have their part of it or more end as soon as they are seen to.
//!
//! *Mappings.* The kernel allows a process so many and no more. Were they to run out, the host itself could not go
//! on, so sandboxes are refused well before.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use greenroom_core::sandbox::{RoomWanted, Trap};
use greenroom_core::{ActorType, Code, Error, Limits};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::resident::Resident;
use crate::settings::MEMORIES_ADDRESSABLE;
use crate::structure::{MEMORIES_MAX, TABLES_MAX};
use crate::traps::Stop;

/// Mappings of a sandbox's stack: the stack and its guard.
const STACK_MAPPINGS: usize = 2;
/// Mappings of one linear memory: its initial image, what it has grown by, and what it may yet.
const MEMORY_MAPPINGS: usize = 4;
/// Mappings left to the host's threads, heap and libraries.
const HOST_MAPPINGS: usize = 4_096;
/// The kernel's usual bound, where it can't be read.
const MAX_MAP_COUNT_DEFAULT: usize = 65_530;

/// Linear memories of a sandbox for which there is room on average. Most languages make one; Python and JavaScript
/// components have two or three.
const MEMORIES_PER_SANDBOX: usize = 3;
/// Likewise tables. Components made by linking shared libraries have one for each adapter.
const TABLES_PER_SANDBOX: usize = 8;
/// However few sandboxes there may be, so many of the largest fit the pool.
const LARGEST_SANDBOXES: usize = 4;

/// How much of each resource a type may have for each part of it that is still free.
const PER_FREE: usize = 9;

/// The part of `memory_bytes` that sandboxes can reserve, in eighths. The rest is for small sandboxes, for what
/// the places of those that went keep, and for all else that the host has.
const RESERVABLE_EIGHTHS: usize = 5;
/// What a sandbox has of linear memory and tables without reserving it, besides what its component's bytes fill.
const UNRESERVED_BYTES: usize = 4 << 20;
/// How long to wait for room before the refusal: for idle sandboxes to go, and no longer, since it may be that none
/// goes.
const WAIT_MAX: Duration = Duration::from_millis(250);

/// How much of each resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amounts {
    /// Linear memories.
    pub(crate) memories: usize,
    /// Tables.
    pub(crate) tables: usize,
    /// Bytes of linear memory and tables that are reserved.
    pub(crate) reserved_bytes: usize,
}

impl Amounts {
    const NAMES: [&str; 3] = ["linear memories", "tables", "bytes of memory"];

    fn each(self) -> [usize; 3] {
        [self.memories, self.tables, self.reserved_bytes]
    }

    fn combined(self, other: Self, combine: fn(usize, usize) -> usize) -> Self {
        Amounts {
            memories: combine(self.memories, other.memories),
            tables: combine(self.tables, other.tables),
            reserved_bytes: combine(self.reserved_bytes, other.reserved_bytes),
        }
    }

    fn add(&mut self, other: Self) {
        *self = self.combined(other, usize::saturating_add);
    }

    fn subtract(&mut self, other: Self) {
        *self = self.combined(other, usize::saturating_sub);
    }
}

/// What a type has.
#[derive(Default)]
struct Held {
    sandboxes: usize,
    amounts: Amounts,
    /// All its linear memory and tables, reserved or not.
    bytes: usize,
    /// How many of its sandboxes wait for room.
    waiting: usize,
}

#[derive(Default)]
struct Inner {
    total: Amounts,
    bytes: usize,
    types: BTreeMap<ActorType, Held>,
}

/// What there is and what is taken; one for a host.
pub(crate) struct Resources {
    sandboxes_max: usize,
    most: Amounts,
    memory_bytes: u64,
    resident: Resident,
    sandboxes: AtomicUsize,
    inner: Mutex<Inner>,
    given_back: Notify,
}

/// Why there is no more of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lacking {
    what: &'static str,
    most: usize,
}

impl Lacking {
    fn error(self, actor_type: &ActorType, memory_bytes: u64) -> Error {
        let Lacking { what, most } = self;
        Error::new(
            Code::Overloaded,
            format!(
                "sandboxes of this host may have {most} {what} together (made of sandboxes and of memory_bytes, \
                 {memory_bytes} bytes), and actors of type {actor_type} their part of it; none became free, try \
                 again later"
            ),
        )
    }
}

/// What one sandbox has, given back when dropped.
pub(crate) struct Holding {
    resources: Arc<Resources>,
    actor_type: ActorType,
    amounts: Mutex<Amounts>,
    /// All its linear memory and tables.
    bytes: AtomicUsize,
    /// As much of that as needs no reservation.
    unreserved_bytes: usize,
}

/// How many sandboxes there can be, and how much of everything for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) sandboxes: usize,
    pub(crate) most: Amounts,
}

impl Places {
    /// As many as are wanted and the kernel has mappings for.
    pub(crate) fn of(limits: &Limits) -> Self {
        let places = Self::at_most(limits.sandboxes, limits);
        if places.sandboxes < limits.sandboxes {
            tracing::warn!(
                sandboxes = limits.sandboxes,
                possible = places.sandboxes,
                "the kernel's vm.max_map_count has no room for that many sandboxes; raise it to use them all"
            );
        }
        places
    }

    /// For at most so many sandboxes, however many the limits allow.
    pub(crate) fn at_most(sandboxes: usize, limits: &Limits) -> Self {
        Self::within(max_map_count(), sandboxes, limits)
    }

    fn within(max_map_count: usize, sandboxes: usize, limits: &Limits) -> Self {
        let mappings = max_map_count.saturating_sub(HOST_MAPPINGS);
        let sandboxes = sandboxes.min(mappings / (STACK_MAPPINGS + MEMORY_MAPPINGS)).max(1);
        let mapped_memories = mappings.saturating_sub(STACK_MAPPINGS * sandboxes) / MEMORY_MAPPINGS;
        let reservable = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX) / 8 * RESERVABLE_EIGHTHS;
        // A single sandbox may always have what its own limit allows.
        let one_alone = limits.sandbox_memory_bytes / PER_FREE * (PER_FREE + 1) + PER_FREE;
        let most = Amounts {
            memories: sandboxes
                .saturating_mul(MEMORIES_PER_SANDBOX)
                .max(LARGEST_SANDBOXES * MEMORIES_MAX)
                .min(mapped_memories.clamp(MEMORIES_MAX, MEMORIES_ADDRESSABLE)),
            tables: sandboxes.saturating_mul(TABLES_PER_SANDBOX).max(LARGEST_SANDBOXES * TABLES_MAX),
            reserved_bytes: reservable.max(one_alone),
        };
        Places { sandboxes, most }
    }
}

impl Resources {
    /// Those places, and memory within the limits.
    pub(crate) fn new(places: Places, limits: &Limits, resident: Resident) -> Self {
        Resources {
            sandboxes_max: places.sandboxes,
            most: places.most,
            memory_bytes: limits.memory_bytes,
            resident,
            sandboxes: AtomicUsize::new(0),
            inner: Mutex::default(),
            given_back: Notify::new(),
        }
    }

    /// How many sandboxes there can be.
    pub(crate) fn sandboxes_max(&self) -> usize {
        self.sandboxes_max
    }

    /// How many sandboxes there are.
    pub(crate) fn sandboxes(&self) -> usize {
        self.sandboxes.load(Ordering::Relaxed)
    }

    /// Linear memory and tables of all sandboxes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }

    /// Types of whose sandboxes some wait for room.
    pub(crate) fn wanted(&self) -> Vec<RoomWanted> {
        let inner = self.inner.lock();
        let waiting = inner.types.iter().filter(|(_, held)| held.waiting > 0);
        let wanted = waiting.map(|(actor_type, held)| RoomWanted {
            actor_type: actor_type.clone(),
            from_others: !inner.has_its_part(held),
        });
        wanted.collect()
    }

    /// Room for a sandbox of that type, which takes `amounts` from its start, and has some memory without reserving
    /// it: a few megabytes, and what its component's `data_bytes` may fill.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`Trap::NoRoom`] when all places are taken, [`Trap::Host`] when others or its own type have too much.
    pub(crate) async fn take(
        self: &Arc<Self>,
        actor_type: &ActorType,
        amounts: Amounts,
        data_bytes: usize,
    ) -> Result<Arc<Holding>, Trap> {
        if self.sandboxes.fetch_add(1, Ordering::Relaxed) >= self.sandboxes_max {
            self.sandboxes.fetch_sub(1, Ordering::Relaxed);
            return Err(Trap::NoRoom);
        }
        let holding = {
            let mut inner = self.inner.lock();
            inner.types.entry(actor_type.clone()).or_default().sandboxes += 1;
            Holding {
                resources: Arc::clone(self),
                actor_type: actor_type.clone(),
                amounts: Mutex::default(),
                bytes: AtomicUsize::new(0),
                unreserved_bytes: UNRESERVED_BYTES.saturating_add(data_bytes),
            }
        };
        if let Some(error) = holding.has_to_go() {
            return Err(Trap::Host(error));
        }
        match holding.reserve(amounts).await {
            Ok(()) => Ok(Arc::new(holding)),
            Err(lacking) => Err(Trap::Host(lacking.error(actor_type, self.memory_bytes))),
        }
    }
}

impl Inner {
    fn reserve(&mut self, actor_type: &ActorType, more: Amounts, most: Amounts) -> Result<(), Lacking> {
        let held = self.types.entry(actor_type.clone()).or_default();
        let have = held.amounts.each().into_iter().zip(self.total.each());
        let kinds = Amounts::NAMES.into_iter().zip(more.each()).zip(most.each()).zip(have);
        for (((what, more), most), (own, total)) in kinds {
            let left = most.saturating_sub(total).checked_sub(more);
            let is_its_part = |left: usize| own == 0 || own + more <= left.saturating_mul(PER_FREE);
            if more > 0 && !left.is_some_and(is_its_part) {
                return Err(Lacking { what, most });
            }
        }
        held.amounts.add(more);
        self.total.add(more);
        Ok(())
    }

    /// Whether a type has as much memory as it would if all had the same.
    fn has_its_part(&self, held: &Held) -> bool {
        let types = self.types.values().filter(|held| held.bytes > 0).count();
        held.bytes > 0 && held.bytes.saturating_mul(types) >= self.bytes
    }
}

/// One more that waits, for as long as this lives.
struct Waiting<'a>(&'a Holding);

impl<'a> Waiting<'a> {
    fn of(holding: &'a Holding) -> Self {
        holding.with_held(|held| held.waiting += 1);
        Waiting(holding)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.with_held(|held| held.waiting -= 1);
    }
}

impl Holding {
    /// Notes that a memory or a table is about to have so many bytes more, and reserves them as far as they need it.
    /// Waits a moment when there is no room.
    ///
    /// Cancel safe.
    pub(crate) async fn grow(&self, bytes: usize) -> Result<(), Lacking> {
        let to_reserve = self.to_reserve(self.bytes.load(Ordering::Relaxed) + bytes);
        if to_reserve > 0 {
            self.reserve(Amounts { reserved_bytes: to_reserve, ..Amounts::default() }).await?;
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut inner = self.resources.inner.lock();
        inner.bytes += bytes;
        if let Some(held) = inner.types.get_mut(&self.actor_type) {
            held.bytes += bytes;
        }
        Ok(())
    }

    /// Takes back what [`Holding::grow`] noted, when it did not come to it.
    pub(crate) fn did_not_grow(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let mut inner = self.resources.inner.lock();
        inner.bytes -= bytes;
        if let Some(held) = inner.types.get_mut(&self.actor_type) {
            held.bytes -= bytes;
        }
    }

    /// Why a turn of this sandbox can't go on: the host has used up its memory, and this type has its part of it or
    /// more. Costs little to ask.
    pub(crate) fn has_to_go(&self) -> Option<Error> {
        let resources = &self.resources;
        if !resources.resident.is_short() {
            return None;
        }
        let inner = resources.inner.lock();
        let held = inner.types.get(&self.actor_type)?;
        inner.has_its_part(held).then(|| {
            Error::new(
                Code::Overloaded,
                format!(
                    "the host has used up its memory (memory_bytes, {} bytes), and sandboxes of type {} have {} bytes \
                     of it, their part or more; try again later",
                    resources.memory_bytes, self.actor_type, held.bytes
                ),
            )
        })
    }

    /// Runs `call`, and ends it where it begins to wait if it [has to go](Holding::has_to_go): while it computes, the
    /// clock of the engine sees to that.
    ///
    /// Cancel safe when `call` is.
    pub(crate) async fn watch<T>(
        &self,
        call: impl Future<Output = wasmtime::Result<T>>,
    ) -> wasmtime::Result<T> {
        let mut call = pin!(call);
        std::future::poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Pending => match self.has_to_go() {
                Some(error) => Poll::Ready(Err(Stop::Turn(error).into())),
                None => Poll::Pending,
            },
            ready @ Poll::Ready(_) => ready,
        })
        .await
    }

    /// What is refused, for whoever is told.
    pub(crate) fn refusal(&self, lacking: Lacking) -> Error {
        lacking.error(&self.actor_type, self.resources.memory_bytes)
    }

    /// All its linear memory and tables.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How much more has to be reserved for a sandbox of so many bytes.
    fn to_reserve(&self, bytes: usize) -> usize {
        bytes.saturating_sub(self.unreserved_bytes).saturating_sub(self.amounts.lock().reserved_bytes)
    }

    async fn reserve(&self, more: Amounts) -> Result<(), Lacking> {
        let Err(lacking) = self.reserve_now(more) else { return Ok(()) };
        let _waiting = Waiting::of(self);
        let comes_free = async {
            loop {
                let given_back = self.resources.given_back.notified();
                if self.reserve_now(more).is_ok() {
                    return;
                }
                given_back.await;
            }
        };
        tokio::time::timeout(WAIT_MAX, comes_free).await.map_err(|_| lacking)
    }

    fn reserve_now(&self, more: Amounts) -> Result<(), Lacking> {
        self.resources.inner.lock().reserve(&self.actor_type, more, self.resources.most)?;
        self.amounts.lock().add(more);
        Ok(())
    }

    fn with_held(&self, change: impl FnOnce(&mut Held)) {
        if let Some(held) = self.resources.inner.lock().types.get_mut(&self.actor_type) {
            change(held);
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let (amounts, bytes) = (*self.amounts.lock(), self.bytes.load(Ordering::Relaxed));
        let resources = &self.resources;
        let mut inner = resources.inner.lock();
        inner.total.subtract(amounts);
        inner.bytes -= bytes;
        if let Some(held) = inner.types.get_mut(&self.actor_type) {
            held.sandboxes -= 1;
            held.amounts.subtract(amounts);
            held.bytes -= bytes;
            if held.sandboxes == 0 {
                inner.types.remove(&self.actor_type);
            }
        }
        drop(inner);
        resources.sandboxes.fetch_sub(1, Ordering::Relaxed);
        resources.given_back.notify_waiters();
    }
}

fn max_map_count() -> usize {
    std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(MAX_MAP_COUNT_DEFAULT)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A sandbox's, on a host that has room.
    pub(crate) async fn a_holding() -> Arc<Holding> {
        take(&resources(65_530, 10), "a", SMALL).await.unwrap()
    }

    const MIB: usize = 1 << 20;
    const SMALL: Amounts = Amounts { memories: 1, tables: 2, reserved_bytes: 0 };

    fn resources(max_map_count: usize, sandboxes: usize) -> Arc<Resources> {
        let limits = Limits { sandboxes, ..Limits::default() };
        Arc::new(Resources::new(
            Places::within(max_map_count, sandboxes, &limits),
            &limits,
            Resident::unwatched(),
        ))
    }

    fn name(text: &str) -> ActorType {
        ActorType::new(text).unwrap()
    }

    async fn take(resources: &Arc<Resources>, text: &str, amounts: Amounts) -> Result<Arc<Holding>, Trap> {
        resources.take(&name(text), amounts, 0).await
    }

    async fn fill(resources: &Arc<Resources>, text: &str, amounts: Amounts) -> Vec<Arc<Holding>> {
        let mut taken = Vec::new();
        while let Ok(holding) = take(resources, text, amounts).await {
            taken.push(holding);
        }
        taken
    }

    fn refusal(outcome: Result<Arc<Holding>, Trap>) -> String {
        match outcome {
            Err(Trap::Host(error)) if error.code == Code::Overloaded => error.detail,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("there was room"),
        }
    }

    #[test]
    fn what_is_wanted_is_given_where_the_kernel_allows_it() {
        assert_eq!(resources(1 << 20, 12_000).sandboxes_max, 12_000);
        assert_eq!(resources(65_530, 12_000).sandboxes_max, 10_239);
        assert_eq!(resources(65_530, 10).sandboxes_max, 10);
        assert_eq!(resources(0, 10).sandboxes_max, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn sandboxes_are_counted_and_come_back() {
        let resources = resources(1 << 20, 3);
        let mut taken = fill(&resources, "a", SMALL).await;
        assert_eq!(taken.len(), 3);
        assert_eq!(take(&resources, "b", SMALL).await.err(), Some(Trap::NoRoom));
        assert_eq!(resources.sandboxes(), 3, "a refusal takes nothing");
        taken.pop();
        assert!(take(&resources, "b", SMALL).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_type_never_has_all_of_anything() {
        let many_tables = Amounts { memories: 1, tables: TABLES_MAX, reserved_bytes: 0 };
        let many_memories = Amounts { memories: MEMORIES_MAX, tables: 1, reserved_bytes: 0 };
        for (amounts, what) in [(many_tables, "tables"), (many_memories, "linear memories")] {
            let resources = resources(65_530, 10_000);
            let flood = fill(&resources, "flood", amounts).await;
            assert!(refusal(take(&resources, "flood", amounts).await).contains(what));
            let others = fill(&resources, "b", SMALL).await;
            assert!(others.len() > 500, "{} {}", flood.len(), others.len());
            drop((flood, others));
            assert_eq!(resources.inner.lock().total, Amounts::default());
            assert!(resources.inner.lock().types.is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_reserved_as_guests_grow_and_one_type_leaves_some() {
        let resources = resources(65_530, 10_000);
        let most = resources.most.reserved_bytes;
        let mut grown = Vec::new();
        let refused = loop {
            let sandbox = take(&resources, "flood", SMALL).await.unwrap();
            sandbox.grow(4 * MIB).await.unwrap();
            match sandbox.grow(120 * MIB).await {
                Ok(()) => grown.push(sandbox),
                Err(lacking) => break sandbox.refusal(lacking),
            }
        };
        assert!(refused.detail.contains("bytes of memory"), "{refused}");
        assert!(grown.len() * 120 * MIB <= most / 10 * 9, "{}", grown.len());
        assert!(grown.len() > 8, "{}", grown.len());
        let other = take(&resources, "other", SMALL).await.unwrap();
        other.grow(120 * MIB).await.unwrap();
        other.did_not_grow(0);
        drop((grown, other));
        assert_eq!(resources.bytes(), 0);
        assert_eq!(resources.inner.lock().total, Amounts::default());
    }

    #[tokio::test(start_paused = true)]
    async fn what_did_not_grow_stays_reserved_and_is_used_next() {
        let resources = resources(65_530, 10);
        let sandbox = take(&resources, "a", SMALL).await.unwrap();
        sandbox.grow(10 * MIB).await.unwrap();
        sandbox.did_not_grow(10 * MIB);
        sandbox.grow(10 * MIB).await.unwrap();
        assert_eq!(resources.inner.lock().total.reserved_bytes, 6 * MIB);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_gets_what_comes_free_and_says_who_should_go() {
        let resources = resources(65_530, 10_000);
        let mut flood = Vec::new();
        for _ in 0..11 {
            let sandbox = take(&resources, "flood", SMALL).await.unwrap();
            if sandbox.grow(124 * MIB).await.is_ok() {
                flood.push(sandbox);
            }
        }
        let small = take(&resources, "small", SMALL).await.unwrap();
        small.grow(124 * MIB).await.unwrap();
        let (more, goes) = tokio::join!(small.grow(120 * MIB), async {
            let wanted = resources.wanted();
            drop(flood.pop());
            drop(flood.pop());
            wanted
        });
        more.unwrap();
        assert_eq!(goes, [RoomWanted { actor_type: name("small"), from_others: true }]);
        assert!(resources.wanted().is_empty());
        let (refused, wanted) = tokio::join!(flood[0].grow(2_000 * MIB), async { resources.wanted() });
        assert!(refused.is_err());
        assert_eq!(wanted, [RoomWanted { actor_type: name("flood"), from_others: false }]);
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_host_is_short_of_memory_those_who_have_most_of_it_go() {
        let resident = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let read = Arc::clone(&resident);
        let limits = Limits { memory_bytes: 2 << 30, ..Limits::default() };
        let watch = Resident::watched(&limits, Arc::new(move || read.load(Ordering::Relaxed)));
        let resources =
            Arc::new(Resources::new(Places::within(65_530, limits.sandboxes, &limits), &limits, watch));
        let large = take(&resources, "large", SMALL).await.unwrap();
        large.grow(100 * MIB).await.unwrap();
        let small = take(&resources, "small", SMALL).await.unwrap();
        small.grow(MIB).await.unwrap();
        assert!(large.has_to_go().is_none());
        resident.store(2 << 30, Ordering::Relaxed);
        std::thread::sleep(crate::resident::LOOK_EVERY);
        let error = large.has_to_go().unwrap();
        assert!(error.detail.contains("memory_bytes") && error.code == Code::Overloaded, "{error}");
        assert!(small.has_to_go().is_none());
        assert!(refusal(take(&resources, "large", SMALL).await).contains("memory_bytes"));
        assert!(take(&resources, "new", SMALL).await.is_ok());
    }
}
