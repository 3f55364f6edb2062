//! JSON that the host itself reads: what is twice in an object, or no JSON for a reason that one can't see, is refused
//! by name.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What some editors and languages put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads `json`.
///
/// # Errors
/// Why it is none.
pub(crate) fn read<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, String> {
    if json.starts_with(BYTE_ORDER_MARK) {
        return Err(
            "a byte order mark (EF BB BF) stands before it, which JSON has none of (RFC 8259)".to_owned()
        );
    }
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

/// A value in which no object has a member twice.
pub(crate) struct Unambiguous(pub(crate) Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnambiguousVisitor).map(Unambiguous)
    }
}

struct UnambiguousVisitor;

impl<'de> Visitor<'de> for UnambiguousVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is none"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Unambiguous(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(de::Error::custom(format_args!("the member {name:?} is there twice")));
            }
            let Unambiguous(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_has_one_meaning_is_read_as_any_other_json() {
        let text = r#"{"a": [null, true, -1, 18446744073709551615, 1.5, "b"], "c": {"a": {}}, "d": []}"#;
        let Unambiguous(value) = read(text.as_bytes()).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(text).unwrap());
        let Unambiguous(value) = read(b" 5 ").unwrap();
        assert_eq!(value, json!(5));
    }

    #[test]
    fn what_has_not_is_refused_with_the_reason() {
        for (text, reason) in [
            (&br#"{"a": 1, "a": 1}"#[..], "the member \"a\" is there twice"),
            (br#"{"b": [{"a": 1, "\u0061": 2}]}"#, "the member \"a\" is there twice"),
            (b"\xef\xbb\xbf{}", "byte order mark"),
            (b"{", "EOF"),
            (b"{} {}", "trailing"),
        ] {
            let error = read::<Unambiguous>(text).err().unwrap();
            assert!(error.contains(reason), "{error}");
        }
    }
}
