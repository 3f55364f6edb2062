//! One request to a host and its answer. Answers above 399 become a [`Failure`] with the host's
//! own words.

use std::io::Read;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{HeaderName, HeaderValue};
use ureq::{Agent, SendBody, Timeout};

use super::failure::{Failure, Refusal};
use super::target::Target;
use super::tls;
use crate::cli::Connection;

/// How long a host may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer that is read; the host's own limits are below.
const ANSWER_BYTES_MAX: u64 = 4 << 30;

/// A host to ask.
pub(super) struct Host {
    agent: Agent,
    url: String,
    token: Option<String>,
}

/// What to ask it.
pub(super) struct Request {
    method: &'static str,
    /// Path and query, percent-encoded.
    pub(super) path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
}

/// What it answers.
#[derive(Debug)]
pub(super) struct Reply {
    /// The HTTP status, from 200 to 299.
    pub(super) status: u16,
    /// The body.
    pub(super) body: Vec<u8>,
}

type Response = ureq::http::Response<ureq::Body>;

/// An answer that is read as it comes.
pub(super) struct Stream {
    /// How many bytes it has, as the host says.
    pub(super) bytes: Option<u64>,
    /// They.
    pub(super) reader: Box<dyn Read>,
}

impl Request {
    /// A request without a body.
    pub(super) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Request { method, path: path.into(), headers: Vec::new(), body: None }
    }

    /// The same with a header.
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The same with a body of that media type.
    pub(super) fn content_type(self, value: &str) -> Self {
        self.header("content-type", value)
    }

    /// The same with a body.
    pub(super) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }
}

impl Reply {
    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body).map_err(|_| Failure::NotGreenroom)
    }
}

impl Host {
    /// A host as the command line names it.
    pub(super) fn new(connection: &Connection) -> Result<Self, Failure> {
        let Target { url, token, ca_file } = Target::of(connection)?;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("greenroom/", env!("CARGO_PKG_VERSION")));
        if url.starts_with("https://") {
            config = config.tls_config(tls::config(ca_file.as_deref())?);
        }
        Ok(Host { agent: config.build().into(), url, token })
    }

    /// Where it is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Asks, and waits for the answer.
    pub(super) fn ask(&self, mut request: Request) -> Result<Reply, Failure> {
        match request.body.take() {
            None => self.run(request, ()),
            Some(body) => self.run(request, body),
        }
    }

    /// Asks with a body of `length` bytes that is read while it is sent.
    pub(super) fn ask_with_reader(
        &self,
        request: Request,
        body: impl Read + 'static,
        length: usize,
    ) -> Result<Reply, Failure> {
        let request = request.header("content-length", &length.to_string());
        self.run(request, SendBody::from_owned_reader(body))
    }

    /// Asks for something large, which is read as it comes.
    pub(super) fn ask_for_stream(&self, request: Request) -> Result<Stream, Failure> {
        let response = self.send(request, ())?;
        let bytes = response.body().content_length();
        let reader = response.into_body().into_with_config().limit(u64::MAX).reader();
        Ok(Stream { bytes, reader: Box::new(reader) })
    }

    fn run(&self, request: Request, body: impl ureq::AsSendBody) -> Result<Reply, Failure> {
        let mut response = self.send(request, body)?;
        Ok(Reply { status: response.status().as_u16(), body: self.body(&mut response)? })
    }

    /// Asks, and returns what a host answers when it has done what it was asked.
    fn send(&self, request: Request, body: impl ureq::AsSendBody) -> Result<Response, Failure> {
        let mut building = ureq::http::Request::builder()
            .method(request.method)
            .uri(format!("{}{}", self.url, request.path));
        let token = self.token.as_ref().map(|token| ("authorization", format!("Bearer {token}")));
        for (name, value) in request.headers.into_iter().chain(token) {
            let value = HeaderValue::try_from(value).map_err(|_| {
                Failure::Usage(format!("the value for {name} has characters that no header takes"))
            })?;
            building = building.header(HeaderName::from_static(name), value);
        }
        let built =
            building.body(body).map_err(|error| Failure::Usage(format!("no valid request: {error}")))?;
        let mut response = self.agent.run(built).map_err(|error| self.unanswered(&error))?;
        match response.status().as_u16() {
            200..=299 => Ok(response),
            400.. => Err(self.refusal(&mut response)),
            // A proxy before it, for example, that wants another address.
            _ => Err(Failure::NotGreenroom),
        }
    }

    fn body(&self, response: &mut Response) -> Result<Vec<u8>, Failure> {
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        body.map_err(|error| self.unanswered(&error))
    }

    fn refusal(&self, response: &mut Response) -> Failure {
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
        match self.body(response) {
            Ok(body) => Refusal::parse(response.status().as_u16(), &body, retry_after)
                .map_or(Failure::NotGreenroom, |refusal| Failure::Refused(Box::new(refusal))),
            Err(failure) => failure,
        }
    }

    fn unanswered(&self, error: &ureq::Error) -> Failure {
        let (host, why) = (self.url.clone(), error.to_string());
        if never_arrived(error) {
            Failure::Unreachable { host, why }
        } else if is_untrusted(error) {
            Failure::Untrusted { host, why }
        } else {
            Failure::BrokenOff { host, why }
        }
    }
}

/// Whether nobody can have been asked anything.
fn never_arrived(error: &ureq::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    match error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
        ureq::Error::Timeout(timeout) => matches!(timeout, Timeout::Resolve | Timeout::Connect),
        ureq::Error::Io(error) => {
            matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable)
                || error.to_string().starts_with(UNKNOWN_NAME)
        }
        _ => false,
    }
}

/// How the standard library begins when nobody knows a host's name; it has no kind of error for it.
const UNKNOWN_NAME: &str = "failed to lookup address information";

/// Whether TLS was refused on this side, which is before anything is asked.
fn is_untrusted(error: &ureq::Error) -> bool {
    use rustls::Error::{InvalidCertificate, InvalidMessage, PeerIncompatible};
    let refused = |error: &rustls::Error| {
        matches!(error, InvalidCertificate(_) | InvalidMessage(_) | PeerIncompatible(_))
    };
    match error {
        ureq::Error::Rustls(error) => refused(error),
        ureq::Error::Io(error) => {
            error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some_and(refused)
        }
        _ => false,
    }
}
