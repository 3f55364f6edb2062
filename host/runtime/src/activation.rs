//! An activation as others see it: its mailbox, and what it was last seen doing. What it does is in
//! [`lifecycle`](crate::lifecycle), and who drives that in [`life`](crate::life).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;

use greenroom_core::Address;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::gate::Gate;
use crate::life::Life;
use crate::mailbox::{Mailbox, Refused, Work};
use crate::shares::Place;
use crate::view::{ErrorSummary, Lifecycle, TurnSummary};

/// See the [module](self).
pub(crate) struct Activation {
    pub(crate) address: Address,
    pub(crate) mailbox: Mailbox,
    /// Where its replies wait. Whoever fails it ends the activation: nothing of it is committed any more.
    pub(crate) gate: Arc<Gate>,
    pub(crate) life: Life,
    pub(crate) status: Mutex<Status>,
    _place: Place,
    born: Instant,
    /// Milliseconds after `born` at which the last message was taken.
    used_ms: AtomicU64,
    busy: AtomicBool,
    /// Its work stands in line, until somebody waits for it: see [`background`](crate::background).
    in_line: AtomicBool,
    has_sandbox: AtomicBool,
}

/// What an activation was last seen doing, for people to look at.
#[derive(Default)]
pub(crate) struct Status {
    pub(crate) version: Option<u32>,
    pub(crate) sandbox_memory_bytes: Option<usize>,
    pub(crate) last_turn: Option<TurnSummary>,
    pub(crate) last_error: Option<ErrorSummary>,
}

impl Activation {
    pub(crate) fn new(address: Address, mailbox_capacity: usize, place: Place) -> Self {
        Activation {
            address,
            mailbox: Mailbox::new(mailbox_capacity),
            gate: Arc::default(),
            life: Life::default(),
            status: Mutex::default(),
            _place: place,
            born: Instant::now(),
            used_ms: AtomicU64::new(0),
            busy: AtomicBool::new(true),
            in_line: AtomicBool::new(false),
            has_sandbox: AtomicBool::new(false),
        }
    }

    /// Gives it `work`, which its own task will do.
    pub(crate) fn tell(&self, work: Work) -> Result<(), Refused> {
        self.give(work, Life::wake)
    }

    /// Gives it `work`, and rouses it so if it is idle. A busy one looks into its mailbox again before it
    /// waits: it stops being busy first, and looks then, and the mailbox's lock orders that look before or
    /// after the queueing.
    pub(crate) fn give(&self, work: Work, rouse: fn(&Life)) -> Result<(), Refused> {
        self.mailbox.push(work)?;
        if !self.busy.load(Ordering::Relaxed) {
            rouse(&self.life);
        } else if self.in_line.load(Ordering::Relaxed) {
            self.life.wake();
        }
        Ok(())
    }

    /// Waits until there is something in the mailbox. Only for its own life, which those who give it
    /// work see to. Cancel safe.
    pub(crate) async fn arrival(&self) {
        std::future::poll_fn(|_| if self.mailbox.is_empty() { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    /// Lets its own task go on with what waits, if somebody lent theirs for one message.
    pub(crate) async fn give_back(&self) {
        if self.life.is_lent() && !self.mailbox.is_empty() {
            tokio::task::yield_now().await;
        }
    }

    /// Notes that a message was taken at `now`.
    pub(crate) fn touch(&self, now: Instant) {
        let used_ms = (now - self.born).as_millis() as u64;
        self.used_ms.store(used_ms, Ordering::Relaxed);
    }

    /// When the last message was taken.
    pub(crate) fn last_used(&self) -> Instant {
        self.born + std::time::Duration::from_millis(self.used_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Release);
    }

    /// Notes that its work stands in line: what is given to it then may be somebody who waits for it.
    pub(crate) fn set_in_line(&self, in_line: bool) {
        self.in_line.store(in_line, Ordering::Relaxed);
    }

    /// Whether it does nothing and nothing waits for it. Whoever sees that sees what it did before too.
    pub(crate) fn is_idle(&self) -> bool {
        !self.busy.load(Ordering::Acquire) && self.mailbox.is_empty()
    }

    pub(crate) fn set_has_sandbox(&self, has_sandbox: bool) {
        self.has_sandbox.store(has_sandbox, Ordering::Relaxed);
    }

    pub(crate) fn has_sandbox(&self) -> bool {
        self.has_sandbox.load(Ordering::Relaxed)
    }

    pub(crate) fn lifecycle(&self) -> Lifecycle {
        if self.is_idle() { Lifecycle::Idle } else { Lifecycle::Activated }
    }
}
