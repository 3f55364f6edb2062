//! Sizes and durations as people write them: `64 MiB`, `30s`.

use std::time::Duration;

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Parses a size: a whole number of bytes, or of a unit.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim();
    let factor = if unit.is_empty() {
        Some(1)
    } else {
        UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| *factor)
    };
    let size = factor.and_then(|factor| number.parse::<u64>().ok()?.checked_mul(factor));
    match size {
        Some(0) => Err("it must be more than 0".to_owned()),
        Some(size) => Ok(size),
        None => Err(format!("{text:?} is not a size, for example `64 MiB`, `2 GiB` or `500 kB`")),
    }
}

/// Shows a size in the largest unit of which it is a whole number.
pub(crate) fn show_bytes(size: u64) -> String {
    let binary = UNITS[1..5].iter().rev().find(|(_, factor)| size > 0 && size.is_multiple_of(*factor));
    match binary {
        Some((unit, factor)) => format!("{} {unit}", size / factor),
        None => format!("{size} B"),
    }
}

/// Shows a size to look at, rounded.
pub(crate) fn show_roughly(size: u64) -> String {
    match UNITS[1..5].iter().rev().find(|(_, factor)| size >= *factor) {
        Some((unit, factor)) => format!("{:.1} {unit}", size as f64 / *factor as f64),
        None => format!("{size} B"),
    }
}

/// The longest duration, a hundred years: far more than anybody waits, and nothing that a clock can't count up to.
const DURATION_MAX: Duration = Duration::from_hours(24 * 36_525);

/// Parses a duration.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text.trim()) {
        Ok(Duration::ZERO) => Err("it must be more than 0".to_owned()),
        Ok(duration) if duration > DURATION_MAX => Err("it must be at most 100 years".to_owned()),
        Ok(duration) => Ok(duration),
        Err(_) => Err(format!("{text:?} is not a duration, for example `30s`, `200ms` or `1h 30m`")),
    }
}

/// Shows a duration as it can be written.
pub(crate) fn show_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// Parses a whole number that is not 0.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    match text.trim().replace('_', "").parse() {
        Ok(0) => Err("it must be more than 0".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err(format!("{text:?} is not a whole number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, size) in [
            ("1", 1),
            ("512B", 512),
            ("64 MiB", 64 << 20),
            ("64mib", 64 << 20),
            (" 2  GiB ", 2 << 30),
            ("500 kB", 500_000),
            ("1TB", 1_000_000_000_000),
        ] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "0", "0 MiB", "MiB", "1.5 MiB", "-1", "64 MiBs", "64 M", "99999999999 TiB", "1 2"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_as_they_can_be_written() {
        for (size, text) in [(1, "1 B"), (1_000, "1000 B"), (1 << 10, "1 KiB"), (3 << 29, "1536 MiB")] {
            assert_eq!(show_bytes(size), text);
            assert_eq!(bytes(text), Ok(size));
        }
        assert_eq!(show_roughly(1_500_000), "1.4 MiB");
        assert_eq!(show_roughly(12), "12 B");
    }

    #[test]
    fn durations_and_counts_are_never_nothing() {
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(count("1_000"), Ok(1_000));
        assert!(duration("100years").is_ok());
        for text in ["0s", "", "5", "soon", "101years", "300000000000y"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["0", "", "-1", "1.5", "many"] {
            assert!(count(text).is_err(), "{text}");
        }
    }
}
