//! The output gate of one activation: nothing that the world can see leaves before every write it
//! could depend on is durable.
//!
//! Turns run ahead of their commits. Each write set that is handed to the committer gets the next
//! sequence number of its activation's gate; what a later turn wants to let out (a reply, a call
//! to another actor) is held until that number is committed, and is let out in order. When a
//! commit fails, everything held gets the error instead and the gate stays failed: the activation
//! that owns it was built on state that never came to be, and must end. The same befalls one whose
//! type is undeployed: what it was built on is gone.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

use futures::task::AtomicWaker;
use greenroom_core::{Error, Payload};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Where a reply goes. Nobody may be listening any more; that is no error.
pub(crate) type ReplySender = oneshot::Sender<Result<Payload, Error>>;

/// Something that waits for a commit.
pub(crate) enum Held {
    /// The reply to a call.
    Reply(ReplySender, Result<Payload, Error>),
    /// Somebody who wants to know that everything up to here is durable.
    Notice(oneshot::Sender<Result<(), Error>>),
}

impl Held {
    fn release(self, outcome: Result<(), Error>) {
        match self {
            Held::Reply(sender, reply) => drop(sender.send(outcome.and(reply))),
            Held::Notice(sender) => drop(sender.send(outcome)),
        }
    }
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Gate {
    inner: Mutex<Inner>,
    /// Whoever waits for it to fail.
    failing: AtomicWaker,
}

#[derive(Default)]
struct Inner {
    submitted: u64,
    committed: u64,
    failed: Option<Error>,
    held: VecDeque<(u64, Held)>,
}

impl Gate {
    /// Numbers the next write set; the caller hands it to the committer before it asks again.
    pub(crate) fn submit(&self) -> u64 {
        let mut inner = self.inner.lock();
        inner.submitted += 1;
        inner.submitted
    }

    /// Holds `held` until everything submitted so far is committed.
    pub(crate) fn hold(&self, held: Held) {
        let mut inner = self.inner.lock();
        if let Some(error) = inner.failed.clone() {
            drop(inner);
            held.release(Err(error));
        } else if inner.committed == inner.submitted {
            drop(inner);
            held.release(Ok(()));
        } else {
            let sequence = inner.submitted;
            inner.held.push_back((sequence, held));
        }
    }

    /// Waits until everything submitted so far is committed.
    ///
    /// # Errors
    /// Why a commit failed; every later call fails the same way. Cancel safe.
    pub(crate) async fn wait(&self) -> Result<(), Error> {
        {
            let inner = self.inner.lock();
            if let Some(error) = inner.failed.clone() {
                return Err(error);
            }
            if inner.committed == inner.submitted {
                return Ok(());
            }
        }
        let (sender, receiver) = oneshot::channel();
        self.hold(Held::Notice(sender));
        receiver.await.expect("a gate releases all that it holds")
    }

    /// Tells that the write set with that number is durable, and all before it.
    pub(crate) fn open(&self, sequence: u64) {
        loop {
            let mut inner = self.inner.lock();
            inner.committed = inner.committed.max(sequence);
            match inner.held.front() {
                Some((waits_for, _)) if *waits_for <= inner.committed => {
                    let held = inner.held.pop_front();
                    drop(inner);
                    if let Some((_, held)) = held {
                        held.release(Ok(()));
                    }
                }
                _ => return,
            }
        }
    }

    /// Tells that a commit failed, or that nothing more will be committed. What was committed before must be
    /// told first.
    pub(crate) fn fail(&self, error: &Error) {
        let held = {
            let mut inner = self.inner.lock();
            inner.failed.get_or_insert_with(|| error.clone());
            std::mem::take(&mut inner.held)
        };
        self.failing.wake();
        for (_, held) in held {
            held.release(Err(error.clone()));
        }
    }

    /// Waits until it has failed, and says why. Cancel safe; for one waiter.
    pub(crate) async fn failing(&self) -> Error {
        poll_fn(|context| {
            self.failing.register(context.waker());
            self.failure().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// The number of the last durable write set.
    pub(crate) fn committed(&self) -> u64 {
        self.inner.lock().committed
    }

    /// Whether nothing is on its way to the store.
    pub(crate) fn is_settled(&self) -> bool {
        let inner = self.inner.lock();
        inner.committed == inner.submitted
    }

    /// Why it failed, if it did.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.inner.lock().failed.clone()
    }
}

#[cfg(test)]
mod tests {
    use greenroom_core::Code;

    use super::*;

    fn reply(gate: &Gate, text: &str) -> oneshot::Receiver<Result<Payload, Error>> {
        let (sender, receiver) = oneshot::channel();
        gate.hold(Held::Reply(sender, Ok(Payload::new("text/plain", text.to_owned()))));
        receiver
    }

    fn text(receiver: &mut oneshot::Receiver<Result<Payload, Error>>) -> Option<String> {
        let payload = receiver.try_recv().ok()?.unwrap();
        Some(String::from_utf8(payload.body.to_vec()).unwrap())
    }

    #[test]
    fn what_depends_on_no_write_leaves_at_once() {
        let gate = Gate::default();
        assert_eq!(text(&mut reply(&gate, "a")).as_deref(), Some("a"));
    }

    #[test]
    fn replies_wait_for_the_writes_before_them_and_for_no_others() {
        let gate = Gate::default();
        let first = gate.submit();
        let (mut a, mut read_after_a) = (reply(&gate, "a"), reply(&gate, "read"));
        let second = gate.submit();
        let mut b = reply(&gate, "b");
        assert_eq!(text(&mut a), None);
        gate.open(first);
        assert_eq!(text(&mut a).as_deref(), Some("a"));
        assert_eq!(text(&mut read_after_a).as_deref(), Some("read"));
        assert_eq!(text(&mut b), None);
        gate.open(second);
        assert_eq!(text(&mut b).as_deref(), Some("b"));
    }

    #[test]
    fn after_a_failed_commit_nothing_held_or_later_gets_out() {
        let gate = Gate::default();
        gate.submit();
        let mut held = reply(&gate, "a");
        gate.fail(&Error::new(Code::StoreFull, "no room"));
        assert_eq!(held.try_recv().unwrap().unwrap_err().code, Code::StoreFull);
        assert_eq!(reply(&gate, "b").try_recv().unwrap().unwrap_err().code, Code::StoreFull);
        assert!(gate.failure().is_some());
    }
}
