//! Hostile text of any length, in every form: within its limit, without a forbidden character, without markup.

use std::sync::LazyLock;

use killgate::discord::sanitize::{SanitizedText, block, code, line, plain};
use proptest::collection::vec;
use proptest::prelude::*;
use regex::Regex;

use crate::characters::UNSEEN;
use crate::discord;

static FORBIDDEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(UNSEEN).expect("a pattern of these tests"));

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

/// The limits that hold for every form.
fn check(inert: &SanitizedText, limit: usize) -> Result<(), TestCaseError> {
    let text = inert.as_str();
    prop_assert!(
        text.encode_utf16().count() <= limit && text.chars().count() <= limit,
        "too long: {text:?}"
    );
    let line_breaks_aside = text.replace('\n', "");
    prop_assert_eq!(FORBIDDEN.find(&line_breaks_aside), None);
    prop_assert_eq!(discord::mention(text), None);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plain_text_is_inert_and_stays_as_it_is(text in hostile(), limit in 0_usize..300) {
        let inert = plain(&text, limit);
        check(&inert, limit)?;
        prop_assert!(!inert.as_str().contains('\n'));
        prop_assert_eq!(plain(inert.as_str(), limit), inert);
    }

    #[test]
    fn a_line_has_no_markup_and_reads_as_the_plain_text(text in hostile(), limit in 0_usize..300) {
        let inert = line(&text, limit);
        check(&inert, limit)?;
        prop_assert_eq!(discord::markup(inert.as_str()), None, "in {}", inert);
        let seen = discord::seen(inert.as_str());
        let whole = plain(&text, usize::MAX).to_string();
        let kept = seen.strip_suffix('…').unwrap_or(&seen);
        prop_assert!(seen == whole || whole.starts_with(kept), "{seen:?} of {whole:?}");
    }

    #[test]
    fn code_is_one_span(text in hostile(), limit in 0_usize..300) {
        let inert = code(&text, limit);
        check(&inert, limit)?;
        prop_assert!(!inert.as_str().contains('\n'));
        prop_assert!(limit < 3 || discord::within(inert.as_str(), "`", "`").is_some(), "{inert:?}");
    }

    #[test]
    fn a_block_is_one_block(text in hostile(), limit in 0_usize..300) {
        let inert = block(&text, limit);
        check(&inert, limit)?;
        prop_assert!(limit < 9 || discord::within(inert.as_str(), "```\n", "\n```").is_some(), "{inert:?}");
    }
}
