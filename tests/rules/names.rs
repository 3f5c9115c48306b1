//! What things are called in the ledger, in commands and by PostgreSQL. Records and scripts rely on these: a
//! name that changes here breaks somebody's export.

use killgate::discord::session_list::View;
use killgate::domain::event::{Action, Why};
use killgate::domain::outcome::Outcome;
use killgate::domain::session::{BackendKind, State, Wait};

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
        ("denied", "Denied"),
        ("withdrawn", "Withdrawn"),
        ("expired", "Expired"),
        ("lapsed", "Lapsed"),
    ];
    assert_eq!(names, expected);
    for outcome in Outcome::ALL {
        assert_eq!(Outcome::named(outcome.name()), Some(outcome));
        assert_eq!(outcome.to_string(), outcome.name());
    }
    assert_eq!(Outcome::named("Cancelled"), None);
}

#[test]
fn actions() {
    for (action, name) in [(Action::Cancel, "cancel"), (Action::Terminate, "terminate")] {
        assert_eq!(action.name(), name);
        assert_eq!(Action::named(name), Some(action));
    }
    assert_eq!(Action::named("kill"), None);
}

#[test]
fn why_an_attempt_does_not_count() {
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
    assert_eq!(Why::ALL.map(Why::name), expected);
    for why in Why::ALL {
        assert_eq!(Why::named(why.name()), Some(why));
    }
    assert_eq!(Why::named("because"), None);
}

#[test]
fn states() {
    for (state, name, runs) in [
        (State::Active, "active", true),
        (State::Idle, "idle", false),
        (State::IdleInTransaction, "idle in transaction", false),
        (
            State::IdleInTransactionAborted,
            "idle in transaction (aborted)",
            false,
        ),
        (State::FastpathFunctionCall, "fastpath function call", true),
        (State::Disabled, "disabled", false),
        (State::Unknown, "unknown", false),
    ] {
        assert_eq!(state.to_string(), name);
        assert_eq!(State::named(Some(name)), state);
        assert_eq!(state.is_running(), runs, "{state}");
    }
    assert_eq!(State::named(None), State::Unknown);
    assert_eq!(State::named(Some("asleep")), State::Unknown);
}

#[test]
fn kinds_of_backends() {
    for (kind, name) in [
        (BackendKind::Client, "client backend"),
        (BackendKind::ParallelWorker, "parallel worker"),
        (BackendKind::WalSender, "walsender"),
        (BackendKind::Other("checkpointer".to_owned()), "checkpointer"),
    ] {
        assert_eq!(kind.name(), name);
        assert_eq!(BackendKind::named(Some(name)), kind);
    }
    assert_eq!(
        BackendKind::named(None),
        BackendKind::Other("unknown".to_owned()),
        "what is not known is no client's backend"
    );
}

#[test]
fn what_a_session_waits_for() {
    let wait = Wait {
        kind: "Lock".to_owned(),
        event: "transactionid".to_owned(),
    };
    assert_eq!(wait.to_string(), "Lock: transactionid");
}

#[test]
fn views() {
    let expected = ["busy", "blocking", "idle-in-transaction", "all"];
    assert_eq!(View::ALL.map(View::name), expected);
    for view in View::ALL {
        assert_eq!(View::named(view.name()), Some(view));
    }
    assert_eq!(View::named("everything"), None);
    assert_eq!(View::default(), View::Busy);
}
