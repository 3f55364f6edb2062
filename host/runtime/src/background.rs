//! Work that nobody waits for: turns of timers, reminders and sent messages, what those call, and actors that leave
//! because they were idle.
//!
//! It yields to work that somebody waits for. Only so much of it has a processor at a time, and each piece begins when its
//! thread has found nothing else to do, or has done much else meanwhile, so that it is never held up for good. Among
//! actor types it goes by turns: the one that has used least time is next.
//!
//! Nothing is kept while a turn waits for something (another actor, the store, a pause of its own): it stands in line
//! again when it goes on. So there is nothing here that two could wait for in a circle. Work that holds up somebody who
//! waits, a call in the same mailbox, does not stand in line at all.
//!
//! Of actors that are woken for what they have stored, only so many are on their way to their turn
//! ([`wakings`](crate::wakings)): the scheduler waits before it wakes more, and a sender leaves it to the scheduler. So a
//! million that are due at once come into memory bit by bit.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use greenroom_core::ActorType;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::activation::Activation;
use crate::wakings::Wakings;

/// What any piece of work costs its type, so that types take turns also where time stands still.
const LEAST_COST: Duration = Duration::from_micros(1);

/// See the [module](self).
pub(crate) struct Background {
    /// Pieces of work that have a processor at once.
    slots: usize,
    line: Mutex<Line>,
    pub(crate) by_scheduler: Wakings,
    pub(crate) by_senders: Wakings,
}

#[derive(Default)]
struct Line {
    running: usize,
    numbered: u64,
    /// What the type that was next last had used: nobody begins with less.
    used_least: Duration,
    /// Types that wait, or have used more than that.
    types: BTreeMap<ActorType, Share>,
}

#[derive(Default)]
struct Share {
    used: Duration,
    waiting: BTreeMap<u64, Waker>,
}

impl Background {
    /// Work that so many processors may do at once.
    pub(crate) fn new(slots: usize) -> Self {
        Background {
            slots,
            line: Mutex::default(),
            by_scheduler: Wakings::default(),
            by_senders: Wakings::default(),
        }
    }

    /// Does `work` of that activation, whose life this is polled by.
    pub(crate) async fn run<T>(&self, activation: &Activation, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            let mut slot = self.slot(activation).await;
            if let Some(slot) = &mut slot {
                // Tokio goes on with this when the thread has nothing else to do and has looked at its sockets, or has
                // done much else.
                tokio::task::yield_now().await;
                slot.began = Some(Instant::now());
            }
            let polled = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
            drop(slot);
            if let Poll::Ready(output) = polled {
                return output;
            }
            woken().await;
        }
    }

    /// The right to have a processor; `None` when the activation's work needs none, since somebody waits for it.
    async fn slot(&self, activation: &Activation) -> Option<Slot<'_>> {
        let mut place: Option<Place<'_>> = None;
        activation.set_in_line(true);
        let slot = poll_fn(|context| {
            if activation.mailbox.is_awaited() {
                return Poll::Ready(None);
            }
            let place = place.get_or_insert_with(|| self.stand_in_line(&activation.address.actor_type));
            place.poll(context).map(Some)
        })
        .await;
        activation.set_in_line(false);
        slot
    }

    fn stand_in_line(&self, actor_type: &ActorType) -> Place<'_> {
        let mut line = self.line.lock();
        line.numbered += 1;
        let number = line.numbered;
        let waits = line.running >= self.slots;
        if waits {
            let used_least = line.used_least;
            let share = line.types.entry(actor_type.clone()).or_default();
            share.used = share.used.max(used_least);
            share.waiting.insert(number, Waker::noop().clone());
        } else {
            line.running += 1;
        }
        Place { background: self, actor_type: actor_type.clone(), number, is_over: false }
    }

    /// One that had a processor for so long has it no more: the next one has.
    fn give_back(&self, actor_type: &ActorType, took: Duration) {
        let next = {
            let mut line = self.line.lock();
            let used_least = line.used_least;
            let share = line.types.entry(actor_type.clone()).or_default();
            share.used = share.used.max(used_least) + took.max(LEAST_COST);
            line.running -= 1;
            line.next()
        };
        if let Some(next) = next {
            next.wake();
        }
    }

    /// How much is under way or waits here.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        let line = self.line.lock();
        line.running + line.types.len() + self.by_scheduler.taken() + self.by_senders.taken()
    }
}

impl Line {
    /// Takes the next one out of the line, if anybody waits, and counts it as running.
    fn next(&mut self) -> Option<Waker> {
        let waiting = self.types.iter_mut().filter(|(_, share)| !share.waiting.is_empty());
        let Some((_, share)) = waiting.min_by_key(|(_, share)| share.used) else {
            // There was enough for everybody: nobody owes anybody anything.
            self.types.clear();
            self.used_least = Duration::ZERO;
            return None;
        };
        let used = share.used;
        let next = share.waiting.pop_first().map(|(_, waker)| waker);
        self.used_least = used;
        self.types.retain(|_, share| !share.waiting.is_empty() || share.used > used);
        self.running += 1;
        next
    }
}

/// A place in the line.
struct Place<'a> {
    background: &'a Background,
    actor_type: ActorType,
    number: u64,
    /// Whether it has become a slot.
    is_over: bool,
}

impl<'a> Place<'a> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Slot<'a>> {
        if let Some(share) = self.background.line.lock().types.get_mut(&self.actor_type)
            && let Some(waker) = share.waiting.get_mut(&self.number)
        {
            waker.clone_from(context.waker());
            return Poll::Pending;
        }
        self.is_over = true;
        Poll::Ready(Slot { background: self.background, actor_type: self.actor_type.clone(), began: None })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut line = self.background.line.lock();
        let left = line.types.get_mut(&self.actor_type).and_then(|share| share.waiting.remove(&self.number));
        drop(line);
        if left.is_none() {
            // It was next.
            self.background.give_back(&self.actor_type, Duration::ZERO);
        }
    }
}

/// The right to have a processor.
struct Slot<'a> {
    background: &'a Background,
    actor_type: ActorType,
    began: Option<Instant>,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let took = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        self.background.give_back(&self.actor_type, took);
    }
}

/// Waits until the task is woken, by whatever it waits for.
async fn woken() {
    let mut is_woken = false;
    poll_fn(|_| if std::mem::replace(&mut is_woken, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}
