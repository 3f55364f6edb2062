//! What is set for one actor type: looked at, and changed by a JSON Merge Patch (RFC 7396).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::IntoResponse as _;
use greenroom_core::Code;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Uri};

use crate::body::Limit;
use crate::json::{self, Unambiguous};
use crate::number;
use crate::path::ActorTypePath;
use crate::problem::Problem;
use crate::query;
use crate::routes::{Answer, Api};
use crate::view::{self, Settings};

/// Largest patch; the largest that can be valid is about as much.
const SETTINGS_PATCH_BYTES: usize = 64 << 10;
const PATCH_LIMIT: Limit = Limit { bytes: SETTINGS_PATCH_BYTES, name: "SETTINGS_PATCH_BYTES" };

/// The media types of a patch.
const MEDIA_TYPES: [&str; 2] = ["application/merge-patch+json", "application/json"];

/// Shows every setting of an actor type, and whose it is
#[utoipa::path(
    get,
    path = "/v1/actor-types/{type}/settings",
    operation_id = "showSettings",
    tag = "Actor types",
    responses(
        (status = 200, description = "All of them", body = view::Settings),
    ),
)]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    ActorTypePath(actor_type): ActorTypePath,
    uri: Uri,
) -> Answer {
    query::none(&uri)?;
    let settings = api.node.settings(&actor_type).await?;
    Ok(Json(Settings::new(&actor_type, settings)).into_response())
}

/// Changes settings of an actor type while the host runs
///
/// A JSON Merge Patch (RFC 7396): `null` gives a setting back to the host. Each actor has the new ones from its next
/// turn on.
#[utoipa::path(
    patch,
    path = "/v1/actor-types/{type}/settings",
    operation_id = "changeSettings",
    tag = "Actor types",
    request_body(content((ref("#/components/schemas/SettingsToChange") = "application/merge-patch+json"), (ref("#/components/schemas/SettingsToChange") = "application/json"))),
    responses(
        (status = 200, description = "All settings as they are now", body = view::Settings),
    ),
)]
pub(crate) async fn change(
    State(api): State<Arc<Api>>,
    ActorTypePath(actor_type): ActorTypePath,
    request: Request,
) -> Answer {
    query::none(request.uri())?;
    if !is_patch(request.headers()) {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "settings are changed with `Content-Type: application/merge-patch+json`",
        ));
    }
    let received = api.bodies.read_all_of(request, PATCH_LIMIT).await?;
    let Unambiguous(patch) = json::read(&received.bytes)
        .map_err(|error| Problem::invalid_request(format!("$: not JSON to go by: {error}")))?;
    let settings = api.node.change_settings(&actor_type, &number::made_whole(patch, &received.bytes)).await?;
    Ok(Json(Settings::new(&actor_type, settings)).into_response())
}

/// Whether the body says that it is a patch, or says nothing.
fn is_patch(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_none_or(|value| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        MEDIA_TYPES.iter().any(|known| essence.trim_ascii().eq_ignore_ascii_case(known.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_patch_changes_settings() {
        let says = |value: &str| is_patch(&HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]));
        assert!(is_patch(&HeaderMap::new()));
        assert!(says("application/merge-patch+json") && says("Application/JSON; charset=utf-8"));
        assert!(!says("application/json-patch+json") && !says("text/plain"));
    }
}
