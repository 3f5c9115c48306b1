//! Every character that there is, judged by the tables of the `regex` crate.

use killgate::domain::inert::plain;
use regex::Regex;

/// All that nobody sees, or sees as something else than it is, by its properties in Unicode.
pub(crate) const UNSEEN: &str =
    r"[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u{2800}]";

#[test]
fn no_character_without_a_look_of_its_own_is_kept() {
    let unseen = Regex::new(UNSEEN).unwrap();
    let blank = Regex::new(r"\p{Zs}").unwrap();
    for c in '\0'..=char::MAX {
        let shown = plain(&format!("a{c}b"), 10);
        assert!(!unseen.is_match(shown.as_str()), "U+{:04X}", u32::from(c));
        if blank.is_match(&c.to_string()) {
            assert_eq!(shown.as_str(), "a b", "U+{:04X}", u32::from(c));
        }
    }
}

#[test]
fn letters_marks_numbers_punctuation_and_symbols_of_all_scripts_are_kept() {
    let seen = Regex::new(r"[\p{L}\p{M}\p{N}\p{P}\p{S}]").unwrap();
    let unseen = Regex::new(UNSEEN).unwrap();
    let stands_for_nothing = ['\u{fffc}', '\u{16fe4}', '\u{1d159}'];
    for c in '\0'..=char::MAX {
        let text = format!("a{c}b");
        if seen.is_match(&c.to_string()) && !unseen.is_match(&text) && !stands_for_nothing.contains(&c) {
            assert_eq!(plain(&text, 10).as_str(), text, "U+{:04X}", u32::from(c));
        }
    }
}
