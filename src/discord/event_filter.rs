//! Which events are decoded at all. A busy guild sends many that are nobody's business here.

use serenity::model::channel::ReactionType;

use super::vote_emoji::VoteEmoji;
use crate::domain::ids::ChannelId;

/// Kinds that are always looked at: each is rare.
const ALWAYS: [&str; 5] = [
    "INTERACTION_CREATE",
    "MESSAGE_DELETE",
    "MESSAGE_DELETE_BULK",
    "CHANNEL_DELETE",
    "MESSAGE_REACTION_REMOVE_ALL",
];
/// Kinds that matter in the incident channels alone.
const IN_CHANNEL: &str = "CHANNEL_UPDATE";
/// Those of them that matter with an emoji that is a vote alone.
const VOTES: [&str; 3] = [
    "MESSAGE_REACTION_ADD",
    "MESSAGE_REACTION_REMOVE",
    "MESSAGE_REACTION_REMOVE_EMOJI",
];

/// A cheap test on the raw JSON: an event whose text does not even contain the number of an incident channel cannot be
/// in one, nor can a reaction be a vote without the emoji. What passes is decoded and looked at properly.
pub fn event_filter(
    channels: impl IntoIterator<Item = ChannelId>,
    ballot: &VoteEmoji,
) -> impl Fn(&str, &str) -> bool + Send + Sync + 'static {
    let channels: Vec<_> = channels.into_iter().map(|channel| channel.to_string()).collect();
    let marks = [EmojiPattern::of(&ballot.approve), EmojiPattern::of(&ballot.deny)];
    move |kind, data| {
        let is_here = || channels.iter().any(|channel| data.contains(channel));
        let is_vote = || marks.iter().any(|mark| mark.is_in(data));
        match kind {
            IN_CHANNEL => is_here(),
            _ if VOTES.contains(&kind) => is_here() && is_vote(),
            _ => ALWAYS.contains(&kind),
        }
    }
}

/// What the JSON of an event with a certain emoji contains, however it is written.
struct EmojiPattern {
    plain: String,
    /// The same as JSON may escape it, in lower case; `None` for digits, which nobody escapes.
    escaped: Option<String>,
}

impl EmojiPattern {
    /// The first character is enough, for Discord leaves out some of those that follow.
    fn of(emoji: &ReactionType) -> Self {
        match emoji {
            ReactionType::Unicode(text) => {
                let plain: String = text.chars().take(1).collect();
                let units = plain.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
                Self {
                    escaped: Some(units.collect()),
                    plain,
                }
            }
            ReactionType::Custom { id, .. } => Self {
                plain: id.to_string(),
                escaped: None,
            },
            // Nothing is left out for want of knowing it.
            _ => Self {
                plain: String::new(),
                escaped: None,
            },
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

    #[test]
    fn reactions_elsewhere_and_other_kinds_are_not_decoded() {
        let ballot = VoteEmoji::parse("✅", "❌").expect("two emoji");
        let wanted = event_filter([ChannelId(12)], &ballot);
        assert!(wanted("INTERACTION_CREATE", "{}"));
        assert!(wanted(
            "MESSAGE_REACTION_ADD",
            r#"{"channel_id":"12","emoji":{"name":"✅"}}"#
        ));
        assert!(!wanted(
            "MESSAGE_REACTION_ADD",
            r#"{"channel_id":"13","emoji":{"name":"✅"}}"#
        ));
        assert!(!wanted(
            "MESSAGE_REACTION_ADD",
            r#"{"channel_id":"12","emoji":{"name":"👍"}}"#
        ));
        assert!(!wanted("MESSAGE_CREATE", r#"{"channel_id":"12","content":"✅"}"#));
    }

    #[test]
    fn a_vote_is_decoded_however_its_emoji_is_written() {
        let ballot = VoteEmoji::parse("✔️", "<:no:77>").expect("two emoji");
        let wanted = event_filter([ChannelId(12)], &ballot);
        for emoji in [
            r#"{"name":"✔"}"#,
            r#"{"name":"\u2714"}"#,
            r#"{"name":"\u2714\uFE0F"}"#,
            r#"{"id":"77"}"#,
        ] {
            let data = format!(r#"{{"channel_id":"12","emoji":{emoji}}}"#);
            assert!(wanted("MESSAGE_REACTION_REMOVE", &data), "{data}");
        }
        let ballot = VoteEmoji::parse("🚀", "❌").expect("two emoji");
        let wanted = event_filter([ChannelId(12)], &ballot);
        let data = r#"{"channel_id":"12","emoji":{"name":"\uD83D\uDe80"}}"#;
        assert!(wanted("MESSAGE_REACTION_ADD", data));
    }
}
