//! Dead letters: messages and reminders' firings that were given up, to look at, deliver again or
//! remove.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use greenroom_core::{ActorType, MessageId};
use greenroom_runtime::DeadLetterQuery;
use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{StatusCode, Uri};

use crate::path::LetterPath;
use crate::problem::Problem;
use crate::query::{self, Page};
use crate::routes::{Answer, Api};
use crate::view::DeadLetter;

/// `GET /v1/dead-letters?type=&after=&limit=`
pub(crate) async fn list(State(api): State<Arc<Api>>, uri: Uri) -> Answer {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Parameters {
        r#type: Option<String>,
        after: Option<String>,
        limit: Option<usize>,
    }
    let asked: Parameters = query::parse(&uri)?;
    let limit = query::limit(asked.limit)?;
    let actor_type = asked.r#type.as_deref().map(ActorType::new).transpose();
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

/// `GET /v1/dead-letters/{id}`
pub(crate) async fn inspect(State(api): State<Arc<Api>>, LetterPath(id): LetterPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    let letter = api.node.dead_letter(id).await?;
    Ok(Json(DeadLetter::from(&(&letter).into())).into_response())
}

/// `GET /v1/dead-letters/{id}/payload`
pub(crate) async fn payload(State(api): State<Arc<Api>>, LetterPath(id): LetterPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    let letter = api.node.dead_letter(id).await?;
    // A browser must not take a message's bytes for a page of this host.
    let headers = [(CONTENT_TYPE, "application/octet-stream"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((headers, letter.message.payload.body).into_response())
}

/// `POST /v1/dead-letters/{id}/retry`
pub(crate) async fn retry(State(api): State<Arc<Api>>, LetterPath(id): LetterPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    api.node.retry_dead_letter(id).await?;
    Ok((StatusCode::ACCEPTED, Json(serde_json::json!({"message_id": id.to_string()}))).into_response())
}

/// `DELETE /v1/dead-letters/{id}`
pub(crate) async fn remove(State(api): State<Arc<Api>>, LetterPath(id): LetterPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    api.node.remove_dead_letter(id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
