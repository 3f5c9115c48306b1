//! Recognizes emoji. Only Unicode emoji, because the simulated guild has no custom ones.

use crate::api_error::ApiError;

/// The emoji in Discord's form, which is fully qualified: "❤" becomes "❤️", "✅" stays the same.
pub(crate) fn canonical(text: &str) -> Result<&'static str, ApiError> {
    emojis::get(text).map(emojis::Emoji::as_str).ok_or_else(ApiError::unknown_emoji)
}
