//! Configurations under which no request could be approved.

use insta::assert_snapshot;
use killgate::config::Settings;

use crate::example::{ConfigFolder, MINIMAL, fault};

fn faults(loaded: Result<Settings, String>) -> String {
    loaded.expect_err("faults")
}

/// Loads the minimal configuration with these groups.
fn groups(requesters: &str, approvers: &str, approvals: u32) -> Result<Settings, String> {
    let toml = MINIMAL.replace("{ roles = [1] }", requesters).replace("{ roles = [2] }", approvers);
    ConfigFolder::new().load(&format!("{toml}\n[approval]\napprovals = {approvals}"))
}

#[test]
fn requesters_and_approvers_are_required() {
    assert_snapshot!(fault(groups("{}", "{ roles = [2] }", 1)), @"8:1: [access] requesters: nobody could make a request; allowed: at least one role or user");
    assert_snapshot!(fault(groups("{ roles = [1] }", "{ users = [] }", 1)), @"9:1: [access] approvers: nobody could approve; allowed: at least one role or user");
}

#[test]
fn the_only_approver_must_not_be_the_only_requester() {
    assert_snapshot!(fault(groups("{ users = [5] }", "{ users = [5] }", 1)), @"9:1: [access] approvers: the only approver is also the only requester, whose approval never counts; allowed: another user, or a role");
    let both = faults(groups("{ users = [5] }", "{ users = [5] }", 0));
    assert!(both.contains("0 is too few") && both.contains("is also the only requester"), "{both}");
    for (requesters, approvers) in [
        ("{ users = [5] }", "{ users = [6] }"),
        ("{ users = [5, 6] }", "{ users = [5] }"),
        ("{ users = [5] }", "{ users = [5, 6] }"),
        ("{ users = [5], roles = [1] }", "{ users = [5] }"),
        ("{ users = [5] }", "{ users = [5], roles = [1] }"),
    ] {
        assert!(groups(requesters, approvers, 1).is_ok(), "{requesters} {approvers}");
    }
}

#[test]
fn the_number_of_approvals_must_not_exceed_the_named_approvers() {
    assert_snapshot!(fault(groups("{ roles = [1] }", "{ users = [5, 6] }", 3)), @"16:13: [approval] approvals: 3 approvals are needed, but at most 2 of the named approvers can approve a request; allowed: at most 2, or more approvers, or a role among them");
    // Nobody approves their own request: if every requester is an approver, there is one less.
    assert_snapshot!(fault(groups("{ users = [5, 6] }", "{ users = [5, 6] }", 2)), @"16:13: [approval] approvals: 2 approvals are needed, but at most 1 of the named approvers can approve a request; allowed: at most 1, or more approvers, or a role among them");
    assert!(groups("{ users = [5, 6] }", "{ users = [5, 6] }", 1).is_ok());
    assert!(groups("{ users = [5, 7] }", "{ users = [5, 6] }", 2).is_ok());
    assert!(groups("{ roles = [1] }", "{ users = [5, 6] }", 2).is_ok());
    assert!(groups("{ roles = [1] }", "{ users = [5], roles = [2] }", 9).is_ok());
}

#[test]
fn an_inherited_fault_is_reported_once_and_an_overridden_one_per_target() {
    let two = "[[target]]\nname = 'billing'\nurl = 'postgresql://killgate@db2/postgres'";
    let inherited = MINIMAL.replace("approvers = { roles = [2] }", "");
    assert_snapshot!(fault(ConfigFolder::new().load(&format!("{inherited}\n{two}"))), @"7:2: [access] approvers: nobody could approve; allowed: at least one role or user");
    let own = format!(
        "{MINIMAL}\n{two}\naccess = {{ approvers = {{ users = [1] }} }}\napproval = {{ approvals = 2 }}"
    );
    assert_snapshot!(fault(ConfigFolder::new().load(&own)), @r#"19:26: [[target]] "billing" approval.approvals: 2 approvals are needed on [[target]] "billing", but at most 1 of the named approvers can approve a request; allowed: at most 1, or more approvers, or a role among them"#);
}
