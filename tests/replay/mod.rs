//! Replays a ledger that a test leaves behind: the chain is intact, and each record is what the rules decide in the state
//! that the records before it made.

use std::collections::BTreeMap;
use std::process::Command;

use killgate::domain::access::{Access, AccessGroup};
use killgate::domain::decision::{DecisionContext, DecisionInput, QuorumCheck, ReactionSource, decide};
use killgate::domain::event::{Recorded, RefusalReason, RequestEvent, Resolution};
use killgate::domain::ids::{Person, RequestId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::request::Request;
use killgate::domain::timestamp::Timestamp;
use killgate::ledger::hash_chain::ChainTail;

/// Why a ledger could not be read.
pub struct Unreadable {
    pub why: String,
    /// Whether the test needed none: it started no bot, or was about a faulty configuration.
    pub has_none: bool,
}

/// Replays the ledger that `audit`, a command without its arguments, exports. Panics if it is not intact.
pub fn replay_left_ledger(audit: impl Fn(&[&str]) -> Command) -> Result<(), Unreadable> {
    let run = |arguments: &[&str]| {
        let output = audit(arguments).output().expect("killgate runs");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(printed);
        }
        assert!(printed.is_empty(), "the ledger that the test left: {printed}");
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        let has_none = output.status.code() == Some(2) || why.contains("there is no ledger");
        Err(Unreadable { why, has_none })
    };
    run(&["audit", "verify"])?;
    replay(&run(&["audit", "export"])?);
    Ok(())
}

/// Panics at the first record that the rules would not have made.
pub fn replay(exported: &str) {
    let mut tail = ChainTail::default();
    let mut requests = BTreeMap::new();
    for (seq, line) in (1..).zip(exported.lines()) {
        let record = tail.follow(seq, line).unwrap_or_else(|error| panic!("record {seq}: {error}\n{line}"));
        if let Some(id) = record.entry().request {
            let before = requests.remove(&id);
            let after =
                follow(before, id, &record).unwrap_or_else(|error| panic!("record {seq}: {error}\n{line}"));
            requests.insert(id, after);
        }
    }
}

fn follow(before: Option<Request>, id: RequestId, record: &Recorded) -> Result<Request, String> {
    if let Some(before) = &before {
        check(before, &record.entry().event, record.entry().at)?;
    }
    Request::apply(before, id, record).map_err(|invalid| invalid.to_string())
}

/// Decides about what must have happened for this event.
fn check(before: &Request, event: &RequestEvent, now: Timestamp) -> Result<(), String> {
    let requester = before.details.requester;
    let decided = |by: &[Person], budget: u32, command: DecisionInput<'_>| {
        let users = by.iter().map(|person| person.id).collect();
        let approvers = AccessGroup { users, ..AccessGroup::default() };
        let access = Access { approvers, ..Access::default() };
        // An approval is executed by a confirmation of its own, which gives the same events.
        let has_unread_reactions = !matches!(command, DecisionInput::ConfirmQuorum(_));
        let context = DecisionContext { now, access: &access, signal_budget: budget, has_unread_reactions };
        decide(before, command, context).events
    };
    let vote = |by: Person, rights: &[Person], denies: bool| {
        let (by, source) = (&by, ReactionSource::Live);
        let command =
            if denies { DecisionInput::Deny { by, source } } else { DecisionInput::Approve { by, source } };
        decided(rights, 0, command)
    };
    let confirm = |approvers: Vec<UserId>, budget| {
        let members: Vec<_> = approvers.iter().copied().map(person).collect();
        let check = QuorumCheck { checked: approvers.into_iter().collect(), members: members.clone() };
        decided(&members, budget, DecisionInput::ConfirmQuorum(&check))
    };
    let events = match event {
        RequestEvent::Requested(_) => Vec::new(),
        RequestEvent::Posted { message } => decided(&[], 0, DecisionInput::CardPosted { message: *message }),
        RequestEvent::Reminded { message } => {
            decided(&[], 0, DecisionInput::ReminderPosted { message: *message })
        }
        RequestEvent::ApprovalAdded { actor } => vote(person(*actor), &[person(*actor)], false),
        RequestEvent::ApprovalRemoved { actor } => {
            decided(&[], 0, DecisionInput::RemoveApproval { by: *actor })
        }
        RequestEvent::AttemptRefused { actor, why } => {
            let by = Person { bot: *why == RefusalReason::Bot, ..person(*actor) };
            vote(by, &[], false)
        }
        RequestEvent::Executing { approvers } => confirm(approvers.clone(), u32::MAX),
        RequestEvent::Finished(resolution) => {
            let detail = resolution.detail.clone();
            match (resolution.outcome, resolution.actor) {
                (Outcome::Expired, _) => decided(&[], 0, DecisionInput::CheckExpiry),
                (Outcome::Lapsed, _) => decided(&[], 0, DecisionInput::Lapse { detail }),
                (Outcome::Denied, Some(by)) => vote(person(by), &[person(by)], true),
                (Outcome::Withdrawn, Some(by)) if by == requester => vote(person(by), &[], true),
                (Outcome::Withdrawn, None) => decided(&[], 0, DecisionInput::Withdraw { detail }),
                (Outcome::Limited, _) => confirm(before.approvals.iter().copied().collect(), 0),
                (Outcome::Unknown, _) if before.is_open() => {
                    decided(&[], 0, DecisionInput::EndingFound { ending: detail })
                }
                _ => decided(&[], 0, DecisionInput::Finish(resolution.clone())),
            }
        }
    };
    let is_decided = match (events.first(), event) {
        (Some(RequestEvent::Finished(decided)), RequestEvent::Finished(recorded)) => agree(decided, recorded),
        // Who decided last is recorded last, and who was looked up again is recorded in order.
        (Some(RequestEvent::Executing { approvers: decided }), RequestEvent::Executing { approvers }) => {
            decided.len() == approvers.len() && decided.iter().all(|by| approvers.contains(by))
        }
        (decided, recorded) => decided == Some(recorded),
    };
    if is_decided { Ok(()) } else { Err(format!("the rules decide {events:?} in {:?}", before.state)) }
}

fn agree(decided: &Resolution, recorded: &Resolution) -> bool {
    (decided.outcome, decided.signal_sent, decided.actor)
        == (recorded.outcome, recorded.signal_sent, recorded.actor)
}

fn person(id: UserId) -> Person {
    Person { id, roles: Vec::new(), bot: false, timed_out_until: None }
}
