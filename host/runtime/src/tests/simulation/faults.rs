//! The weather of one seed: how often others run before an operation of the store or a step of a guest
//! goes on, how long it takes, and how it goes wrong.

use std::sync::Arc;
use std::time::Duration;

use greenroom_core::store::StoreError;
use greenroom_store::{CommitFault, Encounter, Encounters, Operation, Pause};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// See the [module](self).
#[derive(Clone)]
pub(super) struct Weather(Arc<Mutex<Inner>>);

struct Inner {
    random: StdRng,
    faults: f64,
}

impl Weather {
    pub(super) fn new(seed: u64) -> Self {
        Weather(Arc::new(Mutex::new(Inner { random: StdRng::seed_from_u64(seed), faults: 0.0 })))
    }

    /// From now on, this share of all operations goes wrong.
    pub(super) fn set_faults(&self, faults: f64) {
        self.0.lock().faults = faults;
    }

    /// A number to begin chance anew with.
    pub(super) fn seed(&self) -> u64 {
        self.0.lock().random.random()
    }

    /// Lets others run first.
    pub(super) async fn pause(&self) {
        let pause = self.0.lock().pause(3);
        pause.pass().await;
    }

    /// What a store meets in it.
    pub(super) fn encounters(&self) -> Encounters {
        let weather = self.clone();
        Arc::new(move |operation| weather.0.lock().encounter(operation))
    }
}

impl Inner {
    fn pause(&mut self, ms_max: u64) -> Pause {
        let yields = self.random.random_range(0..4);
        let time = if self.random.random_bool(0.2) { self.random.random_range(0..ms_max) } else { 0 };
        Pause { yields, time: Duration::from_millis(time) }
    }

    fn encounter(&mut self, operation: Operation) -> Encounter {
        let ms_max = if operation == Operation::Commit { 30 } else { 8 };
        let (before, after) = (self.pause(ms_max), self.pause(ms_max));
        // A commit is more likely to fail, and only a commit kills the store.
        let share = if operation == Operation::Commit { self.faults } else { self.faults / 3.0 };
        let fault = self.random.random_bool(share).then(|| self.fault(operation));
        Encounter { before, fault, after }
    }

    fn fault(&mut self, operation: Operation) -> CommitFault {
        let why = || "as planned".to_owned();
        match (operation, self.random.random_range(0..12)) {
            (Operation::Read, _) | (_, 0..3) => CommitFault::Refused(StoreError::Unavailable(why())),
            (_, 3) => CommitFault::Refused(StoreError::Full(why())),
            (_, 4..6) => CommitFault::Refused(StoreError::Unknown(why())),
            // The process dies before the commit, or between the commit and its acknowledgement.
            (Operation::Commit, 6) => CommitFault::Refused(StoreError::Failed(why())),
            (Operation::Commit, 7) => CommitFault::AppliedBut(StoreError::Failed(why())),
            _ => CommitFault::AppliedBut(StoreError::Unknown(why())),
        }
    }
}
