//! The validation of single values.

use std::time::Duration;

use insta::assert_snapshot;
use killgate::config::{LedgerLocation, Settings};
use killgate::domain::ids::{ChannelId, RoleId, UserId};
use killgate::postgres::redaction::QueryVisibility;

use crate::example::{ConfigFolder, MINIMAL, TOKEN, fault, plus, with};

fn good(loaded: Result<Settings, String>) -> Settings {
    loaded.unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn keys_that_are_left_out_have_their_defaults() {
    let folder = ConfigFolder::new();
    let settings = good(folder.load(MINIMAL));
    assert_eq!(settings.discord.api_url, "https://discord.com");
    assert_eq!(settings.privacy, QueryVisibility::Redacted);
    assert_eq!(settings.http, None);
    assert_eq!(settings.discord.vote_emoji.approve.to_string(), "✅");
    assert_eq!(settings.discord.vote_emoji.deny.to_string(), "❌");
    assert_eq!(settings.limits.confirm_within, Duration::from_secs(5));
    let policy = &settings.targets[0].policy;
    assert_eq!((policy.approvals, policy.require_reason), (1, false));
    assert_eq!(policy.expires_after, Duration::from_mins(15));
    let LedgerLocation::Sqlite { path } = settings.ledger else {
        panic!("a SQLite ledger");
    };
    assert_eq!(path, folder.path("killgate.db"));
}

#[test]
fn ids_are_integers_or_strings() {
    let as_string = good(with("[1200000000000000001]", "['1200000000000000001', 7]"));
    assert!(as_string.discord.scope.channels.contains(&ChannelId(1_200_000_000_000_000_001)));
    assert!(as_string.discord.scope.channels.contains(&ChannelId(7)));
    let largest =
        good(with("{ roles = [1] }", "{ users = [18446744073709551615], roles = ['18446744073709551615'] }"));
    let requesters = &largest.targets[0].policy.access.requesters;
    assert!(requesters.users.contains(&UserId(u64::MAX)) && requesters.roles.contains(&RoleId(u64::MAX)));
}

#[test]
fn invalid_ids_are_faults() {
    let guild = |id: &str| fault(with("guild = 1100000000000000001", &format!("guild = {id}")));
    assert_snapshot!(guild("0"), @"3:9: [discord] guild: 0 is not an id; allowed: an id, as an integer or a string");
    assert_snapshot!(guild("-5"), @"3:9: [discord] guild: -5 is negative; allowed: an id, as an integer or a string");
    assert_snapshot!(guild("18446744073709551616"), @"3:9: [discord] guild: 18446744073709551616 is larger than any id; allowed: an id, as an integer or a string");
    assert_snapshot!(guild("'@dba'"), @"3:9: [discord] guild: not a number: use the id, not the name; allowed: an id, as an integer or a string");
    assert_snapshot!(guild("''"), @"3:9: [discord] guild: not a number: use the id, not the name; allowed: an id, as an integer or a string");
}

#[test]
fn channels_are_required_and_distinct() {
    assert_snapshot!(fault(with("[1200000000000000001]", "[]")), @"4:12: [discord] channels: no channel and no category, so no command could be used; allowed: an id here, or in categories");
    assert_snapshot!(fault(with("[1200000000000000001]", "[7, 8, '7']")), @"4:12: [discord] channels: 7 is listed twice; allowed: an array of ids, each an integer or a string");
}

#[test]
fn limits_are_at_least_one_and_have_no_upper_bound() {
    let settings = good(plus("[limits]\nopen_requests = 1\nsignals_per_hour = 99999999999999999999999999"));
    assert_eq!(settings.limits.open_requests, 1);
    assert_eq!(settings.limits.signals_per_hour, u32::MAX);
    assert_snapshot!(fault(plus("[limits]\nopen_requests_per_user = 0")), @"16:26: [limits] open_requests_per_user: 0 is too few; allowed: a whole number, at least 1");
    assert_snapshot!(fault(plus("[limits]\nopen_requests = -99999999999999999999999999")), @"16:17: [limits] open_requests: -99999999999999999999999999 is too few; allowed: a whole number, at least 1");
}

#[test]
fn durations_have_a_unit() {
    assert_eq!(good(plus("[limits]\nconfirm_within = '2h'")).limits.confirm_within, Duration::from_hours(2));
    assert_snapshot!(fault(plus("[limits]\nconfirm_within = '500ms'")), @r#"16:18: [limits] confirm_within: "500ms" is not a duration; allowed: a whole number above zero and its unit, s, m or h, such as 90s, 15m or 2h"#);
    assert_snapshot!(fault(plus("[limits]\nconfirm_within = '0s'")), @"16:18: [limits] confirm_within: 0s is zero; allowed: a whole number above zero and its unit, s, m or h, such as 90s, 15m or 2h");
    assert_snapshot!(fault(plus("[limits]\nconfirm_within = 5")), @"16:18: [limits] confirm_within: an integer instead of a string; allowed: a whole number above zero and its unit, s, m or h, such as 90s, 15m or 2h");
}

#[test]
fn the_two_emoji_must_differ() {
    let custom = good(plus("[approval]\napprove = '<:ok:77>'\ndeny = '✅'"));
    assert_eq!(custom.discord.vote_emoji.approve.to_string(), "<:ok:77>");
    assert_snapshot!(fault(plus("[approval]\napprove = 'yes'")), @r#"16:11: [approval] approve: "yes" is not an emoji; allowed: one emoji, such as "✅", or a custom one as <:name:id>"#);
    assert_snapshot!(fault(plus("[approval]\napprove = '❌'")), @"16:11: [approval] approve: ❌ would both approve and deny; allowed: two different emoji");
    assert_snapshot!(fault(plus("[approval]\ndeny = \"☠\"\napprove = \"☠\\uFE0F\"")), @"17:11: [approval] approve: ☠️ would both approve and deny; allowed: two different emoji");
}

#[test]
fn regular_expressions_are_compiled() {
    let settings = good(plus("[protect]\ndatabases = ['^billing']"));
    assert!(settings.targets[0].policy.protection.databases[0].is_match("billing_eu"));
    assert_snapshot!(fault(plus("[protect]\nusers = ['a', '[z-a]']")), @r#"16:15: [protect] users: "[z-a]": invalid character class range, the start must be <= the end; allowed: an array of regular expressions"#);
}

#[test]
fn other_values_are_validated() {
    assert_eq!(good(plus("[privacy]\nquery_text = 'hidden'")).privacy, QueryVisibility::Hidden);
    assert_snapshot!(fault(plus("[privacy]\nquery_text = 'Full'")), @r#"16:14: [privacy] query_text: "Full" is not an allowed value; allowed: "redacted", "hidden", "full""#);
    assert_eq!(good(plus("[http]\nlisten = '[::1]:9464'")).http, "[::1]:9464".parse().ok());
    assert_snapshot!(fault(plus("[http]\nlisten = 'localhost:9464'")), @r#"16:10: [http] listen: "localhost:9464" is not an address and a port; allowed: an IP address and a port, such as 127.0.0.1:9464 or [::1]:9464"#);
    assert_snapshot!(fault(plus("[http]")), @"15:2: [http] listen: missing; allowed: an IP address and a port, such as 127.0.0.1:9464 or [::1]:9464");
    assert_snapshot!(fault(with("'orders'".replace('\'', "\"").as_str(), "\"\"")), @"12:8: [[target]] #1 name: empty; allowed: 1 to 100 printable characters, unique");
    assert_snapshot!(fault(with("\"orders\"", "\"a\\nb\"")), @"12:8: [[target]] #1 name: it has control characters; allowed: 1 to 100 printable characters, unique");
    assert_snapshot!(fault(with("orders", &"x".repeat(101))), @"12:8: [[target]] #1 name: 101 characters; allowed: 1 to 100 printable characters, unique");
}

#[test]
fn another_api_may_use_plain_http_but_discord_may_not() {
    let api = |url: &str| with("token_file", &format!("api_url = '{url}'\ntoken_file"));
    for (url, kept) in [
        ("https://discord.example:8443/", "https://discord.example:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://localhost", "http://localhost"),
        ("http://simulator:8080", "http://simulator:8080"),
        ("http://notdiscord.com", "http://notdiscord.com"),
    ] {
        assert_eq!(good(api(url)).discord.api_url, kept);
    }
    assert_snapshot!(fault(api("http://discord.com")), @"5:11: [discord] api_url: http would send the token to Discord in plain text; allowed: an https or http URL of a host and port alone");
    assert_snapshot!(fault(api("http://canary.discord.com")), @"5:11: [discord] api_url: http would send the token to Discord in plain text; allowed: an https or http URL of a host and port alone");
    assert!(fault(api("http://discord.com.")).contains("in plain text"), "it is the same host");
    assert_snapshot!(fault(api("discord.com")), @"5:11: [discord] api_url: not a URL: relative URL without a base; allowed: an https or http URL of a host and port alone");
    assert_snapshot!(fault(api("ftp://discord.com")), @"5:11: [discord] api_url: neither https nor http; allowed: an https or http URL of a host and port alone");
    assert_snapshot!(fault(api("https://discord.com/api/v10")), @"5:11: [discord] api_url: it has more than a host and a port; allowed: an https or http URL of a host and port alone");
    assert_snapshot!(fault(api(&format!("https://me:{TOKEN}@discord.com"))), @"5:11: [discord] api_url: it contains credentials, which Discord's API does not use; allowed: an https or http URL of a host and port alone");
}

#[test]
fn a_proxy_for_discord_comes_from_the_environment() {
    let mut folder = ConfigFolder::new();
    let proxy =
        |folder: &ConfigFolder| good(folder.load(MINIMAL)).discord.proxy.map(|proxy| proxy.to_string());
    assert_eq!(proxy(&folder), None);
    folder.variables = vec![("HTTPS_PROXY", "")];
    assert_eq!(proxy(&folder), None);
    folder.variables = vec![("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "http://lower:2")];
    assert_eq!(proxy(&folder), Some("lower:2".to_owned()));
    folder.variables = vec![("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "")];
    assert_eq!(proxy(&folder), Some("upper:1".to_owned()), "the first that is not empty");
    folder.variables = vec![("HTTPS_PROXY", "socks5://proxy"), ("NO_PROXY", "*")];
    assert_eq!(proxy(&folder), None, "it would not be used");
    folder.variables = vec![("HTTPS_PROXY", "socks5://me:secret@proxy")];
    let simulated = MINIMAL.replace("token_file", "api_url = 'http://simulator'\ntoken_file");
    assert!(good(folder.load(&simulated)).discord.proxy.is_none(), "it would not be used");
    assert_snapshot!(fault(folder.load(MINIMAL)), @"HTTPS_PROXY in the environment: it is not an http:// URL; allowed: the http:// URL of a proxy");
}
