//! Spans of time as people write them.

use std::time::Duration;

/// What is accepted, for those who are told.
pub const ALLOWED: &str = "a whole number above zero and its unit, s, m or h, such as 90s, 15m or 2h";

/// Reads `90s`, `15m` or `2h`; the error says what is wrong with the text. What is too long for 64 bits of seconds
/// is as long as those can tell.
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
    // All of them are digits, so only the size of the number can be in the way.
    let number = digits.parse().unwrap_or(u64::MAX);
    if number == 0 {
        return Err(format!("{text} is no time at all"));
    }
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_one_unit() {
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("15m"), Ok(Duration::from_mins(15)));
        assert_eq!(parse("2h"), Ok(Duration::from_hours(2)));
    }

    #[test]
    fn anything_else_is_said_not_to_be_one() {
        for text in [
            "", "s", "15", "m15", "1h30m", "1.5h", "-5s", "+5s", "15 m", " 15m", "15M", "5ms", "5d", "５s",
            "5é", "0s",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn however_long_it_does_not_wrap_around() {
        let longest = Ok(Duration::from_secs(u64::MAX));
        assert_eq!(parse("18446744073709551615h"), longest);
        assert_eq!(parse("99999999999999999999999999999s"), longest);
    }
}
