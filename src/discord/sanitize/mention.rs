//! Replaces mentions, and Discord's other forms in angle brackets, with look-alikes.
//!
//! `allowed_mentions` already prevents notifications by the bot's messages. This also works where a message is quoted,
//! copied or shown without it, and within code, where a backslash would be visible.

/// The known names of such forms are `a`, `t`, `id`, `sound`, `https`, `mailto` and `customize`.
const MAX_NAME_LENGTH: usize = 10;

/// Replaces the first character of everything that Discord would read as a mention, a timestamp, an emoji, a command or
/// a link in angle brackets: `＠everyone`, `‹@1>`.
pub(super) fn replace_mentions(text: &str) -> String {
    text.char_indices()
        .map(|(at, c)| match c {
            '@' if mentions_all(&text[at + 1..]) => '＠',
            '<' if opens_form(&text[at + 1..]) => '‹',
            _ => c,
        })
        .collect()
}

fn mentions_all(after: &str) -> bool {
    ["everyone", "here"]
        .iter()
        .any(|name| after.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
}

fn opens_form(after: &str) -> bool {
    let second_is = |condition: fn(char) -> bool| after[1..].starts_with(condition);
    match after.chars().next() {
        Some('@') => second_is(|c| c.is_ascii_digit() || matches!(c, '!' | '&')),
        Some('#') => second_is(|c| c.is_ascii_digit()),
        Some('/') => second_is(|c| !c.is_whitespace() && c != '*'),
        _ => {
            let name_length = after.bytes().take_while(u8::is_ascii_alphabetic).take(MAX_NAME_LENGTH).count();
            // Two colons are a cast, as in `a<b::text`.
            after[name_length..].strip_prefix(':').is_some_and(|after_colon| !after_colon.starts_with(':'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_that_look_like_a_command_are_kept() {
        for text in ["a </ b", "a </* b"] {
            assert_eq!(replace_mentions(text), text);
        }
        assert_eq!(replace_mentions("</cancel:1>"), "‹/cancel:1>");
    }
}
