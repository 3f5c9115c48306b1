//! `Approved`, without which nothing is signalled, and the records from which it is created.

use killgate::domain::approval::Approved;
use killgate::domain::event::{Action, LedgerEntry, Recorded, RequestEvent};
use killgate::domain::ids::{RequestId, UserId};
use killgate::domain::request::Request;

use crate::fixtures::{HASH, asked, open_request};
use crate::helpers::*;

/// Records of `request` as a ledger acknowledges them.
fn recorded(request: RequestId, events: &[RequestEvent]) -> Vec<Recorded> {
    let entry = |event: &RequestEvent| LedgerEntry { request: Some(request), at: SOON, event: event.clone() };
    (1..).zip(events).map(|(seq, event)| Recorded::acknowledge(seq, HASH.to_owned(), entry(event))).collect()
}

fn approve_with(open: &Request, events: &[RequestEvent]) -> Option<Approved> {
    Approved::from_records(open, &recorded(open.id, events))
}

fn approval_events(approver: UserId) -> [RequestEvent; 2] {
    [approved(approver), executing(&[approver])]
}

#[test]
fn approved_contains_what_was_shown_and_who_approved() {
    let token = approve_with(&open_request(1), &approval_events(APPROVER)).expect("enough approvals");
    let asked = asked(1);
    assert_eq!(token.request(), RequestId(7));
    assert_eq!(token.action(), Action::Terminate);
    assert_eq!(token.target(), "orders");
    assert_eq!(token.server(), asked.server);
    assert_eq!(token.backends(), asked.backends);
    assert_eq!(token.requester(), REQUESTER);
    assert_eq!(token.approvers(), [APPROVER]);
}

#[test]
fn approvals_recorded_earlier_count() {
    let half_way = request_after(2, &[approved(APPROVER)]);
    let last = [approved(SECOND), executing(&[APPROVER, SECOND])];
    let token = approve_with(&half_way, &last).expect("enough approvals");
    assert_eq!(token.approvers(), [APPROVER, SECOND]);
    let rest = [executing(&[APPROVER])];
    assert!(approve_with(&request_after(1, &[approved(APPROVER)]), &rest).is_some());
}

#[test]
fn there_is_no_approved_without_a_recorded_executing() {
    let open = open_request(1);
    assert_eq!(approve_with(&open, &[]), None);
    assert_eq!(approve_with(&open, &[approved(APPROVER)]), None);
    assert_eq!(approve_with(&open, &[RequestEvent::Finished(denied())]), None);
}

#[test]
fn there_is_no_approved_without_a_quorum() {
    let open = open_request(2);
    for approvers in [&[][..], &[APPROVER], &[APPROVER, SECOND], &[APPROVER, APPROVER]] {
        assert_eq!(approve_with(&open, &[approved(APPROVER), executing(approvers)]), None);
    }
    assert_eq!(approve_with(&open_request(1), &[executing(&[APPROVER])]), None);
}

#[test]
fn there_is_no_approved_from_invalid_records() {
    let story = [approved(REQUESTER), executing(&[REQUESTER])];
    assert_eq!(approve_with(&open_request(1), &story), None);
    let over = [RequestEvent::Finished(denied()), executing(&[APPROVER])];
    assert_eq!(approve_with(&request_after(1, &[approved(APPROVER)]), &over), None);
}

#[test]
fn there_is_no_second_approved() {
    assert_eq!(approve_with(&being_executed(), &[executing(&[APPROVER])]), None);
    assert_eq!(approve_with(&ended(), &approval_events(APPROVER)), None);
}

#[test]
fn records_of_one_request_do_not_approve_another() {
    let events = approval_events(APPROVER);
    assert_eq!(Approved::from_records(&open_request(1), &recorded(RequestId(8), &events)), None);

    let mut of_nobody = recorded(RequestId(7), &events);
    let entry = LedgerEntry { request: None, ..of_nobody[0].entry().clone() };
    of_nobody[0] = Recorded::acknowledge(1, HASH.to_owned(), entry);
    assert_eq!(Approved::from_records(&open_request(1), &of_nobody), None);
}
