//! From values of a type to JSON, written straight into bytes and never more of them than allowed.

use std::io::{self, Write as _};

use wasmtime::component::Val;

use crate::typed::json_in::SAFE_INTEGER_MAX;
use crate::typed::shape::{Cases, Shape};

/// Why a value did not become JSON.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotWritten {
    /// It would have more bytes than allowed.
    #[error("the answer is too large")]
    TooLarge,
    /// It is not of the type.
    #[error("the engine gave a value of another type")]
    Mismatch,
}

type Written = Result<(), NotWritten>;

/// A value as JSON of at most so many bytes.
pub(crate) fn json_of(shape: &Shape, value: &Val, bytes_max: usize) -> Result<Vec<u8>, NotWritten> {
    let mut out = Out { bytes: Vec::with_capacity(128), bytes_max };
    out.value(shape, value)?;
    Ok(out.bytes)
}

/// Values of `list<u8>` as the bytes they are.
pub(crate) fn bytes_of(value: &Val) -> Result<Vec<u8>, NotWritten> {
    let Val::List(list) = value else { return Err(NotWritten::Mismatch) };
    list.iter()
        .map(|byte| if let Val::U8(byte) = byte { Ok(*byte) } else { Err(NotWritten::Mismatch) })
        .collect()
}

struct Out {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Out {
    fn raw(&mut self, text: &str) -> Written {
        self.write_all(text.as_bytes()).map_err(|_| NotWritten::TooLarge)
    }

    /// As `serde_json` writes it.
    fn json(&mut self, value: &impl serde::Serialize) -> Written {
        serde_json::to_writer(self, value).map_err(|_| NotWritten::TooLarge)
    }

    fn value(&mut self, shape: &Shape, value: &Val) -> Written {
        match (shape, value) {
            (Shape::Bool, Val::Bool(value)) => self.json(value),
            (Shape::S8, Val::S8(value)) => self.json(value),
            (Shape::U8, Val::U8(value)) => self.json(value),
            (Shape::S16, Val::S16(value)) => self.json(value),
            (Shape::U16, Val::U16(value)) => self.json(value),
            (Shape::S32, Val::S32(value)) => self.json(value),
            (Shape::U32, Val::U32(value)) => self.json(value),
            (Shape::S64, Val::S64(value)) => self.long((*value).into()),
            (Shape::U64, Val::U64(value)) => self.long((*value).into()),
            (Shape::F32, Val::Float32(value)) if value.is_finite() => self.json(value),
            (Shape::F32, Val::Float32(value)) => self.not_finite((*value).into()),
            (Shape::F64, Val::Float64(value)) if value.is_finite() => self.json(value),
            (Shape::F64, Val::Float64(value)) => self.not_finite(*value),
            (Shape::Char, Val::Char(value)) => self.json(value),
            (Shape::String, Val::String(value)) => self.json(value),
            (Shape::Bytes, value) => self.base64(&bytes_of(value)?),
            (Shape::List(item), Val::List(list)) => self.array(list.iter().map(|value| (&**item, value))),
            (Shape::Tuple(shapes), Val::Tuple(values)) if shapes.len() == values.len() => {
                self.array(shapes.iter().zip(values))
            }
            (Shape::Record(fields), Val::Record(values)) if fields.shapes.len() == values.len() => {
                let mut separator = "{";
                for ((name, shape), (_, value)) in fields.names.iter().zip(&fields.shapes).zip(values) {
                    self.raw(std::mem::replace(&mut separator, ","))?;
                    self.member(name, shape, value)?;
                }
                self.raw(if values.is_empty() { "{}" } else { "}" })
            }
            (Shape::Variant(cases), Val::Variant(name, payload)) => {
                let place = cases.names.find(name).ok_or(NotWritten::Mismatch)?;
                self.case(cases, place, payload.as_deref())
            }
            (Shape::Result(cases), Val::Result(Ok(payload))) => self.case(cases, 0, payload.as_deref()),
            (Shape::Result(cases), Val::Result(Err(payload))) => self.case(cases, 1, payload.as_deref()),
            (Shape::Enum(_), Val::Enum(name)) => self.json(name),
            (Shape::Flags(_), Val::Flags(names)) => self.json(names),
            (Shape::Option(_), Val::Option(None)) => self.raw("null"),
            (Shape::Option(inner), Val::Option(Some(value))) if shape.is_wrapped_option() => {
                self.raw("{")?;
                self.member("some", inner, value)?;
                self.raw("}")
            }
            (Shape::Option(inner), Val::Option(Some(value))) => self.value(inner, value),
            _ => Err(NotWritten::Mismatch),
        }
    }

    /// A 64-bit integer: a string where a double could not hold it.
    fn long(&mut self, value: i128) -> Written {
        let is_safe = (-SAFE_INTEGER_MAX..=SAFE_INTEGER_MAX).contains(&value);
        self.raw(&if is_safe { value.to_string() } else { format!("\"{value}\"") })
    }

    fn not_finite(&mut self, value: f64) -> Written {
        self.raw(if value.is_nan() {
            "\"NaN\""
        } else if value > 0.0 {
            "\"Infinity\""
        } else {
            "\"-Infinity\""
        })
    }

    fn base64(&mut self, bytes: &[u8]) -> Written {
        use base64::Engine as _;
        self.raw("\"")?;
        self.raw(&base64::engine::general_purpose::STANDARD.encode(bytes))?;
        self.raw("\"")
    }

    fn array<'a>(&mut self, items: impl Iterator<Item = (&'a Shape, &'a Val)>) -> Written {
        self.raw("[")?;
        let mut separator = "";
        for (shape, value) in items {
            self.raw(std::mem::replace(&mut separator, ","))?;
            self.value(shape, value)?;
        }
        self.raw("]")
    }

    /// WIT's names need no escapes.
    fn member(&mut self, name: &str, shape: &Shape, value: &Val) -> Written {
        self.raw("\"")?;
        self.raw(name)?;
        self.raw("\":")?;
        self.value(shape, value)
    }

    fn case(&mut self, cases: &Cases, place: usize, payload: Option<&Val>) -> Written {
        let name = cases.names.get(place);
        match (&cases.payloads[place], payload) {
            (None, None) => self.json(&name),
            (Some(shape), Some(value)) => {
                self.raw("{")?;
                self.member(name, shape, value)?;
                self.raw("}")
            }
            _ => Err(NotWritten::Mismatch),
        }
    }
}
