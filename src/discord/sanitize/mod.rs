//! Text from a database or a person, made to do nothing in Discord but be read: it mentions nobody, formats nothing,
//! links nowhere, hides nothing and fits.
//!
//! There is one form for each place that text can stand in, because what is markup differs between them:
//!
//! | form | where |
//! |---|---|
//! | [`line()`] | where Discord reads Markdown: content, an embed's description, its title and the values of its fields |
//! | [`code`] | the same, for names and other text to be read letter by letter |
//! | [`block`] | the same, for text of several lines |
//! | [`plain`] | where Discord shows text as it is: choices, options of a menu, labels, an embed's footer and author |
//!
//! Discord's servers count characters by code points, its clients by UTF-16 code units. Limits here are in UTF-16
//! units, which are never fewer. Text that is too long ends in `…`.

mod character;
mod markup;
mod measure;
mod mention;

use std::fmt;

use markup::escaped;
use measure::{EscapedChar, fit};

/// Stands in a code span or block for a text of which nothing is left, because Discord shows empty ones as bare
/// backticks.
const NOTHING: &str = "–";

/// Text that is inert in the place that it was made for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SanitizedText(String);

impl SanitizedText {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SanitizedText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<SanitizedText> for String {
    fn from(inert: SanitizedText) -> Self {
        inert.0
    }
}

/// `text` as one line where Discord reads no Markdown, of at most `limit` UTF-16 units. Applied again, it changes
/// nothing.
pub fn plain(text: &str, limit: usize) -> SanitizedText {
    SanitizedText(fit(
        mention::defused(&on_one_line(text))
            .chars()
            .map(EscapedChar::bare),
        limit,
    ))
}

/// `text` as one line among Markdown, of at most `limit` UTF-16 units, escapes included. What people see is `text`
/// itself: characters that could be markup have a backslash before them, which Discord does not show.
pub fn line(text: &str, limit: usize) -> SanitizedText {
    SanitizedText(fit(escaped(&mention::defused(&on_one_line(text))), limit))
}

/// `text` as a whole code span, its backticks included, of at most `limit` UTF-16 units. Letters stand as they are,
/// except that a backtick becomes `ˋ`. Empty when `limit` has no room for a span.
pub fn code(text: &str, limit: usize) -> SanitizedText {
    SanitizedText(fenced(&on_one_line(text), "`", "`", limit))
}

/// `text` as a whole code block, its fences included, of at most `limit` UTF-16 units. Lines stay lines, empty ones
/// go; backticks become `ˋ`. Empty when `limit` has no room for a block.
pub fn block(text: &str, limit: usize) -> SanitizedText {
    let lines: Vec<String> = text
        .split(character::breaks_line)
        .map(on_one_line)
        .filter(|line| !line.is_empty())
        .collect();
    SanitizedText(fenced(&lines.join("\n"), "```\n", "\n```", limit))
}

/// `text` without what cannot be seen, its white space collapsed.
fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        if character::is_blank(c) {
            marks = 0;
            if !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
        } else if !character::is_unseen(c) {
            marks = if character::is_mark(c) { marks + 1 } else { 0 };
            if marks <= character::MARKS_IN_A_ROW {
                line.push(c);
            }
        }
    }
    line.truncate(line.trim_end().len());
    line
}

fn fenced(text: &str, open: &str, close: &str, limit: usize) -> String {
    let text = if text.is_empty() { NOTHING } else { text };
    let room = limit.saturating_sub(open.len() + close.len());
    if room == 0 {
        return String::new();
    }
    let text = mention::defused(text).replace('`', "ˋ");
    format!("{open}{}{close}", fit(text.chars().map(EscapedChar::bare), room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inert_text_is_handed_on_as_it_is() {
        let inert = line("2 * 3", 100);
        assert_eq!(inert.to_string(), r"2 \* 3");
        assert_eq!(String::from(inert), r"2 \* 3");
    }
}
