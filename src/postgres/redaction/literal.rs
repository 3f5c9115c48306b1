//! Finds the ends of literals and comments. Every function returns `None` when the end is unknown: the text was cut, or
//! it depends on a session setting that PostgreSQL does not report.

/// The meaning of a backslash within a quoted string.
#[derive(Clone, Copy)]
pub(super) enum Backslash {
    /// It escapes the next character, as in `E'…'`.
    Escapes,
    /// It depends on the session's `standard_conforming_strings`.
    Ambiguous,
}

/// The end of the string whose opening quote is at `open`, including its continuation on further lines.
pub(super) fn string(text: &str, open: usize, backslash: Backslash) -> Option<usize> {
    let mut start = open + 1;
    loop {
        let escaping = segment(text, start, true);
        let end = match backslash {
            Backslash::Escapes => escaping?,
            // The end is certain only when both readings end the string at the same place.
            Backslash::Ambiguous => segment(text, start, false).filter(|end| escaping == Some(*end))?,
        };
        match next_segment(text, end) {
            Some(next) => start = next,
            None => return Some(end),
        }
    }
}

/// The position after the closing quote of a string whose content begins at `start`.
fn segment(text: &str, start: usize, backslash_escapes: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = start;
    loop {
        match bytes.get(at)? {
            b'\\' if backslash_escapes => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// Strings separated only by white space that contains a line break, or by line comments, are one string. Backslashes
/// mean the same in all of its segments.
fn next_segment(text: &str, end: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = end;
    let mut has_line_break = false;
    loop {
        match bytes.get(at)? {
            b'\n' | b'\r' => has_line_break = true,
            b' ' | b'\t' | b'\x0b' | b'\x0c' => {}
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                at = line_comment(text, at);
                continue;
            }
            b'\'' if has_line_break => return Some(at + 1),
            _ => return None,
        }
        at += 1;
    }
}

/// The end of the dollar-quoted string at the start of `text`; `None` also when there is none.
pub(super) fn dollar_quoted(text: &str) -> Option<usize> {
    let tag = text[1..].find('$').map(|length| &text[1..=length])?;
    let well_formed = tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii())
        && !tag.starts_with(|c: char| c.is_ascii_digit());
    let opening = &text[..tag.len() + 2];
    let length = text[opening.len()..].find(opening).filter(|_| well_formed)?;
    Some(opening.len() * 2 + length)
}

/// The end of the number at the start of `text`.
///
/// The syntax of numbers differs between PostgreSQL versions (`0x1F` and `1_000` came with 16), and so does the treatment
/// of letters directly after one. Whatever can belong to the number in any version is taken as part of it.
pub(super) fn number(text: &str) -> usize {
    let mut end = 0;
    let mut before = '.';
    for (at, c) in text.char_indices() {
        let after_sign = || text[at + 1..].starts_with(|next: char| next.is_ascii_digit());
        let belongs = match c {
            '.' | '_' => true,
            '+' | '-' => matches!(before, 'e' | 'E') && after_sign(),
            _ => c.is_alphanumeric(),
        };
        if !belongs {
            break;
        }
        before = c;
        end = at + c.len_utf8();
    }
    end
}

/// The end of the identifier whose opening double quote is at `open`.
pub(super) fn quoted_identifier(text: &str, open: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = open + 1;
    loop {
        match bytes.get(at)? {
            b'"' if bytes.get(at + 1) == Some(&b'"') => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The end of the line comment at `start`. A carriage return also ends it.
pub(super) fn line_comment(text: &str, start: usize) -> usize {
    text[start..].find(['\n', '\r']).map_or(text.len(), |length| start + length)
}

/// The end of the block comment at the start of `text`. Block comments nest.
pub(super) fn block_comment(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'/', Some(b'*')) => {
                depth += 1;
                at += 2;
            }
            (b'*', Some(b'/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
}
