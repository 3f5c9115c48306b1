//! How an open request ends without a signal, and what can still happen to one that is no longer open.

use killgate::domain::decision::{Command, Decision};
use killgate::domain::event::{Ending, Event, Why};
use killgate::domain::ids::MessageId;
use killgate::domain::outcome::Outcome;

use crate::cast::open_request;
use crate::given::*;

#[test]
fn an_approver_denies_it() {
    let ending = ending(deny(&open_request(1), APPROVER));
    assert_eq!(
        ending,
        Ending::unsignalled(Outcome::Denied, "an approver said no").by(APPROVER)
    );
    assert_eq!((ending.signal_sent, ending.actor), (Some(false), Some(APPROVER)));
}

#[test]
fn its_requester_withdraws_it() {
    assert_eq!(
        ending(deny(&open_request(1), REQUESTER)),
        Ending::unsignalled(Outcome::Withdrawn, "the requester took it back").by(REQUESTER)
    );
}

#[test]
fn it_expires_when_its_time_is_over_and_not_before() {
    assert_eq!(at(last_moment(), &open_request(1), Command::Tick), nothing());
    assert_eq!(
        ending(at(expiry(), &open_request(1), Command::Tick)),
        Ending::unsignalled(Outcome::Expired, "nobody decided in time")
    );
}

#[test]
fn a_reaction_past_its_time_only_ends_it() {
    let by = person(APPROVER);
    for command in [Command::Approve { by: &by }, Command::Deny { by: &by }] {
        let expected = Decision {
            events: vec![
                Event::AttemptRefused {
                    actor: APPROVER,
                    why: Why::Expired,
                },
                Event::Finished(Ending::unsignalled(Outcome::Expired, "nobody decided in time")),
            ],
            tell: None,
        };
        assert_eq!(at(expiry(), &open_request(1), command), expected);
    }
}

#[test]
fn it_lapses_with_the_session_and_is_withdrawn_with_its_card() {
    let lapse = Command::Lapse {
        detail: "the session has ended".to_owned(),
    };
    assert_eq!(
        ending(at(SOON, &open_request(1), lapse)),
        Ending::unsignalled(Outcome::Lapsed, "the session has ended")
    );
    let deleted = Command::CardDeleted {
        detail: "its card was deleted",
    };
    assert_eq!(
        ending(at(SOON, &open_request(1), deleted)),
        Ending::unsignalled(Outcome::Withdrawn, "its card was deleted")
    );
}

#[test]
fn only_an_execution_can_be_concluded() {
    assert_eq!(
        at(SOON, &open_request(1), Command::Conclude(terminated())),
        nothing()
    );
    assert_eq!(at(SOON, &ended(), Command::Conclude(terminated())), nothing());
    assert_eq!(
        ending(at(SOON, &being_executed(), Command::Conclude(terminated()))),
        terminated()
    );
}

#[test]
fn its_card_is_posted_once_whatever_has_become_of_it() {
    let posted = |message| Command::Posted {
        message: MessageId(message),
    };
    let message = MessageId(5);
    for request in [open_request(1), being_executed(), ended()] {
        assert_eq!(
            only_event(at(SOON, &request, posted(5))),
            Event::Posted { message }
        );
    }
    let with_card = request_after(1, &[Event::Posted { message }]);
    assert_eq!(at(SOON, &with_card, posted(6)), nothing());
}

#[test]
fn a_reaction_after_the_decision_is_recorded_and_changes_nothing() {
    for request in [being_executed(), ended()] {
        for (actor, why) in [(SECOND, Why::Closed), (REQUESTER, Why::Closed), (BOT, Why::Bot)] {
            let refused = Event::AttemptRefused { actor, why };
            assert_eq!(only_event(approve(&request, actor)), refused);
            assert_eq!(only_event(deny(&request, actor)), refused);
        }
    }
}

#[test]
fn nothing_else_touches_what_is_decided() {
    for request in [being_executed(), ended()] {
        for command in [
            Command::Tick,
            Command::Retract { by: APPROVER },
            Command::Lapse {
                detail: "the session has ended".to_owned(),
            },
            Command::CardDeleted {
                detail: "its card was deleted",
            },
        ] {
            assert_eq!(at(expiry(), &request, command), nothing());
        }
    }
}
