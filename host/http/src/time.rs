//! Moments as people and programs read them: RFC 3339, in UTC, to the millisecond.

use greenroom_core::Timestamp;

/// The last moment that RFC 3339, with its four digits for the year, can write.
const LATEST_MS: u64 = 253_402_300_799_999;

/// `at`, for example `2026-01-31T09:05:00.250Z`. What is later than the year 9999 is shown as the
/// end of that year.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    const DAY_MS: u64 = 86_400_000;
    let ms = at.unix_ms().min(LATEST_MS);
    let (year, month, day) = date(ms / DAY_MS);
    let of_day = ms % DAY_MS;
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, millisecond) = (of_day / 1_000 % 60, of_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

/// Year, month and day of a day since the Unix epoch, in the Gregorian calendar.
///
/// Counts from 1 March of the year 0, so that the leap day is the last of its year and months
/// follow the pattern 31, 30, 31, 30, 31 from there.
fn date(days_since_epoch: u64) -> (u64, u64, u64) {
    const DAYS_FROM_YEAR_0: u64 = 719_468;
    const DAYS_IN_400_YEARS: u64 = 146_097;
    let days = days_since_epoch + DAYS_FROM_YEAR_0;
    let of_cycle = days % DAYS_IN_400_YEARS;
    let year_of_cycle = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = days / DAYS_IN_400_YEARS * 400 + year_of_cycle + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_calendar_has_them() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_234_567_890_123, "2009-02-13T23:31:30.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (LATEST_MS, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_unix_ms(ms)), text);
        }
    }

    #[test]
    fn days_follow_each_other_without_a_gap() {
        let mut before = date(0);
        for day in 1..200_000 {
            let next = date(day);
            let follows = next == (before.0, before.1, before.2 + 1)
                || next == (before.0, before.1 + 1, 1)
                || (next == (before.0 + 1, 1, 1) && before.1 == 12 && before.2 == 31);
            assert!(follows, "{before:?} then {next:?}");
            assert!((28..=31).contains(&before.2) || next.2 != 1, "{before:?}");
            before = next;
        }
    }
}
