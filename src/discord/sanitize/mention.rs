//! Mentions and Discord's other forms in angle brackets, spelt so that they are none.
//!
//! `allowed_mentions` already keeps the bot's messages from notifying anybody. This holds where a message is quoted,
//! copied or shown without it, and within code, where a backslash would be seen.

/// No longer name of such a form is known: `a`, `t`, `id`, `sound`, `https`, `mailto`, `customize`.
const LONGEST_NAME: usize = 10;

/// `text` with look-alikes in place of the first character of what Discord would read as a mention, a timestamp, an
/// emoji, a command or a link in angle brackets: `＠everyone`, `‹@1>`.
pub(super) fn defused(text: &str) -> String {
    text.char_indices()
        .map(|(at, c)| match c {
            '@' if notifies_all(&text[at + 1..]) => '＠',
            '<' if opens_form(&text[at + 1..]) => '‹',
            _ => c,
        })
        .collect()
}

fn notifies_all(behind: &str) -> bool {
    ["everyone", "here"].iter().any(|name| {
        behind
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    })
}

fn opens_form(behind: &str) -> bool {
    let begins = |text: &str, wanted: fn(char) -> bool| text.starts_with(wanted);
    match behind.chars().next() {
        Some('@') => begins(&behind[1..], |c| c.is_ascii_digit() || matches!(c, '!' | '&')),
        Some('#') => begins(&behind[1..], |c| c.is_ascii_digit()),
        Some('/') => begins(&behind[1..], |c| !c.is_whitespace() && c != '*'),
        _ => {
            let name = behind
                .bytes()
                .take_while(u8::is_ascii_alphabetic)
                .take(LONGEST_NAME)
                .count();
            // Two colons are a cast, as in `a<b::text`.
            behind[name..]
                .strip_prefix(':')
                .is_some_and(|rest| !rest.starts_with(':'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_that_only_look_like_a_command_stay() {
        for text in ["a </ b", "a </* b"] {
            assert_eq!(defused(text), text);
        }
        assert_eq!(defused("</cancel:1>"), "‹/cancel:1>");
    }
}
