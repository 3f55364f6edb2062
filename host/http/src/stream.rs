//! A connection's bytes, kept from standing still.
//!
//! Three times a peer could hold a connection without hyper noticing, and each is bounded here:
//! between the first byte of a request and the end of its head, while a reply is not
//! taken, and after a reply that came before the request's body was read. In the last case the
//! peer's remaining bytes are dropped for a moment instead of answered with a reset, which would
//! destroy the reply on its way.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::connection::Activity;

/// An HTTP/2 client sends this before anything else.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long, and how much, a refused request may go on arriving.
pub(crate) const LINGER: Duration = Duration::from_secs(2);
pub(crate) const LINGER_BYTES: usize = 64 << 20;

/// A stream with deadlines of its own.
pub(crate) struct BoundedStream<S> {
    stream: S,
    activity: Arc<Activity>,
    head: HeadClock,
    write_timeout: Duration,
    stalled_write: Option<Pin<Box<Sleep>>>,
    lingering: Option<Lingering>,
}

/// Runs from the first byte of a request until its head is there, and for HTTP/2, whose streams have no heads of their
/// own, until the preface is.
struct HeadClock {
    timeout: Duration,
    preface: Preface,
    /// How many requests had begun when the first byte of the next came.
    begun_before: Option<u64>,
    deadline: Option<Pin<Box<Sleep>>>,
}

/// What the first bytes of a connection say.
enum Preface {
    /// So many of them are those of HTTP/2.
    Matches(usize),
    Http1,
    Http2,
}

impl HeadClock {
    fn new(timeout: Duration) -> Self {
        HeadClock { timeout, preface: Preface::Matches(0), begun_before: None, deadline: None }
    }

    /// Some bytes have come.
    fn came(&mut self, bytes: &[u8], activity: &Activity) {
        if let Preface::Matches(count) = self.preface {
            let compared = bytes.len().min(PREFACE.len() - count);
            self.preface = match count + compared {
                _ if bytes[..compared] != PREFACE[count..count + compared] => Preface::Http1,
                all if all == PREFACE.len() => Preface::Http2,
                some => Preface::Matches(some),
            };
        }
        let begun = activity.requests_begun();
        if self.begun_before.is_some_and(|before| before != begun) || matches!(self.preface, Preface::Http2) {
            self.stop();
        }
        if self.begun_before.is_none()
            && !matches!(self.preface, Preface::Http2)
            && activity.requests_under_way() == 0
        {
            self.begun_before = Some(begun);
        }
    }

    /// No more bytes are there: whether the rest of the head should have been.
    fn is_over(&mut self, context: &mut Context<'_>, activity: &Activity) -> bool {
        if self.begun_before != Some(activity.requests_begun()) {
            self.stop();
            return false;
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(self.timeout)));
        deadline.as_mut().poll(context).is_ready()
    }

    fn stop(&mut self) {
        self.begun_before = None;
        self.deadline = None;
    }
}

struct Lingering {
    left: usize,
    deadline: Pin<Box<Sleep>>,
}

impl<S> BoundedStream<S> {
    /// Bounds `stream`, which has just been accepted.
    pub(crate) fn new(
        stream: S,
        activity: Arc<Activity>,
        header_timeout: Duration,
        write_timeout: Duration,
    ) -> Self {
        let head = HeadClock::new(header_timeout);
        BoundedStream { stream, activity, head, write_timeout, stalled_write: None, lingering: None }
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for BoundedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        let count = buffer.filled().len() - before;
        this.activity.moved(count);
        if count > 0 {
            this.head.came(&buffer.filled()[before..], &this.activity);
        } else if polled.is_pending() && this.head.is_over(context, &this.activity) {
            return Poll::Ready(Err(timed_out("the head of a request did not arrive in time")));
        }
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> BoundedStream<S> {
    /// Counts what was written, and gives up a write that has been pending for too long.
    fn bound_write(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = polled {
            self.stalled_write = None;
            if let Ok(count) = written {
                self.activity.moved(count);
            }
            return Poll::Ready(written);
        }
        let deadline = self.stalled_write.get_or_insert_with(|| Box::pin(sleep(self.write_timeout)));
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(Err(timed_out("the peer does not take the reply")))
    }

    /// Drops what the peer still sends, until it stops or has had its chance.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let lingering = self
            .lingering
            .get_or_insert_with(|| Lingering { left: LINGER_BYTES, deadline: Box::pin(sleep(LINGER)) });
        let mut scratch = [0; 16 << 10];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    lingering.left = lingering.left.saturating_sub(buffer.filled().len());
                    if lingering.left == 0 || lingering.deadline.is_elapsed() {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return lingering.deadline.as_mut().poll(context),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for BoundedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, data);
        self.bound_write(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.bound_write(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        if self.activity.refused_a_body() {
            ready!(self.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::{Instant, timeout};

    fn bounded<S>(stream: S) -> BoundedStream<S> {
        let activity = Arc::new(Activity::default());
        BoundedStream::new(stream, activity, Duration::from_secs(10), Duration::from_secs(30))
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_begins_a_request_and_does_not_go_on_is_let_go() {
        for begun in ["P", "PRI * HTTP/2.0\r\n", "PRI * HTTP/1.1\r\nhost: a\r\nx: and so on"] {
            let (mut peer, ours) = duplex(1_024);
            let mut ours = bounded(ours);
            // Nothing is no request.
            let silence = timeout(Duration::from_mins(1), ours.read(&mut [0; 10])).await;
            assert!(silence.is_err());
            let began = Instant::now();
            let trickling = tokio::spawn(async move {
                peer.write_all(begun.as_bytes()).await.unwrap();
                while peer.write_all(if begun.len() > 30 { b"y" } else { b"" }).await.is_ok() {
                    sleep(Duration::from_secs(1)).await;
                }
            });
            let error = ours.read_to_end(&mut Vec::new()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert_eq!(began.elapsed(), Duration::from_secs(10));
            trickling.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_a_peer_may_rest() {
        let (mut peer, ours) = duplex(1_024);
        let mut ours = bounded(ours);
        let mut some = [0; 100];
        for _ in 0..3 {
            peer.write_all(&[b'x'; 100]).await.unwrap();
            ours.read_exact(&mut some).await.unwrap();
            ours.activity.begin_request();
            let during = timeout(Duration::from_mins(1), ours.read(&mut some)).await;
            assert!(during.is_err(), "a body may take its time here");
            ours.activity.end_request();
            let between = timeout(Duration::from_mins(1), ours.read(&mut some)).await;
            assert!(between.is_err(), "still open after a minute");
        }
        peer.write_all(b"GET /").await.unwrap();
        assert_eq!(ours.read_to_end(&mut Vec::new()).await.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_speaks_http2_may_rest() {
        let (mut peer, ours) = duplex(1_024);
        let mut ours = bounded(ours);
        for bytes in [&PREFACE[..5], &PREFACE[5..], &[0; 9]] {
            peer.write_all(bytes).await.unwrap();
            ours.read_exact(&mut vec![0; bytes.len()]).await.unwrap();
        }
        assert!(timeout(Duration::from_mins(1), ours.read(&mut [0; 10])).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_take_its_reply_is_let_go() {
        let (_peer, ours) = duplex(10);
        let mut ours = bounded(ours);
        let error = ours.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_refused_peer_still_sends_is_dropped_for_a_moment() {
        let (mut peer, ours) = duplex(10);
        let mut ours = bounded(ours);
        ours.activity.refuse_a_body();
        let sending = tokio::spawn(async move { peer.write_all(&[0; 1_000]).await.map(|()| peer) });
        let began = Instant::now();
        let closing = tokio::spawn(async move { ours.shutdown().await.map(|()| ours) });
        let peer = sending.await.unwrap().unwrap();
        closing.await.unwrap().unwrap();
        assert_eq!(began.elapsed(), LINGER);
        drop(peer);
    }
}
