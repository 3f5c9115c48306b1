//! What a reaction on an open card comes to.

use killgate::domain::decision::{Decision, DecisionContext, RequestCommand, decide};
use killgate::domain::event::{RefusalReason, RequestDetails, RequestEvent};
use killgate::domain::ids::UserId;
use killgate::domain::outcome::Outcome;
use killgate::domain::request::Request;

use crate::cast::{access, open_request};
use crate::given::*;

/// The attempt is recorded, and the person is told why it does not count.
fn refused_and_told(actor: UserId, why: RefusalReason) -> Decision {
    Decision {
        events: vec![RequestEvent::AttemptRefused { actor, why }],
        notify: Some((actor, why)),
    }
}

fn refused_in_silence(actor: UserId, why: RefusalReason) -> Decision {
    Decision {
        notify: None,
        ..refused_and_told(actor, why)
    }
}

#[test]
fn one_approval_executes_when_one_is_needed() {
    let decision = approve(&open_request(1), APPROVER);
    assert_eq!(decision.events, [approved(APPROVER), executing(&[APPROVER])]);
    assert_eq!(decision.notify, None);
}

#[test]
fn two_are_needed_when_two_are_asked_for_and_both_are_named() {
    let open = open_request(2);
    assert_eq!(only_event(approve(&open, APPROVER)), approved(APPROVER));

    let half_way = request_after(2, &[approved(APPROVER)]);
    assert_eq!(
        approve(&half_way, SECOND).events,
        [approved(SECOND), executing(&[APPROVER, SECOND])]
    );
}

#[test]
fn nobody_counts_twice() {
    let half_way = request_after(2, &[approved(APPROVER)]);
    assert_eq!(approve(&half_way, APPROVER), nothing());
}

#[test]
fn a_request_that_claims_to_need_nobody_still_needs_one_other_person() {
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
        refused_and_told(REQUESTER, RefusalReason::SelfApproval)
    );
}

#[test]
fn the_last_moment_still_counts() {
    let by = person(APPROVER);
    let decision = at(
        last_moment(),
        &open_request(1),
        RequestCommand::Approve { by: &by },
    );
    assert_eq!(decision.events, [approved(APPROVER), executing(&[APPROVER])]);
}

#[test]
fn a_quorum_without_a_signal_left_ends_without_one() {
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
        refused_and_told(REQUESTER, RefusalReason::SelfApproval)
    );
}

#[test]
fn who_is_no_approver_neither_approves_nor_denies() {
    let refusal = refused_and_told(STRANGER, RefusalReason::NotAnApprover);
    assert_eq!(approve(&open_request(1), STRANGER), refusal);
    assert_eq!(deny(&open_request(1), STRANGER), refusal);
}

#[test]
fn a_bots_reaction_is_recorded_and_bots_are_not_talked_to() {
    let refusal = refused_in_silence(BOT, RefusalReason::Bot);
    assert_eq!(approve(&open_request(1), BOT), refusal);
    assert_eq!(deny(&open_request(1), BOT), refusal);
}

#[test]
fn every_attempt_is_recorded_and_only_the_first_is_answered() {
    let refusal = refused_and_told(STRANGER, RefusalReason::NotAnApprover);
    let after_one = request_after(1, &refusal.events);
    let again = refused_in_silence(STRANGER, RefusalReason::NotAnApprover);
    assert_eq!(approve(&after_one, STRANGER), again);
    assert_eq!(deny(&after_one, STRANGER), again);
    assert_eq!(
        approve(&after_one, REQUESTER),
        refused_and_told(REQUESTER, RefusalReason::SelfApproval),
        "somebody else has not been told yet"
    );
}

#[test]
fn an_approval_that_is_taken_back_no_longer_counts() {
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
fn what_was_never_given_cannot_be_taken_back() {
    let half_way = request_after(2, &[approved(APPROVER)]);
    assert_eq!(
        at(SOON, &half_way, RequestCommand::RemoveApproval { by: SECOND }),
        nothing()
    );
}
