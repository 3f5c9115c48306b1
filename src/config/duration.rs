//! Durations as they are written in the file.

use std::time::Duration;

/// What a duration key allows.
pub const ALLOWED: &str = "a whole number above zero and its unit, s, m or h, such as 90s, 15m or 2h";

/// A century: longer than anybody waits, and short enough to be added to any time without an overflow.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

/// Reads `90s`, `15m` or `2h`. The error says what is wrong with the text. A longer duration than a century is cut to one.
pub fn parse(text: &str) -> Result<Duration, String> {
    let malformed = || format!("{text:?} is not a duration");
    let unit = text.chars().next_back().ok_or_else(|| "empty".to_owned())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return Err(malformed()),
    };
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed());
    }
    // All are digits, so parsing fails only on overflow.
    let number = digits.parse().unwrap_or(u64::MAX);
    if number == 0 {
        return Err(format!("{text} is zero"));
    }
    Ok(Duration::from_secs(number.saturating_mul(seconds)).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_one_unit() {
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("15m"), Ok(Duration::from_mins(15)));
        assert_eq!(parse("2h"), Ok(Duration::from_hours(2)));
    }

    #[test]
    fn other_text_is_not_a_duration() {
        for text in [
            "", "s", "15", "m15", "1h30m", "1.5h", "-5s", "+5s", "15 m", " 15m", "15M", "5ms", "5d", "５s",
            "5é", "0s",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_very_long_duration_does_not_overflow() {
        for text in ["18446744073709551615h", "99999999999999999999999999999s", "9223372036854775807s"] {
            let parsed = parse(text).expect("a duration");
            assert!(std::time::Instant::now().checked_add(parsed).is_some(), "{text}");
            assert!(parsed > Duration::from_hours(24 * 365), "{text}");
        }
    }
}
