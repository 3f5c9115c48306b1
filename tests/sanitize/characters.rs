//! Every Unicode character, compared with the tables of the `regex` crate.

use killgate::discord::sanitize::plain;
use regex::Regex;

/// Invisible characters, by their Unicode properties.
pub(crate) const INVISIBLE: &str =
    r"[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u{2800}]";

/// All characters in chunks, each followed by a letter so that combining marks do not accumulate.
fn all_characters() -> impl Iterator<Item = String> {
    (0..=u32::from(char::MAX)).step_by(0x400).map(|first| {
        let characters = (first..first + 0x400).filter_map(char::from_u32);
        characters.flat_map(|c| [c, 'a']).collect()
    })
}

#[test]
fn invisible_characters_are_removed() {
    let invisible = Regex::new(INVISIBLE).unwrap();
    let wide_blank = Regex::new(r"[\p{Zs}--\ ]").unwrap();
    for characters in all_characters() {
        let shown = plain(&characters, usize::MAX);
        assert_eq!(invisible.find(shown.as_str()), None);
        assert_eq!(wide_blank.find(shown.as_str()), None);
    }
}

#[test]
fn what_hides_or_turns_text_is_removed() {
    for invisible in [
        '\0',
        '\x1b',
        '\x7f',
        '\u{9b}',
        '\u{ad}',
        '\u{61c}',
        '\u{115f}',
        '\u{180e}',
        '\u{200b}',
        '\u{200d}',
        '\u{200f}',
        '\u{202e}',
        '\u{2066}',
        '\u{2800}',
        '\u{3164}',
        '\u{e000}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{fffc}',
        '\u{ffff}',
        '\u{16fe4}',
        '\u{1d159}',
        '\u{1d173}',
        '\u{50000}',
        '\u{e0041}',
        '\u{10ffff}',
    ] {
        assert_eq!(plain(&format!("a{invisible}b"), usize::MAX).as_str(), "ab", "{invisible:?}");
    }
}

#[test]
fn visible_characters_of_all_scripts_are_kept() {
    let removed =
        Regex::new(&format!(r"[{INVISIBLE}\p{{Z}}\p{{Cn}}\u{{fffc}}\u{{16fe4}}\u{{1d159}}]")).unwrap();
    for characters in all_characters() {
        let visible = removed.replace_all(&characters, "");
        assert_eq!(plain(&visible, usize::MAX).as_str(), visible);
    }
}
