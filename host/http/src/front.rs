//! Every request passes here first: its headers are bounded, the guard asked, a panic of a handler
//! becomes a problem like any other, and the reply is counted until it is taken. No layer of this
//! boxes what is small, so that a call costs little more than hyper itself.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use greenroom_core::{Code, FailPoint};
use greenroom_metrics::Metrics;
use http::Request;
use http::request::Parts;
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::config::Bounds;
use crate::connection::Activity;
use crate::guard::Guard;
use crate::problem::Problem;
use crate::routes::{Route, Routes};
use crate::untaken::Untaken;

/// What HTTP/1.1 spends on a header field besides its name and value.
const FIELD_BYTES: usize = ": \r\n".len();

/// What stands between connections and routes.
pub(crate) struct Front {
    routes: Routes,
    guard: Guard,
    metrics: Arc<Metrics>,
    untaken: Arc<Untaken>,
    headers: usize,
    header_bytes: usize,
}

impl Front {
    /// Stands before `routes`.
    pub(crate) fn new(routes: Routes, guard: Guard, metrics: Arc<Metrics>, bounds: &Bounds) -> Self {
        let untaken = Untaken::new(bounds.body_memory_bytes);
        Front { routes, guard, metrics, untaken, headers: bounds.headers, header_bytes: bounds.header_bytes }
    }

    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Incoming>, activity: &Arc<Activity>) -> Response {
        let _under_way = activity.begin_request();
        let started = Instant::now();
        let brings_body = !request.body().is_end_stream();
        let (parts, body) = request.into_parts();
        let version = parts.version;
        let (route, response) = match self.admit(&parts) {
            Ok(()) => self.route(Request::from_parts(parts, body)).await,
            Err(problem) => (Route::None, problem.into_response()),
        };
        let problem = response.extensions().get::<Code>().copied();
        self.metrics.answered(route.as_str(), started.elapsed(), problem);
        if brings_body && response.status().as_u16() >= 400 {
            activity.refuse_a_body();
        }
        FailPoint::ReplyLeaves.reach();
        Untaken::count(&self.untaken, response, version, activity)
    }

    fn admit(&self, parts: &Parts) -> Result<(), Problem> {
        if parts.headers.len() > self.headers {
            return Err(Problem::new(
                Code::HeadersTooLarge,
                format!("the request has more header fields than headers allows: {}", self.headers),
            ));
        }
        let path = parts.uri.path_and_query().map_or(0, |path| path.as_str().len());
        let fields =
            parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD_BYTES);
        if path + fields.sum::<usize>() > self.header_bytes {
            return Err(Problem::new(
                Code::HeadersTooLarge,
                format!("path and headers are larger than header_bytes allows: {} bytes", self.header_bytes),
            ));
        }
        self.guard.check(parts)
    }

    async fn route(&self, request: Request<Incoming>) -> (Route, Response) {
        let span = if tracing::enabled!(tracing::Level::DEBUG) {
            tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
        } else {
            tracing::Span::none()
        };
        match AssertUnwindSafe(self.routes.answer(request)).catch_unwind().instrument(span).await {
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
