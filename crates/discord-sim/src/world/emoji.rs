//! Which text is an emoji. Only Unicode emoji: the simulated guild has no emoji of its own.

use super::refusal::Refusal;

/// The emoji as Discord stores and sends it: fully qualified, so "❤" becomes "❤️" and "✅" stays as it is.
pub(crate) fn canonical(text: &str) -> Result<&'static str, Refusal> {
    emojis::get(text)
        .map(emojis::Emoji::as_str)
        .ok_or_else(Refusal::unknown_emoji)
}
