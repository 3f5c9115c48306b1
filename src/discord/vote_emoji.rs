//! The approve and deny emoji.

use serenity::model::channel::ReactionType;
use serenity::model::id::EmojiId;

use crate::workflow::ports::Vote;

/// Selects one of two glyphs of a character. Discord sends some emoji with it and some without, regardless of how they
/// are configured.
const VARIATION_SELECTOR: char = '\u{fe0f}';

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteEmoji {
    pub approve: ReactionType,
    pub deny: ReactionType,
}

/// Reads a Unicode emoji, or a custom one as `<:name:id>`, `<a:name:id>` or `name:id`.
pub fn parse(text: &str) -> Option<ReactionType> {
    if let Some(emoji) = emojis::get(text) {
        return Some(ReactionType::Unicode(emoji.as_str().to_owned()));
    }
    let inner = match text.strip_prefix('<') {
        Some(rest) => rest.strip_suffix('>')?,
        None => text,
    };
    let (inner, animated) = match inner.strip_prefix("a:") {
        Some(rest) if text.starts_with('<') => (rest, true),
        _ if text.starts_with('<') => (inner.strip_prefix(':')?, false),
        _ => (inner, false),
    };
    let (name, id) = inner.split_once(':')?;
    let is_name = (2..=32).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    let id: u64 = id.parse().ok().filter(|&id| id != 0)?;
    (is_name && is_number).then(|| ReactionType::Custom {
        animated,
        id: EmojiId::new(id),
        name: Some(name.to_owned()),
    })
}

impl VoteEmoji {
    /// `None` unless both are emoji, and different ones.
    pub fn parse(approve: &str, deny: &str) -> Option<Self> {
        let (approve, deny) = (parse(approve)?, parse(deny)?);
        (!is_same(&approve, &deny)).then_some(Self { approve, deny })
    }

    /// The vote that this emoji stands for. `None` for any other emoji.
    pub fn vote(&self, emoji: &ReactionType) -> Option<Vote> {
        if is_same(&self.approve, emoji) {
            Some(Vote::Approve)
        } else if is_same(&self.deny, emoji) {
            Some(Vote::Deny)
        } else {
            None
        }
    }

    pub fn emoji(&self, vote: Vote) -> &ReactionType {
        match vote {
            Vote::Approve => &self.approve,
            Vote::Deny => &self.deny,
        }
    }
}

fn is_same(ours: &ReactionType, theirs: &ReactionType) -> bool {
    match (ours, theirs) {
        (ReactionType::Custom { id: ours, .. }, ReactionType::Custom { id: theirs, .. }) => ours == theirs,
        (ReactionType::Unicode(ours), ReactionType::Unicode(theirs)) => {
            let significant = |c: &char| *c != VARIATION_SELECTOR;
            ours.chars().filter(significant).eq(theirs.chars().filter(significant))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unicode(emoji: &str) -> ReactionType {
        ReactionType::Unicode(emoji.to_owned())
    }

    #[test]
    fn a_unicode_emoji_is_the_same_with_and_without_its_variation_selector() {
        for (one, other) in [("✅", "✅\u{fe0f}"), ("☠", "☠\u{fe0f}"), ("❤\u{fe0f}", "❤"), ("✔️", "✔")]
        {
            let vote_emoji = VoteEmoji::parse(one, "👎").expect(one);
            for same in [one, other] {
                assert_eq!(vote_emoji.vote(&unicode(same)), Some(Vote::Approve), "{same}");
            }
            assert_eq!(vote_emoji.vote(&unicode("👎\u{fe0f}")), Some(Vote::Deny));
            assert_eq!(vote_emoji.vote(&unicode("❌")), None);
        }
        assert!(parse("👍🏽").is_some());
        assert!(parse("🇨🇭").is_some());
    }

    #[test]
    fn a_custom_emoji_is_identified_by_its_id_and_not_by_its_name() {
        let vote_emoji = VoteEmoji::parse("<:approve:1400000000000000001>", "❌").expect("two emoji");
        let renamed = parse("renamed:1400000000000000001").expect("an emoji");
        assert_eq!(vote_emoji.vote(&renamed), Some(Vote::Approve));
        assert_eq!(vote_emoji.vote(&parse("approve:1").expect("an emoji")), None);
        assert_eq!(vote_emoji.approve.to_string(), "<:approve:1400000000000000001>");
        let animated = parse("<a:dance:7>").expect("an animated emoji");
        assert_eq!(animated.to_string(), "<a:dance:7>");
    }

    #[test]
    fn one_emoji_does_not_stand_for_both_votes() {
        assert!(VoteEmoji::parse("☠", "☠\u{fe0f}").is_none());
        assert!(VoteEmoji::parse("<:yes:7>", "<:no:7>").is_none());
    }

    #[test]
    fn other_text_is_not_an_emoji() {
        for text in [
            "",
            "yes",
            "✅✅",
            "✅ ",
            ":white_check_mark:",
            "<:name:>",
            "<:n:1>",
            "<:name:0>",
            "<:name:+1>",
            "<name:1>",
            "<:name:1",
            ":name:1",
            "name:1>",
            "<:na me:1>",
            "name:99999999999999999999",
        ] {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }
}
