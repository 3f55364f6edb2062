//! Numbers in JSON. JSON has one kind of them, so `5.0` is as whole as `5`: some clients write it so.

use serde::{Deserialize as _, Deserializer};
use serde_json::{Number, Value};

/// Up to here every whole number is a floating point number of its own.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A number that is not negative and has no fraction.
fn whole(number: &Number) -> Option<u64> {
    let written_so =
        || number.as_f64().filter(|float| float.fract() == 0.0 && (0.0..=EXACT_MAX).contains(float));
    number.as_u64().or_else(|| written_so().map(|float| float as u64))
}

/// Reads a whole number.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = Number::deserialize(deserializer)?;
    whole(&number).ok_or_else(|| serde::de::Error::custom(format!("{number} is no whole number from 0")))
}

/// Reads a whole number, or none.
pub(crate) fn read_optional<'de, D, N>(deserializer: D) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<u64>,
{
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let fits = whole(&number).and_then(|whole| N::try_from(whole).ok());
    fits.map(Some)
        .ok_or_else(|| serde::de::Error::custom(format!("{number} is no whole number, or too large")))
}

/// Writes the whole numbers among the members of an object as such.
pub(crate) fn made_whole(mut object: Value) -> Value {
    for member in object.as_object_mut().into_iter().flatten().map(|(_, member)| member) {
        if let Some(whole) = member.as_number().and_then(whole) {
            *member = whole.into();
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_number_without_a_fraction_is_whole_however_it_is_written() {
        let read = |text: &str| whole(&text.parse().unwrap());
        for (text, number) in
            [("5", 5), ("5.0", 5), ("5e2", 500), ("0", 0), ("-0.0", 0), ("18446744073709551615", u64::MAX)]
        {
            assert_eq!(read(text), Some(number), "{text}");
        }
        for text in ["5.5", "-1", "-1.0", "1e300", "18446744073709551616"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(
            made_whole(json!({"a": 1.0, "b": "1.0", "c": null})),
            json!({"a": 1, "b": "1.0", "c": null})
        );
        assert_eq!(made_whole(json!([1.0])), json!([1.0]));
    }
}
