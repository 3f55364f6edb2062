//! A connection's bytes, kept from standing still.
//!
//! Three times a peer could hold a connection without hyper noticing, and each is bounded here:
//! before the protocol is known (the first 24 bytes, an HTTP/2 preface), while a reply is not
//! taken, and after a reply that came before the request's body was read. In the last case the
//! peer's remaining bytes are dropped for a moment instead of answered with a reset, which would
//! destroy the reply on its way.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::connection::Activity;

/// An HTTP/2 client sends so many bytes before anything else; no HTTP/1.1 request is much shorter.
const OPENING_BYTES: usize = 24;
/// How long, and how much, a refused request may go on arriving.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 64 << 20;

/// A stream with deadlines of its own.
pub(crate) struct BoundedStream<S> {
    stream: S,
    activity: Arc<Activity>,
    opening: Option<Opening>,
    write_timeout: Duration,
    stalled_write: Option<Pin<Box<Sleep>>>,
    lingering: Option<Lingering>,
}

struct Opening {
    missing: usize,
    deadline: Pin<Box<Sleep>>,
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
        opening_timeout: Duration,
        write_timeout: Duration,
    ) -> Self {
        let deadline = Box::pin(sleep_until(Instant::now() + opening_timeout));
        BoundedStream {
            stream,
            activity,
            opening: Some(Opening { missing: OPENING_BYTES, deadline }),
            write_timeout,
            stalled_write: None,
            lingering: None,
        }
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
        if let Some(opening) = &mut this.opening {
            if polled.is_pending() && opening.deadline.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(timed_out("the peer did not begin a request in time")));
            }
            opening.missing = opening.missing.saturating_sub(count);
            if opening.missing == 0 {
                this.opening = None;
            }
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

    fn bounded<S>(stream: S) -> BoundedStream<S> {
        let activity = Arc::new(Activity::default());
        BoundedStream::new(stream, activity, Duration::from_secs(10), Duration::from_secs(30))
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_begin_is_let_go() {
        let (mut peer, ours) = duplex(1_024);
        let mut ours = bounded(ours);
        peer.write_all(b"PRI * HTTP/2").await.unwrap();
        let mut all = Vec::new();
        let error = ours.read_to_end(&mut all).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(all, b"PRI * HTTP/2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_has_begun_may_rest() {
        let (mut peer, ours) = duplex(1_024);
        let mut ours = bounded(ours);
        peer.write_all(&[b'x'; 100]).await.unwrap();
        let mut some = [0; 100];
        ours.read_exact(&mut some).await.unwrap();
        let rest = tokio::time::timeout(Duration::from_mins(1), ours.read(&mut some)).await;
        assert!(rest.is_err(), "still open after a minute");
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
