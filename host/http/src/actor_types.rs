//! Deploying components under a name, going back to another version, and looking at what is deployed.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::IntoResponse as _;
use greenroom_core::{ActorType, Code};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode, Uri};
use utoipa::IntoParams;

use crate::body::Limit;
use crate::path::{ActorTypePath, VersionPath};
use crate::problem::Problem;
use crate::query::{self, Page};
use crate::routes::{Answer, Api};
use crate::view;

/// The media type of components.
const WASM: &str = "application/wasm";

/// Deploys a component as the next version of an actor type
///
/// It is checked and compiled first. The bytes of the active version again change nothing.
#[utoipa::path(
    put,
    path = "/v1/actor-types/{type}",
    operation_id = "deployComponent",
    tag = "Actor types",
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "A component of the world `actor`; at most `component_bytes`"),
    responses(
        (status = 200, description = "It was the active version already", body = view::Deployed, headers(("Location" = String, description = "The actor type"))),
        (status = 201, description = "It is the active version now", body = view::Deployed, headers(("Location" = String, description = "The actor type"))),
    ),
)]
pub(crate) async fn deploy(
    State(api): State<Arc<Api>>,
    ActorTypePath(actor_type): ActorTypePath,
    request: Request,
) -> Answer {
    query::none(request.uri())?;
    if !is_wasm(request.headers()) {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "a component is deployed with `Content-Type: application/wasm`",
        ));
    }
    let bytes = usize::try_from(api.limits().component_bytes).unwrap_or(usize::MAX);
    let limit = Limit { bytes, name: "component_bytes" };
    let received = api.components.read_all_of(request, limit).await?;
    let deployment = api.node.deploy(&actor_type, received.bytes).await?;
    let status = if deployment.created { StatusCode::CREATED } else { StatusCode::OK };
    let location = format!("/v1/actor-types/{actor_type}");
    let view = view::Deployed::new(&actor_type, &deployment.version);
    Ok((status, [(LOCATION, location)], Json(view)).into_response())
}

fn is_wasm(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(WASM.as_bytes()))
}

/// Which page of the list.
#[derive(serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParameters {
    /// Only those after this one: the `next` of the page before.
    #[param(pattern = "^[A-Za-z][A-Za-z0-9_.-]{0,63}$", example = "task")]
    after: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 1_000, default = 100)]
    limit: Option<usize>,
}

/// Lists what is deployed
#[utoipa::path(
    get,
    path = "/v1/actor-types",
    operation_id = "listActorTypes",
    tag = "Actor types",
    params(ListParameters),
    responses(
        (status = 200, description = "One page of it, by name", body = Page<view::ActorType>),
    ),
)]
pub(crate) async fn list(State(api): State<Arc<Api>>, uri: Uri) -> Answer {
    let asked: ListParameters = query::parse(&uri)?;
    let limit = query::limit(asked.limit)?;
    let after =
        asked.after.as_deref().map(ActorType::new).transpose().map_err(|_| {
            Problem::invalid_request("after is not a cursor: take the `next` of a page as it is")
        })?;
    let mut types = api.node.actor_types().await?;
    types.retain(|known| after.as_ref().is_none_or(|after| known.name > *after));
    types.sort_by(|one, other| one.name.cmp(&other.name));
    let page = Page::first_of(types, limit, |last| last.name.to_string());
    Ok(Json(page.map(|known| view::ActorType::from(&known))).into_response())
}

/// Looks at an actor type, its versions and its methods
#[utoipa::path(
    get,
    path = "/v1/actor-types/{type}",
    operation_id = "inspectActorType",
    tag = "Actor types",
    responses(
        (status = 200, description = "What it is now", body = view::InspectedType),
    ),
)]
pub(crate) async fn inspect(
    State(api): State<Arc<Api>>,
    ActorTypePath(actor_type): ActorTypePath,
    uri: Uri,
) -> Answer {
    query::none(&uri)?;
    let known = api.node.actor_type(&actor_type).await?;
    // The versions are worth seeing even when the code of the active one can't be made ready.
    let description = api.node.describe(&actor_type).await.ok();
    Ok(Json(view::InspectedType::new(&known, description)).into_response())
}

/// Downloads a version as it was uploaded
#[utoipa::path(
    get,
    path = "/v1/actor-types/{type}/versions/{version}/component",
    operation_id = "downloadComponent",
    tag = "Actor types",
    responses(
        (status = 200, description = "The bytes of the component", body = Vec<u8>, content_type = "application/wasm"),
    ),
)]
pub(crate) async fn component(
    State(api): State<Arc<Api>>,
    VersionPath { actor_type, version }: VersionPath,
    uri: Uri,
) -> Answer {
    query::none(&uri)?;
    let component = api.node.component(&actor_type, version).await?;
    Ok(([(CONTENT_TYPE, WASM)], component).into_response())
}

/// Makes another version the active one
///
/// Back or forward: each actor runs it from its next turn on, with state and mailbox kept.
#[utoipa::path(
    post,
    path = "/v1/actor-types/{type}/versions/{version}/activate",
    operation_id = "activateVersion",
    tag = "Actor types",
    responses(
        (status = 200, description = "It is active", body = view::ActorType),
    ),
)]
pub(crate) async fn activate(
    State(api): State<Arc<Api>>,
    VersionPath { actor_type, version }: VersionPath,
    uri: Uri,
) -> Answer {
    query::none(&uri)?;
    let known = api.node.activate_version(&actor_type, version).await?;
    Ok(Json(view::ActorType::from(&known)).into_response())
}

/// What goes with the type.
#[derive(serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UndeployParameters {
    /// Removes all that its actors have stored too, instead of refusing while there is anything.
    #[serde(default)]
    purge: bool,
}

/// Undeploys an actor type
#[utoipa::path(
    delete,
    path = "/v1/actor-types/{type}",
    operation_id = "undeployActorType",
    tag = "Actor types",
    params(UndeployParameters),
    responses(
        (status = 204, description = "Nothing is deployed under that name"),
    ),
)]
pub(crate) async fn undeploy(
    State(api): State<Arc<Api>>,
    ActorTypePath(actor_type): ActorTypePath,
    uri: Uri,
) -> Answer {
    let asked: UndeployParameters = query::parse(&uri)?;
    api.node.undeploy(&actor_type, asked.purge).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wasm_is_deployed() {
        let says = |value: &str| is_wasm(&HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]));
        assert!(says("application/wasm") && says("Application/Wasm"));
        assert!(!says("application/octet-stream") && !says("application/wasm-text"));
        assert!(!is_wasm(&HeaderMap::new()));
    }
}
