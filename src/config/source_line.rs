//! Lines of the file that a fault may show.

use super::fault::one_line;
use super::reference;

/// Shown in place of a value that may be a secret.
const HIDDEN: &str = " …";

/// A longer word may be a token or a password in the wrong place. Ids and names are shorter.
const LONGEST_WORD: usize = 40;

/// The line as a fault shows it. Only values of keys that cannot hold a secret are shown.
pub(super) fn shown(line: &str) -> Option<String> {
    let line = one_line(line.trim_end());
    if line.starts_with('[') {
        return Some(line);
    }
    let (key, _) = line.split_once('=')?;
    if may_have_secret(key, &line) {
        return Some(format!("{key}={HIDDEN}"));
    }
    Some(line)
}

/// A password may be in a URL, in a key that does not exist, or anywhere in an inline table.
fn may_have_secret(key: &str, line: &str) -> bool {
    let lower = line.to_lowercase();
    let is_known = reference::is_key(key.trim());
    let is_part_of_word = |c: char| c.is_alphanumeric() || "_-.+/".contains(c);
    !is_known
        || ["password", "token", "secret", "url", "://"].iter().any(|word| lower.contains(word))
        || line.split(|c| !is_part_of_word(c)).any(|word| word.len() > LONGEST_WORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_without_what_may_be_a_secret() {
        let long = format!("guild = \"{}\"", "x".repeat(70));
        for (line, expected) in [
            ("guild = \"incidents\"", Some("guild = \"incidents\"")),
            ("[discrod]", Some("[discrod]")),
            ("pasword_file = 'hunter2'", Some("pasword_file = …")),
            ("nmae = 'hunter2'", Some("nmae = …")),
            ("target = [{ name = 'a', url = 'postgresql://a:hunter2@b' }]", Some("target = …")),
            ("  'hunter2',", None),
            (&long, Some("guild = …")),
        ] {
            assert_eq!(shown(line).as_deref(), expected, "{line}");
        }
    }
}
