//! Discord's ids (snowflakes), as integers or as strings of digits.

use toml::de::DeValue;

use super::fault::Reported;
use super::value::ConfigValue;

/// An id, which is never 0. Strings are accepted because many tools cannot write integers of this size.
pub(super) fn id(value: &ConfigValue<'_>) -> Result<u64, Reported> {
    let (digits, radix) = match value.content {
        DeValue::Integer(integer) => (integer.as_str(), integer.radix()),
        DeValue::String(text) => (text.as_ref(), 10),
        _ => return Err(value.wrong_type("an id")),
    };
    if digits.starts_with('-') {
        return Err(value.refuse(format!("{digits} is negative")));
    }
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(value.refuse("not a number: use the id, not the name"));
    }
    match u64::from_str_radix(digits, radix) {
        Ok(0) => Err(value.refuse("0 is not an id")),
        Ok(id) => Ok(id),
        Err(_) => Err(value.refuse(format!("{digits} is larger than any id"))),
    }
}
