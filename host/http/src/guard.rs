//! Who may ask.
//!
//! With tokens configured, whatever is not openly served needs one of them. Without, the server
//! listens on loopback only, and the guard keeps web pages of others from reaching it through
//! their visitor's browser: by a name that resolves to loopback (DNS rebinding), or by a request
//! from a foreign page.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use greenroom_core::{Code, Digest};
use http::HeaderValue;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::request::Parts;

use crate::cors::{self, Origin};
use crate::problem::Problem;

/// Shortest token, in bytes: long enough that nobody guesses a random one.
pub const TOKEN_BYTES_MIN: usize = 16;

/// Allows its bearer to do everything. Only its digest is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Digest);

/// Why a text is not a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a token is at least {TOKEN_BYTES_MIN} visible ASCII characters without spaces")]
pub struct InvalidToken;

impl Token {
    /// Takes a token as its bearer sends it.
    pub fn new(text: &str) -> Result<Self, InvalidToken> {
        if text.len() >= TOKEN_BYTES_MIN && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Token(Digest::of(text.as_bytes())))
        } else {
            Err(InvalidToken)
        }
    }

    /// Whether `given` is this token's digest; takes the same time wherever they differ.
    fn matches(&self, given: &Digest) -> bool {
        let pairs = self.0.as_bytes().iter().zip(given.as_bytes());
        std::hint::black_box(pairs.fold(0_u8, |difference, (own, other)| difference | (own ^ other))) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Decides who may ask.
#[derive(Debug)]
pub(crate) struct Guard {
    tokens: Vec<Token>,
    origins: Vec<Origin>,
}

/// What anybody who reaches the port may ask: whether the host lives, and what its errors mean.
fn is_open(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/errors") || path.starts_with("/errors/")
}

impl Guard {
    /// A guard that lets the bearers of `tokens` in, or without any, whoever is on this machine; and of web pages, the
    /// host's own and those of `origins`.
    pub(crate) fn new(tokens: Vec<Token>, origins: Vec<Origin>) -> Self {
        Guard { tokens, origins }
    }

    /// Where pages may come from.
    pub(crate) fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// Lets a request through, or says why not.
    pub(crate) fn check(&self, request: &Parts) -> Result<(), Problem> {
        if is_open(request.uri.path()) {
            return Ok(());
        }
        if self.tokens.is_empty() { self.check_local(request) } else { self.check_token(request) }
    }

    fn check_token(&self, request: &Parts) -> Result<(), Problem> {
        let Some(given) = bearer(request) else {
            return Err(Problem::new(
                Code::Unauthenticated,
                "send one of the host's tokens as `Authorization: Bearer <token>`",
            ));
        };
        let given = Digest::of(given);
        // All are compared, so that the time taken does not tell which one came close.
        let known = self.tokens.iter().fold(false, |known, token| token.matches(&given) | known);
        if known {
            Ok(())
        } else {
            Err(Problem::new(Code::Unauthenticated, "the token is not one of the host's"))
        }
    }

    fn check_local(&self, request: &Parts) -> Result<(), Problem> {
        let given = request.headers.get_all(HOST).iter().map(|value| value.to_str().ok());
        let asked = request.uri.authority().map(|authority| Some(authority.as_str()));
        let hosts: Vec<Option<&str>> = given.chain(asked).collect();
        if hosts.is_empty() {
            return Err(Problem::invalid_request(
                "the request has no `Host`, which HTTP/1.1 asks for (RFC 9112)",
            ));
        }
        if !hosts.iter().all(|host| host.is_some_and(names_this_machine)) {
            return Err(Problem::new(
                Code::Forbidden,
                "the request names another host than this machine; ask for localhost, 127.0.0.1 or [::1], \
                 or configure tokens and listen on another address",
            ));
        }
        if cors::allowed(&self.origins, &request.headers).is_some() {
            return Ok(());
        }
        let cross_site =
            request.headers.get("sec-fetch-site").is_some_and(|site| site.as_bytes() == b"cross-site");
        // Other ports of this machine are other pages', too.
        let is_own = |origin: &HeaderValue| {
            let authority = origin.to_str().ok().and_then(authority_of);
            authority.is_some_and(|own| hosts.iter().flatten().all(|host| host.eq_ignore_ascii_case(own)))
        };
        if cross_site || !request.headers.get_all(ORIGIN).iter().all(is_own) {
            return Err(Problem::new(
                Code::Forbidden,
                "a web page from elsewhere may not use this host through a browser; those of cors_origins may",
            ));
        }
        Ok(())
    }
}

fn bearer(request: &Parts) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer ";
    let mut values = request.headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.as_bytes();
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii())
}

/// The host and port of an origin.
fn authority_of(origin: &str) -> Option<&str> {
    origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
}

/// Whether `host`, with or without a port, can only mean this machine.
pub(crate) fn names_this_machine(host: &str) -> bool {
    let is_port = |rest: &str| {
        rest.is_empty()
            || rest.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if let Some(host) = host.strip_prefix('[') {
        let Some((address, rest)) = host.split_once(']') else { return false };
        return is_port(rest) && address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback());
    }
    let (name, rest) = host.split_at(host.find(':').unwrap_or(host.len()));
    is_port(rest)
        && (name.eq_ignore_ascii_case("localhost")
            || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn check(tokens: &[&str], path: &str, headers: &[(&str, &str)]) -> Result<(), Code> {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let tokens = tokens.iter().map(|text| Token::new(text).unwrap()).collect();
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Guard::new(tokens, vec![Origin::new("https://app.example.com").unwrap()])
            .check(&parts)
            .map_err(|problem| problem.code())
    }

    const TOKENS: &[&str] = &["0123456789abcdef", "fedcba9876543210"];

    #[test]
    fn any_of_the_tokens_opens_and_nothing_else_does() {
        for good in ["Bearer 0123456789abcdef", "bearer fedcba9876543210", "BEARER  fedcba9876543210 "] {
            assert_eq!(check(TOKENS, "/v1/node", &[("authorization", good)]), Ok(()), "{good}");
        }
        for bad in ["", "Bearer", "Bearer ", "Bearer 0123456789abcde", "Basic 0123456789abcdef"] {
            let found = check(TOKENS, "/v1/node", &[("authorization", bad)]);
            assert_eq!(found, Err(Code::Unauthenticated), "{bad}");
        }
        assert_eq!(check(TOKENS, "/v1/node", &[]), Err(Code::Unauthenticated));
        let twice = [("authorization", "Bearer 0123456789abcdef"), ("authorization", "Bearer x")];
        assert_eq!(check(TOKENS, "/v1/node", &twice), Err(Code::Unauthenticated));
    }

    #[test]
    fn only_health_and_the_meaning_of_errors_are_open() {
        for path in ["/healthz", "/readyz", "/errors", "/errors/mailbox-full"] {
            assert_eq!(check(TOKENS, path, &[]), Ok(()), "{path}");
        }
        for path in ["/v1", "/v1/actors", "/", "/metrics", "/healthz/", "/errorsx", "//healthz"] {
            assert_eq!(check(TOKENS, path, &[]), Err(Code::Unauthenticated), "{path}");
        }
    }

    #[test]
    fn without_tokens_only_names_of_this_machine_are_served() {
        for good in ["localhost", "LOCALHOST:7070", "127.0.0.1:7070", "127.1.2.3", "[::1]:7070", "[::1]"] {
            assert_eq!(check(&[], "/v1/node", &[("host", good)]), Ok(()), "{good}");
        }
        for bad in [
            "example.com",
            "localhost.example.com",
            "192.168.1.4:7070",
            "[::2]",
            "[::ffff:10.0.0.1]",
            "0.0.0.0",
            "user@localhost",
            "localhost:x y",
            "[::1]it=70",
            "[::1]example.com",
            "[::1]example.com:7070",
            "",
        ] {
            assert_eq!(check(&[], "/v1/node", &[("host", bad)]), Err(Code::Forbidden), "{bad}");
        }
        assert_eq!(check(&[], "http://example.com/v1/node", &[("host", "localhost")]), Err(Code::Forbidden));
        assert_eq!(check(&[], "/healthz", &[("host", "probe.internal")]), Ok(()));
    }

    #[test]
    fn without_tokens_a_request_that_names_no_host_is_refused() {
        assert_eq!(check(&[], "/v1/node", &[]), Err(Code::InvalidRequest));
        assert_eq!(check(&[], "http://localhost/v1/node", &[]), Ok(()));
        assert_eq!(check(&[], "/healthz", &[]), Ok(()));
    }

    #[test]
    fn without_tokens_foreign_pages_are_refused() {
        let from = |name, value| check(&[], "/v1/node", &[("host", "localhost:7070"), (name, value)]);
        assert_eq!(from("sec-fetch-site", "cross-site"), Err(Code::Forbidden));
        assert_eq!(from("sec-fetch-site", "same-origin"), Ok(()));
        assert_eq!(from("sec-fetch-site", "none"), Ok(()));
        assert_eq!(from("origin", "https://example.com"), Err(Code::Forbidden));
        assert_eq!(from("origin", "null"), Err(Code::Forbidden));
        assert_eq!(from("origin", "http://localhost:7070"), Ok(()));
        assert_eq!(from("origin", "http://127.0.0.1:7070"), Err(Code::Forbidden));
        assert_eq!(
            from("origin", "http://localhost:3000"),
            Err(Code::Forbidden),
            "a page of another program"
        );
        assert_eq!(from("origin", "https://app.example.com"), Ok(()));
        assert_eq!(from("origin", "https://app.example.com:444"), Err(Code::Forbidden));
    }

    #[test]
    fn a_token_is_long_and_never_shown() {
        for bad in ["", "short", "0123456789 abcdef", "0123456789äbcdef"] {
            assert_eq!(Token::new(bad), Err(InvalidToken), "{bad}");
        }
        assert_eq!(format!("{:?}", Token::new("0123456789abcdef").unwrap()), "Token(…)");
    }
}
