//! An incident to show: 4711 holds a lock in an open transaction, and others wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use killgate::discord::messages::RenderConfig;
use killgate::discord::messages::body::MessageBody;
use killgate::discord::session_list::SessionView;
use killgate::discord::session_list::page::{RequestRules, SessionQuery, TargetAnswer};
use killgate::domain::event::{
    Action, BackendResolution, Binding, RequestDetails, RequestedBackend, Resolution,
};
use killgate::domain::identity::{Pid, ServerIdentity};
use killgate::domain::ids::{ChannelId, MessageId, RequestId, RoleId, UserId};
use killgate::domain::lock_wait::{LockWait, LockedRelation};
use killgate::domain::outcome::Outcome;
use killgate::domain::request::{Request, RequestState};
use killgate::domain::session::{Session, SessionState, Snapshot, WaitEvent};
use killgate::domain::timestamp::Timestamp;
use killgate::domain::waiters::{WaiterGroup, WaiterSummary};
use killgate::workflow::ports::{ApproverList, CardContent, SessionOnCard};
use serde_json::Value;

use crate::session_fixture::client_session;

pub(crate) const ALICE: UserId = UserId(1);
pub(crate) const BOB: UserId = UserId(2);
pub(crate) const CAROL: UserId = UserId(3);

pub(crate) fn render_config() -> RenderConfig {
    RenderConfig { guild: 1_100, approve: "✅".to_owned(), deny: "❌".to_owned() }
}

/// The time at which everything here is seen.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_micros(1_795_374_000_000_000)
}

pub(crate) fn ago(seconds: u64) -> Timestamp {
    now().minus(Duration::from_secs(seconds))
}

pub(crate) fn pid(number: i32) -> Pid {
    Pid::new(number).expect("a positive number")
}

/// A session that has run a query for three seconds.
pub(crate) fn session(number: i32) -> Session {
    client_session(number, now())
}

/// A session that is idle in a transaction.
pub(crate) fn idle_in_transaction(number: i32, seconds: u64) -> Session {
    Session {
        application: "psql".to_owned(),
        state: SessionState::IdleInTransaction,
        wait: Some(wait("Client", "ClientRead")),
        xact_start: Some(ago(seconds + 5)),
        query_start: Some(ago(seconds)),
        state_change: Some(ago(seconds)),
        query: Some("UPDATE orders SET total = ? WHERE id = ?".to_owned()),
        ..session(number)
    }
}

/// A session that waits for a lock.
pub(crate) fn waiting(number: i32, blockers: &[i32], seconds: u64) -> Session {
    Session {
        wait: Some(wait("Lock", "transactionid")),
        xact_start: Some(ago(seconds)),
        query_start: Some(ago(seconds)),
        state_change: Some(ago(seconds)),
        query: Some("UPDATE orders SET paid = ? WHERE id = ?".to_owned()),
        blocked_by: blockers.to_vec(),
        ..session(number)
    }
}

/// A session that is idle and holds nothing.
pub(crate) fn idle(number: i32) -> Session {
    Session {
        state: SessionState::Idle,
        wait: Some(wait("Client", "ClientRead")),
        xact_start: None,
        ..session(number)
    }
}

pub(crate) fn wait(kind: &str, event: &str) -> WaitEvent {
    WaitEvent { kind: kind.to_owned(), event: event.to_owned() }
}

pub(crate) fn server() -> ServerIdentity {
    ServerIdentity { system_identifier: 7, postmaster_start: ago(1_000_000) }
}

pub(crate) fn snapshot(sessions: Vec<Session>) -> Snapshot {
    Snapshot {
        server: server(),
        order: 0,
        looked_up: None,
        taken_at: now(),
        own_pid: None,
        is_standby: false,
        connection_slots: None,
        signal_obstacle: None,
        hidden_pids: Vec::new(),
        sessions,
    }
}

/// A target that answered with these sessions.
pub(crate) fn answer(target: &str, sessions: Vec<Session>) -> TargetAnswer {
    TargetAnswer {
        target: target.to_owned(),
        snapshot: Ok(Arc::new(snapshot(sessions))),
        rules: RequestRules::default(),
    }
}

pub(crate) fn query(view: SessionView) -> SessionQuery {
    SessionQuery { view, ..SessionQuery::default() }
}

/// Alice requests `action` on session 4711, for which seven others wait.
pub(crate) fn details(action: Action) -> RequestDetails {
    let session = idle_in_transaction(4711, 843);
    RequestDetails {
        action,
        target: "orders".to_owned(),
        server: server(),
        requester: ALICE,
        channel: ChannelId(1_200),
        reason: Some("checkout is stuck behind it".to_owned()),
        approvals_needed: 2,
        asked_at: now(),
        seen_at: now(),
        expires_at: now().plus(Duration::from_mins(15)),
        backends: vec![RequestedBackend {
            identity: session.identity(),
            bound_to: match action {
                Action::Cancel => Binding::Query,
                Action::Terminate => Binding::Session,
            },
            session,
            waiters: 7,
            worker: None,
        }],
    }
}

pub(crate) fn request(action: Action) -> Request {
    Request {
        reminder: None,
        id: RequestId(7),
        mark: "4f2a91c0".to_owned(),
        details: details(action),
        card: Some(MessageId(1_400)),
        approvals: BTreeSet::new(),
        attempts: BTreeMap::new(),
        state: RequestState::Open,
    }
}

/// The request after Bob and Carol approved it and it was executed.
pub(crate) fn executed(action: Action, resolution: Resolution) -> Request {
    Request {
        approvals: BTreeSet::from([BOB, CAROL]),
        state: RequestState::Ended {
            resolution,
            at: now().plus(Duration::from_mins(1)),
            approvers: vec![BOB, CAROL],
        },
        ..request(action)
    }
}

/// The request after it was closed without a signal.
pub(crate) fn closed(resolution: Resolution) -> Request {
    Request {
        state: RequestState::Ended {
            resolution,
            at: now().plus(Duration::from_mins(1)),
            approvers: Vec::new(),
        },
        ..request(Action::Terminate)
    }
}

pub(crate) fn terminated() -> Resolution {
    let session = BackendResolution {
        pid: pid(4711),
        outcome: Outcome::Terminated,
        elapsed: Some(Duration::from_millis(143)),
        signal_sent: Some(true),
        detail: "the session ended".to_owned(),
        postgres: None,
    };
    Resolution::of_execution(vec![session], Some(7))
}

/// Six sessions of the shop and a deployment wait, which waits for the table itself.
pub(crate) fn queue() -> WaiterSummary {
    let group = |name: &str, count| WaiterGroup { name: Some(name.to_owned()), count };
    WaiterSummary {
        groups: vec![group("web-checkout", 6), group("deploy", 1)],
        longest_since: Some(ago(252)),
        lock: Some(lock_wait("relation", "AccessExclusiveLock", 252)),
        alone: 0,
        replay_since: None,
    }
}

/// A wait for the table of orders.
pub(crate) fn lock_wait(lock: &str, mode: &str, seconds: u64) -> LockWait {
    LockWait {
        lock: lock.to_owned(),
        mode: mode.to_owned(),
        relation: Some(LockedRelation::Named("public.orders".to_owned())),
        since: ago(seconds),
        is_since_first_seen: false,
        prepared: Vec::new(),
    }
}

pub(crate) fn card(request: Request) -> CardContent {
    CardContent {
        is_superseded: false,
        request,
        sessions: vec![SessionOnCard {
            latest: None,
            waiting_pids: (4712..4719).map(pid).collect(),
            queue: queue(),
            own_seen_at: Some(now()),
            seen_at: Some(now()),
            is_on_standby: false,
            changes: Vec::new(),
            lapsed: None,
            unseen: None,
        }],
        approvers: ApproverList { roles: vec![RoleId(1_300)], users: vec![CAROL] },
        owner: None,
        hold: None,
        not_counting: Vec::new(),
    }
}

/// A message as a person reads it, and the roles it notifies.
pub(crate) fn read(body: &MessageBody) -> String {
    let json = json(body);
    let mut lines = vec![format!("notifies: {}", json["allowed_mentions"]["roles"])];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    lines.push(text(&json["content"]));
    for embed in json["embeds"].as_array().into_iter().flatten() {
        lines.push(format!("# {}", text(&embed["title"])));
        lines.push(text(&embed["description"]));
        for field in embed["fields"].as_array().into_iter().flatten() {
            lines.push(format!("[{}] {}", text(&field["name"]), text(&field["value"])));
        }
        lines.push(format!("({})", text(&embed["footer"]["text"])));
    }
    lines.retain(|line| !line.is_empty() && line != "()");
    lines.join("\n")
}

/// A message as it is sent.
pub(crate) fn json(body: &MessageBody) -> Value {
    serde_json::to_value(body.clone().into_message()).expect("a message is JSON")
}
