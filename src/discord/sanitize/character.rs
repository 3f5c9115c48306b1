//! Invisible characters and combining marks. Invisible characters are listed after Unicode 16. Invisible are the general categories Cc, Cf, Co, Zl and
//! Zp, the property `Default_Ignorable_Code_Point`, the noncharacters, and letters and symbols that look blank.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use regex::Regex;

/// As many as Vietnamese and Hebrew put on a letter. More of them overflow into the neighbouring lines.
pub(super) const MAX_CONSECUTIVE_MARKS: usize = 3;

/// Characters that are removed.
const INVISIBLE: &[RangeInclusive<char>] = &[
    '\0'..='\x1f',              // control characters
    '\x7f'..='\u{9f}',          // DELETE and more control characters
    '\u{ad}'..='\u{ad}',        // SOFT HYPHEN
    '\u{34f}'..='\u{34f}',      // COMBINING GRAPHEME JOINER
    '\u{600}'..='\u{605}',      // Arabic signs that span the digits after them
    '\u{61c}'..='\u{61c}',      // ARABIC LETTER MARK
    '\u{6dd}'..='\u{6dd}',      // ARABIC END OF AYAH
    '\u{70f}'..='\u{70f}',      // SYRIAC ABBREVIATION MARK
    '\u{890}'..='\u{891}',      // Arabic marks above currency
    '\u{8e2}'..='\u{8e2}',      // ARABIC DISPUTED END OF AYAH
    '\u{115f}'..='\u{1160}',    // Hangul fillers
    '\u{17b4}'..='\u{17b5}',    // Khmer inherent vowels
    '\u{180b}'..='\u{180f}',    // Mongolian variation selectors and vowel separator
    '\u{200b}'..='\u{200f}',    // zero-width space, joiners, left-to-right and right-to-left mark
    '\u{202a}'..='\u{202e}',    // bidirectional embeddings and overrides
    '\u{2060}'..='\u{206f}',    // word joiner, invisible operators, bidirectional isolates
    '\u{2800}'..='\u{2800}',    // BRAILLE PATTERN BLANK
    '\u{3164}'..='\u{3164}',    // HANGUL FILLER
    '\u{e000}'..='\u{f8ff}',    // private use
    '\u{fdd0}'..='\u{fdef}',    // noncharacters
    '\u{fe00}'..='\u{fe0f}',    // variation selectors
    '\u{feff}'..='\u{feff}',    // ZERO WIDTH NO-BREAK SPACE, the byte order mark
    '\u{ffa0}'..='\u{ffa0}',    // HALFWIDTH HANGUL FILLER
    '\u{fff0}'..='\u{fffc}', // unassigned and ignorable, interlinear annotation, OBJECT REPLACEMENT CHARACTER
    '\u{fffe}'..='\u{ffff}', // noncharacters
    '\u{110bd}'..='\u{110bd}', // KAITHI NUMBER SIGN
    '\u{110cd}'..='\u{110cd}', // KAITHI NUMBER SIGN ABOVE
    '\u{13430}'..='\u{1343f}', // Egyptian hieroglyph format controls
    '\u{16fe4}'..='\u{16fe4}', // KHITAN SMALL SCRIPT FILLER
    '\u{1bca0}'..='\u{1bcaf}', // shorthand format controls
    '\u{1d159}'..='\u{1d159}', // MUSICAL SYMBOL NULL NOTEHEAD
    '\u{1d173}'..='\u{1d17a}', // musical format controls
    '\u{1fffe}'..='\u{1ffff}', // noncharacters
    '\u{2fffe}'..='\u{2ffff}', // noncharacters
    '\u{3fffe}'..='\u{10ffff}', // tags, variation selectors, private use, noncharacters, unassigned
];

/// Every character that combines with the one before it: the general categories Mn, Mc and Me, of any block.
static MARK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\p{M}$").expect("a regular expression"));

/// The first of them. Most text is below it.
const FIRST_MARK: char = '\u{300}';

/// Whether `c` ends a line.
pub(super) fn breaks_line(c: char) -> bool {
    matches!(c, '\n' | '\x0b' | '\x0c' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

pub(super) fn is_invisible(c: char) -> bool {
    is_in(INVISIBLE, c)
}

pub(super) fn is_mark(c: char) -> bool {
    c >= FIRST_MARK && MARK.is_match(c.encode_utf8(&mut [0; 4]))
}

/// `ranges` must be sorted.
fn is_in(ranges: &[RangeInclusive<char>], c: char) -> bool {
    let after = ranges.partition_point(|range| *range.start() <= c);
    after > 0 && ranges[after - 1].contains(&c)
}
