//! Bytes with a media type: what messages and replies carry.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Failure, Result, json};

/// The media type of JSON.
const JSON: &str = "application/json";

/// What a message or a reply carries. Ordinary methods never see one: their arguments and results
/// are JSON. A `#[raw]` method takes and returns it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// Media type of `body`, for example `application/json`.
    pub content_type: String,
    /// The bytes.
    pub body: Vec<u8>,
}

impl Payload {
    /// `body` of the media type `content_type`.
    pub fn new(content_type: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Payload { content_type: content_type.into(), body: body.into() }
    }

    /// Nothing: no media type and no body.
    pub fn empty() -> Self {
        Payload::default()
    }

    /// `text` as UTF-8.
    pub fn text(text: impl Into<String>) -> Self {
        Payload::new("text/plain; charset=utf-8", text.into())
    }

    /// `value` as JSON. A value without content, such as `()`, makes an empty payload.
    ///
    /// # Errors
    /// [`internal`](crate::ErrorCode::Internal) when the value can't be written as JSON, for example
    /// a map whose keys are not text.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let body = json::encode(value)
            .map_err(|error| Failure::internal(format_args!("can't be written as JSON: {error}")))?;
        if size_of_val(value) == 0 && body == b"null" {
            return Ok(Payload::empty());
        }
        Ok(Payload::new(JSON, body))
    }

    /// Reads the body as JSON, whatever the media type says. An empty body reads like `null`.
    ///
    /// # Errors
    /// [`invalid-argument`](crate::ErrorCode::InvalidArgument) with the place and the problem.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T> {
        json::decode_or_null(&self.body).map_err(Failure::invalid_argument)
    }

    /// Whether there is neither a media type nor a body.
    pub fn is_empty(&self) -> bool {
        self.content_type.is_empty() && self.body.is_empty()
    }
}
