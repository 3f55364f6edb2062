//! What the path says, parsed once. Segments arrive percent-decoded exactly once, so an id may
//! hold a slash, a percent sign or anything else but control characters.

use axum::extract::{FromRequestParts, RawPathParams};
use greenroom_core::message::InvalidMessageId;
use greenroom_core::{ActorId, ActorType, Address, Code, MessageId, Method};
use http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::problem::Problem;

/// The decoded segments that a route names.
struct Segments(RawPathParams);

impl Segments {
    async fn of<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if !escapes_are_whole(parts.uri.path()) {
            return Err(broken_escape());
        }
        RawPathParams::from_request_parts(parts, state).await.map(Segments).map_err(|_| not_utf8())
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    fn actor_type(&self) -> Result<ActorType, Problem> {
        ActorType::new(self.get("type")).map_err(|error| Problem::invalid_path(&error))
    }

    fn address(&self) -> Result<Address, Problem> {
        let id = ActorId::new(self.get("id")).map_err(|error| Problem::invalid_path(&error))?;
        Ok(Address { actor_type: self.actor_type()?, id })
    }
}

fn broken_escape() -> Problem {
    let detail = "a percent sign in the path is not followed by two hexadecimal digits; write it as %25";
    Problem::new(Code::InvalidPath, detail)
}

fn not_utf8() -> Problem {
    Problem::new(Code::InvalidPath, "a segment of the path is not UTF-8 once decoded")
}

/// Whether every percent sign begins an escape. One that doesn't would be taken literally, and give
/// one actor two spellings.
fn escapes_are_whole(path: &str) -> bool {
    let mut after_percent = path.split('%').skip(1);
    after_percent.all(|rest| {
        let digits = rest.as_bytes();
        digits.len() >= 2 && digits[..2].iter().all(u8::is_ascii_hexdigit)
    })
}

/// `{type}`.
pub(crate) struct ActorTypePath(pub(crate) ActorType);

impl<S: Send + Sync> FromRequestParts<S> for ActorTypePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Segments::of(parts, state).await?.actor_type().map(ActorTypePath)
    }
}

/// `{type}` and `{version}`.
pub(crate) struct VersionPath {
    /// Which type.
    pub(crate) actor_type: ActorType,
    /// Which version of it.
    pub(crate) version: u32,
}

impl<S: Send + Sync> FromRequestParts<S> for VersionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let segments = Segments::of(parts, state).await?;
        let text = segments.get("version");
        // `u32::from_str` takes a leading plus sign and zeros, which would give one version two addresses.
        let Some(version) = text.parse::<u32>().ok().filter(|version| version.to_string() == text) else {
            return Err(Problem::new(Code::InvalidPath, "a version is a number, for example 3"));
        };
        Ok(VersionPath { actor_type: segments.actor_type()?, version })
    }
}

/// `{message_id}` of a dead letter.
pub(crate) struct LetterPath(pub(crate) MessageId);

impl<S: Send + Sync> FromRequestParts<S> for LetterPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let segments = Segments::of(parts, state).await?;
        let id = segments.get("message_id").parse();
        id.map(LetterPath).map_err(|error| {
            Problem::new(Code::InvalidPath, format!("a dead letter has the id of its message, and {error}"))
        })
    }
}

/// `{type}` and `{id}`.
pub(crate) struct ActorPath(pub(crate) Address);

impl<S: Send + Sync> FromRequestParts<S> for ActorPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Segments::of(parts, state).await?.address().map(ActorPath)
    }
}

/// `{type}`, `{id}` and `{message_id}`.
pub(crate) struct WaitingMessagePath {
    /// Which actor.
    pub(crate) address: Address,
    /// Which message.
    pub(crate) message_id: MessageId,
}

impl<S: Send + Sync> FromRequestParts<S> for WaitingMessagePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let segments = Segments::of(parts, state).await?;
        let message_id = segments.get("message_id").parse();
        let message_id = message_id
            .map_err(|error: InvalidMessageId| Problem::new(Code::InvalidPath, error.to_string()))?;
        Ok(WaitingMessagePath { address: segments.address()?, message_id })
    }
}

/// `{type}`, `{id}` and `{method}`.
pub(crate) struct MethodPath {
    /// Who is asked.
    pub(crate) to: Address,
    /// What.
    pub(crate) method: Method,
}

impl MethodPath {
    /// Reads `/v1/actors/{type}/{id}/{method}`, without the router and what it allocates for each
    /// segment; `None` when the path has another shape.
    pub(crate) fn read(path: &str) -> Option<Result<Self, Problem>> {
        let mut segments = path.strip_prefix("/v1/actors/")?.split('/');
        let (actor_type, id, method) = (segments.next()?, segments.next()?, segments.next()?);
        let is_whole = segments.next().is_none() && [actor_type, id, method].iter().all(|it| !it.is_empty());
        is_whole.then(|| Self::of([actor_type, id, method]))
    }

    fn of(segments: [&str; 3]) -> Result<Self, Problem> {
        if !segments.iter().all(|segment| escapes_are_whole(segment)) {
            return Err(broken_escape());
        }
        let [actor_type, id, method] = segments.map(|segment| percent_decode_str(segment).decode_utf8());
        let (Ok(actor_type), Ok(id), Ok(method)) = (actor_type, id, method) else { return Err(not_utf8()) };
        let id = ActorId::new(&id).map_err(|error| Problem::invalid_path(&error))?;
        let actor_type = ActorType::new(&actor_type).map_err(|error| Problem::invalid_path(&error))?;
        let method = Method::new(&method).map_err(|error| Problem::invalid_path(&error))?;
        Ok(MethodPath { to: Address { actor_type, id }, method })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for MethodPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        MethodPath::read(parts.uri.path()).unwrap_or_else(|| {
            Err(Problem::new(Code::InvalidPath, "a call's path is /v1/actors/{type}/{id}/{method}"))
        })
    }
}

/// `{type}`, `{id}` and a `{name}` within the actor: a state key or a reminder.
pub(crate) struct NamedPath {
    /// Which actor.
    pub(crate) address: Address,
    /// The decoded segment, not empty.
    pub(crate) name: String,
}

impl<S: Send + Sync> FromRequestParts<S> for NamedPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let segments = Segments::of(parts, state).await?;
        Ok(NamedPath { address: segments.address()?, name: segments.get("name").to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, text_of};
    use axum::Router;
    use axum::body::Body;
    use axum::routing::post;
    use greenroom_core::address::ACTOR_ID_BYTES_MAX;
    use http::Request;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;
    use tower::ServiceExt as _;

    fn echo() -> Router {
        let address = |MethodPath { to, method }: MethodPath| async move { format!("{to} {method}") };
        let key = |NamedPath { address, name }: NamedPath| async move { format!("{address} {name}") };
        Router::new()
            .route("/v1/actors/{type}/{id}/{method}", post(address))
            .route("/v1/actors/{type}/{id}/-/state/{name}", post(key))
    }

    async fn ask(path: &str) -> (u16, String) {
        let Ok(request) = Request::post(path).body(Body::empty()) else { return (0, String::new()) };
        let response = echo().oneshot(request).await.unwrap();
        (response.status().as_u16(), text_of(response).await)
    }

    #[tokio::test]
    async fn segments_are_decoded_exactly_once() {
        for (id, decoded) in [
            ("task-1", "task-1"),
            ("-", "-"),
            ("a%2Fb", "a/b"),
            ("a%2fb", "a/b"),
            ("%252e%252E", "%2e%2E"),
            ("%2e%2e", ".."),
            ("..", ".."),
            ("a+b%20c", "a+b c"),
            ("%D0%BA%D0%BB%D1%8E%D1%87", "ключ"),
            ("%27%3B%20DROP%20TABLE%20state", "'; DROP TABLE state"),
            ("a%3Fb%23c", "a?b#c"),
        ] {
            let found = ask(&format!("/v1/actors/task/{id}/run")).await;
            assert_eq!(found, (200, format!("task/{decoded} run")), "{id}");
        }
    }

    #[tokio::test]
    async fn what_is_no_address_is_an_invalid_path() {
        let long = "x".repeat(ACTOR_ID_BYTES_MAX + 1);
        for path in [
            "/v1/actors/1task/a/run",
            "/v1/actors/t%2Fx/a/run",
            "/v1/actors/task/a%00b/run",
            "/v1/actors/task/a%0Ab/run",
            "/v1/actors/task/%FF/run",
            "/v1/actors/task/%C3%28/run",
            "/v1/actors/task/a/-",
            "/v1/actors/task/a/%C0%80",
            "/v1/actors/task/a/run%20it",
            &format!("/v1/actors/task/{long}/run"),
        ] {
            let (status, body) = ask(path).await;
            assert_eq!(status, 400, "{path}");
            assert_eq!(testing::code_of(&body), "invalid-path", "{path}");
        }
    }

    #[tokio::test]
    async fn a_state_key_is_one_encoded_segment() {
        let found = ask("/v1/actors/task/-/-/state/notes%2F2026%2F%252F").await;
        assert_eq!(found, (200, "task/- notes/2026/%2F".to_owned()));
    }

    proptest! {
        #[test]
        fn every_valid_id_survives_the_way_here(id in "\\PC{1,120}") {
            prop_assume!(ActorId::new(&id).is_ok());
            let path = format!("/v1/actors/task/{}/run", utf8_percent_encode(&id, NON_ALPHANUMERIC));
            let found = testing::block_on(ask(&path));
            prop_assert_eq!(found, (200, format!("task/{id} run")));
        }

        #[test]
        fn no_path_makes_it_panic(path in "(/|%|[0-9a-fA-F]{2}|-|\\PC){0,40}") {
            let (status, _) = testing::block_on(ask(&format!("/v1/actors/{path}")));
            prop_assert!([0, 200, 400, 404, 405].contains(&status), "{}", status);
        }
    }
}
