//! Web pages of other origins that may use the host: those that are configured, and none by default. This says so to
//! browsers; that others have no effect is the guard's.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, idempotency-key, prefer");
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "idempotency-replayed, location, preference-applied, retry-after, www-authenticate",
);
/// How many seconds a browser need not ask again.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Where a web page comes from: `https://app.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// Why a text is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an origin is a scheme, a host and a port unless it is the scheme's own, as a browser writes them: \
     https://app.example.com or http://localhost:3000"
)]
pub struct InvalidOrigin;

impl Origin {
    /// Takes an origin as browsers write it.
    pub fn new(text: &str) -> Result<Self, InvalidOrigin> {
        let is_one =
            text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).is_some_and(|host| {
                let is_canonical =
                    !host.contains(['/', '@', '?', '#', '*']) && text == text.to_ascii_lowercase();
                is_canonical
                    && text.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()))
            });
        let value = HeaderValue::from_str(text).map_err(|_| InvalidOrigin)?;
        is_one.then_some(Origin(value)).ok_or(InvalidOrigin)
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        // It was made of a text.
        self.0.to_str().unwrap_or_default()
    }
}

/// The origin that a request comes from, when it is one of those that are allowed.
pub(crate) fn allowed(origins: &[Origin], headers: &HeaderMap) -> Option<Origin> {
    let mut given = headers.get_all(ORIGIN).iter();
    let (Some(origin), None) = (given.next(), given.next()) else { return None };
    origins.iter().find(|allowed| allowed.0 == origin).cloned()
}

/// Whether a browser asks what it may ask.
pub(crate) fn is_preflight(request: &Parts) -> bool {
    request.method == Method::OPTIONS && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Tells the browser what it asked.
pub(crate) fn answer_preflight(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
}

/// Lets a page of that origin see a reply.
pub(crate) fn show(headers: &mut HeaderMap, origin: Origin) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.0);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    headers.append(VARY, HeaderValue::from_static("origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_do() {
        for good in ["https://app.example.com", "http://localhost:3000", "http://[::1]:8080"] {
            assert_eq!(Origin::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "*",
            "null",
            "app.example.com",
            "https://",
            "https://app.example.com/",
            "HTTPS://a.b",
            "ftp://a.b",
            "https://*.example.com",
            "https://a@b",
            "https://a b",
        ] {
            assert_eq!(Origin::new(bad), Err(InvalidOrigin), "{bad}");
        }
    }
}
