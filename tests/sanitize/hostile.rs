//! Hostile text of any length: the result is within its limit, without invisible characters and without markup.

use std::sync::LazyLock;

use killgate::discord::sanitize::{SanitizedText, block, code, line, plain};
use proptest::collection::vec;
use proptest::prelude::*;
use regex::Regex;

use crate::characters::INVISIBLE;
use crate::discord;

static INVISIBLE_CHARACTERS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(INVISIBLE).expect("a valid pattern"));

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => any::<char>().prop_map(String::from),
        2 => "[ -~]{1,8}",
        2 => "[\\\\`*_~|#>+.:/@<(\\[\\])-]{1,4}",
        3 => prop::sample::select(vec![
            "@everyone", "@here", "@", "everyone", "<@1>", "<@&2>", "<@!3>", "<#4>", "</cmd:5>", "<t:6:R>", "<:x:7>", "<a:x:8>",
            "<id:guide>", "<", "**", "__", "~~", "||", "```", "`", "\\", "# ", "-# ", "- ", "> ", ">>> ", "1. ", "[a](", "https://", "http:",
            "//", "discord.gg/", "discord", ".gg", "/a", ":smile:", ":", "\n", "\r\n", "\u{200b}", "\u{202e}", "\u{e0041}", "\u{fe0f}", "\u{301}",
            "\u{85}", "\u{2028}", "🔥", "👩\u{200d}🚒", "é", " ",
        ])
        .prop_map(String::from),
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Checks what holds for every function.
fn check(sanitized: &SanitizedText, limit: usize) -> Result<(), TestCaseError> {
    let text = sanitized.as_str();
    prop_assert!(text.encode_utf16().count() <= limit && text.chars().count() <= limit, "too long: {text:?}");
    let line_breaks_aside = text.replace('\n', "");
    prop_assert_eq!(INVISIBLE_CHARACTERS.find(&line_breaks_aside), None);
    prop_assert_eq!(discord::mention(text), None);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn plain_text_has_no_markup_and_is_idempotent(text in hostile(), limit in 0_usize..300) {
        let sanitized = plain(&text, limit);
        check(&sanitized, limit)?;
        prop_assert!(!sanitized.as_str().contains('\n'));
        prop_assert_eq!(plain(sanitized.as_str(), limit), sanitized);
    }

    #[test]
    fn a_line_has_no_markup_and_shows_the_plain_text(text in hostile(), limit in 0_usize..300) {
        let sanitized = line(&text, limit);
        check(&sanitized, limit)?;
        prop_assert_eq!(discord::markup(sanitized.as_str()), None, "in {}", sanitized);
        let visible = discord::visible(sanitized.as_str());
        let whole = plain(&text, usize::MAX).to_string();
        let kept = visible.strip_suffix('…').unwrap_or(&visible);
        prop_assert!(visible == whole || whole.starts_with(kept), "{visible:?} of {whole:?}");
    }

    #[test]
    fn code_is_one_span(text in hostile(), limit in 0_usize..300) {
        let sanitized = code(&text, limit);
        check(&sanitized, limit)?;
        prop_assert!(!sanitized.as_str().contains('\n'));
        prop_assert!(limit < 3 || discord::within(sanitized.as_str(), "`", "`").is_some(), "{sanitized:?}");
    }

    #[test]
    fn a_block_is_one_block(text in hostile(), limit in 0_usize..300) {
        let sanitized = block(&text, limit);
        check(&sanitized, limit)?;
        prop_assert!(limit < 9 || discord::within(sanitized.as_str(), "```\n", "\n```").is_some(), "{sanitized:?}");
    }
}
