//! The report about a file with faults.

use insta::assert_snapshot;

use crate::example::{ConfigFolder, MINIMAL, fault, plus, with};

#[test]
fn six_faults_are_reported_at_once_with_their_positions() {
    let text = ConfigFolder::new()
        .load(
            r#"[discord]
guild = "incidents"
channels = [1200000000000000001]
token_file = "no_such_file"

[access]
requesters = { roles = [1] }
approvers = { roles = [2] }

[approval]
approvals = 0
expires_afer = "5m"

[[target]]
name = "orders"
url = "postgresql://killgate@db1.internal/postgres?sslmode=prefer"
protect = { users = ["^ok$", "(oops"] }
"#,
        )
        .expect_err("six faults");
    assert_snapshot!(text, @r#"
    killgate.toml:2:9: [discord] guild: not a number: use the id, not the name; allowed: an id, as an integer or a string
        2 | guild = "incidents"
          |         ^
    killgate.toml:4:14: [discord] token_file: cannot read the secret file of this name in the folder FOLDER: No such file or directory (os error 2); allowed: the path of a file, from the folder of this one
        4 | token_file = …
          |              ^
    killgate.toml:11:13: [approval] approvals: 0 is too few; allowed: a whole number, at least 1
       11 | approvals = 0
          |             ^
    killgate.toml:12:1: [approval] expires_afer: unknown key, did you mean `expires_after`?; allowed: approvals, expires_after, approve, deny, require_reason, remind_after
       12 | expires_afer = …
          | ^
    killgate.toml:16:7: [[target]] "orders" url: sslmode=prefer would fall back to plain text; it is disable, require, verify-ca or verify-full; allowed: postgresql://user@host:port/database?sslmode=MODE
       16 | url = …
          |       ^
    killgate.toml:17:30: [[target]] "orders" protect.users: "(oops": unclosed group; allowed: an array of regular expressions
       17 | protect = { users = ["^ok$", "(oops"] }
          |                              ^
    6 faults in killgate.toml
    "#);
}

#[test]
fn one_fault_of_a_section_does_not_hide_its_others() {
    let reported = |toml: String, faults: &[&str]| {
        let text = ConfigFolder::new().load(&toml).expect_err("faults");
        assert!(text.contains(&format!("{} faults in killgate.toml", faults.len())), "{text}");
        assert!(faults.iter().all(|fault| text.contains(fault)), "{text}");
    };
    let nobody = MINIMAL.replace("{ roles = [2] }", "{}");
    reported(
        format!("{nobody}\n[approval]\nexpires_after = \"5m\"\nremind_after = \"6m\""),
        &["nobody could approve", "would expire before anybody is reminded"],
    );
    reported(nobody.replace("{ roles = [1] }", "7"), &["[access] requesters", "nobody could approve"]);
    reported(
        format!(
            "{MINIMAL}\n[ledger]\nurl = \"sqlite:no_such_folder/killgate.db\"\npassword_env = \"PASSWORD\""
        ),
        &["a SQLite ledger has no password", "no_such_folder does not exist"],
    );
    reported(
        format!("{MINIMAL}\n[[owner]]\napplication = \"(oops\""),
        &["unclosed group", "it names no owner"],
    );
    reported(format!("{MINIMAL}\n[[owner]]"), &["it names no application", "it names no owner"]);
}

#[test]
fn a_syntax_error_is_the_only_fault_of_its_line() {
    assert_snapshot!(fault(with("guild = 1", "guild = = 1")), @"3:9: extra `=`, expected nothing; allowed: a TOML file");
    assert_snapshot!(fault(with("requesters", "approvers")), @"9:1: duplicate key; allowed: a TOML file");
}

#[test]
fn a_file_that_does_not_exist_or_is_not_text_is_a_fault() {
    let nowhere = killgate::config::load("nowhere/killgate.toml".as_ref(), |_| None).expect_err("no file");
    assert_snapshot!(nowhere, @r"
    nowhere/killgate.toml: cannot read it: No such file or directory (os error 2); allowed: a TOML file; --config FILE or the environment variable KILLGATE_CONFIG names another
    1 fault in nowhere/killgate.toml
    ");
    let folder = ConfigFolder::new();
    std::fs::write(folder.path("binary.toml"), [0xff, 0xfe]).expect("a file");
    let binary = killgate::config::load(&folder.path("binary.toml"), |_| None).expect_err("no text");
    assert_snapshot!(binary.list[0].message, @"it is not UTF-8 text");
}

#[test]
fn an_empty_file_has_a_fault_for_every_required_key() {
    assert_snapshot!(ConfigFolder::new().load("").expect_err("empty"), @r"
    killgate.toml: [discord] guild: missing; allowed: an id, as an integer or a string
    killgate.toml: [discord] channels: no channel and no category, so no command could be used; allowed: an id here, or in categories
    killgate.toml: [discord] token_file: there is no token; allowed: token_file, or the environment variable DISCORD_TOKEN
    killgate.toml: [[target]]: missing; allowed: one or more [[target]] sections
    killgate.toml: [access] requesters: nobody could make a request; allowed: at least one role or user
    killgate.toml: [access] approvers: nobody could approve; allowed: at least one role or user
    6 faults in killgate.toml
    ");
}

#[test]
fn a_fault_of_an_unknown_key_suggests_a_similar_one() {
    assert_snapshot!(fault(plus("[limit]")), @"15:2: limit: unknown key, did you mean `limits`?; allowed: discord, access, approval, target, protect, privacy, limits, ledger, http, owner");
    assert_snapshot!(fault(plus("[limits]\nsignals_per_minute = 3")), @"16:1: [limits] signals_per_minute: unknown key, did you mean `signals_per_hour`?; allowed: open_requests_per_user, open_requests, sessions_per_request, signals_per_hour, confirm_within");
    assert_snapshot!(fault(plus("[privacy]\ncolour = 3")), @"16:1: [privacy] colour: unknown key; allowed: query_text");
    assert_snapshot!(fault(with("{ roles = [1] }", "{ role = [], roles = [1] }")), @"8:16: [access] requesters.role: unknown key, did you mean `roles`?; allowed: roles, users");
    assert_snapshot!(fault(plus("approval = { approve = '👍' }")), @r#"15:14: [[target]] "orders" approval.approve: unknown key here, it belongs in [approval]; allowed: approvals, expires_after, require_reason, remind_after"#);
    assert_snapshot!(fault(plus("[privacy]\n\"\\u001b[31m\" = 3")), @r#"16:1: [privacy] "\u{1b}[31m": unknown key; allowed: query_text"#);
}

#[test]
fn a_value_of_the_wrong_type_is_a_fault() {
    assert_snapshot!(fault(plus("[approval]\napprovals = '2'")), @"16:13: [approval] approvals: a string instead of an integer; allowed: a whole number, at least 1");
    assert_snapshot!(fault(plus("[approval]\nrequire_reason = 1")), @"16:18: [approval] require_reason: an integer instead of a boolean; allowed: true, false");
    assert_snapshot!(fault(plus("[privacy]\nquery_text = true")), @r#"16:14: [privacy] query_text: a boolean instead of a string; allowed: "redacted", "hidden", "full""#);
    assert_snapshot!(fault(plus("protect = ['x']")), @r#"15:11: [[target]] "orders" protect: an array instead of a table; allowed: a table of users, applications, databases"#);
    assert_snapshot!(fault(plus("[protect]\nusers = '^x$'")), @"16:9: [protect] users: a string instead of an array; allowed: an array of regular expressions");
    assert_snapshot!(fault(with("guild = 1100000000000000001", "guild = 1.5")), @"3:9: [discord] guild: a float instead of an id; allowed: an id, as an integer or a string");
    assert_snapshot!(fault(with("[[target]]", "[target]")), @"11:2: target: a table instead of one or more [[target]] sections; allowed: one or more [[target]] sections");
}

#[test]
fn a_section_of_the_wrong_type_is_a_single_fault() {
    let broken = MINIMAL.replace("[access]", "").replace("requesters", "x_requesters");
    let broken = broken.lines().filter(|line| !line.contains("roles")).collect::<Vec<_>>().join("\n");
    assert_snapshot!(fault(ConfigFolder::new().load(&format!("access = 3\n{broken}"))), @"1:10: access: an integer instead of a table; allowed: an [access] section");
}

#[test]
fn a_reminder_comes_before_the_expiry() {
    assert_snapshot!(fault(plus("[approval]\nexpires_after = '3m'\nremind_after = '3m'")), @"17:16: [approval] remind_after: the request would expire before anybody is reminded; allowed: shorter than expires_after, 180 s");
    assert_snapshot!(fault(plus("approval = { expires_after = '1m' }\n[approval]\nremind_after = '2m'")), @r#"17:16: [approval] remind_after: the request on [[target]] "orders" would expire before anybody is reminded; allowed: shorter than expires_after, 60 s"#);
}

#[test]
fn one_typo_is_one_fault_which_says_what_was_meant() {
    for (right, wrong, meant) in [
        ("name = ", "nmae = ", "name"),
        ("[discord]", "[discrod]", "discord"),
        ("[access]", "[acess]", "access"),
        ("[[target]]", "[[targt]]", "target"),
        ("guild", "guid", "guild"),
        ("channels", "chanels", "channels"),
        ("token_file", "tokn_file", "token_file"),
        ("approvers", "aprovers", "approvers"),
        ("name = ", "password = 'secret'\nname = ", "password_file"),
    ] {
        let fault = fault(with(right, wrong));
        assert!(fault.contains(&format!("unknown key, did you mean `{meant}`?")), "{wrong}: {fault}");
    }
}

#[test]
fn every_syntax_error_is_reported() {
    let broken = MINIMAL.replace("guild = 1100000000000000001", "guild = = 1").replace("[access]", "[access");
    let text = ConfigFolder::new().load(&broken).expect_err("two faults");
    assert!(text.contains("killgate.toml:3:9:") && text.contains("killgate.toml:7:"), "{text}");
    assert!(text.ends_with("2 faults in killgate.toml"), "{text}");
}

#[test]
fn commands_that_use_no_secret_need_none_and_accept_no_other_fault() {
    let folder = ConfigFolder::new();
    let without = MINIMAL.replace("\"token\"", "\"removed\"")
        + "password_file = 'removed'\n[http]\nlisten = '[::1]:9'\n";
    let load = |toml: &str| {
        folder.write("killgate.toml", toml);
        let path = folder.path("killgate.toml");
        let ledger = killgate::config::load_ledger(&path, |_| None).map(drop);
        (ledger, killgate::config::load_http(&path, |_| None).map(drop))
    };
    assert_eq!(load(&without), (Ok(()), Ok(())));
    let (ledger, http) = load(&without.replace("guild", "guid"));
    for faults in [ledger.expect_err("a fault"), http.expect_err("a fault")] {
        assert_eq!(faults.list.len(), 1, "{faults}");
        assert!(faults.to_string().contains("did you mean `guild`?"), "{faults}");
    }
    let (ledger, http) = load(&(without + "[ledger]\nurl = 'postgresql://k@l/x'\npassword_file = 'removed'"));
    assert!(ledger.is_err_and(|faults| faults.list.len() == 1), "its own secret must exist");
    assert_eq!(http, Ok(()));
}
