//! Every route of the API. What is not here is `not-found`; a method that is not here is
//! `method-not-allowed`, with the ones that are in `Allow`.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use greenroom_core::{Code, Limits};
use greenroom_runtime::Node;
use http::{Method, Request, Uri};
use tokio::time::Instant;
use tower::Service as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::backup::Pace;
use crate::body::BodyReader;
use crate::config::{About, Bounds};
use crate::path::MethodPath;
use crate::peer::{Peer, Shared};
use crate::problem::Problem;
use crate::unread::Brought;
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
    /// The same for components, which wait for their compilation: in memory of their own, so that messages have theirs.
    pub(crate) components: BodyReader,
    /// How long a backup may take to be read, by its bytes.
    pub(crate) backups: Pace,
    /// What the host says of itself.
    pub(crate) about: About,
    /// When it began to serve.
    pub(crate) started: Instant,
    /// The OpenAPI document, once somebody has asked for it.
    pub(crate) description: OnceLock<Bytes>,
}

impl Api {
    /// An API in front of `node`.
    pub(crate) fn new(node: Node, bounds: &Bounds, about: About) -> Self {
        Api {
            node,
            bodies: BodyReader::new(bounds, Shared::Bodies),
            components: BodyReader::new(bounds, Shared::Components),
            backups: Pace::new(bounds),
            about,
            started: Instant::now(),
            description: OnceLock::new(),
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
    pub(crate) async fn answer(&self, mut request: Request<Brought>, peer: &Arc<Peer>) -> (Route, Response) {
        if let Some(api) = &self.calls
            && request.method() == Method::POST
            && let Some(path) = MethodPath::read(request.uri().path())
        {
            let response = match path {
                Ok(path) => call::answer(api, path, request, peer).await.into_response(),
                Err(problem) => problem.into_response(),
            };
            return (Route::Calls, response);
        }
        request.extensions_mut().insert(Arc::clone(peer));
        // In a box: hyper moves the future of every request, and what the router needs is large.
        match Box::pin(self.router.clone().call(request.map(Body::new))).await {
            Ok(mut response) => {
                let found = response.extensions_mut().remove::<MatchedPath>();
                (found.map_or(Route::None, Route::Found), response)
            }
            Err(never) => match never {},
        }
    }
}

/// Which route a request has taken.
pub(crate) enum Route {
    Calls,
    Found(MatchedPath),
    /// It came to none.
    None,
}

impl Route {
    /// As the API describes it.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Route::Calls => greenroom_metrics::CALLS,
            Route::Found(path) => path.as_str(),
            Route::None => greenroom_metrics::NONE,
        }
    }
}

/// Lets a response say which route it is of.
async fn tell_route(request: axum::extract::Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

#[cfg(test)]
impl From<Router> for Routes {
    fn from(router: Router) -> Self {
        Routes { calls: None, router }
    }
}

/// The routes, in the order of the API's description, each with what its handler says of itself.
pub(crate) fn described() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        // `Routes::answer` is before this one; it is here for what other methods are told.
        .routes(routes!(call::call))
        .routes(routes!(actors::list))
        .routes(routes!(actors::inspect, actors::remove))
        .routes(routes!(state::keys))
        .routes(routes!(state::read, state::write, state::remove))
        .routes(routes!(reminders::list))
        .routes(routes!(reminders::set, reminders::cancel))
        .routes(routes!(actors::mailbox))
        .routes(routes!(actors::cancel_message))
        .routes(routes!(actors::retry_message))
        .routes(routes!(actors::deactivate))
        .routes(routes!(actor_types::list))
        .routes(routes!(actor_types::deploy, actor_types::inspect, actor_types::undeploy))
        .routes(routes!(openapi::of_type::describe))
        .routes(routes!(actor_types::component))
        .routes(routes!(actor_types::activate))
        .routes(routes!(type_settings::show, type_settings::change))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::inspect, dead_letters::remove))
        .routes(routes!(dead_letters::payload))
        .routes(routes!(dead_letters::retry))
        .routes(routes!(node::describe))
        .routes(routes!(backup::download))
        .routes(routes!(node::alive))
        .routes(routes!(node::ready))
        .routes(routes!(node::metrics))
        .routes(routes!(errors::all))
        .routes(routes!(errors::one))
        .routes(routes!(openapi::of_host::describe))
}

fn router(api: Arc<Api>) -> Router {
    let (router, _) = described().split_for_parts();
    let router = router.fallback(unknown_path).method_not_allowed_fallback(unknown_method);
    router.layer(from_fn(tell_route)).with_state(api)
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
