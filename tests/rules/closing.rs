//! How an open request ends without a signal, and what can happen to a request that is no longer open.

use killgate::domain::decision::{Decision, DecisionInput, ReactionSource};
use killgate::domain::event::{RefusalReason, RequestEvent, Resolution};
use killgate::domain::ids::MessageId;
use killgate::domain::outcome::Outcome;

use crate::fixtures::open_request;
use crate::helpers::*;

#[test]
fn an_approver_denies() {
    let ending = ending(deny(&open_request(1), APPROVER));
    assert_eq!(
        ending,
        Resolution::without_signal(Outcome::Denied, "an approver denied it").closed_by(APPROVER)
    );
    assert_eq!((ending.signal_sent, ending.actor), (Some(false), Some(APPROVER)));
}

#[test]
fn the_requester_withdraws() {
    assert_eq!(
        ending(deny(&open_request(1), REQUESTER)),
        Resolution::without_signal(Outcome::Withdrawn, "the requester withdrew it").closed_by(REQUESTER)
    );
}

#[test]
fn a_request_expires_exactly_at_its_expiry() {
    assert_eq!(at(last_moment(), &open_request(1), DecisionInput::CheckExpiry), nothing());
    assert_eq!(
        ending(at(expiry(), &open_request(1), DecisionInput::CheckExpiry)),
        Resolution::without_signal(Outcome::Expired, "too few people approved in time")
    );
}

#[test]
fn a_reaction_after_the_expiry_only_expires_the_request() {
    let (by, source) = (&person(APPROVER), ReactionSource::Live);
    for command in [DecisionInput::Approve { by, source }, DecisionInput::Deny { by, source }] {
        let expected = Decision {
            events: vec![
                RequestEvent::AttemptRefused { actor: APPROVER, why: RefusalReason::Expired },
                RequestEvent::Finished(Resolution::without_signal(
                    Outcome::Expired,
                    "too few people approved in time",
                )),
            ],
            notify: Vec::new(),
        };
        assert_eq!(at(expiry(), &open_request(1), command), expected);
    }
}

#[test]
fn a_request_lapses_with_its_session_and_is_withdrawn_with_its_card() {
    let lapse = DecisionInput::Lapse { detail: "the session has ended".to_owned() };
    assert_eq!(
        ending(at(SOON, &open_request(1), lapse)),
        Resolution::without_signal(Outcome::Lapsed, "the session has ended")
    );
    let deleted = DecisionInput::CardDeleted { detail: "its card was deleted" };
    assert_eq!(
        ending(at(SOON, &open_request(1), deleted)),
        Resolution::without_signal(Outcome::Withdrawn, "its card was deleted")
    );
}

#[test]
fn only_an_executing_request_can_finish() {
    assert_eq!(at(SOON, &open_request(1), DecisionInput::Finish(terminated())), nothing());
    assert_eq!(at(SOON, &ended(), DecisionInput::Finish(terminated())), nothing());
    assert_eq!(ending(at(SOON, &being_executed(), DecisionInput::Finish(terminated()))), terminated());
}

#[test]
fn the_card_is_posted_once_in_every_state() {
    let posted = |message| DecisionInput::CardPosted { message: MessageId(message) };
    let message = MessageId(5);
    for request in [open_request(1), being_executed(), ended()] {
        assert_eq!(only_event(at(SOON, &request, posted(5))), RequestEvent::Posted { message });
    }
    let with_card = request_after(1, &[RequestEvent::Posted { message }]);
    assert_eq!(at(SOON, &with_card, posted(6)), nothing());
}

#[test]
fn a_reaction_after_the_decision_is_recorded_without_effect() {
    for request in [being_executed(), ended()] {
        for (actor, why) in
            [(SECOND, RefusalReason::Closed), (REQUESTER, RefusalReason::Closed), (BOT, RefusalReason::Bot)]
        {
            let refused = RequestEvent::AttemptRefused { actor, why };
            assert_eq!(only_event(approve(&request, actor)), refused);
            assert_eq!(only_event(deny(&request, actor)), refused);
        }
    }
}

#[test]
fn nothing_else_changes_a_decided_request() {
    for request in [being_executed(), ended()] {
        for command in [
            DecisionInput::CheckExpiry,
            DecisionInput::RemoveApproval { by: APPROVER },
            DecisionInput::Lapse { detail: "the session has ended".to_owned() },
            DecisionInput::CardDeleted { detail: "its card was deleted" },
        ] {
            assert_eq!(at(expiry(), &request, command), nothing());
        }
    }
}
