//! Every route of the API. What is not here is `not-found`; a method that is not here is
//! `method-not-allowed`, with the ones that are in `Allow`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use greenroom_core::{Code, Limits};
use greenroom_runtime::Node;
use http::{Method, Request, Uri};
use hyper::body::Incoming;
use tokio::time::Instant;
use tower::Service as _;

use crate::backup::Pace;
use crate::body::BodyReader;
use crate::config::{About, Bounds};
use crate::path::MethodPath;
use crate::problem::Problem;
use crate::{
    actor_types, actors, backup, call, dead_letters, errors, node, openapi, reminders, state, type_settings,
};

/// What a handler returns.
pub(crate) type Answer = Result<Response, Problem>;

/// What handlers work with.
pub(crate) struct Api {
    /// The node that is asked.
    pub(crate) node: Node,
    /// Reads bodies within their bounds.
    pub(crate) bodies: BodyReader,
    /// How long a backup may take to be read, by its bytes.
    pub(crate) backups: Pace,
    /// What the host says of itself.
    pub(crate) about: About,
    /// When it began to serve.
    pub(crate) started: Instant,
}

impl Api {
    /// An API in front of `node`.
    pub(crate) fn new(node: Node, bounds: &Bounds, about: About) -> Self {
        Api {
            node,
            bodies: BodyReader::new(bounds),
            backups: Pace::new(bounds),
            about,
            started: Instant::now(),
        }
    }

    /// The bounds in force on the node.
    pub(crate) fn limits(&self) -> &Limits {
        self.node.limits()
    }
}

/// The way from a request to its handler.
pub(crate) struct Routes {
    /// Who answers calls; tests of the server alone have none.
    calls: Option<Arc<Api>>,
    router: Router,
}

impl Routes {
    /// All routes of `api`.
    pub(crate) fn new(api: Api) -> Self {
        let api = Arc::new(api);
        Routes { calls: Some(Arc::clone(&api)), router: router(api) }
    }

    /// Answers one request. A call goes past the router, which allocates for every segment of a path
    /// and boxes bodies and futures: it is the one path that is measured.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response {
        if let Some(api) = &self.calls
            && request.method() == Method::POST
            && let Some(path) = MethodPath::read(request.uri().path())
        {
            return match path {
                Ok(path) => call::answer(api, path, request).await.into_response(),
                Err(problem) => problem.into_response(),
            };
        }
        // In a box: hyper moves the future of every request, and what the router needs is large.
        match Box::pin(self.router.clone().call(request.map(Body::new))).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

#[cfg(test)]
impl From<Router> for Routes {
    fn from(router: Router) -> Self {
        Routes { calls: None, router }
    }
}

/// The routes, in the order of the API's description.
fn router(api: Arc<Api>) -> Router {
    Router::new()
        // `Routes::answer` is before this one; it is here for what other methods are told.
        .route("/v1/actors/{type}/{id}/{method}", post(call::call))
        .route("/v1/actors", get(actors::list))
        .route("/v1/actors/{type}/{id}", get(actors::inspect).delete(actors::remove))
        .route("/v1/actors/{type}/{id}/-/state", get(state::keys))
        .route(
            "/v1/actors/{type}/{id}/-/state/{name}",
            get(state::read).put(state::write).delete(state::remove),
        )
        .route("/v1/actors/{type}/{id}/-/reminders", get(reminders::list))
        .route("/v1/actors/{type}/{id}/-/reminders/{name}", put(reminders::set).delete(reminders::cancel))
        .route("/v1/actors/{type}/{id}/-/mailbox", get(actors::mailbox))
        .route("/v1/actors/{type}/{id}/-/deactivate", post(actors::deactivate))
        .route("/v1/actor-types", get(actor_types::list))
        .route(
            "/v1/actor-types/{type}",
            put(actor_types::deploy).get(actor_types::inspect).merge(delete(actor_types::undeploy)),
        )
        .route("/v1/actor-types/{type}/openapi.json", get(openapi::of_type))
        .route("/v1/actor-types/{type}/versions/{version}/component", get(actor_types::component))
        .route("/v1/actor-types/{type}/versions/{version}/activate", post(actor_types::activate))
        .route("/v1/actor-types/{type}/settings", get(type_settings::show).patch(type_settings::change))
        .route("/v1/dead-letters", get(dead_letters::list))
        .route("/v1/dead-letters/{id}", get(dead_letters::inspect).delete(dead_letters::remove))
        .route("/v1/dead-letters/{id}/payload", get(dead_letters::payload))
        .route("/v1/dead-letters/{id}/retry", post(dead_letters::retry))
        .route("/v1/node", get(node::describe))
        .route("/v1/backup", get(backup::download))
        .route("/healthz", get(node::alive))
        .route("/readyz", get(node::ready))
        .route("/errors", get(errors::all))
        .route("/errors/{code}", get(errors::one))
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .with_state(api)
}

async fn unknown_path(uri: Uri) -> Problem {
    if uri.path().starts_with("/v1/") && uri.path().contains("//") {
        return Problem::new(Code::InvalidPath, "a segment of the path is empty");
    }
    Problem::new(Code::NotFound, "the API has no such path; the documentation lists those it has")
}

async fn unknown_method(method: Method) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("{method} is not for this path; Allow lists what is"))
}

#[cfg(test)]
mod tests;
