//! Reading the body of a request: never more than its limit, never longer than its pace allows,
//! and never more of all requests together than the memory set aside for them.
//!
//! A body that is announced or found too large is refused at that moment and read no further. What counts is what
//! has arrived, not what was announced.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use greenroom_core::Code;
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::config::Bounds;
use crate::gathered::Gathered;
use crate::problem::Problem;

/// A body as it was received, with the room it takes while somebody holds it.
pub(crate) struct Received {
    /// The bytes.
    pub(crate) bytes: Bytes,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "held until whoever works with the body has dropped this")
    )]
    room: Option<OwnedSemaphorePermit>,
}

/// How much a body may have, and the name of the setting that says so.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    /// In bytes.
    pub(crate) bytes: usize,
    /// For the one who has to change it.
    pub(crate) name: &'static str,
}

/// Reads bodies.
pub(crate) struct BodyReader {
    timeout: Duration,
    bytes_per_second: u64,
    room: Arc<Semaphore>,
    room_bytes: usize,
}

/// Bodies up to this are not counted: what hyper has in memory for a request is about as much.
const UNCOUNTED_BYTES: usize = 1 << 10;
/// The unit in which room is given out, so that a semaphore can count gibibytes.
const ROOM_UNIT_BYTES: usize = 1 << 10;

impl BodyReader {
    /// A reader that keeps to `bounds`.
    pub(crate) fn new(bounds: &Bounds) -> Self {
        let units = (bounds.body_memory_bytes / ROOM_UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        BodyReader {
            timeout: bounds.body_timeout,
            bytes_per_second: bounds.body_bytes_per_second.max(1),
            room: Arc::new(Semaphore::new(units)),
            room_bytes: bounds.body_memory_bytes,
        }
    }

    /// Reads `body` to its end.
    pub(crate) async fn read<B>(&self, mut body: B, limit: Limit) -> Result<Received, Problem>
    where
        B: Body<Data = Bytes, Error: std::fmt::Display> + Unpin,
    {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > limit.bytes {
            return Err(too_large(limit));
        }
        let mut room = None;
        let mut started = None;
        let mut gathered = Gathered::default();
        loop {
            let pace = Duration::from_millis(gathered.len() as u64 * 1_000 / self.bytes_per_second);
            // Most bodies have come with their headers: no clock is asked for those.
            let frame = if let Some(frame) = body.frame().now_or_never() {
                frame
            } else {
                let started = *started.get_or_insert_with(Instant::now);
                let in_time = timeout_at(started + self.timeout + pace, body.frame()).await;
                in_time.map_err(|_| self.too_slow())?
            };
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| unreadable(&error))?;
            let Ok(data) = frame.into_data() else { continue };
            if gathered.len() + data.len() > limit.bytes {
                return Err(too_large(limit));
            }
            gathered.push(data);
            self.count(&mut room, gathered.taken())?;
        }
        let bytes = gathered.into_bytes();
        if let Some(room) = &mut room {
            drop(room.split(room.num_permits().saturating_sub(units(bytes.len()))));
        }
        Ok(Received { bytes, room })
    }

    /// Counts a body for what it takes by now.
    fn count(&self, room: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), Problem> {
        let counted = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = units(bytes).saturating_sub(counted);
        if bytes > UNCOUNTED_BYTES && more > 0 {
            let more = self.take_room(more)?;
            match room {
                Some(room) => room.merge(more),
                None => *room = Some(more),
            }
        }
        Ok(())
    }

    fn take_room(&self, units: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        self.room.clone().try_acquire_many_owned(units).map_err(|_| {
            Problem::new(
                Code::Overloaded,
                format!(
                    "the bodies of requests under way take up body_memory_bytes of {} bytes; try again",
                    self.room_bytes
                ),
            )
        })
    }

    fn too_slow(&self) -> Problem {
        Problem::new(
            Code::RequestTimeout,
            format!(
                "the body did not arrive within body_timeout of {} ms plus a second for every \
                 body_bytes_per_second of {} bytes",
                self.timeout.as_millis(),
                self.bytes_per_second
            ),
        )
    }
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(ROOM_UNIT_BYTES)
}

fn too_large(limit: Limit) -> Problem {
    Problem::new(
        Code::PayloadTooLarge,
        format!("the body is larger than {} allows: {} bytes", limit.name, limit.bytes),
    )
}

fn unreadable(error: &impl std::fmt::Display) -> Problem {
    tracing::debug!(%error, "a request's body broke off");
    Problem::invalid_request("the body broke off or was not sent as its headers say")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use futures::stream::{self, StreamExt as _};
    use hyper::body::{Frame, SizeHint};
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    fn reader(memory: usize) -> BodyReader {
        BodyReader::new(&Bounds { body_memory_bytes: memory, ..Bounds::default() })
    }

    fn chunks(count: usize, size: usize) -> Body {
        let chunk = Bytes::from(vec![7; size]);
        Body::from_stream(stream::iter((0..count).map(move |_| Ok::<_, Infallible>(chunk.clone()))))
    }

    fn limit(bytes: usize) -> Limit {
        Limit { bytes, name: "payload_bytes" }
    }

    #[tokio::test]
    async fn a_body_is_read_whole_up_to_its_limit() {
        for (count, size) in [(0, 0), (1, 0), (1, 5), (3, 1), (7, 1_000), (200, 1_000)] {
            let total = count * size;
            let read = reader(1 << 20).read(chunks(count, size), limit(total)).await;
            assert_eq!(read.ok().unwrap().bytes, vec![7; total]);
            if total > 0 {
                let refused =
                    reader(1 << 20).read(chunks(count, size), limit(total - 1)).await.err().unwrap();
                assert_eq!(refused.code(), Code::PayloadTooLarge);
                assert!(refused.detail().contains("payload_bytes"), "{}", refused.detail());
            }
        }
    }

    #[tokio::test]
    async fn an_endless_body_is_read_no_further_than_its_limit() {
        let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[0; 1_000])));
        let refused = reader(1 << 20).read(Body::from_stream(endless), limit(10_000)).await.err().unwrap();
        assert_eq!(refused.code(), Code::PayloadTooLarge);
    }

    #[tokio::test]
    async fn what_a_body_takes_of_memory_is_what_is_counted() {
        let limit = limit(4 << 20);
        let read = reader(limit.bytes).read(chunks(40, 100_000), limit).await.ok().unwrap();
        assert_eq!(read.room.as_ref().map(OwnedSemaphorePermit::num_permits), Some(units(4_000_000)));
        assert_eq!(read.bytes.try_into_mut().unwrap().capacity(), 4_000_000);

        let reader = reader(1 << 20);
        let mut held = Vec::new();
        // Each may become far larger than all that there is, and none does.
        for _ in 0..8 {
            held.push(reader.read(chunks(100, 1_000), limit).await.ok().unwrap());
        }
        drop(held);
        assert_eq!(reader.room.available_permits(), units(1 << 20));
    }

    /// Announces much, and sends so many bytes of it.
    struct Promise(usize);

    impl hyper::body::Body for Promise {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match std::mem::take(&mut self.0) {
                0 => Poll::Pending,
                some => Poll::Ready(Some(Ok(Frame::data(vec![0; some].into())))),
            }
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(1 << 20)
        }
    }

    #[tokio::test]
    async fn who_announces_much_and_sends_little_takes_no_room_from_others() {
        let reader = reader(1 << 20);
        let mut slow: Vec<_> =
            (0..100).map(|_| Box::pin(reader.read(Promise(2_000), limit(1 << 20)))).collect();
        for read in &mut slow {
            assert!(read.as_mut().now_or_never().is_none());
        }
        assert!(reader.read(Body::from(vec![0; 800_000]), limit(1 << 20)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_given_up() {
        let drops = stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, Infallible>(Bytes::from_static(b"x"))
        });
        let began = Instant::now();
        let refused = reader(1 << 20).read(Body::from_stream(drops), limit(1 << 20)).await.err().unwrap();
        assert_eq!(refused.code(), Code::RequestTimeout);
        assert!(began.elapsed() < Duration::from_secs(32), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn all_bodies_share_the_memory_set_aside() {
        let reader = reader(300_000);
        let held = reader.read(Body::from(vec![0; 200_000]), limit(1 << 20)).await.ok().unwrap();
        let refused = reader.read(Body::from(vec![0; 200_000]), limit(1 << 20)).await.err().unwrap();
        assert_eq!(refused.code(), Code::Overloaded);
        assert!(reader.read(Body::from(vec![0; 1_000]), limit(1 << 20)).await.is_ok());
        let unannounced = reader.read(chunks(200, 1_000), limit(1 << 20)).await.err().unwrap();
        assert_eq!(unannounced.code(), Code::Overloaded);
        drop(held);
        assert!(reader.read(Body::from(vec![0; 200_000]), limit(1 << 20)).await.is_ok());
    }

    #[tokio::test]
    async fn many_small_bodies_are_counted_once_they_have_arrived() {
        let reader = reader(1 << 20);
        let read = async || reader.read(Body::from(vec![0; 60 << 10]), limit(1 << 20)).await;
        let mut held = Vec::new();
        let refused = loop {
            match read().await {
                Ok(received) => held.push(received),
                Err(refused) => break refused,
            }
        };
        assert_eq!((refused.code(), held.len()), (Code::Overloaded, 17));
        held.pop();
        assert!(read().await.is_ok());
    }
}
