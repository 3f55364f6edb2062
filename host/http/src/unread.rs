//! What a peer still sends of a body that nobody reads, because its request was answered before.
//!
//! hyper resets a stream of HTTP/2 whose body is dropped, and clients that are told of the reset while they send do not
//! look at the answer that came before. So the rest is read and dropped for a moment, as `stream` does for HTTP/1.1.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Version;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::stream::{LINGER, LINGER_BYTES};

/// So many bodies are read on at a time; a stream beyond is reset at once.
const READ_ON_MAX: usize = 1_024;

/// Who may have their bodies read on.
pub(crate) struct Unread(Arc<Semaphore>);

impl Default for Unread {
    fn default() -> Self {
        Unread(Arc::new(Semaphore::new(READ_ON_MAX)))
    }
}

impl Unread {
    /// A body that came with a request of that version.
    pub(crate) fn body(&self, body: Incoming, version: Version) -> Brought {
        let unread = (version == Version::HTTP_2 && !body.is_end_stream()).then(|| Arc::clone(&self.0));
        Brought { body: Some(body), unread }
    }
}

/// The body of a request. When it is dropped unread, what there is left of it is read and dropped.
pub(crate) struct Brought {
    /// There until it is dropped.
    body: Option<Incoming>,
    unread: Option<Arc<Semaphore>>,
}

impl Body for Brought {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.body.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Brought {
    fn drop(&mut self) {
        if let (Some(body), Some(unread)) = (self.body.take(), self.unread.take())
            && !body.is_end_stream()
            && let Ok(place) = unread.try_acquire_owned()
        {
            tokio::spawn(read_on(body, place));
        }
    }
}

async fn read_on(mut body: Incoming, _place: OwnedSemaphorePermit) {
    let mut left = LINGER_BYTES;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await
            && left > 0
        {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        }
    };
    // Its time is over, or all of it has come.
    let _ = timeout(LINGER, reading).await;
}
