//! Which sequences of records are valid for a request, and which are errors.

use killgate::domain::event::{LedgerEntry, Recorded, RefusalReason, RequestEvent, Resolution};
use killgate::domain::ids::{MessageId, RequestId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::request::{InvalidTransition, Request, RequestState, fold};

use crate::fixtures::{HASH, asked, open_request};
use crate::helpers::*;

fn removed(actor: UserId) -> RequestEvent {
    RequestEvent::ApprovalRemoved { actor }
}

#[track_caller]
fn impossible(request: Request, event: &RequestEvent, because: &str) {
    let impossible = request.evolve(event, SOON).expect_err("nothing of the kind can follow");
    assert_eq!((impossible.request, impossible.reason), (RequestId(7), because));
}

#[test]
fn a_request_starts_open_with_requested_and_no_other_event() {
    let open = open_request(2);
    assert_eq!(
        (open.id, &open.details, open.card, &open.state),
        (RequestId(7), &asked(2), None, &RequestState::Open)
    );
    assert!(open.approvals.is_empty() && open.attempts.is_empty());
    assert!(open.is_open());

    let began = Request::start(RequestId(7), HASH, &approved(APPROVER));
    let reason = "its first record is not `requested`";
    assert_eq!(began, Err(InvalidTransition { request: RequestId(7), reason }));
}

#[test]
fn the_state_keeps_card_approvers_and_notified_people() {
    let message = MessageId(5);
    let refused = RequestEvent::AttemptRefused { actor: STRANGER, why: RefusalReason::NotAnApprover };
    let request = request_after(
        3,
        &[RequestEvent::Posted { message }, approved(APPROVER), approved(SECOND), refused, removed(APPROVER)],
    );
    assert_eq!(request.card, Some(message));
    assert_eq!(request.approvals, [SECOND].into());
    assert_eq!(request.attempts, [(STRANGER, 1)].into());
    assert!(request.is_open());
}

#[test]
fn the_state_keeps_approvers_and_the_resolution() {
    let open = request_after(1, &[approved(APPROVER)]);
    assert_eq!((open.approvers(), open.resolution()), (&[][..], None));

    let executing = being_executed();
    assert_eq!((executing.approvers(), executing.resolution()), (&[APPROVER][..], None));
    assert!(!executing.is_open());

    let over = executing.evolve(&RequestEvent::Finished(terminated()), expiry()).expect("an execution ends");
    assert_eq!((over.approvers(), over.resolution()), (&[APPROVER][..], Some(&terminated())));
    assert!(matches!(over.state, RequestState::Ended { at, .. } if at == expiry()));
    assert!(!over.is_open());

    assert_eq!((ended().approvers(), ended().resolution()), (&[][..], Some(&denied())));
}

#[test]
fn duplicate_and_self_approvals_are_invalid() {
    let again = RequestEvent::Requested(Box::new(asked(1)));
    for request in [open_request(1), being_executed(), ended()] {
        impossible(request, &again, "it was requested twice");
    }
    impossible(open_request(1), &approved(REQUESTER), "its requester approved it");
    impossible(
        request_after(2, &[approved(APPROVER)]),
        &approved(APPROVER),
        "the same person approved twice",
    );
    impossible(open_request(1), &removed(APPROVER), "an approval was removed that was not there");
}

#[test]
fn executing_without_enough_approvals_is_invalid() {
    let because = "it was executed without enough approvals";
    let half_way = request_after(2, &[approved(APPROVER)]);
    for approvers in [&[][..], &[APPROVER], &[APPROVER, APPROVER], &[APPROVER, SECOND]] {
        impossible(half_way.clone(), &executing(approvers), because);
    }
    impossible(half_way.clone(), &executing(&[APPROVER, REQUESTER]), because);
    let enough = request_after(2, &[approved(APPROVER), approved(SECOND)]);
    impossible(enough.clone(), &executing(&[APPROVER, SECOND, SECOND]), because);
    assert!(enough.evolve(&executing(&[SECOND, APPROVER]), SOON).is_ok());
}

#[test]
fn an_approval_by_the_requester_does_not_make_a_quorum() {
    let mut tampered_with = open_request(2);
    tampered_with.approvals = [APPROVER, REQUESTER].into();
    assert!(!tampered_with.is_quorum(&[APPROVER, REQUESTER]));
}

#[test]
fn an_outcome_must_fit_the_previous_state() {
    for outcome in Outcome::ALL {
        let closed = RequestEvent::Finished(Resolution::without_signal(outcome, "it is over"));
        let executed = RequestEvent::Finished(executed(outcome));
        let unfit = "it was executed, and its end does not fit its sessions";
        impossible(being_executed(), &closed, unfit);
        impossible(open_request(1), &executed, "it ended as if executed, and was not");
        if outcome.is_of_execution() {
            impossible(open_request(1), &closed, "it ended as if executed, and was not");
            let fits = being_executed().evolve(&executed, SOON).is_ok();
            assert_eq!(fits, outcome != Outcome::Mixed, "{outcome}");
        } else {
            impossible(being_executed(), &executed, unfit);
            assert!(open_request(1).evolve(&closed, SOON).is_ok(), "{outcome}");
        }
    }
}

#[test]
fn an_execution_resolves_each_session_of_the_request_and_has_the_outcome_that_follows() {
    let unfit = "it was executed, and its end does not fit its sessions";
    let end = |change: fn(&mut Resolution)| {
        let mut resolution = terminated();
        change(&mut resolution);
        RequestEvent::Finished(resolution)
    };
    impossible(being_executed(), &end(|end| end.backends[0].pid = pid(4712)), unfit);
    impossible(being_executed(), &end(|end| end.outcome = Outcome::Gone), unfit);
    impossible(being_executed(), &end(|end| end.backends.push(end.backends[0].clone())), unfit);
}

#[test]
fn a_request_is_about_at_least_one_session() {
    let mut about_nothing = asked(1);
    about_nothing.backends.clear();
    let started = Request::start(RequestId(7), HASH, &RequestEvent::Requested(Box::new(about_nothing)));
    assert_eq!(started.map_err(|invalid| invalid.reason), Err("it is about no session"));
}

#[test]
fn the_outcome_of_several_sessions_is_mixed_unless_they_share_one() {
    let resolution = |outcomes: &[Outcome]| {
        let backends = outcomes.iter().map(|outcome| executed(*outcome).backends[0].clone());
        Resolution::of_execution(backends.collect(), None)
    };
    let same = resolution(&[Outcome::Terminated, Outcome::Terminated]);
    assert_eq!((same.outcome, same.detail.as_str()), (Outcome::Terminated, "2 terminated"));
    let mixed = resolution(&[Outcome::Terminated, Outcome::Gone, Outcome::Terminated]);
    assert_eq!(mixed.outcome, Outcome::Mixed);
    assert_eq!(mixed.detail, "2 terminated, 1 already gone");
    assert_eq!(mixed.signal_sent, Some(true));
}

#[test]
fn a_decided_request_stays_decided() {
    for event in [approved(SECOND), removed(APPROVER), executing(&[APPROVER])] {
        impossible(being_executed(), &event, "it was already being executed");
        impossible(ended(), &event, "it had already ended");
    }
    for ending in [denied(), terminated()] {
        impossible(ended(), &RequestEvent::Finished(ending), "it had already ended");
    }
}

#[test]
fn cards_and_attempts_are_recorded_after_the_decision_too() {
    let message = MessageId(5);
    let refused = RequestEvent::AttemptRefused { actor: STRANGER, why: RefusalReason::Closed };
    for decided in [being_executed(), ended()] {
        let after = decided
            .clone()
            .evolve(&RequestEvent::Posted { message }, SOON)
            .and_then(|request| request.evolve(&refused, SOON))
            .expect("both can follow");
        assert_eq!((after.card, &after.state), (Some(message), &decided.state));
        assert_eq!(after.attempts, [(STRANGER, 1)].into());
    }
}

#[test]
fn replay_stops_at_an_invalid_event() {
    let asked_for = RequestEvent::Requested(Box::new(asked(1)));
    let story = [asked_for, approved(APPROVER), executing(&[APPROVER])];
    let replay = |events: &[RequestEvent]| {
        let entry = |event: &RequestEvent| LedgerEntry {
            request: Some(RequestId(7)),
            at: SOON,
            event: event.clone(),
        };
        let records: Vec<_> =
            events.iter().map(|event| Recorded::acknowledge(1, HASH.to_owned(), entry(event))).collect();
        fold(&records).remove(&RequestId(7))
    };
    assert_eq!(replay(&[]), None);
    assert_eq!(replay(&story), Some(Ok(being_executed())));
    assert!(replay(&story[1..]).expect("a history").is_err());
    let impossible = replay(&[story[0].clone(), story[2].clone(), story[1].clone()])
        .expect("a history")
        .expect_err("nobody approved");
    assert_eq!(impossible.to_string(), "request 7: it was executed without enough approvals");
}

#[test]
fn a_request_has_expired_at_its_expiry() {
    assert!(!open_request(1).has_expired(last_moment()));
    assert!(open_request(1).has_expired(expiry()));
}
