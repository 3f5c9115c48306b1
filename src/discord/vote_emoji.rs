//! The approve and deny emoji.

use serenity::model::channel::{ReactionConversionError, ReactionType};

use crate::workflow::ports::Vote;

/// Selects one of two glyphs of a character. Discord sends some emoji with it and some without, regardless of how they
/// are configured.
const VARIATION_SELECTOR: char = '\u{fe0f}';

/// Which emoji stands for which vote.
#[derive(Clone, Debug)]
pub struct VoteEmoji {
    pub approve: ReactionType,
    pub deny: ReactionType,
}

impl VoteEmoji {
    /// Parses the two emoji as they are written in a message: `✅`, or `<:name:id>`.
    pub fn parse(approve: &str, deny: &str) -> Result<Self, ReactionConversionError> {
        Ok(Self {
            approve: approve.try_into()?,
            deny: deny.try_into()?,
        })
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
            ours.chars()
                .filter(significant)
                .eq(theirs.chars().filter(significant))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serenity::model::id::EmojiId;

    use super::*;

    fn unicode(emoji: &str) -> ReactionType {
        ReactionType::Unicode(emoji.to_owned())
    }

    #[test]
    fn an_emoji_is_the_same_with_and_without_its_variation_selector() {
        let ballot = VoteEmoji {
            approve: unicode("✔️"),
            deny: unicode("❌"),
        };
        assert_eq!(ballot.vote(&unicode("✔")), Some(Vote::Approve));
        assert_eq!(ballot.vote(&unicode("❌\u{fe0f}")), Some(Vote::Deny));
        assert_eq!(ballot.vote(&unicode("👍")), None);
    }

    #[test]
    fn a_custom_emoji_is_known_by_its_id_and_not_by_its_name() {
        let custom = |id, name: &str| ReactionType::Custom {
            animated: false,
            id: EmojiId::new(id),
            name: Some(name.to_owned()),
        };
        let ballot = VoteEmoji {
            approve: custom(9, "yes"),
            deny: unicode("❌"),
        };
        assert_eq!(ballot.vote(&custom(9, "renamed")), Some(Vote::Approve));
        assert_eq!(ballot.vote(&custom(8, "yes")), None);
    }
}
