//! What the host says of itself: whether it lives, whether it takes work, and what it is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use http::Uri;

use crate::query;
use crate::routes::{Answer, Api};
use crate::view;

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> &'static str {
    "alive\n"
}

/// `GET /readyz`: it can take work.
pub(crate) async fn ready(State(api): State<Arc<Api>>) -> Answer {
    api.node.ready().await?;
    Ok("ready\n".into_response())
}

/// `GET /v1/node`
pub(crate) async fn describe(State(api): State<Arc<Api>>, uri: Uri) -> Answer {
    query::none(&uri)?;
    let view = view::NodeView::new(&api.about, api.started.elapsed(), api.limits());
    Ok(Json(view).into_response())
}
