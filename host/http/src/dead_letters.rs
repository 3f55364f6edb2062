//! Dead letters: messages and reminders' firings that were given up, to look at, deliver again or
//! remove.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use greenroom_core::{ActorType, MessageId};
use greenroom_runtime::DeadLetterQuery;
use http::header::CONTENT_TYPE;
use http::{StatusCode, Uri};
use utoipa::IntoParams;

use crate::path::LetterPath;
use crate::problem::Problem;
use crate::query::{self, Page};
use crate::routes::{Answer, Api};
use crate::view::{self, DeadLetter};

/// Which dead letters to list.
#[derive(serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParameters {
    /// Only those to actors of this type.
    #[serde(rename = "type")]
    #[param(pattern = "^[A-Za-z][A-Za-z0-9_.-]{0,63}$", example = "task")]
    actor_type: Option<String>,
    /// Only those after this one: the `next` of the page before.
    #[param(format = "uuid", pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    after: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 1_000, default = 100)]
    limit: Option<usize>,
}

/// Lists the messages that were given up
#[utoipa::path(
    get,
    path = "/v1/dead-letters",
    operation_id = "listDeadLetters",
    tag = "Dead letters",
    params(ListParameters),
    responses(
        (status = 200, description = "One page of them, in the order in which they were sent", body = Page<view::DeadLetter>),
    ),
)]
pub(crate) async fn list(State(api): State<Arc<Api>>, uri: Uri) -> Answer {
    let asked: ListParameters = query::parse(&uri)?;
    let limit = query::limit(asked.limit)?;
    let actor_type = asked.actor_type.as_deref().map(ActorType::new).transpose();
    let after = asked.after.as_deref().map(str::parse::<MessageId>).transpose();
    let query = DeadLetterQuery {
        actor_type: actor_type.map_err(|error| Problem::invalid_request(format!("type: {error}")))?,
        after: after.map_err(|_| {
            Problem::invalid_request("after is not a cursor: take the `next` of a page as it is")
        })?,
        limit: limit + 1,
    };
    let letters = api.node.dead_letters(&query).await?;
    let page = Page::first_of(letters, limit, |letter| letter.id.to_string());
    Ok(Json(page.map(|letter| DeadLetter::from(&letter))).into_response())
}

/// Looks at a dead letter
#[utoipa::path(
    get,
    path = "/v1/dead-letters/{message_id}",
    operation_id = "inspectDeadLetter",
    tag = "Dead letters",
    responses(
        (status = 200, description = "What it is, without its payload", body = view::DeadLetter),
    ),
)]
pub(crate) async fn inspect(State(api): State<Arc<Api>>, LetterPath(id): LetterPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    let letter = api.node.dead_letter(id).await?;
    Ok(Json(DeadLetter::from(&(&letter).into())).into_response())
}

/// Downloads the payload of a dead letter
#[utoipa::path(
    get,
    path = "/v1/dead-letters/{message_id}/payload",
    operation_id = "downloadDeadLetter",
    tag = "Dead letters",
    responses(
        (status = 200, description = "The bytes of the payload", body = Vec<u8>, content_type = "application/octet-stream"),
    ),
)]
pub(crate) async fn payload(State(api): State<Arc<Api>>, LetterPath(id): LetterPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    let letter = api.node.dead_letter(id).await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], letter.message.payload.body).into_response())
}

/// Puts a dead letter back into the mailbox it came from
///
/// As if it had never been delivered.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/{message_id}/retry",
    operation_id = "retryDeadLetter",
    tag = "Dead letters",
    responses(
        (status = 202, description = "It waits in the mailbox", body = view::Accepted),
    ),
)]
pub(crate) async fn retry(State(api): State<Arc<Api>>, LetterPath(id): LetterPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    api.node.retry_dead_letter(id).await?;
    Ok((StatusCode::ACCEPTED, Json(view::Accepted::new(id))).into_response())
}

/// Removes a dead letter
#[utoipa::path(
    delete,
    path = "/v1/dead-letters/{message_id}",
    operation_id = "removeDeadLetter",
    tag = "Dead letters",
    responses(
        (status = 204, description = "It is gone"),
    ),
)]
pub(crate) async fn remove(State(api): State<Arc<Api>>, LetterPath(id): LetterPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    api.node.remove_dead_letter(id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
