//! Points in time as RFC 3339, in UTC, always with six digits of a second and a `Z`: as text they sort as in time.

use jiff::fmt::temporal::DateTimePrinter;

use crate::domain::timestamp::Timestamp;

/// 0000-01-01T00:00:00Z: RFC 3339 has no years before 0.
const FIRST: i64 = -62_167_219_200_000_000;
/// 9999-12-30T22:00:00Z: the last that jiff knows, 26 hours before the end of the year 9999.
const LAST: i64 = 253_402_207_200_000_000;

static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));

/// Writes a time. One outside of the years 0 to 9999, such as the expiry of a request that never expires, is written as
/// the first or the last one within.
pub fn write(time: Timestamp) -> String {
    let within = time.as_micros().clamp(FIRST, LAST);
    // Within these bounds every number is a timestamp, so that the alternative is never taken.
    let timestamp = jiff::Timestamp::from_microsecond(within).unwrap_or(jiff::Timestamp::MAX);
    PRINTER.timestamp_to_string(&timestamp)
}

/// Reads what [`write()`] wrote, and nothing else.
pub fn read(text: &str) -> Option<Timestamp> {
    let time = Timestamp::from_micros(text.parse::<jiff::Timestamp>().ok()?.as_microsecond());
    (write(time) == text).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_to_the_microsecond_and_in_one_way_only() {
        let time = Timestamp::from_micros(1_795_381_445_123_450);
        assert_eq!(write(time), "2026-11-22T21:04:05.123450Z");
        assert_eq!(read("2026-11-22T21:04:05.123450Z"), Some(time));
        for other in [
            "2026-11-22T21:04:05.12345Z",
            "2026-11-22T21:04:05.1234500Z",
            "2026-11-22T22:04:05.123450+01:00",
            "2026-11-22 21:04:05.123450Z",
            "2026-11-22t21:04:05.123450z",
            "",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn what_has_no_year_of_four_digits_is_the_last_or_the_first_moment_that_has() {
        assert_eq!(write(Timestamp::from_micros(i64::MAX)), "9999-12-30T22:00:00.000000Z");
        assert_eq!(write(Timestamp::from_micros(i64::MIN)), "0000-01-01T00:00:00.000000Z");
        assert_eq!(read(&write(Timestamp::from_micros(i64::MAX))), Some(Timestamp::from_micros(LAST)));
    }
}
