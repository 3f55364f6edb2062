//! Writing what a method answered with. Large answers are written on threads of their own: those that serve everybody
//! do so meanwhile.

use std::sync::Arc;

use greenroom_core::{Code, Error, Payload};
use tokio::task::spawn_blocking;
use wasmtime::component::Val;

use crate::typed::call::Call;

/// Answers of fewer values are written at once: that takes about a millisecond.
const WRITTEN_AT_ONCE_VALUES: usize = 16 << 10;
/// Bytes of text that count as a value.
const TEXT_BYTES: usize = 16;

/// What `results` are to the caller, with at most so many bytes.
///
/// # Errors
/// The guest's own error, or that the result is too large.
pub(crate) async fn answered(call: Box<Call>, results: Vec<Val>, bytes_max: usize) -> Result<Payload, Error> {
    if results.iter().fold(WRITTEN_AT_ONCE_VALUES, left_after) > 0 {
        return call.answer(&results, bytes_max);
    }
    let place = Arc::clone(call.writers()).acquire_owned().await;
    let writing = spawn_blocking(move || {
        let _place = place;
        call.answer(&results, bytes_max)
    });
    let panicked = |error| Error::new(Code::Internal, format!("an answer was written halfway: {error}"));
    writing.await.map_err(panicked)?
}

/// How many of the `left` values there may still be after `value`. No more of it is looked at than that takes.
fn left_after(left: usize, value: &Val) -> usize {
    if left == 0 {
        return 0;
    }
    let left = left - 1;
    match value {
        Val::List(values) | Val::Tuple(values) => values.iter().try_fold(left, still_left).unwrap_or(0),
        Val::Record(members) => {
            members.iter().map(|(_, value)| value).try_fold(left, still_left).unwrap_or(0)
        }
        Val::Variant(_, Some(value))
        | Val::Option(Some(value))
        | Val::Result(Ok(Some(value)) | Err(Some(value))) => left_after(left, value),
        Val::String(text) => left.saturating_sub(text.len() / TEXT_BYTES),
        _ => left,
    }
}

fn still_left(left: usize, value: &Val) -> Option<usize> {
    (left > 0).then(|| left_after(left, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_weighs_what_writing_it_takes() {
        let numbers = |count| Val::List(vec![Val::U32(7); count]);
        let some = |value| Val::Option(Some(Box::new(value)));
        let record = |value| Val::Record(vec![("a".to_owned(), value)]);
        for (value, weight) in [
            (Val::Bool(true), 1),
            (numbers(99), 100),
            (some(some(numbers(99))), 102),
            (record(Val::Tuple(vec![numbers(9), numbers(9)])), 22),
            (Val::Result(Err(Some(Box::new(Val::String("x".repeat(160)))))), 12),
        ] {
            assert_eq!(left_after(1_000, &value), 1_000 - weight, "{value:?}");
        }
        assert_eq!(left_after(1_000, &numbers(1_000_000)), 0);
    }
}
