//! The one table of errors that clients meet: code, status, source, and whether to try again.
//! `docs/errors.md` and the HTTP API are checked against it.

use std::fmt;

use bytes::Bytes;

use crate::message::{CallError, ErrorCode, Failure};

/// Whose doing an error is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The request.
    Client,
    /// The actor's code.
    Guest,
    /// Greenroom itself.
    Host,
}

/// What a client may do about an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// The same request fails again.
    Never,
    /// Nothing happened; try again.
    Later,
    /// The outcome is unknown: only an idempotency key makes a repeat safe.
    WithKey,
}

impl Source {
    /// As it stands in a problem document.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Client => "client",
            Source::Guest => "guest",
            Source::Host => "host",
        }
    }
}

impl Retry {
    /// As it stands in a problem document.
    pub fn as_str(self) -> &'static str {
        match self {
            Retry::Never => "never",
            Retry::Later => "later",
            Retry::WithKey => "with-key",
        }
    }
}

macro_rules! codes {
    ($($name:ident $code:literal $status:literal $source:ident $retry:ident $title:literal;)*) => {
        /// What went wrong; each has one row in the table.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[allow(missing_docs)] // the table below says what each means
        pub enum Code { $($name,)* }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The stable, documented text, for example `mailbox-full`.
            pub fn as_str(self) -> &'static str { match self { $(Code::$name => $code,)* } }
            /// The HTTP status.
            pub fn status(self) -> u16 { match self { $(Code::$name => $status,)* } }
            /// Whose doing it is.
            pub fn source(self) -> Source { match self { $(Code::$name => Source::$source,)* } }
            /// What a client may do.
            pub fn retry(self) -> Retry { match self { $(Code::$name => Retry::$retry,)* } }
            /// What it means, in a few words that never change.
            pub fn title(self) -> &'static str { match self { $(Code::$name => $title,)* } }
        }
    };
}

codes! {
    InvalidPath             "invalid-path"            400 Client Never   "The path is not valid";
    InvalidRequest          "invalid-request"         400 Client Never   "The request is not valid";
    Unauthenticated         "unauthenticated"         401 Client Never   "A valid token is needed";
    Forbidden               "forbidden"               403 Client Never   "The host does not allow this request";
    UnknownActorType        "unknown-actor-type"      404 Client Never   "Nothing is deployed under that actor type";
    UnknownActor            "unknown-actor"           404 Client Never   "The actor has nothing stored and is not active";
    NotFound                "not-found"               404 Client Never   "There is nothing at that path";
    MethodNotAllowed        "method-not-allowed"      405 Client Never   "That path does not take that HTTP method";
    RequestTimeout          "request-timeout"         408 Client Later   "The request did not arrive in time";
    PayloadTooLarge         "payload-too-large"       413 Client Never   "The body is larger than allowed";
    UnsupportedMediaType    "unsupported-media-type"  415 Client Never   "The body has a media type that is not taken here";
    HeadersTooLarge         "headers-too-large"       431 Client Never   "The request's headers are larger than allowed";
    GuestInvalidArgument    "invalid-argument"        400 Guest  Never   "The actor does not take that argument";
    GuestPermissionDenied   "permission-denied"       403 Guest  Never   "The actor does not permit this";
    GuestNotFound           "not-found"               404 Guest  Never   "The actor did not find it";
    GuestConflict           "conflict"                409 Guest  Never   "It conflicts with the actor's state";
    GuestFailedPrecondition "failed-precondition"     412 Guest  Never   "The actor is not in a state for this";
    GuestResourceExhausted  "resource-exhausted"      429 Guest  Later   "The actor allows no more of this now";
    GuestInternal           "internal"                500 Guest  Never   "The actor failed";
    GuestUnimplemented      "unimplemented"           501 Guest  Never   "The actor has no such method";
    MethodFailed            "method-failed"           422 Guest  Never   "The method answered with an error";
    IdempotencyMismatch     "idempotency-mismatch"    409 Client Never   "That idempotency key was used for another request";
    ActorTypeInUse          "actor-type-in-use"       409 Client Never   "Actors of that type still have state";
    VersionConflict         "version-conflict"        409 Client Never   "The actor type changed meanwhile";
    ComponentRejected       "component-rejected"      422 Client Never   "The component can't be deployed";
    MailboxFull             "mailbox-full"            429 Client Later   "Too many messages wait for that actor";
    ActorTrapped            "actor-trapped"           500 Guest  Never   "The actor's code crashed";
    MemoryLimit             "memory-limit"            500 Guest  Never   "The actor needs more memory than allowed";
    StackOverflow           "stack-overflow"          500 Guest  Never   "The actor's code recursed too deep";
    CpuLimit                "cpu-limit"               500 Guest  Never   "The actor's code ran longer than allowed";
    WriteSetTooLarge        "write-set-too-large"     500 Guest  Never   "The turn wrote more than one turn may";
    ActivationFailed        "activation-failed"       500 Guest  Never   "The actor could not be activated";
    Internal                "internal"                500 Host   WithKey "The host failed";
    Overloaded              "overloaded"              503 Host   Later   "The host has no room for this now";
    StoreUnavailable        "store-unavailable"       503 Host   Later   "The store can't be reached now; nothing was changed";
    OutcomeUnknown          "outcome-unknown"         503 Host   WithKey "The store did not say whether the change was made";
    Draining                "draining"                503 Host   Later   "The host is stopping";
    TurnTimeout             "turn-timeout"            504 Guest  WithKey "There was no reply before the deadline";
    StateLimit              "state-limit"             507 Guest  Never   "The actor's state is larger than allowed";
    StoreFull               "store-full"              507 Host   Later   "The store has no room";
    Deadlock                "deadlock"                508 Client Never   "The call would wait for itself";
}

/// An error as its receiver may see it: a code, and a detail that says what happened and what to
/// do about it, and never shows the host's internals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// Which row of the table.
    pub code: Code,
    /// What happened this time.
    pub detail: String,
    /// JSON of the actor's own, where its method answered with an error that is a value.
    pub data: Option<Bytes>,
}

impl Error {
    /// An error of that code.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Error { code, detail: detail.into(), data: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Error {}

const GUEST_CODES: [(ErrorCode, Code); 8] = [
    (ErrorCode::InvalidArgument, Code::GuestInvalidArgument),
    (ErrorCode::PermissionDenied, Code::GuestPermissionDenied),
    (ErrorCode::NotFound, Code::GuestNotFound),
    (ErrorCode::Conflict, Code::GuestConflict),
    (ErrorCode::FailedPrecondition, Code::GuestFailedPrecondition),
    (ErrorCode::ResourceExhausted, Code::GuestResourceExhausted),
    (ErrorCode::Internal, Code::GuestInternal),
    (ErrorCode::Unimplemented, Code::GuestUnimplemented),
];

impl From<ErrorCode> for Code {
    fn from(code: ErrorCode) -> Self {
        GUEST_CODES.iter().find(|(guest, _)| *guest == code).map_or(Code::GuestInternal, |row| row.1)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Error::new(failure.code.into(), failure.message)
    }
}

impl From<Error> for CallError {
    /// What a calling actor is told of its callee's error.
    fn from(error: Error) -> Self {
        if let Some((code, _)) = GUEST_CODES.iter().find(|(_, code)| *code == error.code) {
            return CallError::Failed(Failure { code: *code, message: error.detail });
        }
        let failed = |code, message| CallError::Failed(Failure { code, message });
        match error.code {
            // The callee was not entered: the caller's payload does not fit the method.
            Code::InvalidRequest => failed(ErrorCode::InvalidArgument, error.detail),
            Code::MethodFailed => {
                let json = error.data.map(|data| String::from_utf8_lossy(&data).into_owned());
                failed(ErrorCode::FailedPrecondition, json.unwrap_or(error.detail))
            }
            Code::UnknownActorType => CallError::UnknownActorType,
            Code::Deadlock => CallError::Deadlock(error.detail),
            Code::MailboxFull => CallError::Overloaded,
            Code::TurnTimeout => CallError::Timeout,
            code if code.source() == Source::Guest => CallError::Crashed(error.to_string()),
            _ => CallError::Unavailable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_spelled_as_the_contract_spells_codes() {
        for code in Code::ALL {
            let text = code.as_str();
            assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{text}");
            assert!((400..600).contains(&code.status()), "{text}");
        }
    }

    #[test]
    fn a_failure_comes_back_to_a_calling_actor_as_it_was() {
        for (guest, _) in GUEST_CODES {
            let failure = Failure { code: guest, message: "no".into() };
            assert_eq!(CallError::from(Error::from(failure.clone())), CallError::Failed(failure));
        }
    }

    #[test]
    fn a_calling_actor_is_told_what_it_can_act_on() {
        let told = |code| CallError::from(Error::new(code, "x"));
        assert_eq!(told(Code::UnknownActorType), CallError::UnknownActorType);
        assert_eq!(told(Code::Deadlock), CallError::Deadlock("x".into()));
        assert_eq!(told(Code::MailboxFull), CallError::Overloaded);
        assert_eq!(told(Code::TurnTimeout), CallError::Timeout);
        let failed = |code, text: &str| CallError::Failed(Failure { code, message: text.into() });
        assert_eq!(told(Code::InvalidRequest), failed(ErrorCode::InvalidArgument, "x"));
        let typed = Error { data: Some("{\"left\":3}".into()), ..Error::new(Code::MethodFailed, "x") };
        assert_eq!(CallError::from(typed), failed(ErrorCode::FailedPrecondition, "{\"left\":3}"));
        assert_eq!(told(Code::MemoryLimit), CallError::Crashed("memory-limit: x".into()));
        assert_eq!(told(Code::Draining), CallError::Unavailable("draining: x".into()));
    }
}
