//! Recognizes emoji. Only Unicode emoji, because the simulated guild has no custom ones.

use crate::api_error::ApiError;

const VARIATION_SELECTOR: char = '\u{fe0f}';

/// The emoji as it was spelled. Discord keeps the spelling: "✉" and "✉️" are two reactions on one message, and each list has
/// only its own (Merubokkusu/Discord-S.C.U.M#426). A variation selector that the emoji does not have is unknown to it
/// (diamondburned/dissent#168).
pub(crate) fn known(text: &str) -> Result<&str, ApiError> {
    let may_select = |emoji: &emojis::Emoji| emoji.as_str().contains(VARIATION_SELECTOR);
    let known = emojis::get(text).filter(|emoji| may_select(emoji) || !text.contains(VARIATION_SELECTOR));
    known.map(|_| text).ok_or_else(ApiError::unknown_emoji)
}
