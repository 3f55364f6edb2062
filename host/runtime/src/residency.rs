//! Who stays in memory: how many sandboxes and activations there are at once, and who goes first
//! when there is no room.
//!
//! The least recently used idle ones go first: their sandboxes, and when there are none left,
//! whole activations. Nothing here stops a turn.

use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use greenroom_core::{Code, Error};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::activation::Activation;
use crate::dispatch::Dispatch;
use crate::mailbox::Work;

/// Tells the resident memory of the process, in bytes.
pub type ResidentBytes = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How often the resident memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How soon to look again while turns wait for a sandbox.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// How soon to look again while memory is short: sandboxes of large runtimes come by the thousand in
/// a second, and those that were told to go take a moment.
const LOOK_AT_MEMORY_AFTER: Duration = Duration::from_millis(10);

/// The part of those in memory that goes at a time: one in so many.
const SHARE: usize = 20;

/// The right to have one sandbox; over when dropped.
pub(crate) type SandboxPermit = OwnedSemaphorePermit;

/// See the [module](self).
pub(crate) struct Residency {
    sandboxes: Arc<Semaphore>,
    /// Turns that wait for a sandbox.
    waiting: AtomicUsize,
    short_of: Notify,
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
    pub(crate) fn new(sandboxes: usize) -> Self {
        Residency {
            sandboxes: Arc::new(Semaphore::new(sandboxes)),
            waiting: AtomicUsize::new(0),
            short_of: Notify::new(),
        }
    }

    /// Waits for the right to have one more sandbox.
    ///
    /// # Errors
    /// `overloaded` when no sandbox became idle before `deadline`. Cancel safe.
    pub(crate) async fn sandbox(&self, deadline: Instant) -> Result<SandboxPermit, Error> {
        if let Ok(permit) = Arc::clone(&self.sandboxes).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = self.wait_for_sandboxes();
        match tokio::time::timeout_at(deadline, Arc::clone(&self.sandboxes).acquire_owned()).await {
            Ok(permit) => Ok(permit.expect("the semaphore is never closed")),
            Err(_) => Err(Error::new(
                Code::Overloaded,
                "every sandbox of this host is at work (sandboxes); try again later",
            )),
        }
    }

    /// As long as what this returns lives, idle sandboxes go.
    pub(crate) fn wait_for_sandboxes(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.short_of.notify_one();
        Waiting(&self.waiting)
    }

    /// Tells that there is no room for another activation.
    pub(crate) fn make_room(&self) {
        self.short_of.notify_one();
    }

    /// Lets idle ones go whenever there is no room, for as long as the node lives.
    pub(crate) async fn keep(node: Weak<Dispatch>, resident_bytes: ResidentBytes) {
        loop {
            let Some(dispatch) = node.upgrade() else { return };
            let limits = &dispatch.limits;
            let short_of_sandboxes = dispatch.residency.waiting.load(Ordering::Relaxed) > 0;
            let short_of_memory = resident_bytes() > limits.memory_bytes;
            let short_of_activations = dispatch.activation_count() >= limits.activations;
            let mut going = 0;
            if short_of_sandboxes || short_of_memory {
                going = dispatch.let_go(Goes::Sandboxes);
            }
            if short_of_activations || (short_of_memory && going == 0) {
                going += dispatch.let_go(Goes::Activations);
            }
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
            let pause = match (short_of_sandboxes, short_of_memory && going > 0) {
                (true, _) => LOOK_AGAIN_AFTER,
                (false, true) => LOOK_AT_MEMORY_AFTER,
                (false, false) => LOOK_EVERY,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = dispatch.residency.short_of.notified(), if !short_of_sandboxes => {}
            }
        }
    }
}

impl Dispatch {
    /// Lets a share of the least recently used idle ones go; says how many were asked.
    fn let_go(&self, goes: Goes) -> usize {
        let mut idle: Vec<(Instant, Arc<Activation>)> = Vec::new();
        self.each_activation(|activation| {
            if activation.is_idle() && (goes == Goes::Activations || activation.has_sandbox()) {
                idle.push((activation.last_used(), Arc::clone(activation)));
            }
        });
        if idle.is_empty() {
            return 0;
        }
        let count = (idle.len() / SHARE).max(1).min(idle.len());
        idle.select_nth_unstable_by_key(count - 1, |(last_used, _)| *last_used);
        for (_, activation) in &idle[..count] {
            let work = if goes == Goes::Sandboxes { Work::ReleaseSandbox } else { Work::Deactivate };
            // One that has ended meanwhile needs no telling.
            drop(activation.mailbox.push(work));
        }
        count
    }
}
