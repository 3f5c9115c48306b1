//! Decides what an input changes about a request. Contains every rule about whose reaction counts, and every way in
//! which a request is approved or ends.

use std::collections::BTreeSet;

use super::access::Access;
use super::event::{RefusalReason, RequestEvent, Resolution};
use super::ids::{MessageId, Person, UserId};
use super::outcome::Outcome;
use super::request::{Request, RequestState};
use super::timestamp::Timestamp;

/// How many attempts of one person on one request are recorded.
const ATTEMPTS_RECORDED: u32 = 10;

/// Something that happened to a request.
#[derive(Clone, Debug)]
pub enum DecisionInput<'a> {
    /// Its card is in the channel.
    CardPosted { message: MessageId },
    /// The message that reminds the approvers is in the channel.
    ReminderPosted { message: MessageId },
    /// A person's approving reaction is on the card.
    Approve { by: &'a Person, source: ReactionSource },
    /// A person's approving reaction is no longer on the card.
    RemoveApproval { by: UserId },
    /// A person's denying reaction is on the card.
    Deny { by: &'a Person, source: ReactionSource },
    /// The reactions on the card were read.
    ReconcileReactions(&'a CardReactions),
    /// The approvers were looked up again, because the last approval did not execute the request at once.
    ConfirmQuorum(&'a QuorumCheck),
    /// Time passed.
    CheckExpiry,
    /// The sessions, or what the request is bound to in them, ended by themselves.
    Lapse { detail: String },
    /// The channel shows how the request ended, in these words, and the ledger does not know of it.
    EndingFound { ending: String },
    /// The card was deleted, or its channel.
    CardDeleted { detail: &'static str },
    /// It cannot be decided, for this reason.
    Withdraw { detail: String },
    /// The execution ended.
    Finish(Resolution),
}

/// How a reaction became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReactionSource {
    /// As an event, when the person reacted.
    Live,
    /// It was on the card when the reactions were read. Reading it again is not another attempt.
    Read,
}

/// The reactions on a card, as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardReactions {
    /// Everybody whose approving reaction is there.
    pub approving: BTreeSet<UserId>,
    /// Everybody whose denying reaction is there, as members of the guild. People who left it have no roles, so they are
    /// left out.
    pub denying: Vec<Person>,
}

/// Approvers of a request, looked up again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuorumCheck {
    /// Who was looked up.
    pub checked: BTreeSet<UserId>,
    /// Those of them who are in the guild, as they are now.
    pub members: Vec<Person>,
}

/// Why an approval that counted no longer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApprovalLoss {
    /// The person left the guild.
    Left,
    /// They have no approver role any more, or the approvers are others now.
    NotAnApprover,
    TimedOut,
}

impl QuorumCheck {
    /// Why the approval of `user`, who was looked up, no longer counts; `None` if it does.
    pub fn loss(&self, user: UserId, access: &Access, now: Timestamp) -> Option<ApprovalLoss> {
        match self.members.iter().find(|member| member.id == user) {
            None => Some(ApprovalLoss::Left),
            Some(member) if !access.may_approve(member) => Some(ApprovalLoss::NotAnApprover),
            Some(member) if !may_approve_at(member, access, now) => Some(ApprovalLoss::TimedOut),
            Some(_) => None,
        }
    }
}

/// What the decision depends on besides the request.
#[derive(Clone, Copy, Debug)]
pub struct DecisionContext<'a> {
    pub now: Timestamp,
    pub access: &'a Access,
    /// How many more signals the target's hourly budget allows.
    pub signal_budget: u32,
    /// Whether people may have reacted unseen since the reactions on the card were last read. Until they are read again,
    /// approvals are recorded, and nothing is executed.
    pub has_unread_reactions: bool,
}

/// The result of a decision: what to record, and whom to notify.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// To be recorded, in this order, all or none.
    pub events: Vec<RequestEvent>,
    /// People to notify that their reaction does not count, and why.
    pub notify: Vec<(UserId, RefusalReason)>,
}

impl From<RequestEvent> for Decision {
    fn from(event: RequestEvent) -> Self {
        Self { events: vec![event], notify: Vec::new() }
    }
}

/// Decides what `input` means for `request`. The decision is empty if it means nothing.
pub fn decide(request: &Request, input: DecisionInput<'_>, context: DecisionContext<'_>) -> Decision {
    match (&request.state, input) {
        (_, DecisionInput::CardPosted { message }) if request.card.is_none() => {
            RequestEvent::Posted { message }.into()
        }
        (_, DecisionInput::ReminderPosted { message }) if request.reminder.is_none() => {
            RequestEvent::Reminded { message }.into()
        }
        (RequestState::Executing { .. }, DecisionInput::Finish(resolution)) => {
            RequestEvent::Finished(resolution).into()
        }
        (RequestState::Open, input) => decide_open(request, input, context),
        (_, DecisionInput::Approve { by, source } | DecisionInput::Deny { by, source }) => {
            let reason = if by.bot { RefusalReason::Bot } else { RefusalReason::Closed };
            Decision { notify: Vec::new(), ..refuse_attempt(request, by, reason, source) }
        }
        _ => Decision::default(),
    }
}

fn decide_open(request: &Request, input: DecisionInput<'_>, context: DecisionContext<'_>) -> Decision {
    let is_expired = request.has_expired(context.now);
    match input {
        DecisionInput::Approve { by, .. } | DecisionInput::Deny { by, .. } if is_expired => {
            let attempt = RequestEvent::AttemptRefused { actor: by.id, why: RefusalReason::Expired };
            Decision { events: vec![attempt, expiry(request)], notify: Vec::new() }
        }
        DecisionInput::Approve { by, source } => approve(request, by, source, context),
        DecisionInput::Deny { by, source } => deny(request, by, source, context),
        // Also past the expiry: an approval that was taken back must not count, whatever comes next.
        DecisionInput::RemoveApproval { by } if request.approvals.contains(&by) => {
            RequestEvent::ApprovalRemoved { actor: by }.into()
        }
        DecisionInput::ReconcileReactions(reactions) => reconcile(request, reactions, context),
        DecisionInput::ConfirmQuorum(check) => confirm_quorum(request, check, context),
        DecisionInput::CheckExpiry if is_expired => expiry(request).into(),
        DecisionInput::Lapse { detail } => {
            RequestEvent::Finished(Resolution::without_signal(Outcome::Lapsed, detail)).into()
        }
        DecisionInput::EndingFound { ending } => RequestEvent::Finished(Resolution {
            signal_sent: None,
            ..Resolution::without_signal(
                Outcome::Unknown,
                format!("the channel shows that it ended before the ledger was set back: {ending}"),
            )
        })
        .into(),
        DecisionInput::Withdraw { detail } => {
            RequestEvent::Finished(Resolution::without_signal(Outcome::Withdrawn, detail)).into()
        }
        DecisionInput::CardDeleted { detail } => {
            RequestEvent::Finished(Resolution::without_signal(Outcome::Withdrawn, detail)).into()
        }
        _ => Decision::default(),
    }
}

fn approve(request: &Request, by: &Person, source: ReactionSource, context: DecisionContext<'_>) -> Decision {
    if let Some(reason) = refused_approval(request, by, context) {
        return refuse_attempt(request, by, reason, source);
    }
    if request.approvals.contains(&by.id) {
        return Decision::default();
    }
    let mut events = vec![RequestEvent::ApprovalAdded { actor: by.id }];
    // If several approvals are needed, the earlier approvers may no longer be approvers, so all are looked up again first. A
    // single approval that cannot be executed at once is looked up again too.
    if request.approvals_needed() == 1 {
        events.extend(execution(request, vec![by.id], context));
    }
    Decision { events, notify: Vec::new() }
}

/// Why a person's approving reaction does not count, if it does not.
fn refused_approval(
    request: &Request,
    by: &Person,
    DecisionContext { access, now, .. }: DecisionContext<'_>,
) -> Option<RefusalReason> {
    if by.bot {
        Some(RefusalReason::Bot)
    } else if by.id == request.details.requester {
        Some(RefusalReason::SelfApproval)
    } else if !may_approve_at(by, access, now) {
        Some(RefusalReason::NotAnApprover)
    } else {
        None
    }
}

/// A person who is timed out cannot approve. Their denial still counts: in doubt nothing is signalled.
fn may_approve_at(by: &Person, access: &Access, now: Timestamp) -> bool {
    access.may_approve(by) && by.timed_out_until.is_none_or(|until| until <= now)
}

fn deny(request: &Request, by: &Person, source: ReactionSource, context: DecisionContext<'_>) -> Decision {
    if by.bot {
        return refuse_attempt(request, by, RefusalReason::Bot, source);
    }
    let resolution = if by.id == request.details.requester {
        Resolution::without_signal(Outcome::Withdrawn, "the requester withdrew it")
    } else if context.access.may_approve(by) {
        Resolution::without_signal(Outcome::Denied, "an approver denied it")
    } else {
        return refuse_attempt(request, by, RefusalReason::NotAnApprover, source);
    };
    RequestEvent::Finished(resolution.closed_by(by.id)).into()
}

/// Applies the reactions read from the card: denials first, then approvals that were taken back. New approvals are decided
/// one by one afterwards, when it is known who these people are, and nothing is executed before the approvers were looked up
/// again.
fn reconcile(request: &Request, reactions: &CardReactions, context: DecisionContext<'_>) -> Decision {
    let mut decision = Decision::default();
    for person in &reactions.denying {
        let denied = if request.has_expired(context.now) {
            expiry(request).into()
        } else {
            deny(request, person, ReactionSource::Read, context)
        };
        let is_over = matches!(denied.events.last(), Some(RequestEvent::Finished(_)));
        decision.events.extend(denied.events);
        decision.notify.extend(denied.notify);
        if is_over {
            return decision;
        }
    }
    let removed = request.approvals.difference(&reactions.approving).copied().collect();
    decision.events.extend(removals(removed));
    decision
}

/// Removes the approvals of those who no longer may approve, and executes on the rest.
fn confirm_quorum(request: &Request, check: &QuorumCheck, context: DecisionContext<'_>) -> Decision {
    let may_still = |user: &UserId| check.loss(*user, context.access, context.now).is_none();
    // The next check covers approvals made since this one began.
    let checked = request.approvals.intersection(&check.checked).copied();
    let (confirmed, removed): (Vec<_>, Vec<_>) = checked.partition(may_still);
    let mut events: Vec<_> = removals(removed).collect();
    events.extend(execution(request, confirmed, context));
    Decision { events, notify: Vec::new() }
}

fn removals(users: Vec<UserId>) -> impl Iterator<Item = RequestEvent> {
    users.into_iter().map(|actor| RequestEvent::ApprovalRemoved { actor })
}

/// The event that executes a request on which `approvers` agree, if they are enough, or that ends it instead.
fn execution(
    request: &Request,
    approvers: Vec<UserId>,
    context: DecisionContext<'_>,
) -> Option<RequestEvent> {
    if approvers.len() < request.approvals_needed() || context.has_unread_reactions {
        return None;
    }
    if request.has_expired(context.now) {
        return Some(expiry(request));
    }
    let sessions = u32::try_from(request.details.backends.len()).unwrap_or(u32::MAX);
    Some(if sessions <= context.signal_budget {
        RequestEvent::Executing { approvers }
    } else {
        let why = match context.signal_budget {
            0 => "the signals allowed to this target within an hour are used up".to_owned(),
            left => format!(
                "{left} of the signals allowed to this target within an hour are left, and {sessions} are needed"
            ),
        };
        RequestEvent::Finished(Resolution::without_signal(Outcome::Limited, format!("approved, but {why}")))
    })
}

/// Records the attempt, up to a limit, and not when it is only read again. Notifies a person once, and a bot never.
fn refuse_attempt(request: &Request, by: &Person, reason: RefusalReason, source: ReactionSource) -> Decision {
    let recorded = request.attempts.get(&by.id).copied().unwrap_or(0);
    let is_repeated = source == ReactionSource::Read && (recorded > 0 || by.bot);
    if is_repeated || recorded >= ATTEMPTS_RECORDED {
        return Decision::default();
    }
    let is_notified = recorded == 0 && reason != RefusalReason::Bot;
    Decision {
        events: vec![RequestEvent::AttemptRefused { actor: by.id, why: reason }],
        notify: if is_notified { vec![(by.id, reason)] } else { Vec::new() },
    }
}

fn expiry(request: &Request) -> RequestEvent {
    let detail = if request.approvals.len() < request.approvals_needed() {
        "too few people approved in time"
    } else {
        "enough people approved, but Discord did not confirm their reactions and roles before it expired"
    };
    RequestEvent::Finished(Resolution::without_signal(Outcome::Expired, detail))
}
