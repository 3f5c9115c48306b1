//! What Discord's clients treat as markup, written independently of the code that escapes it.

use std::sync::LazyLock;

use regex::Regex;

/// Replaces a character that is escaped with a backslash.
const ESCAPED: char = '\u{1}';

static MENTION: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?i)@everyone|@here|<@[!&]?\d|<#\d|</\w|<(a|t|id|sound|https?|mailto|tel)?:[\w/+-]")
});
static MARKUP: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?i)[*_`\\<]|~~|\|\||\]\(|\w+://|:[^\s:]+:|discord(app)?\.(gg|com)/|^(#|-|\+|>|\d+\.)")
});

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid pattern")
}

/// The first mention, timestamp or similar form in `text`.
pub(crate) fn mention(text: &str) -> Option<&str> {
    MENTION.find(text).map(|found| found.as_str())
}

/// The first markup in a line.
pub(crate) fn markup(line: &str) -> Option<String> {
    let unescaped = read(line, |_| ESCAPED);
    MARKUP.find(&unescaped).map(|found| found.as_str().to_owned())
}

/// What people see of a line without markup.
pub(crate) fn visible(line: &str) -> String {
    read(line, |escaped| escaped)
}

/// Replaces each backslash and the character that it escapes with the result of `replace`.
fn read(line: &str, replace: impl Fn(char) -> char) -> String {
    let mut read = String::new();
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match characters.next_if(|next| c == '\\' && next.is_ascii_punctuation()) {
            Some(escaped) => read.push(replace(escaped)),
            None => read.push(c),
        }
    }
    read
}

/// The content of a code span or block, if all of `text` is one.
pub(crate) fn within<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let inside = text.strip_prefix(open)?.strip_suffix(close)?;
    (!inside.is_empty() && !inside.contains('`')).then_some(inside)
}
