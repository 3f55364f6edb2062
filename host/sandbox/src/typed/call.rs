//! A call of a typed method: from a message to its arguments before a guest is entered, and from the
//! guest's answer to a reply or an error.

use std::sync::Arc;

use bytes::Bytes;
use greenroom_core::message::{ErrorCode, Failure};
use greenroom_core::{Code, Error, Message, Payload};
use tokio::sync::Semaphore;
use wasmtime::component::Val;

use crate::typed::arguments::{BYTES, arguments, speaks_bytes};
use crate::typed::interface::{Method, Methods, Signature};
use crate::typed::json_out::{NotWritten, bytes_of, json_of};
use crate::typed::room::{Share, Taken};
use crate::typed::shape::Shape;

/// Longest text of an error's value that is shown in `detail`.
const DETAIL_CHARS_MAX: usize = 1_000;
/// Largest error that is carried as a value; it goes into a problem document.
const ERROR_BYTES_MAX: usize = 256 << 10;

/// The cases of the contract's `error-code`, in its order.
pub(crate) const FAILURE_CODES: [(&str, ErrorCode); 8] = [
    ("invalid-argument", ErrorCode::InvalidArgument),
    ("permission-denied", ErrorCode::PermissionDenied),
    ("not-found", ErrorCode::NotFound),
    ("conflict", ErrorCode::Conflict),
    ("failed-precondition", ErrorCode::FailedPrecondition),
    ("resource-exhausted", ErrorCode::ResourceExhausted),
    ("internal", ErrorCode::Internal),
    ("unimplemented", ErrorCode::Unimplemented),
];

/// A method of a component and arguments for it.
pub(crate) struct Call {
    methods: Arc<Methods>,
    place: usize,
    pub(crate) arguments: Vec<Val>,
    wants_bytes: bool,
    taken: Taken,
}

/// What a method's result means.
#[derive(Clone, Copy)]
pub(crate) enum Outcome<'a> {
    /// There is none.
    Nothing,
    /// It is the reply.
    Value(&'a Shape),
    /// It is a `result`: the reply, if that carries a value, or an error.
    Fallible {
        ok: Option<&'a Shape>,
        err: Option<&'a Shape>,
        /// Whether the error is the contract's `failure`.
        is_failure: bool,
    },
}

impl<'a> Outcome<'a> {
    pub(crate) fn of(signature: &'a Signature) -> Self {
        match &signature.result {
            None => Outcome::Nothing,
            Some(Shape::Result(cases)) => {
                let [ok, err] = [0, 1].map(|place| cases.payloads[place].as_ref());
                Outcome::Fallible { ok, err, is_failure: err.is_some_and(is_failure) }
            }
            Some(shape) => Outcome::Value(shape),
        }
    }

    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Outcome::Fallible { is_failure: true, .. })
    }
}

/// Whether it is `greenroom:actor/types.failure`, by its structure.
pub(crate) fn is_failure(shape: &Shape) -> bool {
    let Shape::Record(fields) = shape else { return false };
    let [Shape::Enum(codes), Shape::String] = fields.shapes.as_slice() else { return false };
    fields.names.iter().eq(["code", "message"]) && codes.iter().eq(FAILURE_CODES.map(|(name, _)| name))
}

impl Call {
    /// Converts the arguments of a message for the method at `place`.
    ///
    /// # Errors
    /// They do not fit, or there is no room for them now.
    pub(crate) fn new(
        methods: &Arc<Methods>,
        place: usize,
        message: &Message,
        share: &Arc<Share>,
    ) -> Result<Self, Error> {
        let method = methods.get(place);
        let (arguments, values) = arguments(&method.signature.parameters, &message.payload)
            .map_err(|why| Error::new(Code::InvalidRequest, why))?;
        Ok(Call {
            methods: Arc::clone(methods),
            place,
            arguments,
            wants_bytes: speaks_bytes(&message.payload),
            taken: share.take(values)?,
        })
    }

    /// Where its method is among those of the component with those `methods`; `None` when it is for
    /// another component.
    pub(crate) fn place_in(&self, methods: &Arc<Methods>) -> Option<usize> {
        Arc::ptr_eq(&self.methods, methods).then_some(self.place)
    }

    /// Who may write large answers.
    pub(crate) fn writers(&self) -> &Arc<Semaphore> {
        self.taken.writers()
    }

    /// The method.
    pub(crate) fn method(&self) -> &Method {
        self.methods.get(self.place)
    }

    /// Values that the engine puts the function's result into.
    pub(crate) fn results(&self) -> Vec<Val> {
        vec![Val::Bool(false); usize::from(self.method().signature.result.is_some())]
    }

    /// What the function's result is to the caller, with at most so many bytes.
    ///
    /// # Errors
    /// The guest's own error, or that the result is too large.
    pub(crate) fn answer(&self, results: &[Val], bytes_max: usize) -> Result<Payload, Error> {
        let reply = |shape: Option<&Shape>, value: Option<&Val>| match (shape, value) {
            (Some(Shape::Bytes), Some(value)) if self.wants_bytes => {
                bytes_of(value).map(|bytes| Payload::new(BYTES, bytes))
            }
            (Some(shape), Some(value)) => {
                json_of(shape, value, bytes_max).map(|json| Payload::new(Payload::JSON, json))
            }
            _ => Ok(Payload::new("", Bytes::new())),
        };
        let written = match (Outcome::of(&self.method().signature), results.first()) {
            (Outcome::Value(shape), value) => reply(Some(shape), value),
            (Outcome::Fallible { ok, .. }, Some(Val::Result(Ok(value)))) => reply(ok, value.as_deref()),
            (Outcome::Fallible { err, is_failure, .. }, Some(Val::Result(Err(value)))) => {
                return Err(self.error(err, value.as_deref(), is_failure));
            }
            _ => reply(None, None),
        };
        written.map_err(|error| not_written(&error, "payload_bytes", bytes_max))
    }

    fn error(&self, shape: Option<&Shape>, value: Option<&Val>, is_failure: bool) -> Error {
        if is_failure && let Some(failure) = value.and_then(failure) {
            return failure.into();
        }
        let (Some(shape), Some(value)) = (shape, value) else {
            let detail = format!("`{}` answered with an error", self.method().name);
            return Error {
                data: Some(Bytes::from_static(b"null")),
                ..Error::new(Code::MethodFailed, detail)
            };
        };
        let json = match json_of(shape, value, ERROR_BYTES_MAX) {
            Ok(json) => Bytes::from(json),
            Err(error) => return not_written(&error, "an error that is a value", ERROR_BYTES_MAX),
        };
        let detail = match value {
            Val::String(text) => cut(text),
            _ => cut(&String::from_utf8_lossy(&json)),
        };
        let detail = format!("`{}` answered with an error: {detail}", self.method().name);
        Error { data: Some(json), ..Error::new(Code::MethodFailed, detail) }
    }
}

fn failure(value: &Val) -> Option<Failure> {
    let Val::Record(members) = value else { return None };
    let [(_, Val::Enum(code)), (_, Val::String(message))] = members.as_slice() else { return None };
    let (_, code) = FAILURE_CODES.iter().find(|(name, _)| name == code)?;
    Some(Failure { code: *code, message: message.clone() })
}

fn not_written(error: &NotWritten, limit: &str, bytes_max: usize) -> Error {
    match error {
        NotWritten::TooLarge => Error::new(
            Code::ActorTrapped,
            format!("the answer is too large: as JSON it has more bytes than {limit} ({bytes_max}) allows"),
        ),
        NotWritten::Mismatch => Error::new(Code::Internal, error.to_string()),
    }
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(DETAIL_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
