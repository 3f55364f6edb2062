//! The routes before a node whose actors echo: what each answers, whatever is behind it.

use super::*;
use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, stream};
use greenroom_core::sandbox::{Behavior, PrepareError, Sandbox, SandboxEngine, Trap, TurnHost};
use greenroom_core::{
    Address, ComponentInfo, Digest, Failure, Message, Payload, SettingsInForce, SystemClock,
};
use greenroom_runtime::Parts;
use greenroom_store::ModelStore;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt as _;

use crate::testing::{code_of, text_of};

/// Takes any component for one whose actors echo, unless its bytes say `bad`.
struct Echo(ComponentInfo);

#[async_trait]
impl SandboxEngine for Echo {
    async fn prepare(&self, component: Bytes) -> Result<Arc<dyn Behavior>, PrepareError> {
        if component == "bad" {
            return Err(PrepareError::Rejected("it is bad".to_owned()));
        }
        let info = ComponentInfo {
            digest: Digest::of(&component),
            size_bytes: component.len() as u64,
            imports: Vec::new(),
        };
        Ok(Arc::new(Echo(info)))
    }
}

#[async_trait]
impl Behavior for Echo {
    fn info(&self) -> &ComponentInfo {
        &self.0
    }

    async fn instantiate(
        &self,
        _: &Address,
        _: &Arc<SettingsInForce>,
        _: Arc<dyn TurnHost>,
    ) -> Result<Box<dyn Sandbox>, Trap> {
        Ok(Box::new(Echo(self.0.clone())))
    }
}

#[async_trait]
impl Sandbox for Echo {
    async fn activate(&mut self, _: Arc<dyn TurnHost>, _: &Address) -> Result<Result<(), Failure>, Trap> {
        Ok(Ok(()))
    }

    async fn receive(
        &mut self,
        _: Arc<dyn TurnHost>,
        message: Message,
    ) -> Result<Result<Payload, Failure>, Trap> {
        if message.method.as_str() == "trap" {
            return Err(Trap::Crashed("unreachable".to_owned()));
        }
        Ok(Ok(message.payload))
    }

    async fn deactivate(&mut self, _: Arc<dyn TurnHost>) -> Result<(), Trap> {
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}

async fn api() -> Router {
    api_within(&Bounds::default()).await
}

async fn api_within(bounds: &Bounds) -> Router {
    let parts = Parts {
        store: Arc::new(ModelStore::new()),
        engine: Arc::new(Echo(ComponentInfo { digest: Digest::of(b""), size_bytes: 0, imports: Vec::new() })),
        clock: Arc::new(SystemClock::default()),
        resident_bytes: Arc::new(|| 0),
    };
    let node = Node::start(parts, greenroom_runtime::Config::default()).await.unwrap();
    let router = router(Arc::new(Api::new(node, bounds, About::default())));
    let router = router.layer(axum::Extension(Arc::new(Peer::default())));
    let (status, _) = ask(&router, "PUT", "/v1/actor-types/echo", WASM, "one").await;
    assert_eq!(status, 201);
    router
}

type Headers = &'static [(&'static str, &'static str)];
const NONE: Headers = &[];
const WASM: Headers = &[("content-type", "application/wasm")];
const JSON: Headers = &[("content-type", "application/json")];
const ASYNC: Headers = &[("prefer", "respond-async")];
const KEYED: Headers = &[("idempotency-key", "k"), ("content-type", "text/plain")];
const QUOTED: Headers = &[("idempotency-key", "\"k\""), ("content-type", "text/plain")];
const KEYED_ASYNC: Headers = &[("idempotency-key", "k2"), ("prefer", "respond-async")];
const BAD_KEY: Headers = &[("idempotency-key", "a,b")];
const ID: &str = "01920000-0000-7000-8000-000000000000";

async fn ask(router: &Router, method: &str, path: &str, headers: Headers, body: &str) -> (u16, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    (response.status().as_u16(), text_of(response).await)
}

/// Every method of HTTP that some path of the API takes.
const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "PATCH"];

#[tokio::test]
async fn the_router_and_the_document_of_the_api_have_the_same_routes() {
    let api = api().await;
    let document = get_json(&api, "/openapi.json").await;
    for (path, item) in document["paths"].as_object().unwrap() {
        let mut asked = path.replace("{version}", "7").replace("{code}", "deadlock");
        for name in ["type", "id", "method", "name"] {
            asked = asked.replace(&format!("{{{name}}}"), "none");
        }
        for method in METHODS {
            let (status, answer) = ask(&api, method, &asked, NONE, "").await;
            let documented = item.get(method.to_lowercase());
            assert_eq!(documented.is_none(), status == 405, "{method} {path}: {status}");
            if let Some(operation) = documented {
                assert!(!answer.contains("the API has no such path"), "{method} {path}: {answer}");
                let response = &operation["responses"][status.to_string()];
                assert!(response.is_object(), "{method} {path} answers {status}, which is not documented");
            }
        }
    }
    // The other way round: routes are made of descriptions only.
    assert!(!include_str!("../routes.rs").contains("\n        .route("));
}

async fn get_json(router: &Router, path: &str) -> Value {
    let (status, body) = ask(router, "GET", path, NONE, "").await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn what_is_refused_is_refused_with_its_code() {
    let api = api().await;
    let put = |path| ("PUT", path, NONE, "");
    let letter = &format!("/v1/dead-letters/{ID}")[..];
    for ((method, path, headers, body), status, code) in [
        (("GET", "/", NONE, ""), 404, "not-found"),
        (("GET", "/v2/actors", NONE, ""), 404, "not-found"),
        (("GET", "/v1/actors//1", NONE, ""), 400, "invalid-path"),
        (("POST", "/v1/actors/echo//run", NONE, ""), 400, "invalid-path"),
        (("GET", "/v1/actors/echo/1/run", NONE, ""), 405, "method-not-allowed"),
        (("POST", "/healthz", NONE, ""), 405, "method-not-allowed"),
        (("POST", "/v1/actors/1echo/1/run", NONE, ""), 400, "invalid-path"),
        (("POST", "/v1/actors/echo/%FF/run", NONE, ""), 400, "invalid-path"),
        (("POST", "/v1/actors/echo/1/run?x=1", NONE, ""), 400, "invalid-request"),
        (("POST", "/v1/actors/echo/1/run?delay=PT1S", NONE, ""), 400, "invalid-request"),
        (("POST", "/v1/actors/none/1/run", NONE, ""), 404, "unknown-actor-type"),
        (("POST", "/v1/actors/none/1/run", KEYED, ""), 404, "unknown-actor-type"),
        (("POST", "/v1/actors/echo/1/run", BAD_KEY, ""), 400, "invalid-request"),
        (("POST", "/v1/actors/echo/1/trap", KEYED, ""), 500, "actor-trapped"),
        (("GET", "/v1/dead-letters?type=1", NONE, ""), 400, "invalid-request"),
        (("GET", "/v1/dead-letters?after=x", NONE, ""), 400, "invalid-request"),
        (("GET", "/v1/dead-letters/x", NONE, ""), 400, "invalid-path"),
        (("GET", letter, NONE, ""), 404, "not-found"),
        (("DELETE", letter, NONE, ""), 404, "not-found"),
        (("POST", &format!("{letter}/retry"), NONE, ""), 404, "not-found"),
        (("POST", letter, NONE, ""), 405, "method-not-allowed"),
        (("POST", "/v1/actors/echo/1/trap", NONE, ""), 500, "actor-trapped"),
        (("GET", "/v1/actors/echo/never", NONE, ""), 404, "unknown-actor"),
        (("GET", "/v1/actors?limit=0", NONE, ""), 400, "invalid-request"),
        (("GET", "/v1/actors?type=1", NONE, ""), 400, "invalid-request"),
        (("GET", "/v1/actors?after=x", NONE, ""), 400, "invalid-request"),
        (("GET", "/v1/actors/echo/1/-/state/none", NONE, ""), 404, "not-found"),
        (("DELETE", "/v1/actors/echo/1/-/reminders/none", NONE, ""), 404, "not-found"),
        (("PUT", "/v1/actors/echo/1/-/reminders/r", NONE, "{"), 400, "invalid-request"),
        (put("/v1/actor-types/echo"), 415, "unsupported-media-type"),
        (("PUT", "/v1/actor-types/echo", WASM, "bad"), 422, "component-rejected"),
        (("GET", "/v1/actor-types/none", NONE, ""), 404, "unknown-actor-type"),
        (("GET", "/v1/actor-types/none/openapi.json", NONE, ""), 404, "unknown-actor-type"),
        (("GET", "/v1/actor-types/echo/versions/+1/component", NONE, ""), 400, "invalid-path"),
        (("GET", "/v1/actor-types/echo/versions/01/component", NONE, ""), 400, "invalid-path"),
        (("GET", "/v1/actor-types/echo/versions/9/component", NONE, ""), 404, "not-found"),
        (("POST", "/v1/actor-types/echo/versions/9/activate", NONE, ""), 404, "not-found"),
        (("POST", "/v1/actor-types/echo/versions/x/activate", NONE, ""), 400, "invalid-path"),
        (("POST", "/v1/actor-types/none/versions/1/activate", NONE, ""), 404, "unknown-actor-type"),
        (("GET", "/v1/actor-types/none/settings", NONE, ""), 404, "unknown-actor-type"),
        (("PATCH", "/v1/actor-types/none/settings", JSON, "{}"), 404, "unknown-actor-type"),
        (("PATCH", "/v1/actor-types/echo/settings", JSON, "{"), 400, "invalid-request"),
        (("PATCH", "/v1/actor-types/echo/settings", WASM, "{}"), 415, "unsupported-media-type"),
        (("PATCH", "/v1/actor-types/echo/settings", JSON, "{\"x\":1}"), 400, "invalid-request"),
        (("DELETE", "/v1/actor-types/echo?purge=perhaps", NONE, ""), 400, "invalid-request"),
        (("GET", "/v1/node?pretty=1", NONE, ""), 400, "invalid-request"),
        (("GET", "/errors/none", NONE, ""), 404, "not-found"),
    ] {
        let (found, answer) = ask(&api, method, path, headers, body).await;
        assert_eq!((found, code_of(&answer).as_str()), (status, code), "{method} {path}: {answer}");
    }
}

#[tokio::test]
async fn an_actor_is_called_whatever_its_id() {
    let api = api().await;
    for id in ["1", "-", "a%2Fb", "%252e%252e", "..", "%E2%82%AC"] {
        let path = format!("/v1/actors/echo/{id}/run");
        assert_eq!(ask(&api, "POST", &path, JSON, "[1]").await, (200, "[1]".to_owned()), "{id}");
    }
    assert_eq!(ask(&api, "POST", "/v1/actors/echo/1/run", NONE, "").await.0, 204);
    let page = get_json(&api, "/v1/actors?limit=2").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 2, "{page}");
}

#[tokio::test]
async fn a_message_for_later_waits_in_the_mailbox() {
    let api = api().await;
    let (status, body) = ask(&api, "POST", "/v1/actors/echo/1/run?delay=PT1H", ASYNC, "x").await;
    assert_eq!(status, 202, "{body}");
    let accepted: Value = serde_json::from_str(&body).unwrap();
    let mailbox = get_json(&api, "/v1/actors/echo/1/-/mailbox").await;
    assert_eq!(mailbox["items"][0]["message_id"], accepted["message_id"], "{mailbox}");
    assert_eq!(mailbox["items"][0]["origin"], json!({"kind": "client"}));
    assert_eq!(mailbox["items"][0]["last_error"], Value::Null);
    assert_eq!(ask(&api, "DELETE", "/v1/actors/echo/1", NONE, "").await.0, 204);
    assert_eq!(ask(&api, "GET", "/v1/actors/echo/1", NONE, "").await.0, 404);
}

#[tokio::test]
async fn a_message_that_waits_can_be_removed() {
    let api = api().await;
    let (_, body) = ask(&api, "POST", "/v1/actors/echo/1/run?delay=PT1H", ASYNC, "x").await;
    let accepted: Value = serde_json::from_str(&body).unwrap();
    let message = format!("/v1/actors/echo/1/-/mailbox/{}", accepted["message_id"].as_str().unwrap());
    let (status, problem) = ask(&api, "POST", &format!("{message}/retry"), NONE, "").await;
    assert!(status == 404 && problem.contains("has failed"), "{problem}");
    assert_eq!(ask(&api, "DELETE", &message, NONE, "").await.0, 204);
    assert_eq!(ask(&api, "DELETE", &message, NONE, "").await.0, 404);
    let mailbox = get_json(&api, "/v1/actors/echo/1/-/mailbox").await;
    assert_eq!(mailbox["items"], json!([]));
    let (status, problem) = ask(&api, "DELETE", "/v1/actors/echo/1/-/mailbox/x", NONE, "").await;
    assert!(status == 400 && problem.contains("message id"), "{problem}");
}

#[tokio::test]
async fn a_repeat_is_answered_like_the_first_and_says_so() {
    let api = api().await;
    let ask_once = async |path: &str, headers: Headers, body: &'static str| {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = api.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let header =
            |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let seen = (response.status().as_u16(), header("content-type"), header("preference-applied"));
        let repeated = header("idempotency-replayed");
        (seen, repeated, text_of(response).await)
    };
    let run = "/v1/actors/echo/1/run";
    for (path, headers, body) in [
        (run, KEYED, "x"),
        ("/v1/actors/echo/2/run", KEYED, ""),
        (run, KEYED_ASYNC, "x"),
        ("/v1/actors/echo/3/run?delay=PT1H", KEYED_ASYNC, "x"),
    ] {
        let (seen, repeated, answer) = ask_once(path, headers, body).await;
        assert_eq!(repeated, None, "{path}");
        assert_eq!(ask_once(path, headers, body).await, (seen, Some("true".to_owned()), answer), "{path}");
    }
    assert_eq!(ask_once(run, QUOTED, "x").await.1.as_deref(), Some("true"));
    for (path, headers, body) in [
        (run, KEYED, "y"),
        ("/v1/actors/echo/1/walk", KEYED, "x"),
        ("/v1/actors/echo/3/run", KEYED_ASYNC, "x"),
    ] {
        let ((status, ..), repeated, answer) = ask_once(path, headers, body).await;
        assert_eq!((status, code_of(&answer).as_str()), (409, "idempotency-mismatch"), "{path}");
        assert_eq!(repeated, None);
    }
}

#[tokio::test]
async fn dead_letters_are_none_to_begin_with() {
    let api = api().await;
    let nothing = json!({"items": [], "next": null});
    assert_eq!(get_json(&api, "/v1/dead-letters").await, nothing);
    assert_eq!(get_json(&api, &format!("/v1/dead-letters?type=echo&after={ID}&limit=5")).await, nothing);
}

#[tokio::test]
async fn state_and_reminders_are_looked_at_and_repaired() {
    let api = api().await;
    let key = "/v1/actors/echo/1/-/state/notes%2F1";
    assert_eq!(ask(&api, "PUT", key, NONE, "text").await.0, 204);
    assert_eq!(ask(&api, "GET", key, NONE, "").await, (200, "text".to_owned()));
    let keys = get_json(&api, "/v1/actors/echo/1/-/state?prefix=notes/").await;
    assert_eq!(keys, json!({"items": ["notes/1"], "next": null}));
    assert_eq!(ask(&api, "DELETE", key, NONE, "").await.0, 204);
    assert_eq!(ask(&api, "DELETE", key, NONE, "").await.0, 404);

    let reminder = "/v1/actors/echo/1/-/reminders/daily%2F1";
    let body = r#"{"method":"run","delay_ms":60000,"payload":null}"#;
    assert_eq!(ask(&api, "PUT", reminder, JSON, body).await, (204, String::new()));
    let list = get_json(&api, "/v1/actors/echo/1/-/reminders").await;
    assert_eq!(list["items"][0]["name"], "daily/1", "{list}");
    assert_eq!(ask(&api, "DELETE", reminder, NONE, "").await.0, 204);
    assert_eq!(ask(&api, "POST", "/v1/actors/echo/1/-/deactivate", NONE, "").await.0, 204);
}

#[tokio::test]
async fn a_type_is_deployed_looked_at_and_removed() {
    let api = api().await;
    assert_eq!(ask(&api, "PUT", "/v1/actor-types/echo", WASM, "one").await.0, 200);
    assert_eq!(ask(&api, "PUT", "/v1/actor-types/echo", WASM, "two").await.0, 201);
    let known = get_json(&api, "/v1/actor-types/echo").await;
    assert_eq!(known["active_version"], 2, "{known}");
    assert_eq!(known["previous_version"], 1, "{known}");
    let (status, rolled_back) = ask(&api, "POST", "/v1/actor-types/echo/versions/1/activate", NONE, "").await;
    let rolled_back: Value = serde_json::from_str(&rolled_back).unwrap();
    assert_eq!(
        (status, &rolled_back["active_version"], &rolled_back["previous_version"]),
        (200, &json!(1), &json!(2))
    );
    assert_eq!((&known["methods"], &known["takes_any_method"]), (&json!([]), &json!(true)));
    let openapi = get_json(&api, "/v1/actor-types/echo/openapi.json").await;
    assert_eq!((&openapi["openapi"], &openapi["paths"]), (&json!("3.1.0"), &json!({})));
    let component = ask(&api, "GET", "/v1/actor-types/echo/versions/1/component", NONE, "").await;
    assert_eq!(component, (200, "one".to_owned()));
    assert_eq!(ask(&api, "PUT", "/v1/actors/echo/1/-/state/k", NONE, "v").await.0, 204);
    let (status, answer) = ask(&api, "DELETE", "/v1/actor-types/echo", NONE, "").await;
    assert_eq!((status, code_of(&answer).as_str()), (409, "actor-type-in-use"));
    assert_eq!(ask(&api, "DELETE", "/v1/actor-types/echo?purge=true", NONE, "").await.0, 204);
    assert_eq!(get_json(&api, "/v1/actor-types").await, json!({"items": [], "next": null}));
}

#[tokio::test]
async fn settings_are_patched_and_each_says_whose_it_is() {
    let api = api().await;
    let path = "/v1/actor-types/echo/settings";
    let before = get_json(&api, path).await;
    assert_eq!(before["type"], "echo");
    assert_eq!(
        before["settings"]["turn_timeout_ms"],
        json!({"value": 30_000, "from": "default", "max": 30_000})
    );
    assert_eq!(before["settings"]["environment"], json!({"value": {}, "from": "default"}));
    let patch = r#"{"turn_timeout_ms": 500, "environment": {"A": "1"}, "keeps_nothing_in_memory": true}"#;
    let headers: Headers = &[("content-type", "application/merge-patch+json")];
    let (status, answer) = ask(&api, "PATCH", path, headers, patch).await;
    assert_eq!(status, 200, "{answer}");
    let after = get_json(&api, path).await;
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), after);
    assert_eq!(after["settings"]["turn_timeout_ms"], json!({"value": 500, "from": "type", "max": 30_000}));
    assert_eq!(after["settings"]["environment"], json!({"value": {"A": "1"}, "from": "type"}));
    let (status, answer) = ask(&api, "PATCH", path, headers, r#"{"turn_timeout_ms": 40000}"#).await;
    assert_eq!((status, answer.contains("$.turn_timeout_ms: ")), (400, true), "{answer}");
    let back = r#"{"turn_timeout_ms": null, "environment": null, "keeps_nothing_in_memory": null}"#;
    assert_eq!(ask(&api, "PATCH", path, headers, back).await.0, 200);
    assert_eq!(get_json(&api, path).await, before);
}

#[test]
fn the_route_that_calls_are_counted_under_is_theirs() {
    let described = described().into_openapi();
    let path = described.paths.paths.get(greenroom_metrics::CALLS).expect("the API has that path");
    assert_eq!(path.post.as_ref().and_then(|post| post.operation_id.as_deref()), Some("callActor"));
}

/// A request whose body never ends after these bytes.
fn unended(method: &str, path: &str, headers: Headers, bytes: usize) -> Request<Body> {
    let begun = stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from(vec![0; bytes]))]);
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from_stream(begun.chain(stream::pending()))).unwrap()
}

#[tokio::test]
async fn components_on_their_way_take_no_room_from_messages() {
    let api = api_within(&Bounds { body_memory_bytes: 130_000, ..Bounds::default() }).await;
    let mut upload = Box::pin(api.clone().oneshot(unended("PUT", "/v1/actor-types/slow", WASM, 90_000)));
    assert!(upload.as_mut().now_or_never().is_none());
    let body = "x".repeat(50_000);
    assert_eq!(ask(&api, "POST", "/v1/actors/echo/a/any", NONE, &body).await, (200, body.clone()));
    let mut call = Box::pin(api.clone().oneshot(unended("POST", "/v1/actors/echo/b/any", NONE, 90_000)));
    assert!(call.as_mut().now_or_never().is_none());
    assert_eq!(ask(&api, "POST", "/v1/actors/echo/a/any", NONE, &body).await.0, 503);
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_nobody_reads_makes_way_in_time() {
    let api = api().await;
    let component = "c".repeat(100_000);
    assert_eq!(ask(&api, "PUT", "/v1/actor-types/large", WASM, &component).await.0, 201);
    let request = Request::builder().uri("/v1/backup").body(Body::empty()).unwrap();
    let unread = api.clone().oneshot(request).await.unwrap();
    assert_eq!(unread.status(), 200);
    assert_eq!(ask(&api, "GET", "/v1/backup", NONE, "").await.0, 503);
    tokio::time::sleep(Bounds::default().body_timeout + Duration::from_mins(1)).await;
    assert_eq!(ask(&api, "GET", "/v1/backup", NONE, "").await.0, 200);
    assert!(unread.into_body().collect().await.is_err(), "a part was taken for the whole");
}
