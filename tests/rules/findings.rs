//! How a precondition that was tried is told.

use killgate::common::check_result::{Finding, Status};

#[test]
fn what_is_well_needs_no_mending() {
    let finding = Finding::ok("config", "killgate.toml");
    assert_eq!((finding.status, finding.mend.as_str()), (Status::Ok, ""));
    assert_eq!(finding.to_string(), "ok    config: killgate.toml");
}

#[test]
fn what_is_not_well_says_how_to_mend_it() {
    let warning = Finding::warn("guild", "moderators need no second factor", "Require one");
    assert_eq!(warning.status, Status::Warn);
    assert_eq!(
        warning.to_string(),
        "warn  guild: moderators need no second factor. Require one"
    );
    let failure = Finding::fail("target orders", "it cannot be reached", "Look whether it runs");
    assert_eq!(failure.status, Status::Fail);
    assert_eq!(
        failure.to_string(),
        "FAIL  target orders: it cannot be reached. Look whether it runs"
    );
}
