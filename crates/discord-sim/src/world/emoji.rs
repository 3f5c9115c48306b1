//! Recognizes emoji. Only Unicode emoji, because the simulated guild has no custom ones.

use crate::api_error::ApiError;

/// The emoji as it was spelled. Discord keeps the spelling: "✉" and "✉️" are two reactions on one message, and each list has
/// only its own (Merubokkusu/Discord-S.C.U.M#426). A variation selector that the emoji does not have is unknown to it
/// (diamondburned/dissent#168).
pub(crate) fn known(text: &str) -> Result<&str, ApiError> {
    emojis::get(text).map(|_| text).ok_or_else(ApiError::unknown_emoji)
}
