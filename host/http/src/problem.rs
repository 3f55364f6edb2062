//! Every answer above 399: an RFC 9457 problem document made from one row of the table of
//! [`Code`]s. The host's own failures are logged here and shown without their words.

use axum::response::{IntoResponse, Response};
use greenroom_core::{Code, Error, InvalidName};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::value::RawValue;

/// The media type of problem documents.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// What a client is told when the fault is the host's: nothing but where to look.
const INTERNAL_DETAIL: &str = "the host failed while it worked on this; its log says why";

/// Why a request brought no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem(Error);

impl Problem {
    /// A problem of that code. `detail` says what happened and what to do about it.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem(Error::new(code, detail))
    }

    /// `invalid-request`.
    pub(crate) fn invalid_request(detail: impl Into<String>) -> Self {
        Problem::new(Code::InvalidRequest, detail)
    }

    /// `invalid-path`, for a name in the path that is not one.
    pub(crate) fn invalid_path(error: &InvalidName) -> Self {
        Problem::new(Code::InvalidPath, error.to_string())
    }

    /// Which row of the table.
    #[cfg(test)]
    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// What happened.
    #[cfg(test)]
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if error.code == Code::Internal {
            tracing::error!(detail = error.detail, "a request failed within the host");
        }
        Problem(error)
    }
}

/// The words of an error that its receiver may see.
pub(crate) fn public_detail(error: &Error) -> &str {
    if error.code == Code::Internal { INTERNAL_DETAIL } else { &error.detail }
}

/// A problem document. `type` is a reference relative to the host, which serves what it means.
#[derive(serde::Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    source: &'a str,
    retry: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a RawValue>,
}

/// Seconds to wait where the host knows that trying again helps.
pub(crate) fn retry_after_seconds(code: Code) -> Option<u16> {
    match code {
        Code::MailboxFull | Code::Overloaded => Some(1),
        Code::StoreUnavailable => Some(2),
        Code::Draining => Some(5),
        _ => None,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.0.code;
        let document = Document {
            r#type: format!("/errors/{}", code.as_str()),
            title: code.title(),
            status: code.status(),
            detail: public_detail(&self.0),
            code: code.as_str(),
            source: code.source().as_str(),
            retry: code.retry().as_str(),
            error: self.0.data.as_deref().and_then(|json| serde_json::from_slice(json).ok()),
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, body).into_response();
        // For whoever counts.
        response.extensions_mut().insert(code);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = retry_after_seconds(code) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if code == Code::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"greenroom\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::text_of;

    #[tokio::test]
    async fn a_problem_is_spelled_like_this() {
        let response = Problem::new(Code::MailboxFull, "1000 messages wait for task/1").into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(
            text_of(response).await,
            "{\"type\":\"/errors/mailbox-full\",\"title\":\"Too many messages wait for that actor\",\
             \"status\":429,\"detail\":\"1000 messages wait for task/1\",\"code\":\"mailbox-full\",\
             \"source\":\"client\",\"retry\":\"later\"}"
        );
    }

    #[tokio::test]
    async fn an_error_of_the_actors_own_is_a_member_of_the_document() {
        let error = Error { data: Some("{\"left\": 3}".into()), ..Error::new(Code::MethodFailed, "x") };
        let response = Problem::from(error).into_response();
        assert_eq!(response.status(), 422);
        let text = text_of(response).await;
        assert!(text.ends_with("\"retry\":\"never\",\"error\":{\"left\": 3}}"), "{text}");
    }

    #[tokio::test]
    async fn a_failure_of_the_host_keeps_its_words_to_itself() {
        let error = Error::new(Code::Internal, "/var/lib/greenroom/store.db: bad page");
        let text = text_of(Problem::from(error).into_response()).await;
        assert!(!text.contains("/var/lib"), "{text}");
        assert!(text.contains(INTERNAL_DETAIL), "{text}");
    }

    #[tokio::test]
    async fn every_code_becomes_a_document_with_its_own_row() {
        for code in Code::ALL {
            let response = Problem::new(*code, "x").into_response();
            assert_eq!(response.status().as_u16(), code.status());
            let challenged = response.headers().contains_key("www-authenticate");
            assert_eq!(challenged, *code == Code::Unauthenticated);
            let document: serde_json::Value = serde_json::from_str(&text_of(response).await).unwrap();
            assert_eq!(document["code"], code.as_str());
            assert_eq!(document["source"], code.source().as_str());
            assert_eq!(document["retry"], code.retry().as_str());
        }
    }
}
