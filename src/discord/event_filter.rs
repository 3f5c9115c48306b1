//! Filters events before decoding. In a busy guild most of them do not concern killgate.

use std::sync::Arc;

use serde::Deserialize;
use serenity::model::channel::ReactionType;
use serenity::model::id as discord;

use super::messages::mark::MARK_START;
use super::served_channels::ServedChannels;
use super::vote_emoji::VoteEmoji;
use crate::domain::ids::ChannelId;

/// Kinds that are always decoded. All of them are rare.
const ALWAYS: [&str; 16] = [
    "INTERACTION_CREATE",
    "MESSAGE_DELETE",
    "MESSAGE_DELETE_BULK",
    "CHANNEL_CREATE",
    "CHANNEL_UPDATE",
    "CHANNEL_DELETE",
    "THREAD_CREATE",
    "THREAD_UPDATE",
    "THREAD_DELETE",
    "THREAD_LIST_SYNC",
    "MESSAGE_REACTION_REMOVE_ALL",
    "GUILD_CREATE",
    "GUILD_DELETE",
    "GUILD_ROLE_UPDATE",
    "GUILD_ROLE_DELETE",
    "GUILD_MEMBER_UPDATE",
];
/// Decoded only for messages with a mark in served channels.
const MESSAGE_UPDATE: &str = "MESSAGE_UPDATE";
/// Decoded only for votes in served channels.
const REACTIONS: [&str; 3] =
    ["MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE", "MESSAGE_REACTION_REMOVE_EMOJI"];

#[derive(Deserialize)]
struct InChannel {
    channel_id: discord::ChannelId,
}

/// A cheap test on the raw JSON: a vote contains the emoji. Events that pass are decoded and checked properly.
pub fn event_filter(
    channels: Arc<ServedChannels>,
    vote_emoji: &VoteEmoji,
) -> impl Fn(&str, &str) -> bool + Send + Sync + 'static {
    let patterns = [EmojiPattern::new(&vote_emoji.approve), EmojiPattern::new(&vote_emoji.deny)];
    move |kind, data| {
        let is_in_served_channel = || {
            serde_json::from_str(data)
                .is_ok_and(|event: InChannel| channels.is_served(ChannelId(event.channel_id.get())))
        };
        let is_vote = || patterns.iter().any(|pattern| pattern.is_in(data));
        match kind {
            MESSAGE_UPDATE => data.contains(MARK_START) && is_in_served_channel(),
            _ if REACTIONS.contains(&kind) => is_vote() && is_in_served_channel(),
            _ => ALWAYS.contains(&kind),
        }
    }
}

/// A text that the JSON of a reaction with a certain emoji contains.
struct EmojiPattern {
    plain: String,
    /// The text with JSON escapes, in lower case. `None` for an id, because digits are never escaped.
    escaped: Option<String>,
}

impl EmojiPattern {
    /// Uses only the first character, because Discord omits some of those that follow.
    fn new(emoji: &ReactionType) -> Self {
        match emoji {
            ReactionType::Unicode(text) => {
                let plain: String = text.chars().take(1).collect();
                let units = plain.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
                Self { escaped: Some(units.collect()), plain }
            }
            ReactionType::Custom { id, .. } => Self { plain: id.to_string(), escaped: None },
            // The empty pattern matches every event.
            _ => Self { plain: String::new(), escaped: None },
        }
    }

    fn is_in(&self, data: &str) -> bool {
        data.contains(&self.plain)
            || self.escaped.as_ref().is_some_and(|escaped| {
                data.contains('\\') && data.to_ascii_lowercase().contains(escaped.as_str())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discord::served_channels::ChannelScope;

    fn channels() -> Arc<ServedChannels> {
        let channels = [ChannelId(12)].into();
        Arc::new(ServedChannels::new(ChannelScope { channels, ..ChannelScope::default() }))
    }

    #[test]
    fn reactions_elsewhere_and_other_kinds_are_not_decoded() {
        let vote_emoji = VoteEmoji::parse("✅", "❌").expect("two emoji");
        let passes = event_filter(channels(), &vote_emoji);
        assert!(passes("INTERACTION_CREATE", "{}"));
        assert!(passes("MESSAGE_REACTION_ADD", r#"{"channel_id":"12","emoji":{"name":"✅"}}"#));
        assert!(!passes("MESSAGE_REACTION_ADD", r#"{"channel_id":"13","emoji":{"name":"✅"}}"#));
        assert!(!passes("MESSAGE_REACTION_ADD", r#"{"channel_id":"12","emoji":{"name":"👍"}}"#));
        assert!(!passes("MESSAGE_CREATE", r#"{"channel_id":"12","content":"✅"}"#));
    }

    #[test]
    fn a_vote_is_decoded_whether_or_not_its_emoji_is_escaped() {
        let vote_emoji = VoteEmoji::parse("✔️", "<:no:77>").expect("two emoji");
        let passes = event_filter(channels(), &vote_emoji);
        for emoji in
            [r#"{"name":"✔"}"#, r#"{"name":"\u2714"}"#, r#"{"name":"\u2714\uFE0F"}"#, r#"{"id":"77"}"#]
        {
            let data = format!(r#"{{"channel_id":"12","emoji":{emoji}}}"#);
            assert!(passes("MESSAGE_REACTION_REMOVE", &data), "{data}");
        }
        let vote_emoji = VoteEmoji::parse("🚀", "❌").expect("two emoji");
        let passes = event_filter(channels(), &vote_emoji);
        let data = r#"{"channel_id":"12","emoji":{"name":"\uD83D\uDe80"}}"#;
        assert!(passes("MESSAGE_REACTION_ADD", data));
    }
}
