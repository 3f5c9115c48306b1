//! Which sessions are protected, and the message for each rule.

use killgate::domain::protection::{ProtectionRule, ProtectionRules};
use killgate::domain::session::{BackendType, Session};
use regex::Regex;

use crate::fixtures::session;

fn patterns(patterns: &[&str]) -> Vec<Regex> {
    patterns.iter().map(|pattern| Regex::new(pattern).expect("a regular expression")).collect()
}

fn configured() -> ProtectionRules {
    ProtectionRules {
        users: patterns(&["^nobody$", "^payments_"]),
        applications: patterns(&["^pg_(dump|basebackup)"]),
        databases: patterns(&["^ledger$"]),
    }
}

fn of_kind(kind: BackendType) -> Session {
    Session { backend_type: kind, ..session(1) }
}

fn by_pattern(field: &'static str, pattern: &str) -> ProtectionRule {
    let pattern = pattern.to_owned();
    ProtectionRule::Pattern { field, pattern }
}

#[test]
fn a_client_session_is_not_protected_by_default() {
    assert_eq!(ProtectionRules::default().matching_rule(&session(1)), None);
    assert_eq!(configured().matching_rule(&session(1)), None);
}

#[test]
fn some_sessions_are_always_protected() {
    let own = Session { is_own: true, ..session(1) };
    let of_a_superuser = Session { is_superuser: true, ..session(1) };
    let of_somebody_unknown = Session { user: None, ..session(1) };
    for (session, rule, told) in [
        (own, ProtectionRule::Own, "it is one of killgate's own connections"),
        (of_a_superuser, ProtectionRule::Superuser, "it belongs to a superuser"),
        (of_somebody_unknown, ProtectionRule::UserUnknown, "PostgreSQL does not say whose session it is"),
        (
            of_kind(BackendType::WalSender),
            ProtectionRule::Replication,
            "it is a replication connection (walsender)",
        ),
        (
            of_kind(BackendType::Other("autovacuum worker".to_owned())),
            ProtectionRule::NotAClient { kind: "autovacuum worker".to_owned() },
            "it is not a client's session (autovacuum worker)",
        ),
    ] {
        assert_eq!(rule.to_string(), told);
        assert_eq!(ProtectionRules::default().matching_rule(&session), Some(rule));
    }
    assert_eq!(
        ProtectionRules::default().matching_rule(&of_kind(BackendType::ParallelWorker)),
        Some(ProtectionRule::NotAClient { kind: "parallel worker".to_owned() }),
        "its leader may be signalled, it itself may not"
    );
}

#[test]
fn a_pattern_protects_what_it_matches_and_is_named() {
    let user = Session { user: Some("payments_batch".to_owned()), ..session(1) };
    let application = Session { application: "pg_dump".to_owned(), ..session(1) };
    let database = Session { database: Some("ledger".to_owned()), ..session(1) };
    let rule_for = |session| configured().matching_rule(session);
    assert_eq!(rule_for(&user), Some(by_pattern("users", "^payments_")));
    assert_eq!(rule_for(&application), Some(by_pattern("applications", "^pg_(dump|basebackup)")));
    assert_eq!(rule_for(&database), Some(by_pattern("databases", "^ledger$")));
    assert_eq!(
        rule_for(&user).expect("it is protected").to_string(),
        "the rule [protect] users = ^payments_ matches it"
    );
}

#[test]
fn fixed_rules_are_named_before_configured_ones() {
    let session = Session { user: Some("payments_batch".to_owned()), is_superuser: true, ..session(1) };
    assert_eq!(configured().matching_rule(&session), Some(ProtectionRule::Superuser));
}

#[test]
fn a_session_without_a_database_matches_only_an_empty_pattern() {
    let nowhere = Session { database: None, ..session(1) };
    assert_eq!(configured().matching_rule(&nowhere), None);
    let none = ProtectionRules { databases: patterns(&["^$"]), ..ProtectionRules::default() };
    assert_eq!(none.matching_rule(&nowhere), Some(by_pattern("databases", "^$")));
    assert_eq!(none.matching_rule(&session(1)), None);
}
