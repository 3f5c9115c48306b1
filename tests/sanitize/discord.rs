//! What Discord's clients make markup of, told independently of what escapes it.

use std::sync::LazyLock;

use regex::Regex;

/// Stands for a character that a backslash made ordinary.
const ORDINARY: char = '\u{1}';

static MENTION: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?i)@everyone|@here|<@[!&]?\d|<#\d|</\w|<(a|t|id|sound|https?|mailto|tel)?:[\w/+-]")
});
static MARKUP: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?i)[*_`\\<]|~~|\|\||\]\(|\w+://|:[^\s:]+:|discord(app)?\.(gg|com)/|^(#|-|\+|>|\d+\.)")
});

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of this file")
}

/// The part of `text` that is a mention, a timestamp or the like, wherever it stands.
pub(crate) fn mention(text: &str) -> Option<&str> {
    MENTION.find(text).map(|found| found.as_str())
}

/// The part of a line that is markup.
pub(crate) fn markup(line: &str) -> Option<String> {
    let bare = read(line, |_| ORDINARY);
    MARKUP.find(&bare).map(|found| found.as_str().to_owned())
}

/// What people see of a line without markup.
pub(crate) fn seen(line: &str) -> String {
    read(line, |escaped| escaped)
}

/// `line` without the backslashes that make the character behind them ordinary, of which `make` tells what to put.
fn read(line: &str, make: impl Fn(char) -> char) -> String {
    let mut read = String::new();
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match characters.next_if(|next| c == '\\' && next.is_ascii_punctuation()) {
            Some(escaped) => read.push(make(escaped)),
            None => read.push(c),
        }
    }
    read
}

/// The text within a code span or block, if the whole of `text` is one and nothing ends it early.
pub(crate) fn within<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let inside = text.strip_prefix(open)?.strip_suffix(close)?;
    (!inside.is_empty() && !inside.contains('`')).then_some(inside)
}
