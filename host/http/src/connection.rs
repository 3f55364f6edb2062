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
use tokio::time::{Instant, sleep};

use crate::config::Bounds;
use crate::front::Front;
use crate::peer::Peer;
use crate::stream::BoundedStream;

/// What happens on a connection, for whoever decides whether it may stay.
pub(crate) struct Activity {
    /// Whose it is.
    pub(crate) peer: Arc<Peer>,
    accepted: Instant,
    requests_begun: AtomicU64,
    requests_under_way: AtomicUsize,
    /// Of replies that are not written at once.
    replies_under_way: AtomicUsize,
    /// When the last request ended, in milliseconds from when it was accepted.
    rests_since_ms: AtomicU64,
    bytes_moved: AtomicU64,
    refused_a_body: AtomicBool,
    cut: Notify,
    leave: Notify,
}

impl Activity {
    pub(crate) fn new(peer: Arc<Peer>) -> Self {
        Activity {
            peer,
            accepted: Instant::now(),
            requests_begun: AtomicU64::new(0),
            requests_under_way: AtomicUsize::new(0),
            replies_under_way: AtomicUsize::new(0),
            rests_since_ms: AtomicU64::new(0),
            bytes_moved: AtomicU64::new(0),
            refused_a_body: AtomicBool::new(false),
            cut: Notify::new(),
            leave: Notify::new(),
        }
    }

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

    /// Asks the connection to end, if it rests: another needs its place.
    pub(crate) fn leave(&self) {
        self.leave.notify_one();
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

    /// Whether it was asked to leave, and does not know yet.
    #[cfg(test)]
    pub(crate) fn is_asked_to_leave(&self) -> bool {
        self.leave.notified().now_or_never().is_some()
    }

    /// How many requests have begun.
    pub(crate) fn requests_begun(&self) -> u64 {
        self.requests_begun.load(Ordering::Relaxed)
    }

    /// How many of them have no reply yet.
    pub(crate) fn requests_under_way(&self) -> usize {
        self.requests_under_way.load(Ordering::Relaxed)
    }

    /// How long the connection has been without a request, and without a reply on its way, if it is.
    pub(crate) fn rests(&self) -> Option<Duration> {
        let is_busy = self.requests_under_way() > 0 || self.replies_under_way.load(Ordering::Relaxed) > 0;
        (!is_busy).then(|| self.since_last_request())
    }

    /// How long ago the last request got its reply, or the connection was accepted.
    fn since_last_request(&self) -> Duration {
        let since = Duration::from_millis(self.rests_since_ms.load(Ordering::Relaxed));
        self.accepted.elapsed().saturating_sub(since)
    }

    pub(crate) fn begin_request(&self) {
        self.requests_under_way.fetch_add(1, Ordering::Relaxed);
        self.requests_begun.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end_request(&self) {
        self.rests_since_ms.store(self.accepted.elapsed().as_millis() as u64, Ordering::Relaxed);
        self.requests_under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
impl Default for Activity {
    fn default() -> Self {
        Activity::new(Arc::default())
    }
}

/// A connection, and the front that its requests pass.
pub(crate) struct Link {
    pub(crate) front: Arc<Front>,
    pub(crate) activity: Arc<Activity>,
}

/// A request that is under way until this is dropped. One count of references for each, and one that no other
/// connection touches.
pub(crate) struct RequestUnderWay(Arc<Link>);

impl RequestUnderWay {
    pub(crate) fn begin(link: &Arc<Link>) -> Self {
        link.activity.begin_request();
        RequestUnderWay(Arc::clone(link))
    }

    pub(crate) fn link(&self) -> &Link {
        &self.0
    }
}

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        self.0.activity.end_request();
    }
}

/// A reply that is on its way until this is dropped.
pub(crate) struct ReplyUnderWay(Arc<Activity>);

impl ReplyUnderWay {
    pub(crate) fn begin(activity: &Arc<Activity>) -> Self {
        activity.replies_under_way.fetch_add(1, Ordering::Relaxed);
        ReplyUnderWay(Arc::clone(activity))
    }
}

impl Drop for ReplyUnderWay {
    fn drop(&mut self) {
        self.0.replies_under_way.fetch_sub(1, Ordering::Relaxed);
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

/// What serves connections, within `bounds`.
pub(crate) fn builder(bounds: &Bounds) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let mut http1 = builder.http1();
    http1
        // hyper's clock also runs while nothing is asked; `stream` has one that does not.
        .header_read_timeout(None)
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

/// A connection on which less than this has moved between two looks was idle: pings alone move a little.
const IDLE_BYTES: u64 = 1_024;
/// What a ping and its answer move at most.
const PING_BYTES: u64 = 64;
/// How long a peer that was told that its connection ends may take to notice.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves one connection to its end. When `stopping` turns true it closes after the requests
/// under way.
pub(crate) async fn serve<S>(
    stream: S,
    activity: Arc<Activity>,
    front: Arc<Front>,
    builder: Arc<Builder<TokioExecutor>>,
    bounds: Arc<Bounds>,
    stopping: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream =
        BoundedStream::new(stream, Arc::clone(&activity), bounds.header_timeout, bounds.write_timeout);
    let service = {
        let link = Arc::new(Link { front, activity: Arc::clone(&activity) });
        service_fn(move |request| {
            let admitted = Front::admit(&link, request);
            async move { Ok::<_, Infallible>(Front::answer(admitted).await) }
        })
    };
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let idle_bytes =
        IDLE_BYTES + PING_BYTES * (bounds.idle_timeout.as_secs() / HTTP2_PING_INTERVAL.as_secs());
    // Each of these is polled only when it is itself woken, so they cost a request nothing.
    let mut events: FuturesUnordered<BoxFuture<'static, Event>> = FuturesUnordered::new();
    events.push(stopped(stopping).boxed());
    events.push(after(bounds.idle_timeout, Event::Look).boxed());
    events.push(cut(Arc::clone(&activity)).boxed());
    events.push(leave(Arc::clone(&activity)).boxed());
    let mut moved_before = 0;
    loop {
        let event = tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error = &*error, "a connection ended with an error");
                }
                return;
            }
            Some(event) = events.next() => event,
        };
        let is_to_end = match event {
            Event::Stop => {
                connection.as_mut().graceful_shutdown();
                false
            }
            Event::Cut => {
                tracing::debug!("a connection whose peer takes no replies was cut");
                return;
            }
            Event::Farewell if activity.rests().is_some() => return,
            // It ends after the requests that came at the last moment.
            Event::Farewell => false,
            Event::Leave => {
                events.push(leave(Arc::clone(&activity)).boxed());
                activity.rests().is_some()
            }
            Event::Look => {
                let moved = activity.bytes_moved.load(Ordering::Relaxed);
                let has_moved = moved - moved_before >= idle_bytes;
                moved_before = moved;
                let left = bounds.idle_timeout.saturating_sub(activity.since_last_request());
                let is_idle = activity.requests_under_way() == 0 && left.is_zero() && !has_moved;
                // A reply may go on being taken after its request, as long as it moves.
                let next = match left {
                    _ if activity.requests_under_way() > 0 => bounds.idle_timeout,
                    Duration::ZERO => bounds.idle_timeout / 8,
                    left => left,
                };
                events.push(after(next, Event::Look).boxed());
                is_idle
            }
        };
        if is_to_end {
            connection.as_mut().graceful_shutdown();
            events.push(after(FAREWELL, Event::Farewell).boxed());
        }
    }
}

/// What happens to a connection beside its requests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    /// The server stops.
    Stop,
    /// It is time to see whether anything has moved.
    Look,
    /// Others need what the peer does not take.
    Cut,
    /// Another needs its place.
    Leave,
    /// The peer knows for long enough that it ends.
    Farewell,
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

async fn leave(activity: Arc<Activity>) -> Event {
    activity.leave.notified().await;
    Event::Leave
}

async fn after(duration: Duration, event: Event) -> Event {
    sleep(duration).await;
    event
}
