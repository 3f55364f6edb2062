//! Looking at actors, and letting go of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use greenroom_core::{ActorType, Address, Code};
use greenroom_runtime::ActorQuery;
use http::{StatusCode, Uri};
use utoipa::IntoParams;

use crate::path::{ActorPath, WaitingMessagePath};
use crate::problem::Problem;
use crate::query::{self, Page};
use crate::routes::{Answer, Api};
use crate::view;

/// Which actors to list.
#[derive(serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParameters {
    /// Only actors of this type.
    #[serde(rename = "type")]
    #[param(pattern = "^[A-Za-z][A-Za-z0-9_.-]{0,63}$", example = "task")]
    actor_type: Option<String>,
    /// Only those whose id begins with this.
    #[param(example = "task-")]
    prefix: Option<String>,
    /// Only those after this one: the `next` of the page before.
    #[param(
        pattern = "^[A-Za-z][A-Za-z0-9_.-]{0,63}/[^\\u0000-\\u001F\\u007F-\\u009F]+$",
        example = "task/task-123"
    )]
    after: Option<String>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 1_000, default = 100)]
    limit: Option<usize>,
}

/// Lists the actors that have anything stored or are in memory
#[utoipa::path(
    get,
    path = "/v1/actors",
    operation_id = "listActors",
    tag = "Actors",
    params(ListParameters),
    responses(
        (status = 200, description = "One page of them, in order", body = Page<view::ActorLine>),
    ),
)]
pub(crate) async fn list(State(api): State<Arc<Api>>, uri: Uri) -> Answer {
    let asked: ListParameters = query::parse(&uri)?;
    let limit = query::limit(asked.limit)?;
    let actor_type = asked.actor_type.as_deref().map(ActorType::new).transpose();
    let query = ActorQuery {
        actor_type: actor_type.map_err(|error| Problem::invalid_request(format!("type: {error}")))?,
        prefix: asked.prefix.unwrap_or_default(),
        after: asked.after.as_deref().map(parse_cursor).transpose()?,
        limit: limit + 1,
    };
    let actors = api.node.actors(&query).await?;
    let page = Page::first_of(actors, limit, |actor| actor.address.to_string());
    Ok(Json(page.map(|actor| view::ActorLine::from(&actor))).into_response())
}

/// A cursor is the last address of the page before. No actor type holds a slash.
fn parse_cursor(cursor: &str) -> Result<Address, Problem> {
    cursor
        .split_once('/')
        .and_then(|(actor_type, id)| Address::parse(actor_type, id).ok())
        .ok_or_else(|| Problem::invalid_request("after is not a cursor: take the `next` of a page as it is"))
}

/// Looks at an actor
#[utoipa::path(
    get,
    path = "/v1/actors/{type}/{id}",
    operation_id = "inspectActor",
    tag = "Actors",
    responses(
        (status = 200, description = "What it is now", body = view::Actor),
    ),
)]
pub(crate) async fn inspect(State(api): State<Arc<Api>>, ActorPath(address): ActorPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    let actor = api.node.inspect(&address).await?;
    Ok(Json(view::Actor::from(&actor)).into_response())
}

/// Deactivates an actor and removes all that it has stored
///
/// State, reminders and mailbox go in one transaction; its next message finds it as new.
#[utoipa::path(
    delete,
    path = "/v1/actors/{type}/{id}",
    operation_id = "removeActor",
    tag = "Actors",
    responses(
        (status = 204, description = "Nothing is stored of it"),
    ),
)]
pub(crate) async fn remove(State(api): State<Arc<Api>>, ActorPath(address): ActorPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    api.node.delete(&address).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Looks at what waits for an actor
#[utoipa::path(
    get,
    path = "/v1/actors/{type}/{id}/-/mailbox",
    operation_id = "listMailbox",
    tag = "Actors",
    responses(
        (status = 200, description = "All of it, in order", body = Page<view::WaitingMessage>),
    ),
)]
pub(crate) async fn mailbox(State(api): State<Arc<Api>>, ActorPath(address): ActorPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    let waiting = api.node.mailbox(&address).await?;
    Ok(Json(Page::whole(waiting.iter().map(view::WaitingMessage::from).collect())).into_response())
}

/// Removes a message that waits for an actor
///
/// It takes no effect any more. What is delivered at that moment is not stopped, and a call, which is not stored, ends with
/// its client.
#[utoipa::path(
    delete,
    path = "/v1/actors/{type}/{id}/-/mailbox/{message_id}",
    operation_id = "cancelMessage",
    tag = "Actors",
    responses(
        (status = 204, description = "It is gone"),
    ),
)]
pub(crate) async fn cancel_message(
    State(api): State<Arc<Api>>,
    WaitingMessagePath { address, message_id }: WaitingMessagePath,
    uri: Uri,
) -> Answer {
    query::none(&uri)?;
    if api.node.cancel_message(&address, message_id).await? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Problem::new(Code::NotFound, "no message of that id waits in the actor's mailbox"))
    }
}

/// Delivers a message again at once
///
/// One that has failed, and waits for its next delivery. Its attempts go on counting.
#[utoipa::path(
    post,
    path = "/v1/actors/{type}/{id}/-/mailbox/{message_id}/retry",
    operation_id = "retryMessage",
    tag = "Actors",
    responses(
        (status = 204, description = "It is delivered as soon as the actor is free"),
    ),
)]
pub(crate) async fn retry_message(
    State(api): State<Arc<Api>>,
    WaitingMessagePath { address, message_id }: WaitingMessagePath,
    uri: Uri,
) -> Answer {
    query::none(&uri)?;
    if api.node.retry_message(&address, message_id).await? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        let detail = "no message of that id has failed and waits for another delivery in the actor's mailbox";
        Err(Problem::new(Code::NotFound, detail))
    }
}

/// Lets go of the memory of an actor now
///
/// Nothing stored is touched, and its next message activates it again.
#[utoipa::path(
    post,
    path = "/v1/actors/{type}/{id}/-/deactivate",
    operation_id = "deactivateActor",
    tag = "Actors",
    responses(
        (status = 204, description = "It is dormant"),
    ),
)]
pub(crate) async fn deactivate(
    State(api): State<Arc<Api>>,
    ActorPath(address): ActorPath,
    uri: Uri,
) -> Answer {
    query::none(&uri)?;
    api.node.deactivate(&address).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_core::ActorId;
    use proptest::prelude::*;

    #[test]
    fn a_cursor_that_no_page_gave_is_refused() {
        for bad in ["", "task", "task/", "/1", "1task/1", "task/\0"] {
            assert!(parse_cursor(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_the_address_it_was(id in "\\PC{1,120}") {
            prop_assume!(ActorId::new(&id).is_ok());
            let address = Address::parse("task.v2", &id).unwrap();
            prop_assert_eq!(parse_cursor(&address.to_string()).unwrap(), address);
        }
    }
}
