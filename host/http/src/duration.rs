//! Durations of ISO 8601 that mean the same everywhere: weeks, days, hours, minutes, seconds.
//! Years and months, whose length depends on when they begin, are refused.

use std::time::Duration;

const RULE: &str = "an ISO 8601 duration in weeks, days, hours, minutes and seconds, for example PT5S, \
                    PT1.5S, P1DT12H or P2W";

/// Parses `text`; the error is the rule it breaks.
pub(crate) fn parse(text: &str) -> Result<Duration, &'static str> {
    parse_parts(text).ok_or(RULE)
}

fn parse_parts(text: &str) -> Option<Duration> {
    let rest = text.strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (rest, None),
    };
    if (date.is_empty() && time.is_none()) || time == Some("") {
        return None;
    }
    let days = sum(date, &[('W', 7 * 86_400), ('D', 86_400)])?;
    let clock = sum(time.unwrap_or(""), &[('H', 3_600), ('M', 60), ('S', 1)])?;
    days.checked_add(clock)
}

/// Adds up numbers, each followed by one of `units` in that order. Only seconds take a fraction.
fn sum(mut text: &str, units: &[(char, u64)]) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut units = units.iter();
    while !text.is_empty() {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')?;
        let (number, rest) = text.split_at(end);
        let unit = rest.chars().next()?;
        let (_, seconds) = units.find(|(name, _)| *name == unit)?;
        let (whole, fraction) = match number.split_once(['.', ',']) {
            Some((whole, fraction)) if unit == 'S' => (whole, nanoseconds(fraction)?),
            Some(_) => return None,
            None => (number, 0),
        };
        let whole: u64 = whole.parse().ok()?;
        total = total.checked_add(Duration::new(whole.checked_mul(*seconds)?, fraction))?;
        text = &rest[unit.len_utf8()..];
    }
    Some(total)
}

fn nanoseconds(fraction: &str) -> Option<u32> {
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{fraction:0<9}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_means_the_same_everywhere_is_taken() {
        for (text, ms) in [
            ("PT0S", 0),
            ("PT5S", 5_000),
            ("PT0.25S", 250),
            ("PT1,5S", 1_500),
            ("PT90M", 5_400_000),
            ("PT1H2M3S", 3_723_000),
            ("P1D", 86_400_000),
            ("P2W", 1_209_600_000),
            ("P1DT12H", 129_600_000),
            ("P1W1DT1S", 691_201_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "5S",
            "PT5",
            "PTS",
            "pt5s",
            "P1Y",
            "P1M",
            "PT1S1M",
            "PT1S1S",
            "PT-1S",
            "-PT1S",
            "PT.5S",
            "PT1.S",
            "PT1.5H",
            "PT1..5S",
            "PT1S ",
            " PT1S",
            "PT٣S",
            "P1S",
            "PT1D",
            "PT1.0123456789S",
            "PT99999999999999999999S",
            "P99999999999999999W",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[PTWDHMS0-9.,-]{0,24}|\\PC{0,24}") {
            let _ = parse(&text);
        }

        #[test]
        fn seconds_come_back_as_written(ms in 0_u64..10_000_000_000_000) {
            let text = format!("PT{}.{:03}S", ms / 1_000, ms % 1_000);
            prop_assert_eq!(parse(&text), Ok(Duration::from_millis(ms)));
        }
    }
}
