//! A client of the HTTP API: what a request brought back, as it was, and checks of what every
//! refusal must look like.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use greenroom_core::Code;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Longer than any turn and any compilation may take: a request that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(6);

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Speaks to one host. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    http: legacy::Client<HttpConnector, Full<Bytes>>,
}

/// What came back, whatever it is.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A refusal, as `application/problem+json` has it.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)] // RFC 9457 says what each means, http-api the extensions
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    pub code: String,
    pub source: String,
    pub retry: String,
}

/// One path segment, percent-encoded.
pub fn encode(segment: &str) -> String {
    utf8_percent_encode(segment, UNRESERVED).to_string()
}

impl Client {
    /// A client of the host at `base`, for example `http://127.0.0.1:7070`.
    pub fn new(base: &str) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Client { base: base.to_owned(), http }
    }

    /// Where the host is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Any request. An error means that there was no reply, so the outcome is unknown.
    pub async fn send_request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Reply> {
        let mut request = Request::builder().method(method.clone()).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).context("not a request")?;
        let exchange = async {
            let response = self.http.request(request).await?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            anyhow::Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .with_context(|| format!("{method} {path} hangs"))?
            .with_context(|| format!("{method} {path} brought no reply"))
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> anyhow::Result<Reply> {
        self.send_request(Method::GET, path, &[], Bytes::new()).await
    }

    /// `PUT path`.
    pub async fn put(&self, path: &str, body: impl Into<Bytes>) -> anyhow::Result<Reply> {
        self.send_request(Method::PUT, path, &[], body).await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Reply> {
        self.send_request(Method::DELETE, path, &[], Bytes::new()).await
    }

    /// `POST path`.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> anyhow::Result<Reply> {
        self.send_request(Method::POST, path, &[], body).await
    }

    /// Calls an actor with a text.
    pub async fn call(
        &self,
        actor_type: &str,
        id: &str,
        method: &str,
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Reply> {
        let path = format!("/v1/actors/{actor_type}/{}/{method}", encode(id));
        self.send_request(Method::POST, &path, &[("content-type", "text/plain")], body).await
    }

    /// Calls an actor with JSON.
    pub async fn call_json(
        &self,
        actor_type: &str,
        id: &str,
        method: &str,
        body: &serde_json::Value,
    ) -> anyhow::Result<Reply> {
        let path = format!("/v1/actors/{actor_type}/{}/{method}", encode(id));
        let headers = [("content-type", "application/json")];
        self.send_request(Method::POST, &path, &headers, body.to_string()).await
    }

    /// Sends an actor a text: returns when it is stored.
    pub async fn tell(
        &self,
        actor_type: &str,
        id: &str,
        method: &str,
        delay: Option<&str>,
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Reply> {
        let query = delay.map(|delay| format!("?delay={delay}")).unwrap_or_default();
        let path = format!("/v1/actors/{actor_type}/{}/{method}{query}", encode(id));
        let headers = [("content-type", "text/plain"), ("prefer", "respond-async")];
        self.send_request(Method::POST, &path, &headers, body).await
    }

    /// Uploads a component.
    pub async fn deploy(&self, actor_type: &str, component: impl Into<Bytes>) -> anyhow::Result<Reply> {
        let path = format!("/v1/actor-types/{actor_type}");
        self.send_request(Method::PUT, &path, &[("content-type", "application/wasm")], component).await
    }
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {} {}", self.status, self.text()),
        }
    }

    /// A header's text, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Checks that it is a reply of that status.
    #[allow(clippy::return_self_not_must_use)] // the check is what it is called for
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Checks that it is a refusal of that status and code, in the published form and as the
    /// published table of errors has it.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Problem {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let problem: Problem = self.json();
        assert_eq!((problem.status, problem.code.as_str()), (status, code), "{problem:?}");
        let rows = Code::ALL.iter().filter(|row| row.as_str() == code && row.status() == status);
        let is_in_table = rows.into_iter().any(|row| {
            let (source, retry) = (row.source().as_str(), row.retry().as_str());
            (source, retry, row.title()) == (&problem.source, &problem.retry, &problem.title)
        });
        assert!(is_in_table, "not as in the table of errors: {problem:?}");
        problem
    }
}
