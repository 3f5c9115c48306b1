//! Names in the ledger, in commands and from PostgreSQL. Records and scripts depend on them: a
//! changed name breaks somebody's export.

use killgate::discord::session_list::SessionView;
use killgate::domain::event::{Action, RefusalReason};
use killgate::domain::outcome::Outcome;
use killgate::domain::session::{BackendType, SessionState, WaitEvent};

#[test]
fn outcomes() {
    let names = Outcome::ALL.map(|outcome| (outcome.name(), outcome.headline()));
    let expected = [
        ("cancelled", "Cancelled"),
        ("terminated", "Terminated"),
        ("unconfirmed", "Unconfirmed"),
        ("gone", "Already gone"),
        ("moved_on", "Moved on"),
        ("replaced", "Replaced"),
        ("protected", "Protected"),
        ("not_a_backend", "Not a backend"),
        ("refused", "Refused by PostgreSQL"),
        ("limited", "Limit reached"),
        ("unreachable", "Unreachable"),
        ("unknown", "Unknown"),
        ("mixed", "Mixed"),
        ("denied", "Denied"),
        ("withdrawn", "Withdrawn"),
        ("expired", "Expired"),
        ("lapsed", "Lapsed"),
    ];
    assert_eq!(names, expected);
    for outcome in Outcome::ALL {
        assert_eq!(Outcome::from_name(outcome.name()), Some(outcome));
        assert_eq!(outcome.to_string(), outcome.name());
    }
    assert_eq!(Outcome::from_name("Cancelled"), None);
}

#[test]
fn only_people_time_limits_and_the_session_itself_end_a_request_that_was_not_executed() {
    let without: Vec<_> = Outcome::ALL.into_iter().filter(|outcome| !outcome.is_of_execution()).collect();
    assert_eq!(
        without,
        [Outcome::Limited, Outcome::Denied, Outcome::Withdrawn, Outcome::Expired, Outcome::Lapsed]
    );
}

#[test]
fn actions() {
    for (action, name) in [(Action::Cancel, "cancel"), (Action::Terminate, "terminate")] {
        assert_eq!(action.name(), name);
        assert_eq!(Action::from_name(name), Some(action));
    }
    assert_eq!(Action::from_name("kill"), None);
}

#[test]
fn refusal_reasons() {
    let expected = [
        "self_approval",
        "not_an_approver",
        "expired",
        "closed",
        "bot",
        "not_a_requester",
        "protected",
        "limited",
    ];
    assert_eq!(RefusalReason::ALL.map(RefusalReason::name), expected);
    for why in RefusalReason::ALL {
        assert_eq!(RefusalReason::from_name(why.name()), Some(why));
    }
    assert_eq!(RefusalReason::from_name("because"), None);
}

#[test]
fn states() {
    for (state, name, runs) in [
        (SessionState::Active, "active", true),
        (SessionState::Idle, "idle", false),
        (SessionState::IdleInTransaction, "idle in transaction", false),
        (SessionState::IdleInTransactionAborted, "idle in transaction (aborted)", false),
        (SessionState::FastpathFunctionCall, "fastpath function call", true),
        (SessionState::Disabled, "disabled", false),
        (SessionState::Unknown, "unknown", false),
    ] {
        assert_eq!(state.to_string(), name);
        assert_eq!(SessionState::of_column(Some(name)), state);
        assert_eq!(state.is_running(), runs, "{state}");
    }
    assert_eq!(SessionState::of_column(None), SessionState::Unknown);
    assert_eq!(SessionState::of_column(Some("asleep")), SessionState::Unknown);
}

#[test]
fn backend_types() {
    for (kind, name) in [
        (BackendType::Client, "client backend"),
        (BackendType::ParallelWorker, "parallel worker"),
        (BackendType::WalSender, "walsender"),
        (BackendType::Other("checkpointer".to_owned()), "checkpointer"),
    ] {
        assert_eq!(kind.name(), name);
        assert_eq!(BackendType::from_name(Some(name)), kind);
    }
    assert_eq!(
        BackendType::from_name(None),
        BackendType::Other("unknown".to_owned()),
        "what is not known is no client's backend"
    );
}

#[test]
fn wait_events() {
    let wait = WaitEvent { kind: "Lock".to_owned(), event: "transactionid".to_owned() };
    assert_eq!(wait.to_string(), "Lock: transactionid");
}

#[test]
fn views() {
    let expected = ["busy", "blocking", "idle-in-transaction", "all"];
    assert_eq!(SessionView::ALL.map(SessionView::name), expected);
    for view in SessionView::ALL {
        assert_eq!(SessionView::from_name(view.name()), Some(view));
    }
    assert_eq!(SessionView::from_name("everything"), None);
    assert_eq!(SessionView::default(), SessionView::Busy);
}
