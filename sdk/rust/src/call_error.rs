//! Why a call to another actor brought no reply, and what that means for the caller's own caller.

use std::fmt;

use crate::{Address, ErrorCode, Failure};

/// A call that brought no reply. `?` turns it into a [`Failure`]: the callee's own failure keeps its
/// code, and the message says which call it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// Whom the call went to.
    pub to: Address,
    /// What was asked.
    pub method: String,
    /// What went wrong.
    pub kind: CallErrorKind,
}

/// What went wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallErrorKind {
    /// The callee ran and answered with a failure.
    Failed(Failure),
    /// Nothing is deployed under that actor type.
    UnknownActorType,
    /// The callee already waits for this very call chain; the text lists it.
    Deadlock(String),
    /// The callee's mailbox is full.
    Overloaded,
    /// No reply before the deadline. The callee may still run.
    Timeout,
    /// The callee trapped, or exceeded a limit; the text says which.
    Crashed(String),
    /// The callee can't be reached now.
    Unavailable(String),
    /// The arguments can't be written as JSON; nothing was asked.
    InvalidArguments(String),
    /// The callee did what was asked, but its reply is not of the type that was expected.
    InvalidReply(String),
}

impl CallError {
    /// The code that the callee failed with, if it ran and failed.
    pub fn code(&self) -> Option<ErrorCode> {
        match &self.kind {
            CallErrorKind::Failed(failure) => Some(failure.code),
            _ => None,
        }
    }
}

impl From<Failure> for CallErrorKind {
    fn from(failure: Failure) -> Self {
        CallErrorKind::Failed(failure)
    }
}

impl fmt::Display for CallErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, detail) = match self {
            CallErrorKind::Failed(failure) => return failure.fmt(f),
            CallErrorKind::UnknownActorType => ("nothing is deployed under that actor type", ""),
            CallErrorKind::Deadlock(chain) => ("it waits for this very call", chain.as_str()),
            CallErrorKind::Overloaded => ("its mailbox is full", ""),
            CallErrorKind::Timeout => ("no reply before the deadline", ""),
            CallErrorKind::Crashed(detail) => ("it crashed", detail.as_str()),
            CallErrorKind::Unavailable(detail) => ("it can't be reached", detail.as_str()),
            CallErrorKind::InvalidArguments(detail) => {
                ("the arguments can't be written as JSON", detail.as_str())
            }
            CallErrorKind::InvalidReply(detail) => ("the reply is not what was expected", detail.as_str()),
        };
        f.write_str(what)?;
        if !detail.is_empty() {
            f.write_str(": ")?;
            f.write_str(detail)?;
        }
        Ok(())
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {} {}: {}", self.to, self.method, self.kind)
    }
}

impl std::error::Error for CallError {}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let code = match &error.kind {
            CallErrorKind::Failed(failure) => {
                let CallError { to, method, .. } = &error;
                return Failure::new(failure.code, format_args!("call {to} {method}: {}", failure.message));
            }
            CallErrorKind::UnknownActorType => ErrorCode::FailedPrecondition,
            CallErrorKind::Deadlock(_) => ErrorCode::Conflict,
            CallErrorKind::Overloaded => ErrorCode::ResourceExhausted,
            _ => ErrorCode::Internal,
        };
        Failure::new(code, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of docs/errors.md, "Calls between actors".
    #[test]
    fn what_is_passed_on_says_which_call_it_was_and_what_became_of_it() {
        for (kind, code, says) in [
            (CallErrorKind::Failed(Failure::not_found("no tea")), ErrorCode::NotFound, "no tea"),
            (CallErrorKind::UnknownActorType, ErrorCode::FailedPrecondition, "nothing is deployed"),
            (CallErrorKind::Deadlock("a/b → a/b".into()), ErrorCode::Conflict, "a/b → a/b"),
            (CallErrorKind::Overloaded, ErrorCode::ResourceExhausted, "mailbox is full"),
            (CallErrorKind::Timeout, ErrorCode::Internal, "before the deadline"),
            (CallErrorKind::Crashed("memory-limit: 1".into()), ErrorCode::Internal, "memory-limit"),
            (CallErrorKind::Unavailable("draining: 1".into()), ErrorCode::Internal, "draining"),
        ] {
            let to = Address::new("stock", "tea");
            let failure = Failure::from(CallError { to, method: "take".into(), kind });
            assert_eq!(failure.code, code);
            assert!(failure.message.starts_with("call stock/tea take: "), "{}", failure.message);
            assert!(failure.message.contains(says), "{}", failure.message);
        }
    }
}
