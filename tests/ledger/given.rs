//! Requests to fill a ledger with.

#[path = "../fixture/session.rs"]
mod session_fixture;

use std::time::Duration;

use killgate::domain::event::{
    Action, BackendResolution, Binding, LedgerEntry, RequestDetails, RequestEvent, RequestedBackend,
    Resolution,
};
use killgate::domain::identity::{BackendIdentity, Pid, ServerIdentity};
use killgate::domain::ids::{ChannelId, MessageId, RequestId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::session::{Session, SessionState, WaitEvent};
use killgate::domain::timestamp::Timestamp;
use session_fixture::client_session;

pub(crate) const ALICE: UserId = UserId(1_400_000_000_000_000_001);
pub(crate) const BOB: UserId = UserId(1_400_000_000_000_000_002);
pub(crate) const CAROL: UserId = UserId(1_400_000_000_000_000_003);

/// `seconds` after 21:00 on the evening of the incident.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((1_795_381_200 + seconds) * 1_000_000 + 123_456)
}

pub(crate) fn pid(number: i32) -> Pid {
    Pid::new(number).expect("a positive number")
}

pub(crate) fn entry(request: u64, seconds: i64, event: RequestEvent) -> LedgerEntry {
    LedgerEntry { request: Some(RequestId(request)), at: at(seconds), event }
}

fn backend(of: Pid) -> RequestedBackend {
    let session = session(of);
    RequestedBackend {
        identity: BackendIdentity {
            pid: of,
            backend_start: session.backend_start,
            xact_start: session.xact_start,
            query_start: session.query_start,
        },
        bound_to: Binding::Session,
        session,
        waiters: 3,
        worker: None,
    }
}

pub(crate) fn requested(request: u64, seconds: i64, of: Pid, by: UserId) -> LedgerEntry {
    let asked = RequestDetails {
        action: Action::Terminate,
        target: "orders".to_owned(),
        server: ServerIdentity {
            system_identifier: 7_571_234_567_890_123_456,
            postmaster_start: at(-86_400),
        },
        backends: vec![backend(of)],
        requester: by,
        channel: ChannelId(1_200_000_000_000_000_001),
        reason: Some("holds up checkout — “again” \u{1F525}".to_owned()),
        approvals_needed: 1,
        asked_at: at(seconds),
        seen_at: at(seconds),
        expires_at: at(seconds).plus(Duration::from_mins(15)),
    };
    entry(request, seconds, RequestEvent::Requested(Box::new(asked)))
}

pub(crate) fn posted(request: u64, seconds: i64, message: u64) -> LedgerEntry {
    let message = MessageId(message);
    entry(request, seconds, RequestEvent::Posted { message })
}

pub(crate) fn approved(request: u64, seconds: i64, actor: UserId) -> LedgerEntry {
    entry(request, seconds, RequestEvent::ApprovalAdded { actor })
}

pub(crate) fn executing(request: u64, seconds: i64, approvers: &[UserId]) -> LedgerEntry {
    let approvers = approvers.to_vec();
    entry(request, seconds, RequestEvent::Executing { approvers })
}

pub(crate) fn terminated(request: u64, seconds: i64) -> LedgerEntry {
    let backend = BackendResolution {
        pid: pid_of(request),
        outcome: Outcome::Terminated,
        elapsed: Some(Duration::from_millis(17)),
        signal_sent: Some(true),
        detail: "the session ended".to_owned(),
        postgres: None,
    };
    let resolution = Resolution::of_execution(vec![backend], Some(3));
    entry(request, seconds, RequestEvent::Finished(resolution))
}

pub(crate) fn denied(request: u64, seconds: i64, actor: UserId) -> LedgerEntry {
    let ending = Resolution::without_signal(Outcome::Denied, "an approver denied it").closed_by(actor);
    entry(request, seconds, RequestEvent::Finished(ending))
}

/// The pid of the session that [`whole`] is about.
fn pid_of(request: u64) -> Pid {
    let number = i32::try_from(request % 10_000).expect("a small number");
    pid(4_000 + number)
}

/// From the command to the outcome: five records.
pub(crate) fn whole(request: u64, seconds: i64) -> Vec<LedgerEntry> {
    vec![
        requested(request, seconds, pid_of(request), ALICE),
        posted(request, seconds + 1, 1_500_000_000_000_000_000 + request),
        approved(request, seconds + 2, BOB),
        executing(request, seconds + 2, &[BOB]),
        terminated(request, seconds + 3),
    ]
}

fn session(pid: Pid) -> Session {
    Session {
        backend_start: at(-3_600),
        user: Some("checkout".to_owned()),
        application: "checkout-7".to_owned(),
        state: SessionState::IdleInTransaction,
        wait: Some(WaitEvent { kind: "Client".to_owned(), event: "ClientRead".to_owned() }),
        xact_start: Some(at(-600)),
        query_start: Some(at(-599)),
        state_change: Some(at(-598)),
        query: Some("UPDATE orders SET total = ? WHERE id = ?".to_owned()),
        has_xid: true,
        ..client_session(pid.number(), at(0))
    }
}
