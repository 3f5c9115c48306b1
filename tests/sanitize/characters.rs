//! Every character that there is, judged by the tables of the `regex` crate.

use killgate::discord::sanitize::plain;
use regex::Regex;

/// All that nobody sees, or sees as something else than it is, by its properties in Unicode.
pub(crate) const UNSEEN: &str =
    r"[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u{2800}]";

/// All characters, in pieces of a size to look at, each with a letter behind it so that marks do not pile up.
fn all_characters() -> impl Iterator<Item = String> {
    (0..=u32::from(char::MAX)).step_by(0x400).map(|first| {
        let characters = (first..first + 0x400).filter_map(char::from_u32);
        characters.flat_map(|c| [c, 'a']).collect()
    })
}

#[test]
fn no_character_without_a_look_of_its_own_is_kept() {
    let unseen = Regex::new(UNSEEN).unwrap();
    let wide_blank = Regex::new(r"[\p{Zs}--\ ]").unwrap();
    for characters in all_characters() {
        let shown = plain(&characters, usize::MAX);
        assert_eq!(unseen.find(shown.as_str()), None);
        assert_eq!(wide_blank.find(shown.as_str()), None);
    }
}

#[test]
fn letters_marks_numbers_punctuation_and_symbols_of_all_scripts_are_kept() {
    let nothing_to_see = Regex::new(&format!(
        r"[{UNSEEN}\p{{Z}}\p{{Cn}}\u{{fffc}}\u{{16fe4}}\u{{1d159}}]"
    ))
    .unwrap();
    for characters in all_characters() {
        let seen = nothing_to_see.replace_all(&characters, "");
        assert_eq!(plain(&seen, usize::MAX).as_str(), seen);
    }
}
