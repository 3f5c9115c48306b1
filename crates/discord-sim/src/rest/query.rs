//! Values in URL queries.

use serde::de::{Deserialize, Deserializer, Error, Unexpected};

/// A boolean in any form that Discord accepts (its page "API Reference", section "Boolean Query Strings").
pub(crate) fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.as_str() {
        "True" | "true" | "1" => Ok(true),
        "False" | "false" | "0" => Ok(false),
        other => Err(D::Error::invalid_value(Unexpected::Str(other), &"True, true, 1, False, false or 0")),
    }
}
