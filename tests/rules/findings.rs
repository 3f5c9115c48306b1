//! How a precondition that was tried is told.

use killgate::common::check_result::{CheckResult, CheckStatus};

#[test]
fn what_is_well_needs_no_mending() {
    let finding = CheckResult::ok("config", "killgate.toml");
    assert_eq!((finding.status, finding.fix.as_str()), (CheckStatus::Ok, ""));
    assert_eq!(finding.to_string(), "ok    config: killgate.toml");
}

#[test]
fn what_is_not_well_says_how_to_mend_it() {
    let warning = CheckResult::warn("guild", "moderators need no second factor", "Require one");
    assert_eq!(warning.status, CheckStatus::Warn);
    assert_eq!(
        warning.to_string(),
        "warn  guild: moderators need no second factor. Require one"
    );
    let failure = CheckResult::fail("target orders", "it cannot be reached", "Look whether it runs");
    assert_eq!(failure.status, CheckStatus::Fail);
    assert_eq!(
        failure.to_string(),
        "FAIL  target orders: it cannot be reached. Look whether it runs"
    );
}
