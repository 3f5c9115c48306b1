//! Sanitizes text from a database or a person, so that Discord shows it as plain text: without mentions, formatting,
//! links or invisible characters, and within a length limit.
//!
//! There is one function for each kind of place, because the places differ in what counts as markup:
//!
//! | function | place |
//! |---|---|
//! | [`line()`] | where Discord parses Markdown: content, and the description, title and field values of an embed |
//! | [`code`] | the same, for names and other text that must be readable letter by letter |
//! | [`block`] | the same, for text of several lines |
//! | [`plain`] | where Discord does not parse Markdown: choices, options of a menu, labels, footer and author of an embed |
//!
//! | file | what is in it |
//! |---|---|
//! | `character` | invisible characters and combining marks |
//! | `mention` | replaces mentions and similar forms |
//! | `markup` | escapes Markdown |
//! | `measure` | cuts text to a length |
//!
//! Discord's servers count code points, its clients UTF-16 code units. The limits here are in UTF-16 units, of which
//! there are never fewer. Text that is too long ends in `…`.

mod character;
mod markup;
mod measure;
mod mention;

use std::fmt;

use markup::escape_markup;
use measure::{EscapedChar, truncate};

/// The content of an otherwise empty code span or block. Discord shows empty ones as backticks.
const EMPTY_CODE: &str = "–";

/// Text that is safe in the kind of place it was made for.
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
    fn from(text: SanitizedText) -> Self {
        text.0
    }
}

/// `text` as one line where Discord does not parse Markdown, of at most `limit` UTF-16 units. Idempotent.
pub fn plain(text: &str, limit: usize) -> SanitizedText {
    SanitizedText(truncate(
        mention::replace_mentions(&to_one_line(text)).chars().map(EscapedChar::unescaped),
        limit,
    ))
}

/// `text` as one line where Discord parses Markdown, of at most `limit` UTF-16 units, escapes included. Characters that
/// could be markup are escaped with a backslash, which Discord does not show.
pub fn line(text: &str, limit: usize) -> SanitizedText {
    SanitizedText(truncate(escape_markup(&mention::replace_mentions(&to_one_line(text))), limit))
}

/// `text` as a code span, backticks included, of at most `limit` UTF-16 units. Backticks in the text become `ˋ`. Empty if
/// `limit` leaves no room for a span.
pub fn code(text: &str, limit: usize) -> SanitizedText {
    SanitizedText(fence(&to_one_line(text), "`", "`", limit))
}

/// `text` as a code block, fences included, of at most `limit` UTF-16 units. Empty lines are removed, and backticks in
/// the text become `ˋ`. Empty if `limit` leaves no room for a block.
pub fn block(text: &str, limit: usize) -> SanitizedText {
    let lines: Vec<String> =
        text.split(character::breaks_line).map(to_one_line).filter(|line| !line.is_empty()).collect();
    SanitizedText(fence(&lines.join("\n"), "```\n", "\n```", limit))
}

/// Removes invisible characters and collapses white space.
fn to_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        if c.is_whitespace() {
            marks = 0;
            if !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
        } else if !character::is_invisible(c) {
            marks = if character::is_mark(c) { marks + 1 } else { 0 };
            if marks <= character::MAX_CONSECUTIVE_MARKS {
                line.push(c);
            }
        }
    }
    line.truncate(line.trim_end().len());
    line
}

fn fence(text: &str, open: &str, close: &str, limit: usize) -> String {
    let text = if text.is_empty() { EMPTY_CODE } else { text };
    let room = limit.saturating_sub(open.len() + close.len());
    if room == 0 {
        return String::new();
    }
    let text = mention::replace_mentions(text).replace('`', "ˋ");
    let text = truncate(text.chars().map(EscapedChar::unescaped), room);
    format!("{open}{text}{close}")
}
