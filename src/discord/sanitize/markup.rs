//! Escapes Discord's Markdown.

use super::measure::EscapedChar;

/// Escapes each character of `text` that could be markup at its position. `text` may be at the beginning of a line or
/// within one.
///
/// Other characters are not escaped, because Discord's limits count every backslash.
pub(super) fn escape_markup(text: &str) -> impl Iterator<Item = EscapedChar> {
    let list_marker = list_marker(text);
    text.char_indices().map(move |(at, character)| {
        let escaped = match character {
            '\\' | '`' | '*' | '_' | '~' | '|' | '[' | ']' | '<' | '>' | '#' => true,
            '-' | '+' => at == 0,
            '.' => list_marker == Some(at),
            ':' => opens_link_or_emoji(&text[at + 1..]),
            '/' => follows_host(&text[..at]),
            _ => false,
        };
        EscapedChar { character, escaped }
    })
}

/// The position of the full stop if `text` begins like a numbered list, with `1.`.
fn list_marker(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0 && text[digits..].starts_with('.')).then_some(digits)
}

/// Whether the colon before `after` could be that of `https://` or of `:smile:`. A colon before white space, as after
/// `ERROR`, is harmless.
fn opens_link_or_emoji(after: &str) -> bool {
    after.starts_with(|next: char| !next.is_whitespace())
}

/// Whether `before` ends in what could be a host. Discord turns `discord.gg/…` into an invitation even without `https`.
fn follows_host(before: &str) -> bool {
    let name = before.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
    name > 1 && before[..before.len() - name].ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escape(text: &str) -> String {
        escape_markup(text).flat_map(|c| c.escaped.then_some('\\').into_iter().chain([c.character])).collect()
    }

    #[test]
    fn a_full_stop_makes_a_list_only_after_a_number_at_the_beginning() {
        for (text, expected) in [("12. March", r"12\. March"), (".5 seconds", ".5 seconds"), ("5 s.", "5 s.")]
        {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn a_slash_makes_a_link_only_after_a_host() {
        for (text, expected) in [
            ("discord.gg/abc", r"discord.gg\/abc"),
            ("either/or", "either/or"),
            ("./configure", "./configure"),
            ("v1.x/y", "v1.x/y"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }
}
