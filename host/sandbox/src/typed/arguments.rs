//! From a message's payload to the arguments of a function.
//!
//! | parameters | body |
//! | --- | --- |
//! | none | empty, `null`, `{}` or `[]` |
//! | one | the value itself, or as for more |
//! | more | an object by name, or an array by position |
//!
//! Where one parameter could itself be an object, an object with its name as the only member is by
//! name; where it could be an array, an array is the value itself. So every body has one meaning.

use std::fmt;

use greenroom_core::Payload;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use wasmtime::component::Val;

use crate::typed::json_in::{Path, Reading, Wanted, list_of, read_elements, read_members};
use crate::typed::shape::{Fields, Shape};

/// The media type of bytes that are nothing but bytes.
pub(crate) const BYTES: &str = "application/octet-stream";

/// What some editors and languages put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a payload says that it is bytes, and wants bytes for an answer.
pub(crate) fn speaks_bytes(payload: &Payload) -> bool {
    let essence = payload.content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(BYTES)
}

/// The arguments for those parameters, and how many values they are.
///
/// # Errors
/// What does not fit and where, for whoever sent it.
pub(crate) fn arguments(parameters: &Fields, payload: &Payload) -> Result<(Vec<Val>, usize), String> {
    let reading = Reading::new();
    let values = read(parameters, payload, &reading)?;
    Ok((values, reading.values()))
}

fn read(parameters: &Fields, payload: &Payload, reading: &Reading) -> Result<Vec<Val>, String> {
    let only = match parameters.shapes.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    if only == Some(&Shape::Bytes) && speaks_bytes(payload) {
        let path = Path::Member(&Path::Root, parameters.names.get(0));
        let counted: Result<(), serde_json::Error> = reading.count(&path, payload.body.len());
        counted.map_err(|_| format!("{path}: more bytes than a message may have values"))?;
        return Ok(vec![list_of(&payload.body)]);
    }
    let body = payload.body.trim_ascii();
    if body.starts_with(BYTE_ORDER_MARK) {
        return Err(
            "$: a byte order mark (EF BB BF) stands before the JSON, which has none (RFC 8259)".into()
        );
    }
    let (by_name, by_position) = (ByName { parameters, reading }, ByPosition { parameters, reading });
    match (only, body.first()) {
        (_, None) => reading.read(b"{}", by_name),
        (_, Some(b'n')) if body == b"null" => reading.read(b"{}", by_name),
        (Some(only), Some(b'{')) if only.can_be_object() && !is_by_name(body, parameters) => {
            reading.read(body, Bare { shape: only, reading })
        }
        (Some(only), Some(b'[')) if only.can_be_array() => reading.read(body, Bare { shape: only, reading }),
        (_, Some(b'{')) => reading.read(body, by_name),
        (_, Some(b'[')) => reading.read(body, by_position),
        (Some(only), Some(_)) => reading.read(body, Bare { shape: only, reading }),
        (None, Some(_)) if parameters.shapes.is_empty() => {
            Err("$: expected no arguments: an empty body, null, {} or []".into())
        }
        (None, Some(_)) => Err(format!(
            "$: expected an object with the arguments {}, or an array of them",
            parameters.names.shown()
        )),
    }
}

/// Whether an object has the one parameter's name as its only member.
fn is_by_name(body: &[u8], parameters: &Fields) -> bool {
    let mut parser = serde_json::Deserializer::from_slice(body);
    de::Deserializer::deserialize_map(&mut parser, OnlyMember { parameters }).unwrap_or(false)
}

struct OnlyMember<'a> {
    parameters: &'a Fields,
}

impl<'de> Visitor<'de> for OnlyMember<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut named = 0;
        while let Some(name) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            let Some(_) = self.parameters.names.find(&name) else { return Ok(false) };
            map.next_value::<IgnoredAny>()?;
            named += 1;
        }
        Ok(named == 1)
    }
}

/// The one argument, as a value.
struct Bare<'a> {
    shape: &'a Shape,
    reading: &'a Reading,
}

impl<'de> DeserializeSeed<'de> for Bare<'_> {
    type Value = Vec<Val>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Val>, D::Error> {
        let Bare { shape, reading } = self;
        Wanted { shape, path: &Path::Root, reading }.deserialize(deserializer).map(|value| vec![value])
    }
}

/// All arguments, as members of an object.
struct ByName<'a> {
    parameters: &'a Fields,
    reading: &'a Reading,
}

/// All arguments, as elements of an array.
struct ByPosition<'a> {
    parameters: &'a Fields,
    reading: &'a Reading,
}

macro_rules! seed {
    ($seed:ident, $deserialize:ident) => {
        impl<'de> DeserializeSeed<'de> for $seed<'_> {
            type Value = Vec<Val>;

            fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Val>, D::Error> {
                deserializer.$deserialize(self)
            }
        }
    };
}
seed!(ByName, deserialize_map);
seed!(ByPosition, deserialize_seq);

impl<'de> Visitor<'de> for ByName<'_> {
    type Value = Vec<Val>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<Val>, A::Error> {
        let Fields { names, shapes } = self.parameters;
        read_members(map, (names, shapes), &Path::Root, self.reading, false)
    }
}

impl<'de> Visitor<'de> for ByPosition<'_> {
    type Value = Vec<Val>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Vec<Val>, A::Error> {
        read_elements(seq, &self.parameters.shapes, &Path::Root, self.reading, true)
    }
}
