//! Invisible characters and combining marks, by their Unicode properties.

use std::sync::LazyLock;

use regex::Regex;

/// As many as Vietnamese and Hebrew put on a letter. More of them overflow into the neighbouring lines.
pub(super) const MAX_CONSECUTIVE_MARKS: usize = 3;

/// Characters that are removed: those that Unicode defines as invisible or as no characters, then BRAILLE PATTERN BLANK,
/// OBJECT REPLACEMENT CHARACTER, KHITAN SMALL SCRIPT FILLER and MUSICAL SYMBOL NULL NOTEHEAD, which look blank, and the
/// planes that hold no letter of any script.
const INVISIBLE: &str = r"^[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u{2800}\u{fffc}\u{16fe4}\u{1d159}\u{40000}-\u{10ffff}]$";

static INVISIBLE_CHARACTER: LazyLock<Regex> = LazyLock::new(|| pattern(INVISIBLE));

/// Every character that combines with the one before it: the general categories Mn, Mc and Me, of any block.
static MARK: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\p{M}$"));

/// The first of them. Most text is below it.
const FIRST_MARK: char = '\u{300}';

/// Whether `c` ends a line.
pub(super) fn breaks_line(c: char) -> bool {
    matches!(c, '\n' | '\x0b' | '\x0c' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

pub(super) fn is_invisible(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_control() } else { is_match(&INVISIBLE_CHARACTER, c) }
}

pub(super) fn is_mark(c: char) -> bool {
    c >= FIRST_MARK && is_match(&MARK, c)
}

fn is_match(pattern: &Regex, c: char) -> bool {
    pattern.is_match(c.encode_utf8(&mut [0; 4]))
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a regular expression")
}
