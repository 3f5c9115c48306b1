//! Durations as people type them.

use std::time::Duration;

/// The expected format, for error messages.
pub const EXPECTED_FORMAT: &str = "a number and s, m, h or d, such as 90s, 15m or 2h";

/// Parses `90s`, `15m`, `2h`, `1d`, and combinations (`1h30m`, `4 m 12 s`). `None` if the text is not a duration.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut remaining = text.as_str();
    let mut seconds: u64 = 0;
    if remaining.is_empty() {
        return None;
    }
    while !remaining.is_empty() {
        let digits = remaining.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = remaining[..digits].parse().ok()?;
        let mut letters = remaining[digits..].chars();
        let unit = match letters.next()?.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        remaining = letters.as_str();
    }
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_are_durations() {
        for (text, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("2H", 7_200),
            ("1d", 86_400),
            (" 4 m 12 s ", 252),
            ("1h30m", 5_400),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_durations() {
        for text in [
            "",
            " ",
            "soon",
            "5",
            "m",
            "-5m",
            "1.5h",
            "5 minutes",
            "99999999999999999999s",
            "18446744073709551615d",
            "٣m",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
