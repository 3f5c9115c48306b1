//! What a happening means for a request. Every path to an approval, and every way out, is here.

use super::access::Access;
use super::event::{RefusalReason, RequestEvent, Resolution};
use super::ids::{MessageId, Person, UserId};
use super::outcome::Outcome;
use super::request::{Request, RequestState};
use super::timestamp::Timestamp;

/// Something that happened to a request.
#[derive(Clone, Debug)]
pub enum RequestCommand<'a> {
    /// Its card is in the channel.
    CardPosted { message: MessageId },
    /// A person put the approving reaction on the card.
    Approve { by: &'a Person },
    /// A person's approving reaction is no longer on the card, or no longer counts.
    RemoveApproval { by: UserId },
    /// A person put the denying reaction on the card.
    Deny { by: &'a Person },
    /// Time passed.
    CheckExpiry,
    /// The session, or the query to cancel, ended by itself.
    Lapse { detail: String },
    /// The card was deleted, or its channel.
    CardDeleted { detail: &'static str },
    /// The execution came to its end.
    Finish(Resolution),
}

/// What the decision rests on besides the request.
#[derive(Clone, Copy, Debug)]
pub struct DecisionContext<'a> {
    pub now: Timestamp,
    pub access: &'a Access,
    /// Whether the hourly budget of signals to the target leaves one more.
    pub signal_budget_left: bool,
}

/// What follows from a happening.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// To be recorded, in this order, all or none.
    pub events: Vec<RequestEvent>,
    /// A person to be told that their reaction does not count, and why.
    pub notify: Option<(UserId, RefusalReason)>,
}

impl From<RequestEvent> for Decision {
    fn from(event: RequestEvent) -> Self {
        Self {
            events: vec![event],
            notify: None,
        }
    }
}

/// What `command` means for `request`; an empty decision where it means nothing.
pub fn decide(request: &Request, command: RequestCommand<'_>, given: DecisionContext<'_>) -> Decision {
    match (&request.state, command) {
        (_, RequestCommand::CardPosted { message }) if request.card.is_none() => {
            RequestEvent::Posted { message }.into()
        }
        (RequestState::Executing { .. }, RequestCommand::Finish(ending)) => {
            RequestEvent::Finished(ending).into()
        }
        (RequestState::Open, command) => decide_open(request, command, given),
        (_, RequestCommand::Approve { by } | RequestCommand::Deny { by }) => RequestEvent::AttemptRefused {
            actor: by.id,
            why: if by.bot {
                RefusalReason::Bot
            } else {
                RefusalReason::Closed
            },
        }
        .into(),
        _ => Decision::default(),
    }
}

fn decide_open(request: &Request, command: RequestCommand<'_>, given: DecisionContext<'_>) -> Decision {
    let expired = request.has_expired(given.now);
    match command {
        RequestCommand::Approve { by } | RequestCommand::Deny { by } if expired => {
            let attempt = RequestEvent::AttemptRefused {
                actor: by.id,
                why: RefusalReason::Expired,
            };
            Decision {
                events: vec![attempt, expiry()],
                notify: None,
            }
        }
        RequestCommand::Approve { by } => approve(request, by, given),
        RequestCommand::Deny { by } => deny(request, by, given),
        // Also past the expiry: an approval that is taken back must not count whatever comes next.
        RequestCommand::RemoveApproval { by } if request.approvals.contains(&by) => {
            RequestEvent::ApprovalRemoved { actor: by }.into()
        }
        RequestCommand::CheckExpiry if expired => expiry().into(),
        RequestCommand::Lapse { detail } => {
            RequestEvent::Finished(Resolution::without_signal(Outcome::Lapsed, detail)).into()
        }
        RequestCommand::CardDeleted { detail } => {
            RequestEvent::Finished(Resolution::without_signal(Outcome::Withdrawn, detail)).into()
        }
        _ => Decision::default(),
    }
}

fn approve(request: &Request, by: &Person, given: DecisionContext<'_>) -> Decision {
    if by.bot {
        return refuse_attempt(request, by, RefusalReason::Bot);
    }
    if by.id == request.details.requester {
        return refuse_attempt(request, by, RefusalReason::SelfApproval);
    }
    if !given.access.may_approve(by) {
        return refuse_attempt(request, by, RefusalReason::NotAnApprover);
    }
    if request.approvals.contains(&by.id) {
        return Decision::default();
    }
    let mut events = vec![RequestEvent::Approved { actor: by.id }];
    let mut approvers: Vec<_> = request.approvals.iter().copied().collect();
    approvers.push(by.id);
    if approvers.len() >= request.details.approvals_needed.max(1) as usize {
        events.push(if given.signal_budget_left {
            RequestEvent::Executing { approvers }
        } else {
            RequestEvent::Finished(Resolution::without_signal(
                Outcome::Limited,
                "approved, but the signals allowed to this target within an hour are used up",
            ))
        });
    }
    Decision { events, notify: None }
}

fn deny(request: &Request, by: &Person, given: DecisionContext<'_>) -> Decision {
    if by.bot {
        return refuse_attempt(request, by, RefusalReason::Bot);
    }
    let ending = if by.id == request.details.requester {
        Resolution::without_signal(Outcome::Withdrawn, "the requester took it back")
    } else if given.access.may_approve(by) {
        Resolution::without_signal(Outcome::Denied, "an approver said no")
    } else {
        return refuse_attempt(request, by, RefusalReason::NotAnApprover);
    };
    RequestEvent::Finished(ending.closed_by(by.id)).into()
}

/// Records the attempt each time, and has the person told the first time; bots are not talked to.
fn refuse_attempt(request: &Request, by: &Person, why: RefusalReason) -> Decision {
    let first = !request.notified.contains(&by.id) && why != RefusalReason::Bot;
    Decision {
        events: vec![RequestEvent::AttemptRefused { actor: by.id, why }],
        notify: first.then_some((by.id, why)),
    }
}

fn expiry() -> RequestEvent {
    RequestEvent::Finished(Resolution::without_signal(
        Outcome::Expired,
        "nobody decided in time",
    ))
}
