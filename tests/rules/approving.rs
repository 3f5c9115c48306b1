//! The effect of a reaction on an open card.

use killgate::domain::decision::{
    CardReactions, Decision, DecisionContext, DecisionInput, QuorumCheck, ReactionSource, decide,
};
use killgate::domain::event::{RefusalReason, RequestDetails, RequestEvent};
use killgate::domain::ids::UserId;
use killgate::domain::outcome::Outcome;
use killgate::domain::request::Request;

use crate::fixtures::{access, open_request};
use crate::helpers::*;

/// The attempt is recorded, and the person gets a notice.
fn refused_with_notice(actor: UserId, why: RefusalReason) -> Decision {
    Decision { events: vec![RequestEvent::AttemptRefused { actor, why }], notify: vec![(actor, why)] }
}

fn refused_without_notice(actor: UserId, why: RefusalReason) -> Decision {
    Decision { notify: Vec::new(), ..refused_with_notice(actor, why) }
}

#[test]
fn one_approval_executes_when_one_is_needed() {
    let decision = approve(&open_request(1), APPROVER);
    assert_eq!(decision.events, [approved(APPROVER), executing(&[APPROVER])]);
    assert_eq!(decision.notify, []);
}

#[test]
fn two_approvals_are_needed_when_configured_and_both_approvers_are_named() {
    let open = open_request(2);
    assert_eq!(only_event(approve(&open, APPROVER)), approved(APPROVER));

    let half_way = request_after(2, &[approved(APPROVER)]);
    assert_eq!(only_event(approve(&half_way, SECOND)), approved(SECOND));

    let enough = request_after(2, &[approved(APPROVER), approved(SECOND)]);
    let check = check(&[APPROVER, SECOND], &[APPROVER, SECOND]);
    assert_eq!(
        only_event(at(SOON, &enough, DecisionInput::ConfirmQuorum(&check))),
        executing(&[APPROVER, SECOND])
    );
}

/// `checked` were looked up, and `there` are still in the guild.
fn check(checked: &[UserId], there: &[UserId]) -> QuorumCheck {
    QuorumCheck {
        checked: checked.iter().copied().collect(),
        members: there.iter().map(|id| person(*id)).collect(),
    }
}

fn removed(actor: UserId) -> RequestEvent {
    RequestEvent::ApprovalRemoved { actor }
}

#[test]
fn of_several_approvers_one_who_left_or_lost_the_role_no_longer_counts() {
    let enough = request_after(2, &[approved(APPROVER), approved(SECOND)]);
    let left = check(&[APPROVER, SECOND], &[APPROVER]);
    assert_eq!(only_event(at(SOON, &enough, DecisionInput::ConfirmQuorum(&left))), removed(SECOND));

    let mut without_role = check(&[APPROVER, SECOND], &[APPROVER, SECOND]);
    without_role.members[1].roles.clear();
    assert_eq!(only_event(at(SOON, &enough, DecisionInput::ConfirmQuorum(&without_role))), removed(SECOND));
}

#[test]
fn of_several_approvers_one_who_was_not_looked_up_is_not_counted_yet() {
    let enough = request_after(2, &[approved(APPROVER), approved(SECOND)]);
    let half = check(&[APPROVER], &[APPROVER]);
    assert_eq!(at(SOON, &enough, DecisionInput::ConfirmQuorum(&half)), nothing());
}

#[test]
fn an_approval_counts_while_reactions_are_unread_and_is_executed_once_its_author_was_looked_up_again() {
    let access = access();
    let unread = DecisionContext { has_unread_reactions: true, ..context(SOON, &access) };
    let (by, source) = (&person(APPROVER), ReactionSource::Live);
    let decision = decide(&open_request(1), DecisionInput::Approve { by, source }, unread);
    assert_eq!(only_event(decision), approved(APPROVER));

    let waiting = request_after(1, &[approved(APPROVER)]);
    let reactions = CardReactions { approving: [APPROVER].into(), ..CardReactions::default() };
    assert_eq!(at(SOON, &waiting, DecisionInput::ReconcileReactions(&reactions)), nothing());
    let confirmed = check(&[APPROVER], &[APPROVER]);
    assert_eq!(decide(&waiting, DecisionInput::ConfirmQuorum(&confirmed), unread), nothing());
    let decision = at(SOON, &waiting, DecisionInput::ConfirmQuorum(&confirmed));
    assert_eq!(only_event(decision), executing(&[APPROVER]));
}

#[test]
fn an_approval_that_is_executed_at_once_names_nobody_who_was_not_looked_up_since_reactions_were_unread() {
    let waiting = request_after(1, &[approved(APPROVER)]);
    assert_eq!(approve(&waiting, SECOND).events, [approved(SECOND), executing(&[SECOND])]);
}

#[test]
fn a_single_approver_who_lost_the_right_while_reactions_were_unread_does_not_count() {
    let waiting = request_after(1, &[approved(APPROVER)]);
    let gone = check(&[APPROVER], &[]);
    let decision = at(SOON, &waiting, DecisionInput::ConfirmQuorum(&gone));
    assert_eq!(only_event(decision), removed(APPROVER));
}

#[test]
fn a_denial_that_was_not_seen_stops_a_request_that_was_approved_meanwhile() {
    let waiting = request_after(1, &[approved(APPROVER)]);
    let reactions = CardReactions { approving: [APPROVER].into(), denying: vec![person(SECOND)] };
    let decision = at(SOON, &waiting, DecisionInput::ReconcileReactions(&reactions));
    assert_eq!(ending(decision).outcome, Outcome::Denied);
}

#[test]
fn an_approval_that_was_taken_back_unseen_is_removed_when_the_reactions_are_read() {
    let waiting = request_after(1, &[approved(APPROVER)]);
    let none = CardReactions::default();
    let decision = at(SOON, &waiting, DecisionInput::ReconcileReactions(&none));
    assert_eq!(only_event(decision), removed(APPROVER));
}

#[test]
fn an_attempt_that_is_only_read_again_is_not_another_one() {
    let open = open_request(1);
    let reactions =
        CardReactions { denying: vec![person(STRANGER), person(BOT)], ..CardReactions::default() };
    let read = |request: &Request| at(SOON, request, DecisionInput::ReconcileReactions(&reactions));
    let first = read(&open);
    assert_eq!(first, refused_with_notice(STRANGER, RefusalReason::NotAnApprover));
    assert_eq!(read(&request_after(1, &first.events)), nothing());
}

#[test]
fn no_more_than_ten_attempts_of_a_person_are_recorded() {
    let attempt = refused_with_notice(STRANGER, RefusalReason::NotAnApprover).events;
    let nine = request_after(1, &vec![attempt[0].clone(); 9]);
    assert_eq!(approve(&nine, STRANGER).events, attempt);
    let ten = request_after(1, &vec![attempt[0].clone(); 10]);
    assert_eq!(approve(&ten, STRANGER), nothing());
    assert_eq!(deny(&ten, STRANGER), nothing());
}

#[test]
fn a_person_counts_once() {
    let half_way = request_after(2, &[approved(APPROVER)]);
    assert_eq!(approve(&half_way, APPROVER), nothing());
}

#[test]
fn a_request_with_zero_approvals_still_needs_one() {
    let careless = Request {
        details: RequestDetails { approvals_needed: 0, ..open_request(1).details },
        ..open_request(1)
    };
    assert!(!careless.is_quorum(&[]));
    assert_eq!(approve(&careless, APPROVER).events, [approved(APPROVER), executing(&[APPROVER])]);
    assert_eq!(approve(&careless, REQUESTER), refused_with_notice(REQUESTER, RefusalReason::SelfApproval));
}

#[test]
fn an_approval_just_before_the_expiry_counts() {
    let (by, source) = (&person(APPROVER), ReactionSource::Live);
    let decision = at(last_moment(), &open_request(1), DecisionInput::Approve { by, source });
    assert_eq!(decision.events, [approved(APPROVER), executing(&[APPROVER])]);
}

#[test]
fn a_quorum_without_signals_left_ends_as_limited() {
    let access = access();
    let given = DecisionContext { signal_budget: 0, ..context(SOON, &access) };
    let (by, source) = (&person(APPROVER), ReactionSource::Live);
    let [counted, end] = <[RequestEvent; 2]>::try_from(
        decide(&open_request(1), DecisionInput::Approve { by, source }, given).events,
    )
    .expect("the approval and the end");
    assert_eq!(counted, approved(APPROVER));
    let RequestEvent::Finished(ending) = end else { panic!("it goes on: {end:?}") };
    assert_eq!((ending.outcome, ending.signal_sent), (Outcome::Limited, Some(false)));
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
    let retract = || DecisionInput::RemoveApproval { by: APPROVER };
    assert_eq!(only_event(at(SOON, &half_way, retract())), removed);
    assert_eq!(only_event(at(expiry(), &half_way, retract())), removed, "also when its time is over");

    let without = request_after(2, &[approved(APPROVER), removed]);
    assert_eq!(only_event(approve(&without, SECOND)), approved(SECOND));
}

#[test]
fn removing_an_approval_that_was_not_given_has_no_effect() {
    let half_way = request_after(2, &[approved(APPROVER)]);
    assert_eq!(at(SOON, &half_way, DecisionInput::RemoveApproval { by: SECOND }), nothing());
}
