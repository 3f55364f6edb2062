//! The life of an activation, as something that three may drive: the task it has for itself, a caller
//! who finds it idle and lends its own, and the threads of [`long_turns`](crate::long_turns), for the rest
//! of a turn that computes for long.
//!
//! Without lending, a call to an idle activation costs two wake-ups, the activation's and then the
//! caller's, and everything that the reply passes is polled twice. A lender polls the life once, in
//! the name of the life's own task: whatever the life then waits for wakes that task, which goes on
//! with what the lender began, so a turn does not depend on its caller's patience.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use futures::future::BoxFuture;
use parking_lot::Mutex;

use crate::activation::Activation;
use crate::long_turns::LongTurns;

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Life {
    seat: Mutex<Seat>,
    /// Wakes its own task; set once that has begun.
    task: OnceLock<Waker>,
    /// Whether somebody else than its own task drives it.
    lent: AtomicBool,
    /// Whether the turn under way computes for long.
    is_long: AtomicBool,
    /// Whether it is in the line of those who wait for a thread for long turns.
    is_in_line: AtomicBool,
}

/// Who drives a life.
#[derive(Default)]
enum Seat {
    /// Nobody: it waits for something.
    Free(BoxFuture<'static, ()>),
    /// Somebody does; `wanted` says that others came meanwhile, so it must be polled again.
    Taken { wanted: bool },
    /// It has not begun, or has ended.
    #[default]
    Nobody,
}

impl Life {
    /// Lets `activation` live as `life` says, in a task of its own.
    pub(crate) fn begin(activation: Arc<Activation>, life: BoxFuture<'static, ()>, long_turns: LongTurns) {
        *activation.life.seat.lock() = Seat::Free(life);
        tokio::spawn(Task { activation, long_turns });
    }

    /// Has its own task look what there is to do.
    pub(crate) fn wake(&self) {
        // Before its task has begun there is nothing to wake: it will look.
        if let Some(task) = self.task.get() {
            task.wake_by_ref();
        }
    }

    /// Drives it here and now, once.
    pub(crate) fn lend(&self) {
        if let Some(task) = self.task.get() {
            let _ = self.drive(task, true);
        }
    }

    /// Whether a lender drives it, who wants its own reply and not to do the work of others, or a thread for
    /// long turns, which is not for the next one.
    pub(crate) fn is_lent(&self) -> bool {
        self.lent.load(Ordering::Relaxed)
    }

    /// Notes whether the turn under way computes for long. The next turn is a short one until it is known better.
    pub(crate) fn set_long(&self, is_long: bool) {
        self.is_long.store(is_long, Ordering::Relaxed);
    }

    /// Drives it once, on a thread for long turns. If its turn is over meanwhile, that is left to its own task.
    pub(crate) fn drive_long(&self) {
        self.is_in_line.store(false, Ordering::Relaxed);
        if self.is_long.load(Ordering::Relaxed) {
            self.lend();
        } else {
            self.wake();
        }
    }

    /// Has whoever drives it at the moment do so again; says whether somebody does.
    fn is_driven_again(&self) -> bool {
        match &mut *self.seat.lock() {
            Seat::Taken { wanted } => {
                *wanted = true;
                true
            }
            Seat::Free(_) | Seat::Nobody => false,
        }
    }

    fn drive(&self, task: &Waker, lent: bool) -> Poll<()> {
        let mut life = {
            let mut seat = self.seat.lock();
            match std::mem::replace(&mut *seat, Seat::Taken { wanted: true }) {
                Seat::Free(life) => {
                    *seat = Seat::Taken { wanted: false };
                    life
                }
                Seat::Taken { .. } => return Poll::Pending,
                Seat::Nobody => {
                    *seat = Seat::Nobody;
                    return Poll::Ready(());
                }
            }
        };
        self.lent.store(lent, Ordering::Relaxed);
        let polled = life.as_mut().poll(&mut Context::from_waker(task));
        let mut seat = self.seat.lock();
        // Its task may have been dropped with the runtime meanwhile; then the life ends here.
        let Seat::Taken { wanted } = *seat else { return Poll::Ready(()) };
        *seat = if polled.is_ready() {
            self.set_long(false);
            Seat::Nobody
        } else {
            Seat::Free(life)
        };
        drop(seat);
        if wanted || (lent && polled.is_ready()) {
            task.wake_by_ref();
        }
        polled
    }
}

/// The task that an activation has for itself.
struct Task {
    activation: Arc<Activation>,
    long_turns: LongTurns,
}

impl Future for Task {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Task { activation, long_turns } = &*self;
        let life = &activation.life;
        let task = life.task.get_or_init(|| context.waker().clone());
        if !life.is_long.load(Ordering::Relaxed) {
            return life.drive(task, false);
        }
        if !life.is_driven_again() && !life.is_in_line.swap(true, Ordering::Relaxed) {
            long_turns.take_over(Arc::clone(activation));
        }
        Poll::Pending
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // A life owns its activation, which would otherwise own its life for ever.
        let life = std::mem::take(&mut *self.activation.life.seat.lock());
        drop(life);
    }
}
