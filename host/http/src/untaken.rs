//! The memory of replies that their peers have not taken yet.
//!
//! A reply is counted until the last of its bytes is on its way, and all of them together have a bound. A
//! reply that passes it still leaves: what has waited for longest goes instead, with its connection, so a
//! peer that takes nothing keeps nobody else from an answer, however many replies it asks for.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Version;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;

use crate::connection::{Activity, ReplyUnderWay};

/// What a connection of HTTP/1.1, which has one reply at a time, may wait with uncounted.
const UNCOUNTED_BYTES: usize = 64 << 10;
/// The same for each request of a connection that has many.
const UNCOUNTED_OF_MANY_BYTES: usize = 1 << 10;

/// The replies of all connections.
pub(crate) struct Untaken {
    bytes_max: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    bytes: usize,
    next: u64,
    /// In the order in which they began to wait.
    replies: BTreeMap<u64, (usize, Weak<Activity>)>,
}

impl Untaken {
    /// Room for so many bytes.
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Untaken { bytes_max, waiting: Mutex::default() })
    }

    /// Counts `response`, on its way to the peer of that connection, if it is large enough to matter.
    pub(crate) fn count(
        untaken: &Arc<Self>,
        response: Response,
        version: Version,
        peer: &Arc<Activity>,
    ) -> Response {
        let uncounted = if version == Version::HTTP_2 { UNCOUNTED_OF_MANY_BYTES } else { UNCOUNTED_BYTES };
        let bytes = response.body().size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
        let place = match bytes {
            Some(bytes) if bytes <= uncounted => return response,
            Some(bytes) => Some(Untaken::begin(untaken, bytes, peer)),
            // One of unknown length is made as it is taken.
            None => None,
        };
        let held = Arc::new(Held { _place: place, _under_way: ReplyUnderWay::begin(peer) });
        response.map(|body| Body::new(Counted { body, held }))
    }

    fn begin(untaken: &Arc<Self>, bytes: usize, peer: &Arc<Activity>) -> Place {
        let mut waiting = untaken.waiting.lock();
        let number = waiting.next;
        waiting.next += 1;
        while waiting.bytes.saturating_add(bytes) > untaken.bytes_max
            && let Some((_, (oldest, its_peer))) = waiting.replies.pop_first()
        {
            waiting.bytes -= oldest;
            if let Some(its_peer) = its_peer.upgrade() {
                its_peer.cut();
            }
        }
        waiting.bytes += bytes;
        waiting.replies.insert(number, (bytes, Arc::downgrade(peer)));
        Place { untaken: Arc::clone(untaken), number }
    }
}

/// A reply's place among those that wait; it ends with this.
struct Place {
    untaken: Arc<Untaken>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.untaken.waiting.lock();
        if let Some((bytes, _)) = waiting.replies.remove(&self.number) {
            waiting.bytes -= bytes;
        }
    }
}

/// What a reply has until whoever writes it has dropped all of it.
struct Held {
    _place: Option<Place>,
    _under_way: ReplyUnderWay,
}

/// A body that has its place until whoever writes it has dropped all of it.
struct Counted {
    body: Body,
    held: Arc<Held>,
}

/// Bytes of such a body.
struct Piece {
    bytes: Bytes,
    _held: Arc<Held>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let counted = |bytes| Bytes::from_owner(Piece { bytes, _held: Arc::clone(&self.held) });
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(counted))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    fn reply(untaken: &Arc<Untaken>, bytes: usize, version: Version, peer: &Arc<Activity>) -> Response {
        Untaken::count(untaken, Response::new(Body::from(vec![7; bytes])), version, peer)
    }

    #[tokio::test]
    async fn a_reply_is_counted_until_its_last_byte_is_dropped() {
        let (untaken, peer) = (Untaken::new(1 << 20), Arc::default());
        for (bytes, version, counted) in [
            (UNCOUNTED_BYTES, Version::HTTP_11, 0),
            (100_000, Version::HTTP_11, 100_000),
            (UNCOUNTED_OF_MANY_BYTES, Version::HTTP_2, 0),
            (2_000, Version::HTTP_2, 2_000),
        ] {
            let reply = reply(&untaken, bytes, version, &peer);
            assert_eq!(untaken.waiting.lock().bytes, counted);
            let written = reply.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(written, vec![7; bytes]);
            assert_eq!(untaken.waiting.lock().bytes, counted, "what is in a buffer counts");
            drop(written);
            assert_eq!(untaken.waiting.lock().bytes, 0);
        }
        assert!(!peer.is_cut());
    }

    #[test]
    fn without_room_those_who_wait_for_longest_are_let_go() {
        let untaken = Untaken::new(1 << 20);
        let peers: [Arc<Activity>; 3] = Default::default();
        let mut waiting: Vec<Response> =
            peers.iter().map(|peer| reply(&untaken, 500_000, Version::HTTP_2, peer)).collect();
        assert_eq!(peers.each_ref().map(|peer| peer.is_cut()), [true, false, false]);
        waiting.remove(0);
        assert_eq!(untaken.waiting.lock().bytes, 1_000_000);
        waiting.remove(0);
        assert_eq!(untaken.waiting.lock().bytes, 500_000);
        waiting.push(reply(&untaken, 500_000, Version::HTTP_2, &peers[1]));
        assert_eq!(peers.each_ref().map(|peer| peer.is_cut()), [true, false, false]);
        waiting.push(reply(&untaken, 2 << 20, Version::HTTP_2, &peers[1]));
        assert!(peers[2].is_cut() && waiting.len() == 3, "one larger than all the room still leaves");
    }
}
