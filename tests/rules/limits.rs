//! Limits on open requests, and new requests when no signals are left.

use std::collections::BTreeMap;

use killgate::domain::creation::{
    CreationContext, CreationError, NewRequest, SessionSelector, create_request,
};
use killgate::domain::event::{Action, RequestDetails};
use killgate::domain::ids::{ChannelId, UserId};
use killgate::domain::policy::RequestLimits;
use killgate::domain::request::Request;

use crate::fixtures::{ASKED_AT, open_request, session};
use crate::helpers::*;

/// An open request for another session.
fn open_by(requester: UserId, number: i32) -> Request {
    let mut request = open_request(1);
    request.details.requester = requester;
    request.details.backends[0].identity.pid = pid(number);
    request
}

fn asked_with(open: &[Request], signal_left: bool) -> Result<RequestDetails, CreationError> {
    let wish = NewRequest {
        action: Action::Terminate,
        sessions: vec![SessionSelector { pid: pid(4711), backend_start: None }],
        elsewhere: BTreeMap::new(),
        bound_to: None,
        reason: None,
        channel: ChannelId(100),
    };
    let limits = RequestLimits { open_requests_per_user: 2, open_requests: 3, ..limits() };
    let given = CreationContext {
        now: ASKED_AT,
        target: "orders",
        policy: &policy(),
        limits: &limits,
        snapshot: &snapshot(vec![session(4711)]),
        signal_budget: if signal_left { limits.signals_per_hour } else { 0 },
    };
    create_request(&wish, &person(REQUESTER), open.iter(), given)
}

#[test]
fn open_requests_of_one_person_are_limited() {
    let mut open = vec![open_by(REQUESTER, 1)];
    assert!(asked_with(&open, true).is_ok());
    open.push(open_by(REQUESTER, 2));
    assert_eq!(asked_with(&open, true).err(), Some(CreationError::OpenLimitPerUserReached { limit: 2 }));
}

#[test]
fn open_requests_in_total_are_limited() {
    let mut open = vec![open_by(UserId(5), 1), open_by(UserId(5), 2)];
    assert!(asked_with(&open, true).is_ok(), "none of them is this person's");
    open.push(open_by(UserId(8), 3));
    assert_eq!(asked_with(&open, true).err(), Some(CreationError::OpenLimitReached { limit: 3 }));
}

#[test]
fn a_request_is_refused_when_no_signals_are_left() {
    assert_eq!(
        asked_with(&[], false).err(),
        Some(CreationError::SignalLimitReached { limit: 30, left: 0, sessions: 1 })
    );
}

#[test]
fn a_duplicate_links_to_the_open_request_even_at_the_limit() {
    let open = [open_by(REQUESTER, 4711), open_by(REQUESTER, 1), open_by(UserId(5), 2)];
    assert!(matches!(asked_with(&open, false), Err(CreationError::Duplicate { .. })));
}
