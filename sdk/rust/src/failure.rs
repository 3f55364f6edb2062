//! How an actor refuses a message. A turn that ends in a failure leaves no trace: no write, no
//! reminder, no sent message.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the SDK's functions and an actor's methods return.
pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// What kind of refusal. Each has its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// 400: the request itself is wrong, whatever the actor's state.
    InvalidArgument,
    /// 403: not for this sender.
    PermissionDenied,
    /// 404: what the request is about is not there.
    NotFound,
    /// 409: it contradicts what is there already.
    Conflict,
    /// 412: not in the actor's present state.
    FailedPrecondition,
    /// 429: a limit is reached.
    ResourceExhausted,
    /// 500: the actor itself is at fault.
    Internal,
    /// 501: the actor has no such method.
    Unimplemented,
}

impl ErrorCode {
    /// The code as it is spelled over HTTP, for example `not-found`.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::InvalidArgument => "invalid-argument",
            ErrorCode::PermissionDenied => "permission-denied",
            ErrorCode::NotFound => "not-found",
            ErrorCode::Conflict => "conflict",
            ErrorCode::FailedPrecondition => "failed-precondition",
            ErrorCode::ResourceExhausted => "resource-exhausted",
            ErrorCode::Internal => "internal",
            ErrorCode::Unimplemented => "unimplemented",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An actor's answer to a message that it could not do.
///
/// The constructors take anything that can be shown, so they also serve [`Result::map_err`] and
/// [`Option::ok_or_else`]:
///
/// ```
/// use greenroom_sdk::{Failure, Result};
///
/// fn port(text: &str) -> Result<u16> {
///     text.parse().map_err(Failure::invalid_argument)
/// }
/// assert_eq!(port("x").unwrap_err().to_string(), "invalid-argument: invalid digit found in string");
/// ```
///
/// [`Result::map_err`]: std::result::Result::map_err
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of refusal.
    pub code: ErrorCode,
    /// The actor's own words, for its caller.
    pub message: String,
}

impl Failure {
    /// A failure of any code.
    pub fn new(code: ErrorCode, message: impl fmt::Display) -> Self {
        Failure { code, message: message.to_string() }
    }

    /// 400: the request itself is wrong, whatever the actor's state.
    pub fn invalid_argument(message: impl fmt::Display) -> Self {
        Failure::new(ErrorCode::InvalidArgument, message)
    }

    /// 403: not for this sender.
    pub fn permission_denied(message: impl fmt::Display) -> Self {
        Failure::new(ErrorCode::PermissionDenied, message)
    }

    /// 404: what the request is about is not there.
    pub fn not_found(message: impl fmt::Display) -> Self {
        Failure::new(ErrorCode::NotFound, message)
    }

    /// 409: it contradicts what is there already.
    pub fn conflict(message: impl fmt::Display) -> Self {
        Failure::new(ErrorCode::Conflict, message)
    }

    /// 412: not in the actor's present state.
    pub fn failed_precondition(message: impl fmt::Display) -> Self {
        Failure::new(ErrorCode::FailedPrecondition, message)
    }

    /// 429: a limit is reached.
    pub fn resource_exhausted(message: impl fmt::Display) -> Self {
        Failure::new(ErrorCode::ResourceExhausted, message)
    }

    /// 500: the actor itself is at fault.
    pub fn internal(message: impl fmt::Display) -> Self {
        Failure::new(ErrorCode::Internal, message)
    }

    /// 501: the actor has no such method.
    pub fn unimplemented(message: impl fmt::Display) -> Self {
        Failure::new(ErrorCode::Unimplemented, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())?;
        f.write_str(": ")?;
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

macro_rules! internal_from {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Failure::internal(error)
            }
        }
    )*};
}

// Errors that say nothing about whose fault they are: without a word from the actor, its own.
internal_from!(
    serde_json::Error,
    fmt::Error,
    std::io::Error,
    std::num::ParseFloatError,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
    Box<dyn std::error::Error>,
);
