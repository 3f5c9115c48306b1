//! Examples of sanitized text.

use killgate::discord::sanitize::{block, code, line, plain};
use regex_syntax::hir::{Class, HirKind};

const ROOMY: usize = 1000;

#[test]
fn sanitized_text_converts_to_a_string() {
    let text = line("2 * 3", ROOMY);
    assert_eq!(text.to_string(), r"2 \* 3");
    assert_eq!(String::from(text), r"2 \* 3");
}

#[test]
fn ordinary_text_is_unchanged() {
    for text in
        ["orders", "it's 5 o'clock, 10.0.0.1/32!", "Ärger in 東京 🔥", "a-b = c (d) {e} @f", "مرحبا", "नमस्ते"]
    {
        assert_eq!(plain(text, ROOMY).as_str(), text);
        assert_eq!(line(text, ROOMY).as_str(), text);
        assert_eq!(code(text, ROOMY).as_str(), format!("`{text}`"));
        assert_eq!(block(text, ROOMY).as_str(), format!("```\n{text}\n```"));
    }
}

#[test]
fn white_space_is_collapsed() {
    assert_eq!(plain(" a\r\n\tb\u{a0}\u{2003}c\u{2028}d ", ROOMY).as_str(), "a b c d");
    assert_eq!(block(" a \n\n\r\n  b\u{2028}c\t\td\n", ROOMY).as_str(), "```\na\nb\nc d\n```");
}

#[test]
fn invisible_characters_are_removed() {
    assert_eq!(plain("pay\u{202e}load\u{200b}\u{feff}\0\x1b[31m", ROOMY).as_str(), "payload[31m");
    assert_eq!(plain("a\u{fe0f}b\u{e0041}c\u{e000}d\u{3164}e", ROOMY).as_str(), "abcde");
    assert_eq!(plain("👩\u{200d}🚒", ROOMY).as_str(), "👩🚒");
}

#[test]
fn piles_of_any_combining_mark_are_cut() {
    let parsed = regex_syntax::parse(r"\p{M}").expect("a regular expression").into_kind();
    let HirKind::Class(Class::Unicode(marks)) = parsed else { panic!("a class") };
    let marks: Vec<_> = marks.iter().flat_map(|range| range.start()..=range.end()).collect();
    assert!(marks.len() > 2_000, "{}", marks.len());
    for mark in marks {
        let text = plain(&format!("e{}f", mark.to_string().repeat(50)), ROOMY);
        let kept = text.as_str().matches(mark).count();
        assert!(kept <= 3, "{kept} times {}", mark.escape_unicode());
    }
    let accents = format!("e{}f", "\u{301}".repeat(50));
    assert_eq!(plain(&accents, ROOMY).as_str(), "e\u{301}\u{301}\u{301}f");
}

#[test]
fn mentions_are_replaced_in_every_form() {
    for form in [plain, line, code, block] {
        let text =
            form("@everyone @HERE <@1> <@!1> <@&1> <#1> </cmd:1> <t:1:R> <:x:1> <a:x:1> <id:guide>", ROOMY);
        for part in [
            "＠everyone",
            "＠HERE",
            "‹@1",
            "‹@!1",
            "‹@&1",
            "‹#1",
            "‹/cmd",
            "‹t:1",
            "‹:x",
            "‹a:x",
            "‹id:guide",
        ] {
            assert!(text.as_str().replace('\\', "").contains(part), "{part} in {text}");
        }
    }
    assert_eq!(plain("@\u{200b}everyone", ROOMY).as_str(), "＠everyone");
}

#[test]
fn sql_stays_readable_in_code() {
    let query = "SELECT * FROM t WHERE a<b::int AND tags <@ $1 AND x = \"y\" -- #1";
    assert_eq!(code(query, ROOMY).as_str(), format!("`{query}`"));
    assert_eq!(code("a `b` ```c", ROOMY).as_str(), "`a ˋbˋ ˋˋˋc`");
}

#[test]
fn markup_is_escaped_in_a_line() {
    assert_eq!(
        line("**b** _i_ ~~s~~ ||x|| `c`", ROOMY).as_str(),
        r"\*\*b\*\* \_i\_ \~\~s\~\~ \|\|x\|\| \`c\`"
    );
    assert_eq!(
        line("[click](https://evil.example/x)", ROOMY).as_str(),
        r"\[click\](https\://evil.example\/x)"
    );
    assert_eq!(line("join discord.gg/abc :smile:", ROOMY).as_str(), r"join discord.gg\/abc \:smile:");
    assert_eq!(line(r"\*not escaped\*", ROOMY).as_str(), r"\\\*not escaped\\\*");
    assert_eq!(line("# title", ROOMY).as_str(), r"\# title");
    assert_eq!(line("> quote", ROOMY).as_str(), r"\> quote");
    assert_eq!(line("-# small", ROOMY).as_str(), r"\-\# small");
    assert_eq!(line("- item - b", ROOMY).as_str(), r"\- item - b");
    assert_eq!(line("12. item", ROOMY).as_str(), r"12\. item");
}

#[test]
fn long_text_ends_in_an_ellipsis_without_splitting_an_escape() {
    assert_eq!(plain("abcdef", 6).as_str(), "abcdef");
    assert_eq!(plain("abcdefg", 6).as_str(), "abcde…");
    assert_eq!(plain("abcd efg", 6).as_str(), "abcd…");
    assert_eq!(plain("🔥🔥🔥", 5).as_str(), "🔥🔥…");
    assert_eq!(plain("🔥🔥🔥", 4).as_str(), "🔥…");
    assert_eq!(line("a***", 4).as_str(), r"a\*…");
    assert_eq!(line("a***", 5).as_str(), r"a\*…");
    assert_eq!(code("abcdef", 6).as_str(), "`abc…`");
    assert_eq!(block("abcdef", 12).as_str(), "```\nabc…\n```");
    assert_eq!(plain("abc", 1).as_str(), "…");
    assert_eq!(plain("abc", 0).as_str(), "");
    assert_eq!(code("abc", 2).as_str(), "");
    assert_eq!(block("abc", 8).as_str(), "");
}

#[test]
fn empty_code_is_shown_as_a_dash() {
    assert_eq!(plain("\u{200b} ", ROOMY).as_str(), "");
    assert_eq!(line("", ROOMY).as_str(), "");
    assert_eq!(code("\u{200b}", ROOMY).as_str(), "`–`");
    assert_eq!(block("\n", ROOMY).as_str(), "```\n–\n```");
}
