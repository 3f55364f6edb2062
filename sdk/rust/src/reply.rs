//! A method's result as a reply. For the generated code.

use serde::Serialize;

use crate::{Failure, Payload, Result};

/// Of a method that returns a value.
pub fn value<T: Serialize>(value: T) -> Result<Payload> {
    Payload::json(&value)
}

/// Of a method that returns a `Result`.
pub fn result<T: Serialize, E: Into<Failure>>(result: Result<T, E>) -> Result<Payload> {
    Payload::json(&result.map_err(Into::into)?)
}

/// Of a `#[raw]` method that returns a payload.
pub fn raw(payload: Payload) -> Result<Payload> {
    Ok(payload)
}

/// Of a `#[raw]` method that returns a `Result`.
pub fn raw_result<E: Into<Failure>>(result: Result<Payload, E>) -> Result<Payload> {
    result.map_err(Into::into)
}
