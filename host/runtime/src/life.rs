//! The life of an activation, as something that two may drive: the task it has for itself, and a
//! caller who finds it idle and lends its own.
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

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Life {
    seat: Mutex<Seat>,
    /// Wakes its own task; set once that has begun.
    task: OnceLock<Waker>,
    /// Whether it is a lender who drives it.
    lent: AtomicBool,
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
    pub(crate) fn begin(activation: Arc<Activation>, life: BoxFuture<'static, ()>) {
        *activation.life.seat.lock() = Seat::Free(life);
        tokio::spawn(Task(activation));
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

    /// Whether a lender drives it: one that wants its own reply, not to do the work of others.
    pub(crate) fn is_lent(&self) -> bool {
        self.lent.load(Ordering::Relaxed)
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
        *seat = if polled.is_ready() { Seat::Nobody } else { Seat::Free(life) };
        drop(seat);
        if wanted || (lent && polled.is_ready()) {
            task.wake_by_ref();
        }
        polled
    }
}

/// The task that an activation has for itself.
struct Task(Arc<Activation>);

impl Future for Task {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let life = &self.0.life;
        life.drive(life.task.get_or_init(|| context.waker().clone()), false)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // A life owns its activation, which would otherwise own its life for ever.
        let life = std::mem::take(&mut *self.0.life.seat.lock());
        drop(life);
    }
}
