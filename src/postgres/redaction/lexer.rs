//! Splits query text into tokens by PostgreSQL's own lexical rules.

use super::literal::{self, Backslash};

/// PostgreSQL keeps 63 bytes of an identifier (`NAMEDATALEN` minus one). Longer text cannot name an existing object, and
/// is likely a value pasted without quotes.
const LONGEST_IDENTIFIER: usize = 63;

/// A statement has at most 65,535 parameters (PostgreSQL documentation, appendix "PostgreSQL Limits"). More digits after
/// the `$` are an amount or another value.
const MAX_PARAMETER_DIGITS: usize = 5;

/// Operator characters and special characters.
const SYMBOLS: &str = "~!@#^&|`?+-*/%<>=,()[].;:";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SqlToken<'a> {
    /// White space and comments.
    Blank,
    String,
    Number,
    /// A keyword or an unquoted identifier.
    Word(&'a str),
    /// A quoted identifier, including its quotes.
    Quoted(&'a str),
    Parameter(&'a str),
    Symbol(&'a str),
    /// The rest of the text, which is ambiguous. Always the last token.
    Rest,
}

pub(super) struct SqlLexer<'a> {
    text: &'a str,
    /// Whether the previous token must be followed by a separator.
    needs_separator: bool,
}

impl<'a> SqlLexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, needs_separator: false }
    }
}

impl<'a> Iterator for SqlLexer<'a> {
    type Item = SqlToken<'a>;

    fn next(&mut self) -> Option<SqlToken<'a>> {
        let first = self.text.chars().next()?;
        let recognized =
            if self.needs_separator && is_no_separator(first) { None } else { token(self.text, first) };
        let (token, length) = recognized.unwrap_or((SqlToken::Rest, self.text.len()));
        self.text = &self.text[length..];
        self.needs_separator = matches!(
            token,
            SqlToken::String | SqlToken::Number | SqlToken::Quoted(_) | SqlToken::Parameter(_)
        );
        Some(token)
    }
}

/// Whether `next`, directly after a literal, indicates that the quotes are not where the author meant them, as in
/// `'it's'`. PostgreSQL versions also disagree on some of these, such as `1a$$`.
fn is_no_separator(next: char) -> bool {
    next.is_ascii_alphanumeric() || matches!(next, '_' | '$' | '\'' | '"') || !next.is_ascii()
}

/// The first token of `text` and its length in bytes; `None` when it is ambiguous.
fn token(text: &str, first: char) -> Option<(SqlToken<'_>, usize)> {
    if first.is_alphabetic() || first == '_' {
        return word(text);
    }
    match first {
        ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' => Some((SqlToken::Blank, 1)),
        '-' if text.starts_with("--") => Some((SqlToken::Blank, literal::line_comment(text, 0))),
        '/' if text.starts_with("/*") => Some((SqlToken::Blank, literal::block_comment(text)?)),
        '\'' => Some((SqlToken::String, literal::string(text, 0, Backslash::Ambiguous)?)),
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

/// A word, or a string whose quote has a prefix letter.
fn word(text: &str) -> Option<(SqlToken<'_>, usize)> {
    let length = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$'))).unwrap_or(text.len());
    let (word, rest) = text.split_at(length);
    match word {
        "e" | "E" if rest.starts_with('\'') => {
            Some((SqlToken::String, literal::string(text, 1, Backslash::Escapes)?))
        }
        "b" | "B" | "x" | "X" | "n" | "N" if rest.starts_with('\'') => {
            Some((SqlToken::String, literal::string(text, 1, Backslash::Ambiguous)?))
        }
        "u" | "U" if rest.starts_with("&'") => {
            Some((SqlToken::String, literal::string(text, 2, Backslash::Ambiguous)?))
        }
        "u" | "U" if rest.starts_with("&\"") => quoted(text, 2),
        // PostgreSQL reads `SELECT$$…$$` as one identifier, but the author hardly meant that.
        _ if length > LONGEST_IDENTIFIER || word.matches('$').count() > 1 => None,
        _ => Some((SqlToken::Word(word), length)),
    }
}

fn quoted(text: &str, open: usize) -> Option<(SqlToken<'_>, usize)> {
    let end = literal::quoted_identifier(text, open)?;
    let inside = &text[open + 1..end - 1];
    // Text with a `=` or a `://` is more likely a connection string in the wrong quotes than a name.
    let plausible = inside.len() <= LONGEST_IDENTIFIER
        && !inside.contains(|c: char| c == '=' || c.is_control())
        && !inside.contains("://");
    plausible.then_some((SqlToken::Quoted(&text[..end]), end))
}

fn parameter(text: &str) -> Option<(SqlToken<'_>, usize)> {
    let digits = text[1..].bytes().take_while(u8::is_ascii_digit).count();
    (1..=MAX_PARAMETER_DIGITS).contains(&digits).then(|| (SqlToken::Parameter(&text[..=digits]), digits + 1))
}
