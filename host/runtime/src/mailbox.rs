//! The mailbox of one activation: a bounded queue in arrival order.
//!
//! Messages that wait for a reply are queued themselves. Stored messages are not: the queue holds
//! at most one marker that says "look into the store", so their number costs no memory and a
//! marker can never be refused.

use std::collections::VecDeque;

use greenroom_core::{Error, Message};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::gate::ReplySender;
use crate::idempotency::Keyed;
use crate::operation::Operation;
use crate::waits::WaitEdge;
use crate::wakings::Woken;

/// A message whose sender waits for the reply.
pub(crate) struct Call {
    pub(crate) message: Message,
    pub(crate) reply: ReplySender,
    pub(crate) deadline: Instant,
    pub(crate) arrived: Instant,
    pub(crate) caller: Caller,
    /// The name its client gave it, under which its answer is kept.
    pub(crate) keyed: Option<Box<Keyed>>,
}

/// Who waits for a reply; a client, unless it is said otherwise.
#[derive(Default)]
pub(crate) struct Caller {
    /// How many actors wait for this reply, one for the other.
    pub(crate) depth: u32,
    /// The calling actor's wait, over as soon as the turn is.
    pub(crate) wait: Option<WaitEdge>,
    /// Nobody waits for that actor's own turn.
    pub(crate) is_background: bool,
}

/// Something for an activation to do.
pub(crate) enum Work {
    /// A turn for a caller who waits.
    Call(Box<Call>),
    /// Something stored is due: a message, a reminder. Whoever had to be woken for it has that with it.
    StoredDue(Option<Woken>),
    /// A request of the people who run it.
    Operation(Box<Operation>, oneshot::Sender<Result<bool, Error>>),
    /// Give the sandbox back, then go on.
    ReleaseSandbox,
    /// Leave memory.
    Deactivate,
}

impl Work {
    /// Tells whoever waits for it that it will not be done.
    pub(crate) fn refuse(self, error: Error) {
        match self {
            Work::Call(call) => drop(call.reply.send(Err(error))),
            Work::Operation(_, reply) => drop(reply.send(Err(error))),
            Work::StoredDue(_) | Work::ReleaseSandbox | Work::Deactivate => {}
        }
    }

    /// Whether somebody waits for it.
    fn is_awaited(&self) -> bool {
        match self {
            Work::Call(call) => !call.caller.is_background,
            Work::Operation(..) => true,
            Work::StoredDue(_) | Work::ReleaseSandbox | Work::Deactivate => false,
        }
    }
}

/// Why a mailbox did not take something; the thing comes back.
pub(crate) enum Refused {
    /// The activation has ended: look for the next one.
    Closed(Work),
    /// As many as may wait are waiting.
    Full(Work),
}

/// See the [module](self).
pub(crate) struct Mailbox(Mutex<Inner>);

#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // one for each kind of marker
struct Inner {
    queue: VecDeque<Work>,
    /// Calls and operations in the queue; the markers don't count.
    waiting: usize,
    /// Those of them that somebody waits for.
    awaited: usize,
    /// How many of those may wait.
    capacity: usize,
    stored_due: bool,
    release: bool,
    deactivate: bool,
    closed: bool,
}

impl Mailbox {
    pub(crate) fn new(capacity: usize) -> Self {
        Mailbox(Mutex::new(Inner { capacity, ..Inner::default() }))
    }

    /// From now on so many may wait; what waits already stays.
    pub(crate) fn set_capacity(&self, capacity: usize) {
        self.0.lock().capacity = capacity;
    }

    /// How many may wait.
    pub(crate) fn capacity(&self) -> usize {
        self.0.lock().capacity
    }

    /// Queues `work`, or says why not. It wakes nobody.
    pub(crate) fn push(&self, work: Work) -> Result<(), Refused> {
        let mut inner = self.0.lock();
        if inner.closed {
            return Err(Refused::Closed(work));
        }
        let full = inner.waiting >= inner.capacity;
        let awaited = usize::from(work.is_awaited());
        let marker = match &work {
            Work::Call(_) | Work::Operation(..) => None,
            Work::StoredDue(_) => Some(&mut inner.stored_due),
            Work::ReleaseSandbox => Some(&mut inner.release),
            Work::Deactivate => Some(&mut inner.deactivate),
        };
        match marker {
            Some(true) => return Ok(()),
            Some(marked) => *marked = true,
            None if full => return Err(Refused::Full(work)),
            None => inner.waiting += 1,
        }
        inner.awaited += awaited;
        inner.queue.push_back(work);
        Ok(())
    }

    /// Takes the next thing to do, if there is one.
    pub(crate) fn pop(&self) -> Option<Work> {
        let mut inner = self.0.lock();
        let work = inner.queue.pop_front()?;
        inner.awaited -= usize::from(work.is_awaited());
        match &work {
            Work::Call(_) | Work::Operation(..) => inner.waiting -= 1,
            Work::StoredDue(_) => inner.stored_due = false,
            Work::ReleaseSandbox => inner.release = false,
            Work::Deactivate => inner.deactivate = false,
        }
        Some(work)
    }

    /// Takes nothing more, if nothing waits. Says whether it is closed.
    pub(crate) fn close_if_empty(&self) -> bool {
        let mut inner = self.0.lock();
        inner.closed |= inner.queue.is_empty();
        inner.closed
    }

    /// Takes nothing more, and gives back what waits.
    pub(crate) fn close(&self) -> VecDeque<Work> {
        let mut inner = self.0.lock();
        inner.closed = true;
        std::mem::take(&mut inner.queue)
    }

    /// How many calls and operations wait.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().waiting
    }

    /// Whether something is in it that somebody waits for.
    pub(crate) fn is_awaited(&self) -> bool {
        self.0.lock().awaited > 0
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().queue.is_empty()
    }

    /// Looks at the calls that wait, in order.
    pub(crate) fn calls<T>(&self, look: impl Fn(&Call) -> T) -> Vec<T> {
        let inner = self.0.lock();
        inner
            .queue
            .iter()
            .filter_map(|work| match work {
                Work::Call(call) => Some(look(call)),
                _ => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation() -> (Work, oneshot::Receiver<Result<bool, Error>>) {
        let (sender, receiver) = oneshot::channel();
        (Work::Operation(Box::new(Operation::Purge), sender), receiver)
    }

    #[test]
    fn it_refuses_what_passes_its_capacity_but_never_a_marker() {
        let mailbox = Mailbox::new(2);
        for _ in 0..2 {
            assert!(mailbox.push(operation().0).is_ok());
        }
        assert!(matches!(mailbox.push(operation().0), Err(Refused::Full(_))));
        assert!(mailbox.push(Work::StoredDue(None)).is_ok());
        assert_eq!(mailbox.len(), 2);
        assert!(mailbox.pop().is_some());
        assert!(mailbox.push(operation().0).is_ok());
    }

    #[test]
    fn a_smaller_capacity_drops_nothing_that_waits() {
        let mailbox = Mailbox::new(3);
        for _ in 0..3 {
            assert!(mailbox.push(operation().0).is_ok());
        }
        mailbox.set_capacity(2);
        for left in [2, 1] {
            assert!(matches!(mailbox.push(operation().0), Err(Refused::Full(_))));
            assert!(mailbox.pop().is_some());
            assert_eq!(mailbox.len(), left);
        }
        assert!(mailbox.push(operation().0).is_ok());
    }

    #[test]
    fn a_marker_stands_once_and_again_after_it_was_taken() {
        let mailbox = Mailbox::new(1);
        for _ in 0..3 {
            assert!(mailbox.push(Work::StoredDue(None)).is_ok());
        }
        assert!(matches!(mailbox.pop(), Some(Work::StoredDue(None))));
        assert!(mailbox.pop().is_none());
        assert!(mailbox.push(Work::StoredDue(None)).is_ok());
        assert!(!mailbox.is_empty());
    }

    #[test]
    fn a_closed_mailbox_gives_back_what_comes_late() {
        let mailbox = Mailbox::new(1);
        assert!(mailbox.push(Work::StoredDue(None)).is_ok());
        assert!(!mailbox.close_if_empty());
        assert!(mailbox.pop().is_some());
        assert!(mailbox.close_if_empty());
        assert!(matches!(mailbox.push(Work::StoredDue(None)), Err(Refused::Closed(Work::StoredDue(None)))));
    }
}
