//! What the host says of itself: whether it lives, whether it takes work, and what it is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use http::Uri;
use http::header::CONTENT_TYPE;

use crate::query;
use crate::routes::{Answer, Api};
use crate::view;

/// Where it says that it lives.
pub(crate) const ALIVE: &str = "/healthz";

/// Says whether the process answers
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "checkAlive",
    tag = "Host",
    responses(
        (status = 200, description = "It does", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn alive() -> &'static str {
    "alive\n"
}

/// Says whether the host can take work
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "checkReady",
    tag = "Host",
    responses(
        (status = 200, description = "It can", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn ready(State(api): State<Arc<Api>>) -> Answer {
    api.node.ready().await?;
    Ok("ready\n".into_response())
}

/// Tells what the host is, and the limits in force
#[utoipa::path(
    get,
    path = "/v1/node",
    operation_id = "describeNode",
    tag = "Host",
    responses(
        (status = 200, description = "What it is", body = view::NodeView),
    ),
)]
pub(crate) async fn describe(State(api): State<Arc<Api>>, uri: Uri) -> Answer {
    query::none(&uri)?;
    let view = view::NodeView::new(&api.about, api.started.elapsed(), api.limits());
    Ok(Json(view).into_response())
}

/// Counts what the host does, for Prometheus
///
/// What is counted, and by which labels, is in docs/metrics.md. No series names an actor.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "scrapeMetrics",
    tag = "Host",
    responses(
        (status = 200, description = "All series", body = String,
            content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ),
)]
pub(crate) async fn metrics(State(api): State<Arc<Api>>, uri: Uri) -> Answer {
    query::none(&uri)?;
    Ok(([(CONTENT_TYPE, greenroom_metrics::CONTENT_TYPE)], api.node.scrape(&api.about.version))
        .into_response())
}
