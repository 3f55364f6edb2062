//! Reading the body of a request: never more than its limit, never slower than its pace allows,
//! and never more of all requests together than the memory set aside for them.
//!
//! A body that is announced or found too large is refused at that moment and read no further. What counts is what
//! has arrived, not what was announced.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use bytes::Bytes;
use futures::FutureExt as _;
use greenroom_core::{Code, Error};
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::time::{Instant, timeout_at};

use crate::arriving::{Arrival, Arriving, NoRoom};
use crate::config::Bounds;
use crate::gathered::Gathered;
use crate::peer::{Full, Peer, Place, Shared};
use crate::problem::Problem;

/// A body as it was received, with the room it takes while somebody holds it.
pub(crate) struct Received {
    /// The bytes.
    pub(crate) bytes: Bytes,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "held until whoever works with the body has dropped this")
    )]
    room: Option<Place>,
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
    room: Arc<Arriving>,
    room_bytes: usize,
}

/// Bodies up to this are not counted: what hyper has in memory for a request is about as much.
const UNCOUNTED_BYTES: usize = 1 << 10;

impl BodyReader {
    /// A reader that keeps to `bounds`.
    pub(crate) fn new(bounds: &Bounds, shared: Shared) -> Self {
        let bytes_per_second = bounds.body_bytes_per_second.max(1);
        BodyReader {
            timeout: bounds.body_timeout,
            bytes_per_second,
            room: Arriving::new(shared, bounds.body_memory_bytes, bytes_per_second),
            room_bytes: bounds.body_memory_bytes,
        }
    }

    /// Reads the body of a request that came through the router. What else it brought is let go before.
    pub(crate) async fn read_all_of(&self, mut request: Request, limit: Limit) -> Result<Received, Problem> {
        check_encoding(request.headers())?;
        let peer = request.extensions_mut().remove::<Arc<Peer>>();
        let peer = peer.ok_or_else(|| Problem::from(Error::new(Code::Internal, "a request of no peer")))?;
        self.read(request.into_body(), &peer, limit).await
    }

    /// Reads `body`, which `peer` sends, to its end.
    pub(crate) async fn read<B>(
        &self,
        mut body: B,
        peer: &Arc<Peer>,
        limit: Limit,
    ) -> Result<Received, Problem>
    where
        B: Body<Data = Bytes, Error: std::fmt::Display> + Unpin,
    {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > limit.bytes {
            return Err(too_large(limit));
        }
        let (mut arrival, mut pace) = (None, None);
        let mut gathered = Gathered::default();
        loop {
            // Most bodies have come with their headers: no clock is asked for those.
            let frame = if let Some(frame) = body.frame().now_or_never() {
                frame
            } else {
                let pace = pace.get_or_insert_with(|| Pace::begin(self, gathered.len()));
                let frame = pace.keep(self, body.frame(), gathered.len());
                match &arrival {
                    None => frame.await?,
                    Some(arrival) => tokio::select! {
                        frame = frame => frame?,
                        () = Arrival::ended(arrival) => return Err(self.no_room(NoRoom::Ended, peer)),
                    },
                }
            };
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| unreadable(&error))?;
            let Ok(data) = frame.into_data() else { continue };
            let bytes = data.len();
            if gathered.len() + bytes > limit.bytes {
                return Err(too_large(limit));
            }
            gathered.push(data);
            let counted = match &arrival {
                Some(arrival) => Arrival::bring(arrival, bytes, gathered.taken()),
                None if gathered.taken() <= UNCOUNTED_BYTES => Ok(()),
                None => {
                    self.room.begin(peer, gathered.len(), gathered.taken()).map(|begun| arrival = Some(begun))
                }
            };
            counted.map_err(|reason| self.no_room(reason, peer))?;
        }
        let bytes = gathered.into_bytes();
        let room = arrival.map(|arrival| arrival.complete(bytes.len())).transpose();
        Ok(Received { bytes, room: room.map_err(|reason| self.no_room(reason, peer))? })
    }

    fn no_room(&self, reason: NoRoom, peer: &Peer) -> Problem {
        match reason {
            NoRoom::Full(Full::Host) => Problem::new(
                Code::Overloaded,
                format!(
                    "the bodies of requests under way take up body_memory_bytes of {} bytes; try again",
                    self.room_bytes
                ),
            ),
            NoRoom::Full(Full::Peer) => Problem::new(
                Code::Overloaded,
                format!(
                    "the bodies of requests under way from {} take up what one peer may have, three quarters of \
                     body_memory_bytes: {} bytes; wait for replies before sending more",
                    peer.address(),
                    self.room.bytes_of_peer()
                ),
            ),
            NoRoom::Ended => Problem::new(
                Code::RequestTimeout,
                format!(
                    "others needed the memory that this body took of body_memory_bytes, and it came more slowly \
                     than body_bytes_per_second of {} bytes; send it faster",
                    self.bytes_per_second
                ),
            ),
        }
    }

    fn too_slow(&self) -> Problem {
        Problem::new(
            Code::RequestTimeout,
            format!(
                "within body_timeout of {} ms neither the end of the body arrived nor \
                 body_bytes_per_second of {} bytes for each second of it",
                self.timeout.as_millis(),
                self.bytes_per_second
            ),
        )
    }
}

/// Whether a body comes fast enough: within each `body_timeout` as much as the pace asks for, or its end.
struct Pace {
    deadline: Instant,
    bytes_before: usize,
}

impl Pace {
    fn begin(reader: &BodyReader, bytes: usize) -> Self {
        Pace { deadline: Instant::now() + reader.timeout, bytes_before: bytes }
    }

    /// Waits for more of a body that has brought so many bytes, as long as the pace is kept.
    async fn keep<T>(
        &mut self,
        reader: &BodyReader,
        more: impl Future<Output = T>,
        bytes: usize,
    ) -> Result<T, Problem> {
        let mut more = pin!(more);
        loop {
            if let Ok(more) = timeout_at(self.deadline, more.as_mut()).await {
                return Ok(more);
            }
            let asked = u128::from(reader.bytes_per_second) * reader.timeout.as_millis() / 1_000;
            if ((bytes - self.bytes_before) as u128) < asked {
                return Err(reader.too_slow());
            }
            *self = Pace::begin(reader, bytes);
        }
    }
}

/// Refuses a body that would have to be decoded: as it is, it is not what its sender means.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let is_none = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    match headers.get_all(CONTENT_ENCODING).iter().find(|value| !is_none(value)) {
        None => Ok(()),
        Some(encoding) => Err(Problem::new(
            Code::UnsupportedMediaType,
            format!(
                "the body has the Content-Encoding {encoding:?}, which is not decoded here; send it without"
            ),
        )),
    }
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
        BodyReader::new(&Bounds { body_memory_bytes: memory, ..Bounds::default() }, Shared::Bodies)
    }

    impl BodyReader {
        /// Reads what somebody sends who sends nothing else.
        async fn read_one<B>(&self, body: B, limit: Limit) -> Result<Received, Problem>
        where
            B: hyper::body::Body<Data = Bytes, Error: std::fmt::Display> + Unpin,
        {
            self.read(body, &Arc::default(), limit).await
        }
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
            let read = reader(1 << 20).read_one(chunks(count, size), limit(total)).await;
            assert_eq!(read.ok().unwrap().bytes, vec![7; total]);
            if total > 0 {
                let refused =
                    reader(1 << 20).read_one(chunks(count, size), limit(total - 1)).await.err().unwrap();
                assert_eq!(refused.code(), Code::PayloadTooLarge);
                assert!(refused.detail().contains("payload_bytes"), "{}", refused.detail());
            }
        }
    }

    #[tokio::test]
    async fn an_endless_body_is_read_no_further_than_its_limit() {
        let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[0; 1_000])));
        let refused =
            reader(1 << 20).read_one(Body::from_stream(endless), limit(10_000)).await.err().unwrap();
        assert_eq!(refused.code(), Code::PayloadTooLarge);
    }

    #[tokio::test]
    async fn what_a_body_takes_of_memory_is_what_is_counted() {
        let limit = limit(4 << 20);
        let read = reader(2 * limit.bytes).read_one(chunks(40, 100_000), limit).await.ok().unwrap();
        assert_eq!(read.room.as_ref().map(Place::units), Some(4_000_000_usize.div_ceil(1 << 10)));
        assert_eq!(read.bytes.try_into_mut().unwrap().capacity(), 4_000_000);

        let reader = reader(1 << 20);
        let mut held = Vec::new();
        // Each may become far larger than all that there is, and none does.
        for _ in 0..8 {
            held.push(reader.read_one(chunks(100, 1_000), limit).await.ok().unwrap());
        }
        drop(held);
        assert_eq!(reader.room.taken_bytes(), 0);
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
            (0..100).map(|_| Box::pin(reader.read_one(Promise(2_000), limit(1 << 20)))).collect();
        for read in &mut slow {
            assert!(read.as_mut().now_or_never().is_none());
        }
        assert!(reader.read_one(Body::from(vec![0; 700_000]), limit(1 << 20)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_given_up() {
        let drops = stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, Infallible>(Bytes::from_static(b"x"))
        });
        let began = Instant::now();
        let refused = reader(1 << 20).read_one(Body::from_stream(drops), limit(1 << 20)).await.err().unwrap();
        assert_eq!(refused.code(), Code::RequestTimeout);
        assert!(began.elapsed() < Duration::from_secs(32), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_was_fast_has_to_stay_so() {
        let fast = stream::iter([Ok::<_, Infallible>(Bytes::from(vec![0; 4 << 20]))]);
        let drops = stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            Ok::<_, Infallible>(Bytes::from_static(b"x"))
        });
        let began = Instant::now();
        let body = Body::from_stream(fast.chain(drops));
        let refused = reader(8 << 20).read_one(body, limit(5 << 20)).await.err().unwrap();
        assert_eq!(refused.code(), Code::RequestTimeout);
        assert!(began.elapsed() < Duration::from_secs(62), "{:?}", began.elapsed());

        let steady = stream::repeat(()).take(200).then(|()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, Infallible>(Bytes::from(vec![0; 17 << 10]))
        });
        assert!(reader(8 << 20).read_one(Body::from_stream(steady), limit(5 << 20)).await.is_ok());
    }

    #[tokio::test]
    async fn all_bodies_share_the_memory_set_aside() {
        let reader = reader(300_000);
        let held = reader.read_one(Body::from(vec![0; 200_000]), limit(1 << 20)).await.ok().unwrap();
        let refused = reader.read_one(Body::from(vec![0; 200_000]), limit(1 << 20)).await.err().unwrap();
        assert_eq!(refused.code(), Code::Overloaded);
        assert!(reader.read_one(Body::from(vec![0; 1_000]), limit(1 << 20)).await.is_ok());
        let unannounced = reader.read_one(chunks(200, 1_000), limit(1 << 20)).await.err().unwrap();
        assert_eq!(unannounced.code(), Code::Overloaded);
        drop(held);
        assert!(reader.read_one(Body::from(vec![0; 200_000]), limit(1 << 20)).await.is_ok());
    }

    #[tokio::test]
    async fn many_small_bodies_are_counted_once_they_have_arrived() {
        let reader = reader(1 << 20);
        let read = async || reader.read_one(Body::from(vec![0; 60 << 10]), limit(1 << 20)).await;
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
