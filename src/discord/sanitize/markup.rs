//! Discord's Markdown, escaped.

use super::measure::EscapedChar;

/// The glyphs of `text`, with a backslash before each character that could be markup where it stands. `text` may
/// stand at the beginning of a line or within one.
///
/// Letters and what harms nobody stay bare, because the limits of Discord count every backslash.
pub(super) fn escaped(text: &str) -> impl Iterator<Item = EscapedChar> {
    let marker = list_marker(text);
    text.char_indices().map(move |(at, character)| {
        let escaped = match character {
            '\\' | '`' | '*' | '_' | '~' | '|' | '[' | ']' | '<' | '>' | '#' => true,
            '-' | '+' => at == 0,
            '.' => marker == Some(at),
            ':' => opens_link_or_emoji(&text[at + 1..]),
            '/' => follows_host(&text[..at]),
            _ => false,
        };
        EscapedChar { character, escaped }
    })
}

/// Where the full stop of a numbered list's `1.` stands.
fn list_marker(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0 && text[digits..].starts_with('.')).then_some(digits)
}

/// Whether the colon before `behind` could be one of `https://` or of `:smile:`. One that a blank follows, as after
/// `ERROR`, could not.
fn opens_link_or_emoji(behind: &str) -> bool {
    behind.starts_with(|next: char| !next.is_whitespace())
}

/// Whether `before` ends in what could be a host: Discord makes invitations of `discord.gg/…` without any `https`.
fn follows_host(before: &str) -> bool {
    let name = before.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
    name > 1 && before[..before.len() - name].ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        escaped(text)
            .flat_map(|glyph| glyph.escaped.then_some('\\').into_iter().chain([glyph.character]))
            .collect()
    }

    #[test]
    fn a_full_stop_makes_a_list_only_behind_a_number_at_the_beginning() {
        for (text, expected) in [
            ("12. March", r"12\. March"),
            (".5 seconds", ".5 seconds"),
            ("5 s.", "5 s."),
        ] {
            assert_eq!(written(text), expected);
        }
    }

    #[test]
    fn a_slash_makes_a_link_only_behind_a_host() {
        for (text, expected) in [
            ("discord.gg/abc", r"discord.gg\/abc"),
            ("either/or", "either/or"),
            ("./configure", "./configure"),
            ("v1.x/y", "v1.x/y"),
        ] {
            assert_eq!(written(text), expected);
        }
    }
}
