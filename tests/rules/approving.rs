//! The effect of a reaction on an open card.

use killgate::domain::decision::{Decision, DecisionContext, RequestCommand, decide};
use killgate::domain::event::{RefusalReason, RequestDetails, RequestEvent};
use killgate::domain::ids::UserId;
use killgate::domain::outcome::Outcome;
use killgate::domain::request::Request;

use crate::fixtures::{access, open_request};
use crate::helpers::*;

/// The attempt is recorded, and the person gets a notice.
fn refused_with_notice(actor: UserId, why: RefusalReason) -> Decision {
    Decision {
        events: vec![RequestEvent::AttemptRefused { actor, why }],
        notify: Some((actor, why)),
    }
}

fn refused_without_notice(actor: UserId, why: RefusalReason) -> Decision {
    Decision {
        notify: None,
        ..refused_with_notice(actor, why)
    }
}

#[test]
fn one_approval_executes_when_one_is_needed() {
    let decision = approve(&open_request(1), APPROVER);
    assert_eq!(decision.events, [approved(APPROVER), executing(&[APPROVER])]);
    assert_eq!(decision.notify, None);
}

#[test]
fn two_approvals_are_needed_when_configured_and_both_approvers_are_named() {
    let open = open_request(2);
    assert_eq!(only_event(approve(&open, APPROVER)), approved(APPROVER));

    let half_way = request_after(2, &[approved(APPROVER)]);
    assert_eq!(
        approve(&half_way, SECOND).events,
        [approved(SECOND), executing(&[APPROVER, SECOND])]
    );
}

#[test]
fn a_person_counts_once() {
    let half_way = request_after(2, &[approved(APPROVER)]);
    assert_eq!(approve(&half_way, APPROVER), nothing());
}

#[test]
fn a_request_with_zero_approvals_still_needs_one() {
    let careless = Request {
        details: RequestDetails {
            approvals_needed: 0,
            ..open_request(1).details
        },
        ..open_request(1)
    };
    assert!(!careless.is_quorum(&[]));
    assert_eq!(
        approve(&careless, APPROVER).events,
        [approved(APPROVER), executing(&[APPROVER])]
    );
    assert_eq!(
        approve(&careless, REQUESTER),
        refused_with_notice(REQUESTER, RefusalReason::SelfApproval)
    );
}

#[test]
fn an_approval_just_before_the_expiry_counts() {
    let by = person(APPROVER);
    let decision = at(
        last_moment(),
        &open_request(1),
        RequestCommand::Approve { by: &by },
    );
    assert_eq!(decision.events, [approved(APPROVER), executing(&[APPROVER])]);
}

#[test]
fn a_quorum_without_signals_left_ends_as_limited() {
    let given = DecisionContext {
        now: SOON,
        access: &access(),
        signal_budget_left: false,
    };
    let by = person(APPROVER);
    let [counted, end] = <[RequestEvent; 2]>::try_from(
        decide(&open_request(1), RequestCommand::Approve { by: &by }, given).events,
    )
    .expect("the approval and the end");
    assert_eq!(counted, approved(APPROVER));
    let RequestEvent::Finished(ending) = end else {
        panic!("it goes on: {end:?}")
    };
    assert_eq!(
        (ending.outcome, ending.signal_sent),
        (Outcome::Limited, Some(false))
    );
}

#[test]
fn the_requester_cannot_approve_whatever_their_roles() {
    assert_eq!(
        approve(&open_request(1), REQUESTER),
        refused_with_notice(REQUESTER, RefusalReason::SelfApproval)
    );
}

#[test]
fn a_person_who_is_not_an_approver_neither_approves_nor_denies() {
    let refusal = refused_with_notice(STRANGER, RefusalReason::NotAnApprover);
    assert_eq!(approve(&open_request(1), STRANGER), refusal);
    assert_eq!(deny(&open_request(1), STRANGER), refusal);
}

#[test]
fn a_bots_reaction_is_recorded_without_a_notice() {
    let refusal = refused_without_notice(BOT, RefusalReason::Bot);
    assert_eq!(approve(&open_request(1), BOT), refusal);
    assert_eq!(deny(&open_request(1), BOT), refusal);
}

#[test]
fn every_attempt_is_recorded_and_only_the_first_gets_a_notice() {
    let refusal = refused_with_notice(STRANGER, RefusalReason::NotAnApprover);
    let after_one = request_after(1, &refusal.events);
    let again = refused_without_notice(STRANGER, RefusalReason::NotAnApprover);
    assert_eq!(approve(&after_one, STRANGER), again);
    assert_eq!(deny(&after_one, STRANGER), again);
    assert_eq!(
        approve(&after_one, REQUESTER),
        refused_with_notice(REQUESTER, RefusalReason::SelfApproval),
        "somebody else has not been told yet"
    );
}

#[test]
fn a_removed_approval_no_longer_counts() {
    let half_way = request_after(2, &[approved(APPROVER)]);
    let removed = RequestEvent::ApprovalRemoved { actor: APPROVER };
    let retract = || RequestCommand::RemoveApproval { by: APPROVER };
    assert_eq!(only_event(at(SOON, &half_way, retract())), removed);
    assert_eq!(
        only_event(at(expiry(), &half_way, retract())),
        removed,
        "also when its time is over"
    );

    let without = request_after(2, &[approved(APPROVER), removed]);
    assert_eq!(only_event(approve(&without, SECOND)), approved(SECOND));
}

#[test]
fn removing_an_approval_that_was_not_given_has_no_effect() {
    let half_way = request_after(2, &[approved(APPROVER)]);
    assert_eq!(
        at(SOON, &half_way, RequestCommand::RemoveApproval { by: SECOND }),
        nothing()
    );
}
