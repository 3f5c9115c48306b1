//! Whole numbers. RFC 8785 knows only IEEE 754 doubles, so that one above 2^53 is written as a string.

use serde_json::Value;

const LARGEST_EXACT: u64 = 1 << 53;

/// As a number while that is exact, else as a string of digits.
pub(super) fn write(number: u64) -> Value {
    if number <= LARGEST_EXACT {
        number.into()
    } else {
        number.to_string().into()
    }
}

/// What [`write()`] made, and nothing else: no fraction, no sign, no string where a number will do.
pub(super) fn read(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_u64()?,
        Value::String(digits) => digits.parse().ok()?,
        _ => return None,
    };
    (write(number) == *value).then_some(number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_is_written_exactly_and_in_one_way_only() {
        assert_eq!(write(LARGEST_EXACT), json!(9_007_199_254_740_992_u64));
        assert_eq!(write(LARGEST_EXACT + 1), json!("9007199254740993"));
        assert_eq!(read(&json!("18446744073709551615")), Some(u64::MAX));
        for other in [
            json!("12"),
            json!(12.0),
            json!(-1),
            json!("+9007199254740993"),
            json!("09007199254740993"),
            json!(9_007_199_254_740_993_u64),
            json!(null),
        ] {
            assert_eq!(read(&other), None, "{other}");
        }
    }
}
