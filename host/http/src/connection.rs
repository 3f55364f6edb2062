//! One connection from accept to close. It ends when the peer is done, when nothing has moved on
//! it for too long, or, after its requests under way, when the server stops.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{FuturesUnordered, StreamExt as _};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::config::Bounds;
use crate::front::Front;
use crate::stream::BoundedStream;
use crate::timer::ConnectionTimer;

/// What happens on a connection, for whoever decides whether it may stay.
#[derive(Default)]
pub(crate) struct Activity {
    requests_under_way: AtomicUsize,
    bytes_moved: AtomicU64,
    refused_a_body: AtomicBool,
    cut: Notify,
}

impl Activity {
    /// Notes that so many bytes were read or written.
    pub(crate) fn moved(&self, bytes: usize) {
        self.bytes_moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Notes that a request was answered before its body was read.
    pub(crate) fn refuse_a_body(&self) {
        self.refused_a_body.store(true, Ordering::Relaxed);
    }

    /// Whether that has happened.
    pub(crate) fn refused_a_body(&self) -> bool {
        self.refused_a_body.load(Ordering::Relaxed)
    }

    /// Ends the connection at once: others need what its peer does not take.
    pub(crate) fn cut(&self) {
        self.cut.notify_one();
    }

    /// Whether that has happened.
    #[cfg(test)]
    pub(crate) fn is_cut(&self) -> bool {
        // The permit that `cut` leaves is put back.
        let is_cut = self.cut.notified().now_or_never().is_some();
        if is_cut {
            self.cut.notify_one();
        }
        is_cut
    }

    /// Notes a request that is under way until what is returned is dropped.
    pub(crate) fn begin_request(&self) -> RequestUnderWay<'_> {
        self.requests_under_way.fetch_add(1, Ordering::Relaxed);
        RequestUnderWay(self)
    }
}

/// Ends a request when it is dropped.
pub(crate) struct RequestUnderWay<'a>(&'a Activity);

impl Drop for RequestUnderWay<'_> {
    fn drop(&mut self) {
        self.0.requests_under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// hyper's own defaults for HTTP/1.1; asking for them again would make it allocate per request.
const HYPER_HEADERS_DEFAULT: usize = 100;
/// Smallest buffer that hyper takes.
const BUFFER_BYTES_MIN: usize = 64 << 10;
/// Streams that a peer opened and reset before they were served; more close the connection
/// (CVE-2023-44487).
const HTTP2_PENDING_RESETS_MAX: usize = 20;
/// Streams that were reset because of the peer's errors; more close the connection.
const HTTP2_ERROR_RESETS_MAX: usize = 100;
/// How often a silent HTTP/2 peer is asked whether it is there, and how long it may take to say so.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(10);

/// What serves connections, within `bounds`. Each has a timer of its own for HTTP/1.1.
pub(crate) fn builder(bounds: &Bounds) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let mut http1 = builder.http1();
    http1
        .header_read_timeout(bounds.header_timeout)
        // Without this, hyper tries to read while a request is under way, to notice a peer that
        // hangs up: a system call for each request, for news that changes nothing here.
        .half_close(true)
        .max_buf_size((2 * bounds.header_bytes).max(BUFFER_BYTES_MIN));
    if bounds.headers >= HYPER_HEADERS_DEFAULT {
        http1.max_headers(bounds.headers + 1);
    }
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(bounds.http2_streams)
        .max_pending_accept_reset_streams(HTTP2_PENDING_RESETS_MAX)
        .max_local_error_reset_streams(HTTP2_ERROR_RESETS_MAX)
        .max_header_list_size(u32::try_from(2 * bounds.header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(HTTP2_PING_INTERVAL)
        .keep_alive_timeout(HTTP2_PING_TIMEOUT);
    builder
}

/// A connection on which less than this has moved was idle: pings alone move a little.
const IDLE_BYTES: u64 = 1_024;

/// Serves one connection to its end. When `stopping` turns true it closes after the requests
/// under way.
pub(crate) async fn serve<S>(
    stream: S,
    front: Arc<Front>,
    builder: Arc<Builder<TokioExecutor>>,
    bounds: Arc<Bounds>,
    stopping: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::default());
    let stream =
        BoundedStream::new(stream, Arc::clone(&activity), bounds.header_timeout, bounds.write_timeout);
    let service = {
        // One count of references for each request, and one that no other connection touches.
        let both = Arc::new((front, Arc::clone(&activity)));
        service_fn(move |request| {
            let both = Arc::clone(&both);
            async move { Ok::<_, Infallible>(both.0.answer(request, &both.1).await) }
        })
    };
    let mut builder = Builder::clone(&builder);
    builder.http1().timer(ConnectionTimer::default());
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // Each of these is polled only when it is itself woken, so they cost a request nothing.
    let mut events: FuturesUnordered<BoxFuture<'static, Event>> = FuturesUnordered::new();
    events.push(stopped(stopping).boxed());
    events.push(pause(bounds.idle_timeout).boxed());
    events.push(cut(Arc::clone(&activity)).boxed());
    let (mut closing, mut moved_before) = (false, 0);
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error = &*error, "a connection ended with an error");
                }
                return;
            }
            Some(event) = events.next() => {
                let moved = activity.bytes_moved.load(Ordering::Relaxed);
                let resting = activity.requests_under_way.load(Ordering::Relaxed) == 0
                    && moved - moved_before < IDLE_BYTES;
                match event {
                    Event::Cut => {
                        tracing::debug!("a connection whose peer takes no replies was cut");
                        return;
                    }
                    Event::Pause if resting && closing => return,
                    Event::Pause => {
                        moved_before = moved;
                        events.push(pause(bounds.idle_timeout).boxed());
                    }
                    Event::Stop => {}
                }
                if event == Event::Stop || resting {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// What happens to a connection beside its requests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    /// The server stops.
    Stop,
    /// It is time to see whether anything has moved.
    Pause,
    /// Others need what the peer does not take.
    Cut,
}

async fn stopped(mut stopping: watch::Receiver<bool>) -> Event {
    // When the sender is gone the server is too.
    let _ = stopping.wait_for(|stopping| *stopping).await;
    Event::Stop
}

async fn cut(activity: Arc<Activity>) -> Event {
    activity.cut.notified().await;
    Event::Cut
}

async fn pause(duration: Duration) -> Event {
    sleep(duration).await;
    Event::Pause
}
