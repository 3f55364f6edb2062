//! Whole numbers in the host's own JSON: `5.0` is as whole as `5`, some clients write it so. Nothing is rounded.

use std::collections::BTreeMap;

use greenroom_core::number::whole;
use serde::{Deserialize as _, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// Longest piece of a request shown.
const SHOWN_CHARS_MAX: usize = 40;

/// Reads a whole number.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    of(<&RawValue>::deserialize(deserializer)?)
}

/// Reads a whole number, or none.
pub(crate) fn read_optional<'de, D, N>(deserializer: D) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<u64>,
{
    Option::<&RawValue>::deserialize(deserializer)?.map(of).transpose()
}

fn of<N: TryFrom<u64>, E: serde::de::Error>(json: &RawValue) -> Result<N, E> {
    let shown: String = json.get().chars().take(SHOWN_CHARS_MAX).collect();
    let value = whole(json.get()).map_err(|why| E::custom(format!("{shown} {why}")))?;
    let fits = u64::try_from(value).ok().and_then(|value| N::try_from(value).ok());
    fits.ok_or_else(|| E::custom(format!("{shown} is negative, or too large")))
}

/// Writes the whole numbers among the members of an object as such, as they stand in the text that it was read from.
pub(crate) fn made_whole(mut object: Value, json: &[u8]) -> Value {
    let written = serde_json::from_slice::<BTreeMap<String, &RawValue>>(json).unwrap_or_default();
    for (name, member) in object.as_object_mut().into_iter().flatten() {
        if let Some(Ok(value)) = written.get(name).map(|json| whole(json.get()))
            && let Ok(value) = u64::try_from(value)
        {
            *member = value.into();
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Asked {
        #[serde(deserialize_with = "read")]
        ms: u64,
        #[serde(default, deserialize_with = "read_optional")]
        times: Option<u32>,
    }

    fn asked(json: &str) -> Result<(u64, Option<u32>), String> {
        let asked: Result<Asked, _> = serde_json::from_str(json);
        asked.map(|asked| (asked.ms, asked.times)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_number_without_a_fraction_is_whole_however_it_is_written() {
        for (json, numbers) in [
            (r#"{"ms":5}"#, (5, None)),
            (r#"{"ms":5.0,"times":null}"#, (5, None)),
            (r#"{"ms":5e2,"times":1.0}"#, (500, Some(1))),
            (r#"{"ms":-0.0}"#, (0, None)),
            (r#"{"ms":18446744073709551615}"#, (u64::MAX, None)),
        ] {
            assert_eq!(asked(json), Ok(numbers), "{json}");
        }
    }

    #[test]
    fn everything_else_is_refused_and_nothing_rounded() {
        for (ms, says) in [
            ("5.5", "5.5 is not exactly a whole number"),
            ("1e-400", "1e-400 is not exactly a whole number"),
            ("4.99999999999999999999", "is not exactly a whole number"),
            ("-1", "-1 is negative, or too large"),
            ("18446744073709551616", "too large"),
            ("1e300", "too large"),
            ("\"5\"", "\"5\" is not exactly a whole number"),
        ] {
            let refusal = asked(&format!(r#"{{"ms":{ms}}}"#)).unwrap_err();
            assert!(refusal.contains(says), "{ms}: {refusal}");
        }
        assert!(asked(r#"{"ms":1,"times":4294967296}"#).unwrap_err().contains("too large"));
    }

    #[test]
    fn members_of_a_patch_are_whole_where_they_are_written_so() {
        let made = |json: &str| made_whole(serde_json::from_str(json).unwrap(), json.as_bytes()).to_string();
        assert_eq!(made(r#"{"a": 1.0, "b": "1.0", "c": null}"#), r#"{"a":1,"b":"1.0","c":null}"#);
        assert_eq!(made(r#"{"a": 4.99999999999999999999, "b": 1e-400}"#), r#"{"a":5.0,"b":0.0}"#);
        assert_eq!(made("[1.0]"), "[1.0]");
    }
}
