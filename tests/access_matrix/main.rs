//! Who may do what, and when: the result of every action, by every person, in every state.

#[path = "../fixture/session.rs"]
mod session_fixture;
mod tables;

use std::collections::BTreeMap;
use std::time::Duration;

use killgate::domain::access::{Access, AccessGroup};
use killgate::domain::creation::{
    CreationContext, CreationError, NewRequest, SessionSelector, create_request,
};
use killgate::domain::decision::{DecisionContext, DecisionInput, QuorumCheck, ReactionSource, decide};
use killgate::domain::event::{
    Action, BackendResolution, Binding, RequestDetails, RequestEvent, RequestedBackend, Resolution,
};
use killgate::domain::identity::{Pid, ServerIdentity};
use killgate::domain::ids::{ChannelId, Person, RequestId, RoleId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::policy::{RequestLimits, TargetPolicy};
use killgate::domain::protection::ProtectionRules;
use killgate::domain::request::Request;
use killgate::domain::session::Snapshot;
use killgate::domain::timestamp::Timestamp;
use regex::Regex;
use session_fixture::client_session;
use tables::{APPROVE, ASK, DENY, RETRACT, VIEW};

const VIEWER: RoleId = RoleId(11);
const ONCALL: RoleId = RoleId(12);
const DBA: RoleId = RoleId(13);
/// A role with the permission Administrator in Discord, and without any right in killgate.
const ADMINISTRATOR: RoleId = RoleId(14);

const REQUESTER: UserId = UserId(1);
/// An approver by user id, without a role.
const NAMED: UserId = UserId(6);
/// Has approved already in the states with one approval of two.
const FIRST: UserId = UserId(9);

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);
const OPEN_FOR: Duration = Duration::from_mins(15);

#[test]
fn who_may_do_what_and_when() {
    let access = access();
    let reaction = |command: fn(&Person) -> DecisionInput<'_>| {
        let access = &access;
        move |who: &Person, state: &str| react(who, state, command(who), access)
    };
    check_table(
        "approve",
        APPROVE,
        &REQUEST_STATES,
        reaction(|by| DecisionInput::Approve { by, source: ReactionSource::Live }),
    );
    check_table(
        "deny",
        DENY,
        &REQUEST_STATES,
        reaction(|by| DecisionInput::Deny { by, source: ReactionSource::Live }),
    );
    check_table(
        "retract",
        RETRACT,
        &REQUEST_STATES,
        reaction(|by| DecisionInput::RemoveApproval { by: by.id }),
    );
    check_table("ask", ASK, &COMMAND_STATES, request_termination);
    check_table("view", VIEW, &["anytime"], |who, _| {
        if access.may_view(who) { "yes" } else { "no" }.to_owned()
    });
}

const REQUEST_STATES: [&str; 6] = ["open", "one_of_two", "limited", "expired", "executing", "ended"];
const COMMAND_STATES: [&str; 7] =
    ["free", "asked_about", "protected", "gone", "many_of_theirs", "many", "signals_used_up"];

/// Checks that the table has every person and every state, and that each cell is the actual result.
fn check_table(action: &str, table: &str, states: &[&str], result_of: impl Fn(&Person, &str) -> String) {
    let mut lines = table.lines().filter(|line| !line.is_empty());
    let columns: Vec<_> = lines.next().expect("a heading").split_whitespace().collect();
    assert_eq!(columns, states, "{action}: the states of the table");
    let people = people();
    let rows: BTreeMap<_, Vec<_>> = lines
        .map(|line| {
            let mut words = line.split_whitespace();
            (words.next().expect("a person"), words.collect())
        })
        .collect();
    assert!(rows.keys().eq(people.keys()), "{action}: the people of the table");
    for (name, cells) in &rows {
        assert_eq!(cells.len(), columns.len(), "{action}: the row of {name}");
        for (state, expected) in columns.iter().zip(cells) {
            let actual = result_of(&people[name], state);
            assert_eq!(&actual, expected, "{name}, {action}, {state}");
        }
    }
}

fn people() -> BTreeMap<&'static str, Person> {
    let person =
        |id, roles: &[RoleId]| Person { id, roles: roles.to_vec(), bot: false, timed_out_until: None };
    [
        ("requester", person(REQUESTER, &[ONCALL])),
        ("requester_and_dba", person(REQUESTER, &[ONCALL, DBA])),
        ("first", person(FIRST, &[DBA])),
        ("dba", person(UserId(3), &[DBA])),
        ("named", person(NAMED, &[])),
        ("other_oncall", person(UserId(4), &[ONCALL])),
        ("viewer", person(UserId(5), &[VIEWER])),
        ("administrator", person(UserId(7), &[ADMINISTRATOR])),
        ("stranger", person(UserId(8), &[])),
        ("bot", Person { bot: true, timed_out_until: None, ..person(UserId(10), &[VIEWER, ONCALL, DBA]) }),
    ]
    .into()
}

fn access() -> Access {
    let of =
        |role, users: &[UserId]| AccessGroup { roles: [role].into(), users: users.iter().copied().collect() };
    Access { viewers: of(VIEWER, &[]), requesters: of(ONCALL, &[]), approvers: of(DBA, &[NAMED]) }
}

/// The result of a reaction: the name of the last event it leads to.
fn react(who: &Person, state: &str, command: DecisionInput<'_>, access: &Access) -> String {
    let request = request_in_state(state);
    let is_expired = state == "expired";
    let context = DecisionContext {
        now: if is_expired { request.details.expires_at } else { NOW },
        access,
        signal_budget: u32::from(state != "limited"),
        has_unread_reactions: false,
    };
    let mut events = decide(&request, command, context).events;
    if let [RequestEvent::ApprovalAdded { .. }] = events.as_slice() {
        events.extend(events_of_confirmed_quorum(&request, &events, context));
    }
    let names: Vec<_> = events.iter().map(event_name).collect();
    // A late reaction is recorded, and closes the request.
    if is_expired && names == ["expired", "expired"] {
        return "expired".to_owned();
    }
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [first, last] if first == "approved" => last.clone(),
        more => panic!("{who:?} leads to {more:?}"),
    }
}

/// What follows once the approvers were looked up again, and all may still approve.
fn events_of_confirmed_quorum(
    request: &Request,
    events: &[RequestEvent],
    context: DecisionContext<'_>,
) -> Vec<RequestEvent> {
    let approved = events
        .iter()
        .try_fold(request.clone(), |request, event| request.evolve(event, NOW))
        .expect("a valid history");
    let check =
        QuorumCheck { checked: approved.approvals.clone(), members: people().into_values().collect() };
    decide(&approved, DecisionInput::ConfirmQuorum(&check), context).events
}

fn event_name(event: &RequestEvent) -> String {
    match event {
        RequestEvent::ApprovalAdded { .. } => "approved",
        RequestEvent::ApprovalRemoved { .. } => "approval_removed",
        RequestEvent::AttemptRefused { why, .. } => why.name(),
        RequestEvent::Executing { .. } => "executing",
        RequestEvent::Finished(resolution) => resolution.outcome.name(),
        RequestEvent::Requested(_) | RequestEvent::Posted { .. } | RequestEvent::Reminded { .. } => {
            panic!("no reaction leads to {event:?}")
        }
    }
    .to_owned()
}

fn request_in_state(state: &str) -> Request {
    let first = || RequestEvent::ApprovalAdded { actor: FIRST };
    let other = UserId(99);
    let quorum = || {
        [
            first(),
            RequestEvent::ApprovalAdded { actor: other },
            RequestEvent::Executing { approvers: vec![FIRST, other] },
        ]
    };
    let events: Vec<RequestEvent> = match state {
        "one_of_two" | "limited" => vec![first()],
        "executing" => quorum().into(),
        "ended" => {
            let resolution = Resolution::of_execution(vec![gone(4711)], None);
            quorum().into_iter().chain([RequestEvent::Finished(resolution)]).collect()
        }
        _ => Vec::new(),
    };
    let open = open_request(REQUESTER, 4711);
    events.iter().try_fold(open, |request, event| request.evolve(event, NOW)).expect("a valid history")
}

fn open_request(requester: UserId, pid: i32) -> Request {
    let event = RequestEvent::Requested(Box::new(details(requester, pid)));
    Request::start(RequestId(1), "4f2a91c0", &event).expect("an open request")
}

/// The result of `/terminate 4711`.
fn request_termination(who: &Person, state: &str) -> String {
    let open = match state {
        "asked_about" => vec![open_request(REQUESTER, 4711)],
        "many_of_theirs" => vec![open_request(who.id, 4712)],
        "many" => vec![open_request(UserId(98), 4712), open_request(UserId(97), 4713)],
        _ => Vec::new(),
    };
    let users = if state == "protected" { vec![Regex::new("^app$").expect("a pattern")] } else { Vec::new() };
    let policy = TargetPolicy {
        access: access(),
        protection: ProtectionRules { users, ..ProtectionRules::default() },
        approvals: 2,
        expires_after: OPEN_FOR,
        remind_after: None,
        require_reason: false,
    };
    let limits = RequestLimits {
        open_requests_per_user: if state == "asked_about" { 5 } else { 1 },
        open_requests: 2,
        sessions_per_request: 25,
        signals_per_hour: 1,
        confirm_within: Duration::from_secs(5),
    };
    let is_gone = state == "gone";
    let snapshot = Snapshot {
        server: server(),
        order: 0,
        looked_up: None,
        taken_at: NOW,
        own_pid: None,
        is_standby: false,
        connection_slots: None,
        signal_obstacle: None,
        hidden_pids: Vec::new(),
        sessions: if is_gone { Vec::new() } else { vec![client_session(4711, NOW)] },
    };
    let new_request = NewRequest {
        action: Action::Terminate,
        sessions: vec![SessionSelector {
            pid: Pid::new(4711).expect("a positive number"),
            backend_start: None,
        }],
        elsewhere: BTreeMap::new(),
        bound_to: None,
        reason: None,
        channel: ChannelId(1),
    };
    let context = CreationContext {
        now: NOW,
        target: "orders",
        policy: &policy,
        limits: &limits,
        snapshot: &snapshot,
        signal_budget: u32::from(state != "signals_used_up"),
    };
    match create_request(&new_request, who, open.iter(), context) {
        Ok(details) => {
            assert_eq!((details.requester, details.approvals_needed), (who.id, 2));
            "asked"
        }
        Err(CreationError::NotARequester) => "not_a_requester",
        Err(CreationError::NoSuchBackend { .. }) => "no_such_backend",
        Err(CreationError::Protected { .. }) => "protected",
        Err(CreationError::Duplicate { .. }) => "already_open",
        Err(CreationError::OpenLimitPerUserReached { .. }) => "limited_person",
        Err(CreationError::OpenLimitReached { .. }) => "limited_all",
        Err(CreationError::SignalLimitReached { .. }) => "limited_signals",
        Err(other) => panic!("{other:?}"),
    }
    .to_owned()
}

fn gone(pid: i32) -> BackendResolution {
    BackendResolution {
        pid: Pid::new(pid).expect("a positive number"),
        outcome: Outcome::Gone,
        elapsed: None,
        signal_sent: Some(false),
        detail: "it had ended".to_owned(),
        postgres: None,
    }
}

fn server() -> ServerIdentity {
    ServerIdentity { system_identifier: 1, postmaster_start: Timestamp::from_micros(1) }
}

fn details(requester: UserId, pid: i32) -> RequestDetails {
    let session = client_session(pid, NOW);
    RequestDetails {
        action: Action::Terminate,
        target: "orders".to_owned(),
        server: server(),
        requester,
        channel: ChannelId(1),
        reason: None,
        approvals_needed: 2,
        asked_at: NOW,
        seen_at: NOW,
        expires_at: NOW.plus(OPEN_FOR),
        backends: vec![RequestedBackend {
            identity: session.identity(),
            bound_to: Binding::Session,
            session,
            waiters: 0,
            worker: None,
        }],
    }
}
