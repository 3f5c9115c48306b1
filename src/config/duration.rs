//! Durations as they are written in the file.

use std::time::Duration;

/// What a duration key allows.
pub const ALLOWED: &str = "a whole number above zero and its unit, s, m or h, such as 90s, 15m or 2h";

/// Reads `90s`, `15m` or `2h`. The error says what is wrong with the text. A duration of more than 64 bits of seconds is
/// cut to the longest one.
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
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
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
        let longest = Ok(Duration::from_secs(u64::MAX));
        assert_eq!(parse("18446744073709551615h"), longest);
        assert_eq!(parse("99999999999999999999999999999s"), longest);
    }
}
