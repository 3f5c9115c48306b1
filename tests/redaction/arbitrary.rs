//! Arbitrary text, which may not be SQL.

use killgate::postgres::redaction::redact;
use proptest::collection::vec;
use proptest::prelude::*;

fn anything() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[ -~]{1,8}",
        "[eEuUxXbBnN&'\"$\\\\/*a1.é🔑\n-]{1,12}",
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_shown_as_one_line_without_control_characters(text in anything()) {
        let shown = redact(&text);
        prop_assert!(!shown.as_str().contains(char::is_control), "{shown}");
        prop_assert_eq!(shown.as_str().trim(), shown.as_str());
        prop_assert!(shown.as_str().len() <= text.len() + "…".len());
    }

    #[test]
    fn nothing_after_an_open_literal_is_shown(text in anything()) {
        for open in ["'", "E'", "$secret$", "/*", "\""] {
            let query = format!("SELECT {open}{}", text.replace(['\'', '"', '$', '*'], ""));
            prop_assert_eq!(redact(&query).to_string(), "SELECT …");
        }
    }
}
