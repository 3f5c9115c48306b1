//! Requests about several sessions.

use killgate::domain::creation::{CreationError, SessionSelector};
use killgate::domain::event::Action;
use killgate::domain::protection::ProtectionRule;
use killgate::domain::session::{Session, SessionState};

use crate::creating::{asking, selector};
use crate::fixtures::session;
use crate::helpers::*;

fn seen(number: i32) -> SessionSelector {
    SessionSelector { backend_start: Some(session(number).backend_start), ..selector(number) }
}

#[test]
fn a_request_about_several_sessions_names_them_in_the_order_in_which_they_were_given() {
    let mut asking = asking();
    asking.wish.sessions = vec![selector(4711), selector(1)];
    let asked = asking.result().expect("both can be asked for");
    let pids: Vec<_> = asked.backends.iter().map(|backend| backend.identity.pid).collect();
    assert_eq!(pids, [pid(4711), pid(1)]);
}

#[test]
fn all_that_cannot_be_asked_for_is_named_and_the_rest_is_offered_and_not_asked() {
    let mut asking = asking();
    let superuser = Session { is_superuser: true, ..session(2) };
    let idle = Session { state: SessionState::Idle, ..session(3) };
    asking.snapshot = snapshot(vec![session(1), superuser, idle, session(4711)]);
    asking.wish.action = Action::Cancel;
    asking.wish.elsewhere.insert(pid(5), "billing".to_owned());
    for (given, refused, others) in [
        (vec![4711, 9, 1], vec![CreationError::NoSuchBackend { pid: pid(9) }], vec![seen(4711), seen(1)]),
        (vec![4711, 4711], vec![CreationError::Repeated { pid: pid(4711) }], vec![seen(4711)]),
        (
            vec![2, 5],
            vec![
                CreationError::Protected { pid: pid(2), rule: ProtectionRule::Superuser },
                CreationError::OnAnotherTarget { pid: pid(5), target: "billing".to_owned() },
            ],
            vec![],
        ),
        (
            vec![3, 1],
            vec![CreationError::NothingToCancel { session: seen(3), state: SessionState::Idle }],
            vec![seen(1)],
        ),
    ] {
        asking.wish.sessions = given.iter().map(|number| selector(*number)).collect();
        assert_eq!(
            asking.refusal(),
            CreationError::SomeRefused { refused, others, bound_to: None },
            "{given:?}"
        );
    }
}

#[test]
fn an_attempt_on_a_protected_session_among_others_is_recorded() {
    let mut asking = asking();
    asking.snapshot.sessions[0].is_superuser = true;
    asking.wish.sessions = vec![selector(9), selector(1), selector(4711)];
    assert!(asking.refusal().attempt_reason().is_some());
    asking.wish.sessions = vec![selector(9), selector(4711)];
    assert_eq!(asking.refusal().attempt_reason(), None);
}

#[test]
fn a_request_about_more_sessions_than_configured_is_refused() {
    let mut asking = asking();
    asking.wish.sessions = vec![selector(1), selector(2), selector(3), selector(4711)];
    assert_eq!(asking.refusal(), CreationError::TooManySessions { limit: 3, given: 4 });
}

#[test]
fn a_request_about_some_of_the_sessions_of_an_open_one_is_a_duplicate_and_one_about_more_is_not() {
    let mut open = asking();
    open.wish.sessions = vec![selector(1), selector(4711)];
    let details = open.result().expect("both can be asked for");
    let mut asking = asking();
    let mut request = crate::fixtures::open_request(1);
    request.details = details;
    asking.open = vec![request];
    assert!(matches!(asking.refusal(), CreationError::Duplicate { .. }));
    asking.snapshot.sessions.push(session(2));
    asking.wish.sessions = vec![selector(4711), selector(2)];
    assert!(asking.result().is_ok());
}
