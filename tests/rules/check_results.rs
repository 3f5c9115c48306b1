//! How a check result is displayed.

use killgate::common::check_result::{CheckResult, CheckStatus};

#[test]
fn an_ok_result_has_no_fix() {
    let result = CheckResult::ok("config", "killgate.toml");
    assert_eq!((result.status, result.fix.as_str()), (CheckStatus::Ok, ""));
    assert_eq!(result.to_string(), "ok    config: killgate.toml");
}

#[test]
fn a_warning_or_failure_says_how_to_fix_it() {
    let warning = CheckResult::warn("guild", "moderators need no second factor", "Require one");
    assert_eq!(warning.status, CheckStatus::Warn);
    assert_eq!(warning.to_string(), "warn  guild: moderators need no second factor. Require one");
    let failure = CheckResult::fail("target orders", "it cannot be reached", "Look whether it runs");
    assert_eq!(failure.status, CheckStatus::Fail);
    assert_eq!(failure.to_string(), "FAIL  target orders: it cannot be reached. Look whether it runs");
}

#[test]
fn a_name_from_outside_cannot_forge_a_line_or_manipulate_the_terminal() {
    let failure = CheckResult::fail("role 1", "it is @a\nok    token: fine\u{1b}[2K", "Find\rout");
    assert_eq!(failure.to_string().lines().count(), 1);
    assert!(!failure.to_string().contains(char::is_control), "{failure:?}");
}
