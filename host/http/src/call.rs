//! `POST /v1/actors/{type}/{id}/{method}`: asks an actor and waits for its reply, or, with
//! `Prefer: respond-async`, tells it; with an `Idempotency-Key`, once for all repeats. The one path of
//! this crate that is measured: nothing here may cost what only other routes need.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use greenroom_core::{MessageId, Payload};
use greenroom_runtime::Once;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use utoipa::IntoParams;

use crate::body::{Limit, check_encoding};
use crate::duration;
use crate::idempotency;
use crate::path::MethodPath;
use crate::peer::Peer;
use crate::problem::Problem;
use crate::query;
use crate::routes::{Answer, Api};
use crate::view;

/// The media type of a body that came without one.
const UNTYPED: &str = "application/octet-stream";

/// What a client prefers (RFC 7240).
pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");

/// When the message is delivered.
#[derive(serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// No sooner than this after now, for a message that is sent: an ISO 8601 duration of weeks, days, hours, minutes
    /// and seconds.
    #[param(format = "duration", example = "PT5S")]
    delay: Option<String>,
}

/// What is to be done with a message.
#[derive(Debug, PartialEq, Eq)]
enum Delivery {
    Call,
    Send { delay: Duration },
}

/// Calls an actor, or sends it a message
///
/// A call runs one turn with the body as payload, and answers when what it wrote is durable. With
/// `Prefer: respond-async` the message is stored instead, and processed exactly once later.
#[utoipa::path(
    post,
    path = "/v1/actors/{type}/{id}/{method}",
    operation_id = "callActor",
    tag = "Actors",
    params(
        Parameters,
        ("Prefer" = Option<String>, Header, example = "respond-async",
            description = "`respond-async` sends the message: the answer comes when it is durable, not when it is processed"),
        ("Idempotency-Key" = Option<String>, Header, example = "8e03978e-40d5-43dd-bc93-6894a57f9324",
            pattern = r#"^(?:[!#-+\--\[\]-~]{1,255}|"(?:[ !#-\[\]-~]|\\["\\]){1,255}")$"#,
            description = "A name for this request to this actor. Every repeat with it has no further effect and gets \
                           the answer of the first"),
    ),
    request_body(content_type = "*/*", description = "The payload, of any media type; at most `payload_bytes`"),
    responses(
        (status = 200, description = "The reply, of the media type that the actor gave it", content_type = "*/*",
            headers(("Idempotency-Replayed" = Option<String>, description = "`true` when this is the answer of an earlier request"))),
        (status = 202, description = "The message is durable", body = view::Accepted,
            headers(
                ("Preference-Applied" = String, description = "`respond-async`"),
                ("Idempotency-Replayed" = Option<String>, description = "`true` when this is the answer of an earlier request"))),
        (status = 204, description = "The reply, which is empty",
            headers(("Idempotency-Replayed" = Option<String>, description = "`true` when this is the answer of an earlier request"))),
    ),
)]
pub(crate) async fn call(
    State(api): State<Arc<Api>>,
    Extension(peer): Extension<Arc<Peer>>,
    path: MethodPath,
    request: Request,
) -> Answer {
    answer(&api, path, request, &peer).await
}

/// Answers a request whose path was read, with a body as it comes from any connection.
pub(crate) async fn answer<B>(
    api: &Api,
    MethodPath { to, method }: MethodPath,
    request: http::Request<B>,
    peer: &Arc<Peer>,
) -> Answer
where
    B: hyper::body::Body<Data = Bytes, Error: std::fmt::Display> + Unpin,
{
    let (parts, body) = request.into_parts();
    let delivery = delivery(&parts)?;
    let key = idempotency::key(&parts.headers)?;
    check_encoding(&parts.headers)?;
    let given_type: Option<Arc<str>> = content_type(&parts.headers)?.map(Arc::from);
    // Nothing of them is kept while the body arrives and the actor works.
    drop(parts);
    let limit = Limit { bytes: api.limits().payload_bytes, name: "payload_bytes" };
    let received = api.bodies.read(body, peer, limit).await?;
    let payload = match given_type {
        Some(content_type) => Payload { content_type, body: received.bytes },
        None if received.bytes.is_empty() => Payload::new("", received.bytes),
        None => Payload::new(UNTYPED, received.bytes),
    };
    // Boxed but for plain calls: hyper moves the future of every request, and this is for few of them.
    match (delivery, key) {
        (Delivery::Call, None) => Ok(reply(api.node.call(&to, method, payload).await?)),
        (Delivery::Send { delay }, None) => {
            Ok(accepted(Box::pin(api.node.send(&to, method, payload, delay)).await?))
        }
        (Delivery::Call, Some(key)) => {
            Ok(once(Box::pin(api.node.call_once(&to, method, payload, key)).await, reply))
        }
        (Delivery::Send { delay }, Some(key)) => {
            Ok(once(Box::pin(api.node.send_once(&to, method, payload, delay, key)).await, accepted))
        }
    }
}

/// The response to a request with a key: a repeat's says so, and is otherwise that of the first.
fn once<T>(Once { outcome, repeated }: Once<T>, respond: impl FnOnce(T) -> Response) -> Response {
    let mut response = outcome.map_or_else(|error| Problem::from(error).into_response(), respond);
    if repeated {
        idempotency::mark_repeated(&mut response);
    }
    response
}

fn delivery(parts: &Parts) -> Result<Delivery, Problem> {
    let delay = delay(&parts.uri)?;
    match (prefers_async(&parts.headers), delay) {
        (true, delay) => Ok(Delivery::Send { delay: delay.unwrap_or_default() }),
        (false, None) => Ok(Delivery::Call),
        (false, Some(_)) => Err(Problem::invalid_request(
            "delay is for a message that nobody waits for: send `Prefer: respond-async` with it",
        )),
    }
}

fn delay(uri: &Uri) -> Result<Option<Duration>, Problem> {
    if uri.query().is_none() {
        return Ok(None);
    }
    let Some(text) = query::parse::<Parameters>(uri)?.delay else { return Ok(None) };
    let delay = duration::parse(&text)
        .map_err(|rule| Problem::invalid_request(format!("delay is not valid: it is {rule}")))?;
    Ok(Some(delay))
}

/// Whether the client asked not to wait (RFC 7240). Other preferences are not for this host.
fn prefers_async(headers: &HeaderMap) -> bool {
    headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|preference| {
            let token = preference.split([';', '=']).next().unwrap_or_default();
            token.trim().eq_ignore_ascii_case("respond-async")
        })
    })
}

fn content_type(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(None) };
    value.to_str().map(Some).map_err(|_| Problem::invalid_request("content-type is not visible ASCII"))
}

fn reply(payload: Payload) -> Response {
    if payload.body.is_empty() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let mut response = Response::new(Body::from(payload.body));
    response.headers_mut().insert(CONTENT_TYPE, reply_type(&payload.content_type));
    response
}

/// The media type of a reply; what a guest says that can't be a header is no media type.
fn reply_type(content_type: &str) -> HeaderValue {
    match content_type {
        Payload::JSON => HeaderValue::from_static(Payload::JSON),
        "" => HeaderValue::from_static(UNTYPED),
        other => HeaderValue::from_str(other).unwrap_or(HeaderValue::from_static(UNTYPED)),
    }
}

fn accepted(id: MessageId) -> Response {
    const APPLIED: HeaderName = HeaderName::from_static("preference-applied");
    let body = format!("{{\"message_id\":\"{id}\"}}");
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(Payload::JSON)),
        (APPLIED, HeaderValue::from_static("respond-async")),
    ];
    (StatusCode::ACCEPTED, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::text_of;
    use http::Request;

    fn asked(query: &str, headers: &[(&str, &str)]) -> Result<Delivery, String> {
        let mut request = Request::post(format!("/v1/actors/task/1/run{query}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        delivery(&parts).map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn a_message_is_a_call_unless_the_client_prefers_not_to_wait() {
        assert_eq!(asked("", &[]), Ok(Delivery::Call));
        assert_eq!(asked("", &[("prefer", "wait=5, return=minimal")]), Ok(Delivery::Call));
        let at_once = Ok(Delivery::Send { delay: Duration::ZERO });
        for prefer in ["respond-async", "Respond-Async", "wait=5, respond-async", "respond-async; foo=1"] {
            assert_eq!(asked("", &[("prefer", prefer)]), at_once, "{prefer}");
        }
        assert_eq!(asked("", &[("prefer", "wait=5"), ("prefer", "respond-async")]), at_once);
    }

    #[test]
    fn a_delay_needs_a_message_that_nobody_waits_for() {
        let later = Ok(Delivery::Send { delay: Duration::from_secs(5) });
        assert_eq!(asked("?delay=PT5S", &[("prefer", "respond-async")]), later);
        assert!(asked("?delay=PT5S", &[]).unwrap_err().contains("respond-async"));
        assert!(asked("?delay=5s", &[("prefer", "respond-async")]).unwrap_err().contains("PT5S"));
        assert!(asked("?dealy=PT5S", &[("prefer", "respond-async")]).unwrap_err().contains("dealy"));
    }

    #[tokio::test]
    async fn a_reply_comes_back_as_the_actor_gave_it() {
        let response = reply(Payload::new("text/plain; charset=utf-8", "hi"));
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
        assert_eq!(text_of(response).await, "hi");
        assert_eq!(reply(Payload::new(Payload::JSON, "")).status(), 204);
        for untyped in ["", "a\r\nset-cookie: b", "\u{7f}"] {
            let response = reply(Payload::new(untyped, "x"));
            assert_eq!(response.headers()["content-type"], UNTYPED, "{untyped:?}");
        }
    }
}
