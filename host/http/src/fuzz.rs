//! Fuzz targets for what a request says: its path, its query and headers, and the problems it is answered
//! with. Each takes any bytes and panics when something that is promised does not hold.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::LazyLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::get;
use greenroom_core::{Code, Error};
use http::{HeaderMap, HeaderValue, Request, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use crate::path::{MethodPath, NamedPath};
use crate::problem::Problem;
use crate::{duration, guard, idempotency, query};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs nothing of the system")
});

/// A path: the address and method it names lead back to the same path, and the two readers of paths, the one
/// for calls and the router's, agree.
pub fn path(bytes: &[u8]) {
    let Ok(uri) = Uri::try_from(bytes) else { return };
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    if let Some(Ok(MethodPath { to, method })) = MethodPath::read(uri.path()) {
        let [actor_type, id] = [to.actor_type.as_str(), to.id.as_str()].map(encoded);
        let canonical = format!("/v1/actors/{actor_type}/{id}/{}", encoded(method.as_str()));
        let again = MethodPath::read(&canonical).and_then(Result::ok).expect("a canonical path is one");
        assert_eq!((again.to, again.method), (to.clone(), method.clone()));
        assert_eq!(routed(uri.path()), (200, format!("{to}\0{method}")));
    } else {
        let (status, name) = routed(uri.path());
        if status == 200 {
            // The router's own shape takes any name; a call's must be a method.
            let (_, name) = name.split_once('\0').expect("an address has no control characters");
            assert!(greenroom_core::Method::new(name).is_err(), "{name} is a method");
        } else {
            assert!([400, 404].contains(&status), "{status}");
        }
    }
}

/// The status of what the router makes of a path, and the address and name that it found.
fn routed(path: &str) -> (u16, String) {
    let named = |NamedPath { address, name }: NamedPath| async move { format!("{address}\0{name}") };
    let router = Router::new().route("/v1/actors/{type}/{id}/{name}", get(named));
    let Ok(request) = Request::get(path).body(Body::empty()) else { return (404, String::new()) };
    RUNTIME.block_on(async {
        let Ok(response) = router.oneshot(request).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("the body is in memory");
        (status, String::from_utf8(body.to_vec()).expect("a path is text"))
    })
}

/// A line for each: query, delay, idempotency key, host. What is taken means one thing, and is taken again
/// when it is written anew.
pub fn headers(bytes: &[u8]) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        prefix: Option<String>,
        limit: Option<usize>,
    }
    let mut lines = bytes.splitn(4, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();

    if let Ok(uri) = Uri::try_from([b"/x?", line()].concat())
        && let Ok(Page { prefix, limit }) = query::parse(&uri)
    {
        let prefix = prefix.as_deref().unwrap_or_default();
        let again = format!("/x?prefix={}", utf8_percent_encode(prefix, NON_ALPHANUMERIC));
        let again: Page =
            query::parse(&again.parse().expect("an encoded query is one")).expect("it was taken");
        assert_eq!(again.prefix.as_deref(), Some(prefix));
        assert!(query::limit(limit).is_err() || limit.is_none_or(|limit| (1..=1_000).contains(&limit)));
    }
    if let Ok(text) = std::str::from_utf8(line())
        && let Ok(delay) = duration::parse(text)
    {
        let again = format!("PT{}.{:09}S", delay.as_secs(), delay.subsec_nanos());
        assert_eq!(duration::parse(&again), Ok(delay), "{text}");
    }
    if let Ok(value) = HeaderValue::from_bytes(line()) {
        let key_of = |value| idempotency::key(&HeaderMap::from_iter([(idempotency::KEY, value)]));
        if let Ok(key) = key_of(value) {
            let key = key.expect("there is a header");
            let quoted = format!("\"{}\"", key.as_str().replace('\\', "\\\\").replace('"', "\\\""));
            let quoted = HeaderValue::from_str(&quoted).expect("a key is printable");
            assert_eq!(key_of(quoted), Ok(Some(key)));
        }
    }
    if let Ok(host) = std::str::from_utf8(line())
        && guard::names_this_machine(host)
    {
        let end = host.rfind(':').filter(|colon| !host[*colon..].contains(']')).unwrap_or(host.len());
        let bare = host[..end].trim_start_matches('[').trim_end_matches(']');
        let is_loopback = bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        assert!(is_loopback || bare.eq_ignore_ascii_case("localhost"), "{host}");
    }
}

/// A problem: the document says what the error does, and what is no JSON does not get into it.
pub fn problem(bytes: &[u8]) {
    let Some((code, rest)) = bytes.split_first() else { return };
    let (detail, data) = rest.split_at(rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len()));
    let detail = String::from_utf8_lossy(detail);
    let data = data.get(1..).map(<[u8]>::to_vec);
    let code = Code::ALL[usize::from(*code) % Code::ALL.len()];
    let error = Error { data: data.clone().map(Into::into), ..Error::new(code, detail.clone()) };
    let response = axum::response::IntoResponse::into_response(Problem::from(error));
    assert_eq!(response.status().as_u16(), code.status());
    let body = RUNTIME.block_on(to_bytes(response.into_body(), usize::MAX)).expect("the body is in memory");
    // Raw values: an actor may have written a number that no double holds.
    let document: BTreeMap<&str, &RawValue> = serde_json::from_slice(&body).expect("a problem is JSON");
    let text = |name| serde_json::from_str::<String>(document[name].get()).expect("that member is a text");
    assert_eq!((text("code"), document["status"].get()), (code.as_str().into(), &*code.status().to_string()));
    assert!(code == Code::Internal || text("detail") == *detail, "{detail}");
    let data = data.and_then(|data| serde_json::from_slice::<Box<RawValue>>(&data).ok());
    assert_eq!(document.get("error").map(|error| error.get()), data.as_ref().map(|data| data.get()));
}
