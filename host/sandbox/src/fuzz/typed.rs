//! JSON for typed methods, and values that become JSON.

use arbitrary::{Result, Unstructured};
use greenroom_core::Payload;
use wasmtime::component::Val;

use crate::fuzz::shapes::{shape, value};
use crate::typed::arguments::arguments;
use crate::typed::json_in::{Path, Reading, Wanted};
use crate::typed::json_out::json_of;
use crate::typed::names::Names;
use crate::typed::room::VALUES_MAX;
use crate::typed::schema::schema;
use crate::typed::shape::{Fields, Shape};

const LEVELS: u32 = 5;
const PARAMETERS: [&str; 3] = ["due-at", "x", "count"];

/// A type, then a value of it or JSON for it: every value comes back through JSON as it was, JSON that is
/// taken gives a value that does, and what is refused names its place.
pub fn typed(bytes: &[u8]) {
    let _ = with(&mut Unstructured::new(bytes));
}

fn with(bytes: &mut Unstructured<'_>) -> Result<()> {
    let shape = shape(bytes, LEVELS)?;
    schema(&shape);
    if bytes.arbitrary()? {
        comes_back(&shape, &value(bytes, &shape)?);
        return Ok(());
    }
    let more = bytes.int_in_range(0..=2)?;
    let json = bytes.peek_bytes(bytes.len()).unwrap_or_default();
    match read(&shape, json) {
        Ok(value) => comes_back(&shape, &value),
        Err(refusal) => assert!(refusal.starts_with('$'), "{refusal}"),
    }
    let names = Names::new(PARAMETERS.into_iter().take(more + 1));
    let parameters = Fields { names, shapes: vec![shape; more + 1] };
    match arguments(&parameters, &Payload::new("", json.to_vec())) {
        Ok((values, count)) => assert!(values.len() == more + 1 && count <= VALUES_MAX),
        Err(refusal) => assert!(refusal.starts_with('$'), "{refusal}"),
    }
    Ok(())
}

fn read(shape: &Shape, json: &[u8]) -> std::result::Result<Val, String> {
    let reading = Reading::new();
    reading.read(json, Wanted { shape, path: &Path::Root, reading: &reading })
}

fn comes_back(shape: &Shape, value: &Val) {
    let json = json_of(shape, value, usize::MAX).expect("a value of its type becomes JSON");
    let again = read(shape, &json);
    // `Val` finds a NaN equal to itself.
    assert_eq!(again.as_ref(), Ok(value), "{}", String::from_utf8_lossy(&json));
    assert!(json_of(shape, value, json.len()).is_ok() && json_of(shape, value, json.len() - 1).is_err());
}
