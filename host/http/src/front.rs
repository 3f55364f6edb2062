//! Every request passes here first: its headers are bounded, the guard asked, a place among the requests
//! under way taken, a panic of a handler becomes a problem like any other, and the reply is counted until it
//! is taken. No layer of this boxes what is small, so that a call costs little more than hyper itself.
//!
//! A request is admitted while hyper hands it over, before it is a task of its own: of all that wait for anything,
//! in a queue or for an actor, only what will be read is kept.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use greenroom_core::{Code, FailPoint};
use greenroom_metrics::Metrics;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri, Version};
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::config::Bounds;
use crate::connection::{Link, RequestUnderWay};
use crate::cors::{self, Origin};
use crate::guard::Guard;
use crate::peer::{Full, Peer, Place, Room, Shared};
use crate::problem::Problem;
use crate::routes::{Route, Routes};
use crate::unread::{Brought, Unread};
use crate::untaken::Untaken;
use crate::{call, idempotency, node::ALIVE};

/// What HTTP/1.1 spends on a header field besides its name and value.
const FIELD_BYTES: usize = ": \r\n".len();
/// A path and headers up to this are kept as they came, but for HTTP/2, where they may lie in much larger buffers.
const UNCOUNTED_HEAD_BYTES: usize = 1 << 10;
/// The header fields that somebody behind this reads.
static READ: [HeaderName; 4] = [CONTENT_TYPE, CONTENT_ENCODING, call::PREFER, idempotency::KEY];

/// What stands between connections and routes.
pub(crate) struct Front {
    routes: Routes,
    guard: Guard,
    metrics: Arc<Metrics>,
    untaken: Arc<Untaken>,
    unread: Unread,
    requests: Arc<Room>,
    heads: Arc<Room>,
    headers: usize,
    header_bytes: usize,
}

/// A request that was taken in, or why it was not; and what it takes of what is shared, until it is dropped.
pub(crate) struct Admitted {
    request: Result<Request<Brought>, Response>,
    /// Whose page it comes from, when that may see the reply.
    origin: Option<Origin>,
    started: Instant,
    version: Version,
    brings_body: bool,
    under_way: RequestUnderWay,
    _places: [Option<Place>; 2],
}

impl Front {
    /// Stands before `routes`.
    pub(crate) fn new(routes: Routes, guard: Guard, metrics: Arc<Metrics>, bounds: &Bounds) -> Self {
        Front {
            routes,
            guard,
            metrics,
            untaken: Untaken::new(bounds.body_memory_bytes),
            unread: Unread::default(),
            requests: Room::new(Shared::Requests, bounds.requests),
            heads: Room::new(Shared::Heads, bounds.body_memory_bytes),
            headers: bounds.headers,
            header_bytes: bounds.header_bytes,
        }
    }

    /// Takes a request in, or refuses it. Nothing is waited for.
    pub(crate) fn admit(link: &Arc<Link>, request: Request<Incoming>) -> Admitted {
        let under_way = RequestUnderWay::begin(link);
        let started = Instant::now();
        let brings_body = !request.body().is_end_stream();
        let version = request.version();
        let front = &link.front;
        let (parts, body) = request.into_parts();
        let body = front.unread.body(body, version);
        let origin = cors::allowed(front.guard.origins(), &parts.headers);
        let (request, places) = if origin.is_some() && cors::is_preflight(&parts) {
            let mut response = StatusCode::NO_CONTENT.into_response();
            cors::answer_preflight(response.headers_mut());
            (Err(response), [None, None])
        } else {
            match front.places(parts, &link.activity.peer) {
                Ok((parts, places)) => (Ok(Request::from_parts(parts, body)), places),
                Err(problem) => (Err(problem.into_response()), [None, None]),
            }
        };
        Admitted { request, origin, started, version, brings_body, under_way, _places: places }
    }

    /// Answers a request that was admitted.
    pub(crate) async fn answer(admitted: Admitted) -> Response {
        let Admitted { request, origin, started, version, brings_body, under_way, _places } = admitted;
        let Link { front, activity } = under_way.link();
        let (route, mut response) = match request {
            Ok(request) => front.route(request, &activity.peer).await,
            Err(response) => (Route::None, response),
        };
        let problem = response.extensions().get::<Code>().copied();
        front.metrics.answered(route.as_str(), started.elapsed(), problem);
        if brings_body && response.status().as_u16() >= 400 {
            activity.refuse_a_body();
        }
        FailPoint::ReplyLeaves.reach();
        // What an actor wrote is of the media type that it says, and nothing that a browser makes of it.
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(origin) = origin {
            cors::show(response.headers_mut(), origin);
        }
        Untaken::count(&front.untaken, response, version, activity)
    }

    /// What a request keeps of its head, and what it takes of what is shared.
    fn places(&self, parts: Parts, peer: &Arc<Peer>) -> Result<(Parts, [Option<Place>; 2]), Problem> {
        let bytes = self.check(&parts)?;
        // A host that is full lives, and says so at once.
        if parts.uri.path() == ALIVE {
            return Ok((parts, [None, None]));
        }
        let place = self.requests.take(peer, 1).map_err(|full| self.too_many_requests(full, peer))?;
        if parts.version != Version::HTTP_2 && bytes <= UNCOUNTED_HEAD_BYTES {
            return Ok((parts, [Some(place), None]));
        }
        let parts = with_what_is_read(parts);
        let kept = head_bytes(&parts);
        let room = (kept > UNCOUNTED_HEAD_BYTES).then(|| self.heads.take(peer, kept)).transpose();
        let room = room.map_err(|_| {
            Problem::new(
                Code::Overloaded,
                format!(
                    "the paths and headers of requests under way take up body_memory_bytes of {} bytes, or those \
                     of {} three quarters of it; try again",
                    self.heads.units(),
                    peer.address()
                ),
            )
        })?;
        Ok((parts, [Some(place), room]))
    }

    fn too_many_requests(&self, full: Full, peer: &Peer) -> Problem {
        let detail = match full {
            Full::Host => {
                format!(
                    "as many requests are under way as requests allows: {}; try again",
                    self.requests.units()
                )
            }
            Full::Peer => format!(
                "{} has as many requests under way as one peer may have, three quarters of what requests allows: \
                 {}; wait for replies before sending more",
                peer.address(),
                self.requests.units_of_peer()
            ),
        };
        Problem::new(Code::Overloaded, detail)
    }

    /// Whether a request may be answered; the bytes of its path and headers.
    fn check(&self, parts: &Parts) -> Result<usize, Problem> {
        if parts.headers.len() > self.headers {
            return Err(Problem::new(
                Code::HeadersTooLarge,
                format!("the request has more header fields than headers allows: {}", self.headers),
            ));
        }
        let bytes = head_bytes(parts);
        if bytes > self.header_bytes {
            return Err(Problem::new(
                Code::HeadersTooLarge,
                format!("path and headers are larger than header_bytes allows: {} bytes", self.header_bytes),
            ));
        }
        self.guard.check(parts)?;
        Ok(bytes)
    }

    async fn route(&self, request: Request<Brought>, peer: &Arc<Peer>) -> (Route, Response) {
        let span = if tracing::enabled!(tracing::Level::DEBUG) {
            tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
        } else {
            tracing::Span::none()
        };
        match AssertUnwindSafe(self.routes.answer(request, peer)).catch_unwind().instrument(span).await {
            Ok(answer) => answer,
            Err(panic) => {
                let said = panic.downcast_ref::<&str>().copied();
                let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                tracing::error!(said = said.unwrap_or("nothing"), "a handler panicked");
                (Route::None, Problem::new(Code::Internal, "").into_response())
            }
        }
    }
}

/// Bytes of a request's path and headers.
fn head_bytes(parts: &Parts) -> usize {
    let path = parts.uri.path_and_query().map_or(0, |path| path.as_str().len());
    let fields = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD_BYTES);
    path + fields.sum::<usize>()
}

/// The same request with only those headers that are read behind this. All are copied, since what comes with them
/// lies in the same buffers.
fn with_what_is_read(mut parts: Parts) -> Parts {
    let mut read = HeaderMap::new();
    for name in &READ {
        for value in parts.headers.get_all(name) {
            // It was a value.
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                read.append(name.clone(), value);
            }
        }
    }
    parts.headers = read;
    if let Some(Ok(uri)) = parts.uri.path_and_query().map(|path| Uri::try_from(path.as_str())) {
        parts.uri = uri;
    }
    parts
}
