//! The reactions that people vote with.

use std::fmt;

/// What is accepted, for those who are told.
pub(super) const ALLOWED: &str = "one emoji, such as \"✅\", or a custom one as <:name:id>";

/// Chooses between the glyphs of one character. Discord sends some emoji with it and some without, whichever way
/// they were sent to it.
const VARIATION_SELECTOR: char = '\u{fe0f}';

/// An emoji of Unicode, or one of a guild's own.
#[derive(Clone, Debug)]
pub enum Emoji {
    /// Fully qualified, as Unicode lists it.
    Unicode(String),
    Custom {
        name: String,
        id: u64,
        animated: bool,
    },
}

impl Emoji {
    /// Reads an emoji as it is typed, or `<:name:id>`, `<a:name:id>` or `name:id`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(emoji) = emojis::get(text) {
            return Some(Self::Unicode(emoji.as_str().to_owned()));
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
        let named = (2..=32).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let numbered = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        let id = id.parse().ok().filter(|&id| id != 0)?;
        (named && numbered).then(|| Self::Custom {
            name: name.to_owned(),
            id,
            animated,
        })
    }

    /// Whether `text`, a Unicode emoji as Discord sends it, is this one, with or without variation selectors.
    pub fn is_unicode(&self, text: &str) -> bool {
        let plain = |text: &str| -> String { text.chars().filter(|&c| c != VARIATION_SELECTOR).collect() };
        matches!(self, Self::Unicode(own) if plain(own) == plain(text))
    }

    /// Whether this is the custom emoji of that id; its name may have been changed meanwhile.
    pub fn is_custom(&self, id: u64) -> bool {
        matches!(self, Self::Custom { id: own, .. } if *own == id)
    }
}

impl PartialEq for Emoji {
    fn eq(&self, other: &Self) -> bool {
        match other {
            Self::Unicode(text) => self.is_unicode(text),
            Self::Custom { id, .. } => self.is_custom(*id),
        }
    }
}

impl Eq for Emoji {}

/// As it is written in a message.
impl fmt::Display for Emoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unicode(text) => f.write_str(text),
            Self::Custom { name, id, animated } => {
                write!(f, "<{}:{name}:{id}>", if *animated { "a" } else { "" })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_of_unicode_are_equal_with_and_without_the_variation_selector() {
        for (one, other) in [("✅", "✅\u{fe0f}"), ("☠", "☠\u{fe0f}"), ("❤\u{fe0f}", "❤")] {
            let emoji = Emoji::parse(one).expect(one);
            assert!(emoji.is_unicode(one) && emoji.is_unicode(other), "{one}");
            assert!(!emoji.is_unicode("❌"));
        }
        assert!(Emoji::parse("👍🏽").is_some());
        assert!(Emoji::parse("🇨🇭").is_some());
    }

    #[test]
    fn custom_emoji_are_told_apart_by_their_id() {
        let emoji = Emoji::parse("<:approve:1400000000000000001>").expect("custom");
        assert_eq!(Some(&emoji), Emoji::parse("renamed:1400000000000000001").as_ref());
        assert!(emoji.is_custom(1_400_000_000_000_000_001) && !emoji.is_custom(1));
        assert_eq!(emoji.to_string(), "<:approve:1400000000000000001>");
        let dance = Emoji::parse("<a:dance:7>").expect("animated");
        assert_eq!(dance.to_string(), "<a:dance:7>");
    }

    #[test]
    fn what_is_no_emoji_is_not_taken_for_one() {
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
            assert!(Emoji::parse(text).is_none(), "{text:?}");
        }
    }
}
