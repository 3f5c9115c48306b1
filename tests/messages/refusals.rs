//! Every refusal says what to do next.

use std::collections::BTreeSet;

use killgate::domain::creation::{CreationError, SessionSelector};
use killgate::domain::event::{Action, RefusalReason};
use killgate::domain::identity::InvalidPid;
use killgate::domain::ids::{ChannelId, RequestId};
use killgate::domain::protection::ProtectionRule;
use killgate::domain::session::SessionState;
use killgate::workflow::refusal::{Refusal, ignored_reaction_text};

use crate::fixture::pid;

/// The kind of a refusal. A new one has to be added here, and an example of it below.
fn kind(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::WrongChannel { .. } => "wrong channel",
        Refusal::PrivateThread { .. } => "private thread",
        Refusal::NotAViewer => "not a viewer",
        Refusal::NotAPid(_) => "not a pid",
        Refusal::BadOption { .. } => "bad option",
        Refusal::UnknownTarget { .. } => "unknown target",
        Refusal::Ambiguous { .. } => "ambiguous",
        Refusal::MaybeAmbiguous { .. } => "maybe ambiguous",
        Refusal::NoSuchBackend { .. } => "no such backend",
        Refusal::NotSeen { .. } => "not seen",
        Refusal::Unreachable { .. } => "unreachable",
        Refusal::Outdated => "outdated",
        Refusal::TargetGone => "target gone",
        Refusal::SeveralTargets => "several targets",
        Refusal::Ended { .. } => "ended",
        Refusal::Replaced { .. } => "replaced",
        Refusal::LedgerDown => "ledger down",
        Refusal::UnknownCommand => "unknown command",
        Refusal::NotUnderstood => "not understood",
        Refusal::CardRejected => "card rejected",
        Refusal::CardByItself => "card by itself",
        Refusal::Stopping => "stopping",
        Refusal::Rejected { error, .. } => kind_of_error(error),
    }
}

fn kind_of_error(error: &CreationError) -> &'static str {
    match error {
        CreationError::NotARequester => "not a requester",
        CreationError::ReasonMissing => "reason missing",
        CreationError::NoSignalRight { .. } => "no signal right",
        CreationError::Hidden { .. } => "hidden",
        CreationError::NoSuchBackend { .. } => "no such backend, rejected",
        CreationError::Replaced { .. } => "replaced, rejected",
        CreationError::LeaderGone { .. } => "leader gone",
        CreationError::Protected { .. } => "protected",
        CreationError::Repeated { .. } => "repeated",
        CreationError::OnAnotherTarget { .. } => "on another target",
        CreationError::NotInTransaction { .. } => "not in a transaction",
        CreationError::NothingToCancel { .. } => "nothing to cancel",
        CreationError::SomeRefused { .. } => "some refused",
        CreationError::TooManySessions { .. } => "too many sessions",
        CreationError::OpenLimitPerUserReached { .. } => "open limit of a person",
        CreationError::OpenLimitReached { .. } => "open limit",
        CreationError::SignalLimitReached { .. } => "signal limit",
        CreationError::Duplicate { .. } => "duplicate",
    }
}

const KINDS: usize = 40;

/// What somebody can do next, or who can.
const NEXT_STEPS: &[&str] = &[
    "Use ",
    "Choose one of",
    "/sessions lists ",
    "use the button",
    "with the button",
    "Repeat ",
    "Try again",
    "try again later",
    "Ask ",
    "ask for those on ",
    "Pick again",
    "Look for it",
    "Leave out ",
    "Type / ",
    "Withdraw one ",
    "Have some decided ",
    "GRANT ",
    "/terminate may still end it",
    "Approvers decide on its card",
    "Operators of killgate find the cause",
    "End the session that ",
    "end the sessions that ",
    "can end it",
    "stops it for good",
    "slows the next backup down",
    "Somebody else has to approve it",
    "The card says who may approve",
    "Make a new one",
    "/requests shows how",
];

fn examples() -> Vec<Refusal> {
    let (number, target) = (pid(4711), "orders".to_owned());
    let names = || vec!["orders".to_owned(), "billing".to_owned()];
    let session = SessionSelector { pid: number, backend_start: None };
    let protected = |rule| CreationError::Protected { pid: number, rule };
    let mut errors = vec![
        CreationError::NotARequester,
        CreationError::ReasonMissing,
        // The obstacle says what to do.
        CreationError::NoSignalRight { obstacle: "the role may not. GRANT it".to_owned() },
        CreationError::Hidden { pid: number },
        CreationError::NoSuchBackend { pid: number },
        CreationError::Replaced { pid: number },
        CreationError::LeaderGone { pid: number, leader: Some(number) },
        CreationError::LeaderGone { pid: number, leader: None },
        CreationError::Repeated { pid: number },
        CreationError::OnAnotherTarget { pid: number, target: target.clone() },
        CreationError::NotInTransaction { pid: number },
        CreationError::NothingToCancel { session, state: SessionState::Idle },
        CreationError::TooManySessions { limit: 25, given: 26 },
        CreationError::OpenLimitPerUserReached { limit: 5 },
        CreationError::OpenLimitReached { limit: 50 },
        CreationError::SignalLimitReached { limit: 100, left: 0, sessions: 1 },
        CreationError::SignalLimitReached { limit: 100, left: 1, sessions: 2 },
        CreationError::Duplicate { request: RequestId(7), channel: ChannelId(1_200), card: None },
    ];
    let kinds = ["logical replication worker", "autovacuum worker", "startup", "checkpointer"];
    let processes = kinds.map(|kind| ProtectionRule::NotAClient { kind: kind.to_owned() });
    let pattern = ProtectionRule::Pattern { field: "users", pattern: "^payments_".to_owned() };
    let rules = [ProtectionRule::Own, ProtectionRule::Superuser, ProtectionRule::Replication];
    errors.extend(rules.into_iter().chain(processes).map(protected));
    errors.extend([protected(ProtectionRule::UserUnknown), protected(pattern)]);
    let refused = vec![CreationError::Repeated { pid: number }];
    for others in [vec![], vec![session]] {
        errors.push(CreationError::SomeRefused { refused: refused.clone(), others, bound_to: None });
    }
    let rejected = |error| Refusal::Rejected {
        action: Action::Terminate,
        target: "orders".to_owned(),
        error,
        owner: None,
    };
    let refusals = [
        Refusal::WrongChannel { served: vec![ChannelId(1_200)] },
        Refusal::WrongChannel { served: vec![] },
        Refusal::PrivateThread { channel: ChannelId(1_200) },
        Refusal::NotAViewer,
        Refusal::NotAPid(InvalidPid(-1)),
        Refusal::BadOption { option: "min_age", given: "soon".to_owned(), expected: "90s, 15m or 2h" },
        Refusal::UnknownTarget { given: "order".to_owned(), known: names() },
        Refusal::Ambiguous { pid: number, targets: names() },
        Refusal::MaybeAmbiguous { pid: number, target: target.clone(), silent: names() },
        Refusal::NoSuchBackend { pid: number, targets: names(), postgres: None },
        Refusal::NoSuchBackend { pid: number, targets: names(), postgres: Some("no such PID".to_owned()) },
        Refusal::NotSeen {
            pid: number,
            answered: names(),
            silent: target.clone(),
            problem: "it did not answer in time".to_owned(),
        },
        Refusal::Unreachable { target: target.clone(), problem: "it did not answer in time".to_owned() },
        Refusal::Outdated,
        Refusal::TargetGone,
        Refusal::SeveralTargets,
        Refusal::Ended { pid: number, target: target.clone() },
        Refusal::Replaced { pid: number, target },
        Refusal::LedgerDown,
        Refusal::UnknownCommand,
        Refusal::NotUnderstood,
        Refusal::CardRejected,
        Refusal::CardByItself,
        Refusal::Stopping,
    ];
    refusals.into_iter().chain(errors.into_iter().map(rejected)).collect()
}

#[test]
fn every_refusal_says_why_and_then_what_to_do_next() {
    let examples = examples();
    let kinds: BTreeSet<_> = examples.iter().map(kind).collect();
    assert_eq!(kinds.len(), KINDS, "{kinds:?}");
    for refusal in &examples {
        let text = refusal.to_string();
        assert!(!text.contains('\n') && text.ends_with('.'), "one line of whole sentences: {text}");
        assert_names_a_next_step(&text);
    }
}

#[test]
fn a_reaction_that_does_not_count_is_explained_with_what_to_do_next() {
    // Bots are told nothing, and the other reasons are those of commands.
    for reason in [
        RefusalReason::SelfApproval,
        RefusalReason::NotAnApprover,
        RefusalReason::Expired,
        RefusalReason::Closed,
    ] {
        assert_names_a_next_step(ignored_reaction_text(reason));
    }
}

/// After the sentence that says why.
fn assert_names_a_next_step(text: &str) {
    let next = text.split_once(". ").map(|(_, next)| next);
    let is_step = |next: &str| NEXT_STEPS.iter().any(|step| next.contains(step));
    assert!(next.is_some_and(is_step), "what to do next is missing: {text}");
}
