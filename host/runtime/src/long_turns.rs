//! Where turns go on that compute for long: on threads of their own, as many as the machine has
//! processors and at a lower priority of the operating system, so that a guest's computation never
//! holds up what accepts, reads, commits, replies or runs short turns.
//!
//! A turn begins where its message arrives. When its guest has used up the slice that short turns
//! have, the rest of the turn is driven from here, a slice at a time. Types take turns by the time
//! that their turns have had, so a thousand loops of one type leave half of it to another.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use greenroom_core::ActorType;
use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;

use crate::activation::Activation;

/// How much lower than the rest of the host's the priority of these threads is: enough that whatever
/// else wakes runs at once, little enough that long turns go on, at about a quarter, on a machine that
/// is busy with short ones.
const NICENESS: i32 = 5;

/// Hands long turns to the threads that drive them. Cheap to clone; the threads are started with the first
/// long turn and end with the last clone.
#[derive(Clone, Default)]
pub(crate) struct LongTurns(Arc<Shared>);

/// What those who hand over and the threads share.
#[derive(Default)]
struct Shared {
    started: OnceLock<Threads>,
}

/// The threads, as far as they are to be told anything.
struct Threads(Arc<Waiting>);

/// Where turns wait for a thread.
#[derive(Default)]
struct Waiting {
    line: Mutex<Line<Arc<Activation>>>,
    arrived: Condvar,
}

impl LongTurns {
    /// Has a thread drive the life of `activation` until it waits for something.
    pub(crate) fn take_over(&self, activation: Arc<Activation>) {
        let Threads(waiting) = self.0.started.get_or_init(start);
        let actor_type = activation.address.actor_type.clone();
        waiting.line.lock().join(actor_type, activation);
        waiting.arrived.notify_one();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.0.line.lock().is_closed = true;
        self.0.arrived.notify_all();
    }
}

/// Starts the threads. Where one can't be started, the others do its work; without any, a node would be
/// short of what every process has, and says so.
fn start() -> Threads {
    let waiting = Arc::new(Waiting::default());
    let runtime = Handle::current();
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let mut started = 0;
    for _ in 0..count {
        let (waiting, runtime) = (Arc::clone(&waiting), runtime.clone());
        let thread = std::thread::Builder::new().name("long-turns".into());
        match thread.spawn(move || drive(&waiting, &runtime)) {
            Ok(_) => started += 1,
            Err(error) => tracing::error!(%error, "a thread for long turns can't be started"),
        }
    }
    assert!(started > 0, "no thread for long turns can be started");
    Threads(waiting)
}

fn drive(waiting: &Waiting, runtime: &Handle) {
    lower_priority();
    // What a turn waits for, timers above all, belongs to the node's runtime.
    let _entered = runtime.enter();
    let mut line = waiting.line.lock();
    loop {
        if line.is_closed {
            return;
        }
        let Some((actor_type, activation)) = line.next() else {
            waiting.arrived.wait(&mut line);
            continue;
        };
        drop(line);
        let begun = Instant::now();
        activation.life.drive_long();
        let took = begun.elapsed();
        // Possibly the last who knows it, so dropped outside the lock.
        drop(activation);
        line = waiting.line.lock();
        line.account(&actor_type, took);
    }
}

/// Only Linux has priorities of single threads.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "the priority of long turns can't be lowered");
    }
}

/// Who waits, by type, and how much time each type has had.
struct Line<T> {
    types: HashMap<ActorType, Queue<T>, ahash::RandomState>,
    /// The time that the type served last had had by then: a type that comes anew begins there, so that
    /// it neither waits for what others had before nor makes up for what it did not use.
    had: Duration,
    is_closed: bool,
}

/// The turns of one type.
struct Queue<T> {
    waiting: VecDeque<T>,
    under_way: usize,
    had: Duration,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Line { types: HashMap::default(), had: Duration::ZERO, is_closed: false }
    }
}

impl<T> Line<T> {
    fn join(&mut self, actor_type: ActorType, turn: T) {
        let had = self.had;
        let queue = self.types.entry(actor_type).or_insert_with(|| Queue {
            waiting: VecDeque::new(),
            under_way: 0,
            had,
        });
        queue.waiting.push_back(turn);
    }

    /// The first in the line of the type that has had least; of two that have had as much, the one with fewer under
    /// way.
    fn next(&mut self) -> Option<(ActorType, T)> {
        let waiting = self.types.iter_mut().filter(|(_, queue)| !queue.waiting.is_empty());
        let (actor_type, queue) = waiting.min_by_key(|(_, queue)| (queue.had, queue.under_way))?;
        let turn = queue.waiting.pop_front()?;
        queue.under_way += 1;
        self.had = self.had.max(queue.had);
        Some((actor_type.clone(), turn))
    }

    /// Counts a slice that is over. A type of which nothing is left is forgotten a while later, once the others have
    /// had as much.
    fn account(&mut self, actor_type: &ActorType, took: Duration) {
        if let Some(queue) = self.types.get_mut(actor_type) {
            queue.under_way -= 1;
            queue.had += took;
        }
        let had = self.had;
        self.types.retain(|_, queue| !queue.waiting.is_empty() || queue.under_way > 0 || queue.had > had);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE: Duration = Duration::from_millis(10);

    fn name(text: &str) -> ActorType {
        ActorType::new(text).unwrap()
    }

    /// Serves so many slices, each of which goes on, and tells whose they were.
    fn served(line: &mut Line<&'static str>, slices: usize) -> HashMap<&'static str, usize> {
        let mut counts = HashMap::new();
        for _ in 0..slices {
            let (actor_type, turn) = line.next().unwrap();
            *counts.entry(turn).or_default() += 1;
            line.account(&actor_type, SLICE);
            line.join(actor_type, turn);
        }
        counts
    }

    #[test]
    fn a_thousand_turns_of_one_type_leave_half_of_the_time_to_another() {
        let mut line = Line::default();
        for _ in 0..1_000 {
            line.join(name("many"), "many");
        }
        served(&mut line, 500);
        line.join(name("one"), "one");
        let counts = served(&mut line, 1_000);
        assert!(counts["one"].abs_diff(counts["many"]) <= 2, "{counts:?}");
    }

    #[test]
    fn a_type_that_was_away_makes_up_for_nothing() {
        let mut line = Line::default();
        line.join(name("a"), "a");
        line.join(name("b"), "b");
        served(&mut line, 10);
        let (away, _) = line.next().unwrap();
        line.account(&away, Duration::ZERO);
        served(&mut line, 1_000);
        line.join(away.clone(), "back");
        let counts = served(&mut line, 100);
        assert!(counts["back"] <= 52, "{counts:?}");
    }

    #[test]
    fn turns_of_one_type_are_served_in_order_and_nothing_is_kept_of_who_is_gone() {
        let mut line = Line::default();
        for turn in ["first", "second", "third"] {
            line.join(name("a"), turn);
        }
        let order: Vec<_> = std::iter::from_fn(|| line.next()).collect();
        assert_eq!(order.iter().map(|(_, turn)| *turn).collect::<Vec<_>>(), ["first", "second", "third"]);
        for (actor_type, _) in order {
            line.account(&actor_type, SLICE);
        }
        // Another type has had as much by now.
        line.join(name("b"), "b");
        for _ in 0..5 {
            let (actor_type, turn) = line.next().unwrap();
            line.account(&actor_type, SLICE);
            line.join(actor_type, turn);
        }
        assert!(!line.types.contains_key(&name("a")), "{}", line.types.len());
    }
}
