//! Where literals and comments end. Every function answers `None` when that cannot be told: the text ends before, or
//! it depends on a setting of the session that nobody reports.

/// What a backslash means within a quoted string.
#[derive(Clone, Copy)]
pub(super) enum Backslash {
    /// It takes the meaning from the character after it, as in `E'…'`.
    Escapes,
    /// That depends on the session's `standard_conforming_strings`.
    Unsettled,
}

/// The end of the string whose opening quote is at `open`, with all of its segments on further lines.
pub(super) fn string(text: &str, open: usize, backslash: Backslash) -> Option<usize> {
    let mut start = open + 1;
    loop {
        let escaping = segment(text, start, true);
        let end = match backslash {
            Backslash::Escapes => escaping?,
            // Only where both readings end the string at one place is it certain what lies outside of it.
            Backslash::Unsettled => segment(text, start, false).filter(|end| escaping == Some(*end))?,
        };
        match next_segment(text, end) {
            Some(next) => start = next,
            None => return Some(end),
        }
    }
}

/// The place after the quote that closes a string of which `start` is the first character inside.
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

/// Strings that only white space with a line break in it separates, line comments included, are one string, and
/// backslashes mean in all of it what they mean in its first segment.
fn next_segment(text: &str, end: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = end;
    let mut broken = false;
    loop {
        match bytes.get(at)? {
            b'\n' | b'\r' => broken = true,
            b' ' | b'\t' | b'\x0b' | b'\x0c' => {}
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                at = line_comment(text, at);
                continue;
            }
            b'\'' if broken => return Some(at + 1),
            _ => return None,
        }
        at += 1;
    }
}

/// The end of the dollar-quoted string with which `text` begins; `None` also when what begins there is none.
pub(super) fn dollar_quoted(text: &str) -> Option<usize> {
    let tag = text[1..].find('$').map(|length| &text[1..=length])?;
    let well_formed = tag
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii())
        && !tag.starts_with(|c: char| c.is_ascii_digit());
    let opening = &text[..tag.len() + 2];
    let length = text[opening.len()..].find(opening).filter(|_| well_formed)?;
    Some(opening.len() * 2 + length)
}

/// The end of the number with which `text` begins.
///
/// The forms of numbers differ between versions of PostgreSQL (`0x1F` and `1_000` came with 16), and so does what
/// becomes of letters right behind one: whatever can belong to it in any version is taken as part of it.
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

/// The end of the line comment at `start`: a carriage return ends it as well.
pub(super) fn line_comment(text: &str, start: usize) -> usize {
    text[start..]
        .find(['\n', '\r'])
        .map_or(text.len(), |length| start + length)
}

/// The end of the block comment with which `text` begins. They nest.
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
