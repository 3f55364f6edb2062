//! Requests with an idempotency key: each takes effect once, and every repeat gets its answer.
//!
//! At most one request under a key is under way on this node. A repeat that comes meanwhile joins it
//! and gets the same outcome. Otherwise the store is asked what it keeps under the key, and only when
//! that is nothing the request is begun. What is kept is part of the commit that takes effect, so it
//! is there exactly when the effect is, whatever crashes.
//!
//! A request is over when its commit is, not when its client has waited for long enough: a task of its
//! own waits for that, so no repeat slips in between a turn and its commit.
//!
//! Kept is what the actor said: its reply, or a refusal of its own ([`is_answer`]). A turn that ended
//! otherwise (a crash, a limit, a deadline, no room) left no trace, and a repeat runs anew.

use std::sync::{Arc, Weak};
use std::time::Duration;

use dashmap::{DashMap, Entry};
use greenroom_core::idempotency::{Answer, is_answer};
use greenroom_core::store::{Remember, WriteSet};
use greenroom_core::{
    Address, Code, Digest, Error, FailPoint, IdempotencyKey, IdempotencyRecord, Limits, MessageId, Method,
    Payload, Timestamp,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::dispatch::{Dispatch, REPLY_GRACE, Terms};
use crate::node::Node;
use crate::patience::within;
use crate::turn::{check_payload, stored};

/// Requests with a key that are under way at once; the next is refused with `overloaded`.
const UNDER_WAY_MAX: usize = 10_000;

/// How often what is too old is removed. It is not answered with in the meantime.
const FORGET_EVERY: Duration = Duration::from_mins(1);

/// Records removed in one transaction.
const FORGET_PAGE: usize = 500;

/// What came of a request with a key.
#[derive(Clone, Debug)]
pub struct Once<T> {
    /// The answer, or why there is none.
    pub outcome: Result<T, Error>,
    /// Whether another request under the key had this outcome first.
    pub repeated: bool,
}

impl<T> Once<T> {
    fn refused(error: impl Into<Error>) -> Self {
        Once { outcome: Err(error.into()), repeated: false }
    }

    fn and_then<U>(self, next: impl FnOnce(T) -> Result<U, Error>) -> Once<U> {
        Once { outcome: self.outcome.and_then(next), repeated: self.repeated }
    }
}

/// The name of a request, and what it says.
#[derive(Clone)]
pub(crate) struct Keyed {
    key: IdempotencyKey,
    request_digest: Digest,
}

impl Keyed {
    /// What is kept of a turn's outcome, if anything is.
    pub(crate) fn kept(
        self,
        outcome: &Result<Payload, Error>,
        at: Timestamp,
        limits: &Limits,
    ) -> Option<Box<Remember>> {
        let answer = match outcome {
            Ok(payload) => Answer::Replied(payload.clone()),
            Err(error) if is_answer(error.code) => Answer::Refused(error.clone()),
            Err(_) => return None,
        };
        // A guest's words are not bounded, what is kept is.
        let is_bounded = outcome.is_ok() || answer.len() <= limits.payload_bytes;
        is_bounded.then(|| Box::new(self.remember(answer, at, limits)))
    }

    fn remember(self, answer: Answer, at: Timestamp, limits: &Limits) -> Remember {
        let Keyed { key, request_digest } = self;
        let record = IdempotencyRecord { key, request_digest, answer, at };
        Remember {
            record,
            newest: limits.idempotency_keys_per_actor,
            newer_bytes_max: limits.idempotency_bytes_per_actor,
        }
    }
}

type Outcome = Once<Answer>;

struct UnderWay {
    request_digest: Digest,
    outcome: watch::Receiver<Option<Outcome>>,
}

/// The requests with a key that are under way.
pub(crate) struct Requests {
    under_way: DashMap<(Address, IdempotencyKey), UnderWay, ahash::RandomState>,
    permits: Arc<Semaphore>,
}

impl Default for Requests {
    fn default() -> Self {
        Requests { under_way: DashMap::default(), permits: Arc::new(Semaphore::new(UNDER_WAY_MAX)) }
    }
}

#[cfg(test)]
impl Requests {
    /// How many are under way, or have left a permit behind.
    pub(crate) fn len(&self) -> usize {
        self.under_way.len().max(UNDER_WAY_MAX - self.permits.available_permits())
    }
}

/// A request's place among those under way; it ends with this.
struct Place {
    dispatch: Arc<Dispatch>,
    name: (Address, IdempotencyKey),
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.dispatch.requests.under_way.remove(&self.name);
    }
}

/// How a request finds what is under way under its key.
enum Found {
    /// Nothing: the request has its place and publishes its outcome.
    Nothing(Place, watch::Sender<Option<Outcome>>),
    /// The same request.
    Same(watch::Receiver<Option<Outcome>>),
    /// Another one, which must be over before anything can be said.
    Another(watch::Receiver<Option<Outcome>>),
}

impl Node {
    /// Asks an actor and waits for the reply; every request with the same key and content gets the
    /// same, and the actor is asked once. A dropped future does not cancel the turn.
    pub async fn call_once(
        &self,
        to: &Address,
        method: Method,
        payload: Payload,
        key: IdempotencyKey,
    ) -> Once<Payload> {
        let deadline = match self.check_request(to, &payload) {
            Ok(Terms { deadline, .. }) => deadline,
            Err(error) => return Once::refused(error),
        };
        let keyed = Keyed { key, request_digest: digest(b"call", &method, &payload) };
        let node = self.clone();
        let receiver = to.clone();
        let begin = move |keyed| async move {
            let message = node.message(method, payload);
            let keyed = Some(Box::new(keyed));
            node.dispatch.ask(&receiver, message, deadline, 0, None, keyed).await.map(Answer::Replied)
        };
        let asked = self.dispatch.once(to, keyed, begin);
        let Ok(once) = within(deadline + REPLY_GRACE, asked).await else {
            return Once::refused(self.dispatch.timed_out(to));
        };
        once.and_then(|answer| match answer {
            Answer::Replied(payload) => Ok(payload),
            Answer::Refused(error) => Err(error),
            Answer::Accepted(_) => Err(mismatch()),
        })
    }

    /// Tells an actor: returns when the message is durable; every request with the same key and
    /// content gets the same id, and one message is sent.
    pub async fn send_once(
        &self,
        to: &Address,
        method: Method,
        payload: Payload,
        delay: Duration,
        key: IdempotencyKey,
    ) -> Once<MessageId> {
        if let Err(error) = self.check_request(to, &payload) {
            return Once::refused(error);
        }
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let delivery = [&b"send"[..], &delay_ms.to_be_bytes()].concat();
        let keyed = Keyed { key, request_digest: digest(&delivery, &method, &payload) };
        let node = self.clone();
        let receiver = to.clone();
        let begin = move |keyed: Keyed| async move {
            let dispatch = &node.dispatch;
            dispatch.check_send(&receiver, &[])?;
            let now = dispatch.clock.now();
            let message = node.message(method, payload);
            let answer = Answer::Accepted(message.id);
            let write_set = WriteSet {
                idempotency: Some(Box::new(keyed.remember(answer.clone(), now, &dispatch.limits))),
                sends: vec![stored(receiver.clone(), message, now, delay_ms)],
                ..WriteSet::empty(receiver)
            };
            dispatch.committer.commit(write_set).await.map(|()| answer)
        };
        self.dispatch.once(to, keyed, begin).await.and_then(|answer| match answer {
            Answer::Accepted(id) => Ok(id),
            Answer::Replied(_) | Answer::Refused(_) => Err(mismatch()),
        })
    }

    fn check_request(&self, to: &Address, payload: &Payload) -> Result<Terms, Error> {
        self.check_not_draining()?;
        let terms = self.dispatch.terms(to)?;
        check_payload(payload, terms.payload_bytes)?;
        Ok(terms)
    }
}

/// What tells a repeat from another request under the same key.
fn digest(delivery: &[u8], method: &Method, payload: &Payload) -> Digest {
    let Payload { content_type, body } = payload;
    Digest::of_parts(&[delivery, method.as_str().as_bytes(), content_type.as_bytes(), body])
}

fn mismatch() -> Error {
    Error::new(
        Code::IdempotencyMismatch,
        "this idempotency key was used for another request to this actor (method, body, media type, \
         delivery and delay count); use a new key for each request",
    )
}

impl Dispatch {
    /// Lets `begin` do the request, unless that was done before.
    async fn once<B, F>(self: &Arc<Self>, to: &Address, keyed: Keyed, begin: B) -> Outcome
    where
        B: FnOnce(Keyed) -> F + Send + 'static,
        F: Future<Output = Result<Answer, Error>> + Send + 'static,
    {
        loop {
            match self.find_under_way(to, &keyed) {
                Err(error) => return Once::refused(error),
                Ok(Found::Same(outcome)) => return Outcome { repeated: true, ..published(outcome).await },
                Ok(Found::Another(outcome)) => drop(published(outcome).await),
                Ok(Found::Nothing(place, publish)) => {
                    let outcome = publish.subscribe();
                    tokio::spawn(carry_out(place, publish, keyed, begin));
                    return published(outcome).await;
                }
            }
        }
    }

    fn find_under_way(self: &Arc<Self>, to: &Address, keyed: &Keyed) -> Result<Found, Error> {
        let name = (to.clone(), keyed.key.clone());
        match self.requests.under_way.entry(name.clone()) {
            Entry::Occupied(found) => {
                let outcome = found.get().outcome.clone();
                let same = found.get().request_digest == keyed.request_digest;
                Ok(if same { Found::Same(outcome) } else { Found::Another(outcome) })
            }
            Entry::Vacant(vacant) => {
                let permit = Arc::clone(&self.requests.permits).try_acquire_owned().map_err(|_| {
                    let text = format!(
                        "{UNDER_WAY_MAX} requests with an idempotency key are under way; try again later"
                    );
                    Error::new(Code::Overloaded, text)
                })?;
                let (publish, outcome) = watch::channel(None);
                vacant.insert(UnderWay { request_digest: keyed.request_digest, outcome });
                Ok(Found::Nothing(Place { dispatch: Arc::clone(self), name, _permit: permit }, publish))
            }
        }
    }

    /// The answer kept for repeats of this request.
    async fn kept_answer(&self, to: &Address, keyed: &Keyed) -> Result<Option<Answer>, Error> {
        let record = self.store.idempotency_record(to, &keyed.key).await?;
        let Some(record) = record.filter(|record| record.at > self.forgotten_until()) else {
            return Ok(None);
        };
        if record.request_digest != keyed.request_digest {
            return Err(mismatch());
        }
        Ok(Some(record.answer))
    }

    /// Records made by then are too old.
    fn forgotten_until(&self) -> Timestamp {
        self.clock.now().minus(self.limits.idempotency_retention)
    }
}

/// Does what was asked, if nothing is kept of it, and publishes what came of it.
async fn carry_out<B, F>(place: Place, publish: watch::Sender<Option<Outcome>>, keyed: Keyed, begin: B)
where
    B: FnOnce(Keyed) -> F,
    F: Future<Output = Result<Answer, Error>>,
{
    let outcome = match place.dispatch.kept_answer(&place.name.0, &keyed).await {
        Ok(Some(answer)) => Once { outcome: Ok(answer), repeated: true },
        Ok(None) => {
            FailPoint::KeyedUnknown.reach();
            Once { outcome: begin(keyed).await, repeated: false }
        }
        Err(error) => Once::refused(error),
    };
    FailPoint::KeyedOver.reach();
    // Who has the outcome may ask again at once, and must not find this one.
    drop(place);
    publish.send_replace(Some(outcome));
}

async fn published(mut outcome: watch::Receiver<Option<Outcome>>) -> Outcome {
    let published = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
    published.unwrap_or_else(|| Once::refused(Error::new(Code::Internal, "a request with a key panicked")))
}

/// Removes what is too old from the store, now and then, until the node drains.
pub(crate) async fn forget_old(node: Weak<Dispatch>) {
    loop {
        tokio::time::sleep(FORGET_EVERY).await;
        let Some(dispatch) = node.upgrade().filter(|dispatch| !dispatch.is_draining()) else { return };
        let until = dispatch.forgotten_until();
        loop {
            match dispatch.store.forget_idempotency(until, FORGET_PAGE).await {
                Ok(0) => break,
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => {
                    tracing::warn!(%error, "old idempotency records can't be removed now; trying again");
                    break;
                }
            }
        }
    }
}
