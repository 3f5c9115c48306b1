//! What a name must contain to match a regular expression.
//!
//! PostgreSQL cannot evaluate the patterns of [`ProtectionRules`](crate::domain::protection::ProtectionRules). But every name
//! that a pattern matches begins or ends with one of a few texts, and PostgreSQL can check that a name contains none of them.

use regex::Regex;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};

use super::raw_text::quote_inner;

/// Every name that matches one of `patterns` contains at least one of these texts, which are as the server quotes them. `None`
/// if a pattern has no such texts, as `[a-z]+`.
///
/// Only ASCII: these letters are the same bytes in every encoding of a server (PostgreSQL documentation, "Character Set
/// Support"), and no decoder makes them of other bytes.
pub(super) fn required_parts(patterns: &[Regex]) -> Option<Vec<Vec<u8>>> {
    let parts = patterns.iter().map(|pattern| {
        let parsed = regex_syntax::parse(pattern.as_str()).ok()?;
        let extract = |kind| Extractor::new().kind(kind).extract(&parsed);
        [ExtractKind::Prefix, ExtractKind::Suffix].into_iter().find_map(|kind| usable(&extract(kind)))
    });
    Some(parts.collect::<Option<Vec<_>>>()?.concat())
}

fn usable(parts: &Seq) -> Option<Vec<Vec<u8>>> {
    let ascii = parts.literals()?.iter().map(|part| {
        let text = std::str::from_utf8(part.as_bytes()).ok();
        text.filter(|text| text.is_ascii()).map(quote_inner)
    });
    ascii.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(pattern: &str) -> Option<Vec<String>> {
        let parts = required_parts(&[Regex::new(pattern).expect("a pattern")])?;
        Some(parts.into_iter().map(|part| String::from_utf8(part).expect("text")).collect())
    }

    #[test]
    fn every_match_contains_one_of_the_parts() {
        let expected = |texts: &[&str]| Some(texts.iter().map(ToString::to_string).collect());
        assert_eq!(parts("^pg_(dump|basebackup)"), expected(&["pg_dump", "pg_basebackup"]));
        assert_eq!(parts("^[a-z]+-etl$"), expected(&["-etl"]), "the end where the beginning is not known");
        assert_eq!(parts("it's"), expected(&["it''s"]), "as the server quotes it");
        assert_eq!(parts(""), expected(&[""]), "which everything contains");
        let any_case = parts("(?i)etl").expect("a list");
        assert!(any_case.contains(&"EtL".to_owned()) && any_case.len() == 8, "{any_case:?}");
    }

    #[test]
    fn a_pattern_without_such_a_list_is_said_to_have_none() {
        for pattern in [r"^\pL+$", "[a-z]+", "café", ".*"] {
            assert_eq!(parts(pattern), None, "{pattern}");
        }
        let patterns = ["^pg_dump$", "[a-z]+"].map(|pattern| Regex::new(pattern).expect("a pattern"));
        assert_eq!(required_parts(&patterns), None, "one of them is enough");
    }
}
