//! What a test makes the operations of a [`ModelStore`](super::ModelStore) meet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::store::{StoreError, StoreResult};
use parking_lot::Mutex;
use tokio::sync::watch;

/// What kind of thing a store is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A batch of turns.
    Commit,
    /// Something else that changes what is stored.
    Change,
    /// Reading.
    Read,
}

/// What one operation meets.
#[derive(Clone, Debug, Default)]
pub struct Encounter {
    /// Before anything is done.
    pub before: Pause,
    /// How it goes wrong, if it does.
    pub fault: Option<CommitFault>,
    /// When all is done, before it is said.
    pub after: Pause,
}

/// Tells what the next operation meets.
pub type Encounters = Arc<dyn Fn(Operation) -> Encounter + Send + Sync>;

/// A while in which others run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pause {
    /// So often whoever else is ready goes first.
    pub yields: u32,
    /// Then so long passes, on tokio's clock.
    pub time: Duration,
}

impl Pause {
    /// Waits until it is over.
    pub async fn pass(self) {
        for _ in 0..self.yields {
            tokio::task::yield_now().await;
        }
        if !self.time.is_zero() {
            tokio::time::sleep(self.time).await;
        }
    }
}

/// How a commit, or another operation, goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitFault {
    /// Nothing is changed, and the error returned.
    Refused(StoreError),
    /// Everything is changed, and the error returned all the same.
    AppliedBut(StoreError),
}

/// Commits and how many tests hold them.
#[derive(Clone, Copy, Default)]
struct Gate {
    holders: usize,
    waiting: usize,
}

pub(super) struct Faults {
    planned: Mutex<VecDeque<CommitFault>>,
    broken: Mutex<Option<String>>,
    latency: Mutex<Duration>,
    encounters: Mutex<Option<Encounters>>,
    gate: watch::Sender<Gate>,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            planned: Mutex::default(),
            broken: Mutex::default(),
            latency: Mutex::default(),
            encounters: Mutex::default(),
            gate: watch::Sender::new(Gate::default()),
        }
    }
}

impl Faults {
    pub(super) fn plan(&self, count: usize, fault: CommitFault) {
        self.planned.lock().extend(std::iter::repeat_n(fault, count));
    }

    pub(super) fn next(&self) -> Option<CommitFault> {
        self.planned.lock().pop_front()
    }

    /// What the commit returns that meets `fault`.
    pub(super) fn meet(&self, fault: CommitFault) -> StoreError {
        let (CommitFault::Refused(error) | CommitFault::AppliedBut(error)) = fault;
        if let StoreError::Failed(why) = &error {
            self.break_down(why);
        }
        error
    }

    pub(super) fn break_down(&self, why: &str) {
        *self.broken.lock() = Some(why.to_owned());
    }

    pub(super) fn mend(&self) {
        *self.broken.lock() = None;
    }

    pub(super) fn check(&self) -> StoreResult<()> {
        self.broken.lock().clone().map_or(Ok(()), |why| Err(StoreError::Broken(why)))
    }

    /// The same in the middle of a change, which may have been made.
    pub(super) fn check_change(&self) -> StoreResult<()> {
        self.broken.lock().clone().map_or(Ok(()), |why| Err(StoreError::Failed(why)))
    }

    pub(super) fn set_latency(&self, latency: Duration) {
        *self.latency.lock() = latency;
    }

    pub(super) fn set_encounters(&self, encounters: Encounters) {
        *self.encounters.lock() = Some(encounters);
    }

    pub(super) fn encounter(&self, operation: Operation) -> Encounter {
        let encounters = self.encounters.lock().clone();
        encounters.map_or_else(Encounter::default, |encounters| encounters(operation))
    }

    pub(super) fn hold(&self) -> HeldCommits {
        self.gate.send_modify(|gate| gate.holders += 1);
        HeldCommits { gate: self.gate.clone() }
    }

    /// Waits until nobody holds commits, and then for half of the latency.
    pub(super) async fn wait(&self) {
        let waiting = Waiting::new(&self.gate);
        // The sender is `self`'s, so it is not gone.
        let _ = self.gate.subscribe().wait_for(|gate| gate.holders == 0).await;
        drop(waiting);
        self.half_latency().await;
    }

    /// Waits for half of the latency.
    pub(super) async fn half_latency(&self) {
        let half = *self.latency.lock() / 2;
        if !half.is_zero() {
            tokio::time::sleep(half).await;
        }
    }
}

/// Counts a commit while it waits, also when its future is dropped.
struct Waiting<'a> {
    gate: &'a watch::Sender<Gate>,
}

impl<'a> Waiting<'a> {
    fn new(gate: &'a watch::Sender<Gate>) -> Self {
        gate.send_modify(|gate| gate.waiting += 1);
        Waiting { gate }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.gate.send_modify(|gate| gate.waiting -= 1);
    }
}

/// Commits wait as long as this lives.
#[must_use = "commits wait only as long as this lives"]
pub struct HeldCommits {
    gate: watch::Sender<Gate>,
}

impl HeldCommits {
    /// Returns once a commit waits.
    pub async fn arrived(&self) {
        // The sender is `self`'s, so it is not gone.
        let _ = self.gate.subscribe().wait_for(|gate| gate.waiting > 0).await;
    }

    /// How many commits wait.
    pub fn waiting(&self) -> usize {
        self.gate.borrow().waiting
    }

    /// Lets them go on; the same as dropping this.
    pub fn release(self) {}
}

impl Drop for HeldCommits {
    fn drop(&mut self) {
        self.gate.send_modify(|gate| gate.holders -= 1);
    }
}
