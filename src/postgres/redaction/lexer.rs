//! Query text as a row of tokens, after the rules by which PostgreSQL itself reads it.

use super::literal::{self, Backslash};

/// PostgreSQL keeps 63 bytes of an identifier (`NAMEDATALEN` less one). What is longer names nothing that exists, and
/// is likely something else, pasted without quotes.
const LONGEST_IDENTIFIER: usize = 63;

/// A statement has at most 65,535 parameters (PostgreSQL documentation, appendix "PostgreSQL Limits"). What has more
/// digits behind its `$` is an amount, or something worse.
const MOST_DIGITS: usize = 5;

/// The characters of operators, and those that stand for themselves.
const SYMBOLS: &str = "~!@#^&|`?+-*/%<>=,()[].;:";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SqlToken<'a> {
    /// White space and comments.
    Blank,
    String,
    Number,
    /// A keyword or an identifier without quotes.
    Word(&'a str),
    /// An identifier with its quotes.
    Quoted(&'a str),
    Parameter(&'a str),
    Symbol(&'a str),
    /// Everything from here on, which cannot be told apart with certainty. The last token.
    Rest,
}

pub(super) struct SqlLexer<'a> {
    text: &'a str,
    /// The token before was one that nothing should touch.
    closed: bool,
}

impl<'a> SqlLexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, closed: false }
    }
}

impl<'a> Iterator for SqlLexer<'a> {
    type Item = SqlToken<'a>;

    fn next(&mut self) -> Option<SqlToken<'a>> {
        let first = self.text.chars().next()?;
        let understood = if self.closed && touches(first) {
            None
        } else {
            token(self.text, first)
        };
        let (token, length) = understood.unwrap_or((SqlToken::Rest, self.text.len()));
        self.text = &self.text[length..];
        self.closed = matches!(
            token,
            SqlToken::String | SqlToken::Number | SqlToken::Quoted(_) | SqlToken::Parameter(_)
        );
        Some(token)
    }
}

/// Whether `next`, right behind a literal, is a sign that the quotes do not stand where their author thinks, as in
/// `'it's'`. PostgreSQL's versions also disagree on some of these, such as `1a$$`.
fn touches(next: char) -> bool {
    next.is_ascii_alphanumeric() || matches!(next, '_' | '$' | '\'' | '"') || !next.is_ascii()
}

/// The token with which `text` begins, and its length in bytes; `None` when that cannot be told.
fn token(text: &str, first: char) -> Option<(SqlToken<'_>, usize)> {
    if first.is_alphabetic() || first == '_' {
        return word(text);
    }
    match first {
        ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' => Some((SqlToken::Blank, 1)),
        '-' if text.starts_with("--") => Some((SqlToken::Blank, literal::line_comment(text, 0))),
        '/' if text.starts_with("/*") => Some((SqlToken::Blank, literal::block_comment(text)?)),
        '\'' => Some((SqlToken::String, literal::string(text, 0, Backslash::Unsettled)?)),
        '"' => quoted(text, 0),
        '$' => parameter(text).or_else(|| Some((SqlToken::String, literal::dollar_quoted(text)?))),
        '0'..='9' => Some((SqlToken::Number, literal::number(text))),
        '.' if text[1..].starts_with(|c: char| c.is_ascii_digit()) => {
            Some((SqlToken::Number, literal::number(text)))
        }
        _ if SYMBOLS.contains(first) => Some((SqlToken::Symbol(&text[..1]), 1)),
        _ => None,
    }
}

/// A word, or what a single letter before a quote makes of it.
fn word(text: &str) -> Option<(SqlToken<'_>, usize)> {
    let length = text
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$')))
        .unwrap_or(text.len());
    let (word, behind) = text.split_at(length);
    match word {
        "e" | "E" if behind.starts_with('\'') => {
            Some((SqlToken::String, literal::string(text, 1, Backslash::Escapes)?))
        }
        "b" | "B" | "x" | "X" | "n" | "N" if behind.starts_with('\'') => {
            Some((SqlToken::String, literal::string(text, 1, Backslash::Unsettled)?))
        }
        "u" | "U" if behind.starts_with("&'") => {
            Some((SqlToken::String, literal::string(text, 2, Backslash::Unsettled)?))
        }
        "u" | "U" if behind.starts_with("&\"") => quoted(text, 2),
        // `SELECT$$…$$` is one identifier to PostgreSQL, but hardly what its author meant.
        _ if length > LONGEST_IDENTIFIER || word.matches('$').count() > 1 => None,
        _ => Some((SqlToken::Word(word), length)),
    }
}

fn quoted(text: &str, open: usize) -> Option<(SqlToken<'_>, usize)> {
    let end = literal::quoted_identifier(text, open)?;
    let inside = &text[open + 1..end - 1];
    // What has a `=` or a `://` in it is a connection string in the wrong quotes, more likely than a name.
    let plausible = inside.len() <= LONGEST_IDENTIFIER
        && !inside.contains(|c: char| c == '=' || c.is_control())
        && !inside.contains("://");
    plausible.then_some((SqlToken::Quoted(&text[..end]), end))
}

fn parameter(text: &str) -> Option<(SqlToken<'_>, usize)> {
    let digits = text[1..].bytes().take_while(u8::is_ascii_digit).count();
    (1..=MOST_DIGITS)
        .contains(&digits)
        .then(|| (SqlToken::Parameter(&text[..=digits]), digits + 1))
}
