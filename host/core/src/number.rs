//! Whole numbers in JSON, exactly as they are written. JSON has one kind of numbers, so `5.0` and `5e0` are as whole as
//! `5`; read as floating point, `1e-400` and `4.99999999999999999` would be, too.

use std::fmt;

/// Why a number is not taken for a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotWhole {
    /// It has a fraction, however small, or is no number of JSON.
    Exactly,
    /// It is beyond what any type of integers has.
    TooLarge,
}

impl fmt::Display for NotWhole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotWhole::Exactly => "is not exactly a whole number",
            NotWhole::TooLarge => "is too large",
        })
    }
}

/// The value of a number of JSON.
///
/// # Errors
/// It is not whole, or far too large.
pub fn whole(json: &str) -> Result<i128, NotWhole> {
    let (is_negative, rest) = json.strip_prefix('-').map_or((false, json), |rest| (true, rest));
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{before}{after}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotWhole::Exactly);
    }
    let significant = digits.trim_end_matches('0').len();
    if significant == 0 {
        return Ok(0);
    }
    // How many zeros follow the digits that count.
    let zeros = power(exponent)?
        .saturating_sub(after.len() as i64)
        .saturating_add((digits.len() - significant) as i64);
    digits.truncate(significant);
    let zeros = usize::try_from(zeros).map_err(|_| NotWhole::Exactly)?;
    let digits = digits.trim_start_matches('0');
    // Integers of 128 bits have 39 digits at most.
    if digits.len().saturating_add(zeros) > 39 {
        return Err(NotWhole::TooLarge);
    }
    let value: i128 = format!("{digits}{}", "0".repeat(zeros)).parse().map_err(|_| NotWhole::TooLarge)?;
    Ok(if is_negative { -value } else { value })
}

/// An exponent, or one as far beyond all that count.
fn power(text: &str) -> Result<i64, NotWhole> {
    let (is_negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotWhole::Exactly);
    }
    let power = digits.parse().unwrap_or(i64::MAX);
    Ok(if is_negative { -power } else { power })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_without_a_fraction_is_whole_however_it_is_written() {
        for (json, value) in [
            ("0", 0),
            ("-0", 0),
            ("-0.0", 0),
            ("0e99999999999999999999", 0),
            ("0.000e-400", 0),
            ("5.0", 5),
            ("5e0", 5),
            ("0.5E1", 5),
            ("500e-2", 5),
            ("1.5e+1", 15),
            ("-2.50e1", -25),
            ("9007199254740993.0", 9_007_199_254_740_993),
            ("18446744073709551615", u64::MAX.into()),
            ("18446744073709551616", i128::from(u64::MAX) + 1),
        ] {
            assert_eq!(whole(json), Ok(value), "{json}");
        }
    }

    #[test]
    fn nothing_is_rounded() {
        for json in [
            "1.5",
            "1e-400",
            "4.99999999999999999999",
            "0.1",
            "5e-1",
            "-1e-99999999999999999999",
            "",
            "-",
            "1e",
            "NaN",
            "Infinity",
            "0x10",
            "1_000",
            "1.5.0",
        ] {
            assert_eq!(whole(json), Err(NotWhole::Exactly), "{json}");
        }
        for json in ["1e400", "-1e99999999999999999999", &"9".repeat(400)] {
            assert_eq!(whole(json), Err(NotWhole::TooLarge), "{json}");
        }
    }

    proptest! {
        #[test]
        fn every_integer_is_itself_with_zeros_behind_its_point(value: i64, zeros in 0_usize..20, shift in 0_usize..5) {
            prop_assert_eq!(whole(&format!("{value}.{}", "0".repeat(zeros))), Ok(value.into()));
            prop_assert_eq!(whole(&format!("{value}{}e-{shift}", "0".repeat(shift))), Ok(value.into()));
        }

        #[test]
        fn nothing_makes_it_panic(text in "[-+0-9.eE]{0,30}|\\PC{0,30}") {
            let _ = whole(&text);
        }
    }
}
