//! Looking at actors, and letting go of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use greenroom_core::{ActorType, Address};
use greenroom_runtime::ActorQuery;
use http::{StatusCode, Uri};

use crate::path::ActorPath;
use crate::problem::Problem;
use crate::query::{self, Page};
use crate::routes::{Answer, Api};
use crate::view;

/// `GET /v1/actors?type=&prefix=&after=&limit=`
pub(crate) async fn list(State(api): State<Arc<Api>>, uri: Uri) -> Answer {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Parameters {
        r#type: Option<String>,
        prefix: Option<String>,
        after: Option<String>,
        limit: Option<usize>,
    }
    let asked: Parameters = query::parse(&uri)?;
    let limit = query::limit(asked.limit)?;
    let actor_type = asked.r#type.as_deref().map(ActorType::new).transpose();
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

/// `GET /v1/actors/{type}/{id}`
pub(crate) async fn inspect(State(api): State<Arc<Api>>, ActorPath(address): ActorPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    let actor = api.node.inspect(&address).await?;
    Ok(Json(view::Actor::from(&actor)).into_response())
}

/// `DELETE /v1/actors/{type}/{id}`
pub(crate) async fn remove(State(api): State<Arc<Api>>, ActorPath(address): ActorPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    api.node.delete(&address).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /v1/actors/{type}/{id}/-/mailbox`
pub(crate) async fn mailbox(State(api): State<Arc<Api>>, ActorPath(address): ActorPath, uri: Uri) -> Answer {
    query::none(&uri)?;
    let waiting = api.node.mailbox(&address).await?;
    Ok(Json(Page::whole(waiting.iter().map(view::WaitingMessage::from).collect())).into_response())
}

/// `POST /v1/actors/{type}/{id}/-/deactivate`
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
