//! What a happening means for a request. Every path to an approval, and every way out, is here.

use super::access::Access;
use super::event::{Ending, Event, Why};
use super::ids::{MessageId, Person, UserId};
use super::outcome::Outcome;
use super::request::{Phase, Request};
use super::timestamp::Moment;

/// Something that happened to a request.
#[derive(Clone, Debug)]
pub enum Command<'a> {
    /// Its card is in the channel.
    Posted { message: MessageId },
    /// A person put the approving reaction on the card.
    Approve { by: &'a Person },
    /// A person's approving reaction is no longer on the card, or no longer counts.
    Retract { by: UserId },
    /// A person put the denying reaction on the card.
    Deny { by: &'a Person },
    /// Time passed.
    Tick,
    /// The session, or the query to cancel, ended by itself.
    Lapse { detail: String },
    /// The card was deleted, or its channel.
    CardDeleted { detail: &'static str },
    /// The execution came to its end.
    Conclude(Ending),
}

/// What the decision rests on besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    pub now: Moment,
    pub access: &'a Access,
    /// Whether the hourly budget of signals to the target leaves one more.
    pub signal_left: bool,
}

/// What follows from a happening.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// To be recorded, in this order, all or none.
    pub events: Vec<Event>,
    /// A person to be told that their reaction does not count, and why.
    pub tell: Option<(UserId, Why)>,
}

impl From<Event> for Decision {
    fn from(event: Event) -> Self {
        Self {
            events: vec![event],
            tell: None,
        }
    }
}

/// What `command` means for `request`; an empty decision where it means nothing.
pub fn decide(request: &Request, command: Command<'_>, given: Circumstances<'_>) -> Decision {
    match (&request.phase, command) {
        (_, Command::Posted { message }) if request.message.is_none() => Event::Posted { message }.into(),
        (Phase::Executing { .. }, Command::Conclude(ending)) => Event::Finished(ending).into(),
        (Phase::Open, command) => decide_open(request, command, given),
        (_, Command::Approve { by } | Command::Deny { by }) => Event::AttemptRefused {
            actor: by.id,
            why: if by.bot { Why::Bot } else { Why::Closed },
        }
        .into(),
        _ => Decision::default(),
    }
}

fn decide_open(request: &Request, command: Command<'_>, given: Circumstances<'_>) -> Decision {
    let expired = request.has_expired(given.now);
    match command {
        Command::Approve { by } | Command::Deny { by } if expired => {
            let attempt = Event::AttemptRefused {
                actor: by.id,
                why: Why::Expired,
            };
            Decision {
                events: vec![attempt, expiry()],
                tell: None,
            }
        }
        Command::Approve { by } => approve(request, by, given),
        Command::Deny { by } => deny(request, by, given),
        // Also past the expiry: an approval that is taken back must not count whatever comes next.
        Command::Retract { by } if request.approvals.contains(&by) => {
            Event::ApprovalRemoved { actor: by }.into()
        }
        Command::Tick if expired => expiry().into(),
        Command::Lapse { detail } => Event::Finished(Ending::unsignalled(Outcome::Lapsed, detail)).into(),
        Command::CardDeleted { detail } => {
            Event::Finished(Ending::unsignalled(Outcome::Withdrawn, detail)).into()
        }
        _ => Decision::default(),
    }
}

fn approve(request: &Request, by: &Person, given: Circumstances<'_>) -> Decision {
    if by.bot {
        return refuse(request, by, Why::Bot);
    }
    if by.id == request.asked.requester {
        return refuse(request, by, Why::SelfApproval);
    }
    if !given.access.may_approve(by) {
        return refuse(request, by, Why::NotAnApprover);
    }
    if request.approvals.contains(&by.id) {
        return Decision::default();
    }
    let mut events = vec![Event::Approved { actor: by.id }];
    let mut approvers: Vec<_> = request.approvals.iter().copied().collect();
    approvers.push(by.id);
    if approvers.len() >= request.asked.needed.max(1) as usize {
        events.push(if given.signal_left {
            Event::Executing { approvers }
        } else {
            Event::Finished(Ending::unsignalled(
                Outcome::Limited,
                "approved, but the signals allowed to this target within an hour are used up",
            ))
        });
    }
    Decision { events, tell: None }
}

fn deny(request: &Request, by: &Person, given: Circumstances<'_>) -> Decision {
    if by.bot {
        return refuse(request, by, Why::Bot);
    }
    let ending = if by.id == request.asked.requester {
        Ending::unsignalled(Outcome::Withdrawn, "the requester took it back")
    } else if given.access.may_approve(by) {
        Ending::unsignalled(Outcome::Denied, "an approver said no")
    } else {
        return refuse(request, by, Why::NotAnApprover);
    };
    Event::Finished(ending.by(by.id)).into()
}

/// Records the attempt each time, and has the person told the first time; bots are not talked to.
fn refuse(request: &Request, by: &Person, why: Why) -> Decision {
    let first = !request.told.contains(&by.id) && why != Why::Bot;
    Decision {
        events: vec![Event::AttemptRefused { actor: by.id, why }],
        tell: first.then_some((by.id, why)),
    }
}

fn expiry() -> Event {
    Event::Finished(Ending::unsignalled(Outcome::Expired, "nobody decided in time"))
}
