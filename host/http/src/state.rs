//! Looking at an actor's committed state, and repairing it by hand. A key is one percent-encoded
//! segment of the path, whatever it holds.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::IntoResponse as _;
use greenroom_core::Code;
use http::header::CONTENT_TYPE;
use http::{StatusCode, Uri};
use utoipa::IntoParams;

use crate::body::Limit;
use crate::path::{ActorPath, NamedPath};
use crate::problem::Problem;
use crate::query::{self, Page};
use crate::routes::{Answer, Api};

/// Which keys to list.
#[derive(serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParameters {
    /// Only keys that begin with this.
    prefix: Option<String>,
    /// Only those after this one: the `next` of the page before.
    after: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 1_000, default = 100)]
    limit: Option<usize>,
}

/// Lists the keys of the committed state of an actor
#[utoipa::path(
    get,
    path = "/v1/actors/{type}/{id}/-/state",
    operation_id = "listState",
    tag = "State",
    params(ListParameters),
    responses(
        (status = 200, description = "One page of them, in the order of their bytes", body = Page<String>),
    ),
)]
pub(crate) async fn keys(State(api): State<Arc<Api>>, ActorPath(address): ActorPath, uri: Uri) -> Answer {
    let asked: ListParameters = query::parse(&uri)?;
    let limit = query::limit(asked.limit)?;
    let prefix = asked.prefix.unwrap_or_default();
    let keys = api.node.state_keys(&address, &prefix, asked.after.as_deref(), limit + 1).await?;
    Ok(Json(Page::first_of(keys, limit, Clone::clone)).into_response())
}

/// Reads a value of the committed state of an actor
#[utoipa::path(
    get,
    path = "/v1/actors/{type}/{id}/-/state/{name}",
    operation_id = "readState",
    tag = "State",
    responses(
        (status = 200, description = "The bytes of the value", body = Vec<u8>, content_type = "application/octet-stream"),
    ),
)]
pub(crate) async fn read(
    State(api): State<Arc<Api>>,
    NamedPath { address, name }: NamedPath,
    uri: Uri,
) -> Answer {
    query::none(&uri)?;
    let Some(value) = api.node.state_value(&address, &name).await? else { return Err(no_such_key()) };
    Ok(([(CONTENT_TYPE, "application/octet-stream")], value).into_response())
}

/// Writes a value of the state of an actor by hand
///
/// A turn of its own. What the guest had in memory is gone after it.
#[utoipa::path(
    put,
    path = "/v1/actors/{type}/{id}/-/state/{name}",
    operation_id = "writeState",
    tag = "State",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The value; at most `state_value_bytes`"),
    responses(
        (status = 204, description = "It is durable"),
    ),
)]
pub(crate) async fn write(
    State(api): State<Arc<Api>>,
    NamedPath { address, name }: NamedPath,
    request: Request,
) -> Answer {
    query::none(request.uri())?;
    let key_bytes = api.limits().state_key_bytes;
    if name.len() > key_bytes {
        return Err(Problem::new(
            Code::InvalidPath,
            format!("the key is longer than state_key_bytes allows: {key_bytes} bytes"),
        ));
    }
    let limit = Limit { bytes: api.limits().state_value_bytes, name: "state_value_bytes" };
    let received = api.bodies.read_all_of(request, limit).await?;
    api.node.repair_state(&address, name, Some(received.bytes)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Removes a value of the state of an actor by hand
///
/// A turn of its own. What the guest had in memory is gone after it.
#[utoipa::path(
    delete,
    path = "/v1/actors/{type}/{id}/-/state/{name}",
    operation_id = "removeState",
    tag = "State",
    responses(
        (status = 204, description = "It is gone"),
    ),
)]
pub(crate) async fn remove(
    State(api): State<Arc<Api>>,
    NamedPath { address, name }: NamedPath,
    uri: Uri,
) -> Answer {
    query::none(&uri)?;
    if api.node.repair_state(&address, name, None).await? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(no_such_key())
    }
}

fn no_such_key() -> Problem {
    Problem::new(Code::NotFound, "the actor's state has no such key")
}
