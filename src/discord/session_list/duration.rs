//! Durations as people type them.

use std::time::Duration;

/// What to write, for those who wrote something else.
pub const EXPECTED: &str = "a number and s, m, h or d, such as 90s, 15m or 2h";

/// Reads `90s`, `15m`, `2h`, `1d`, and several in a row (`1h30m`, `4 m 12 s`); `None` when it is none.
pub fn parse(text: &str) -> Option<Duration> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut rest = text.as_str();
    let mut seconds: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        let mut letters = rest[digits..].chars();
        let unit = match letters.next()?.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = letters.as_str();
    }
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_or_several_of_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("2H", 7_200),
            ("1d", 86_400),
            (" 4 m 12 s ", 252),
            ("1h30m", 5_400),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn nonsense_is_no_duration() {
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
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
