//! People, a session and a request for tests.

#[path = "../fixture/session.rs"]
mod session_fixture;

use std::time::Duration;

use killgate::domain::access::{Access, AccessGroup};
use killgate::domain::event::{Action, Binding, RequestDetails, RequestEvent, RequestedBackend};
use killgate::domain::identity::ServerIdentity;
use killgate::domain::ids::{ChannelId, Person, RequestId, RoleId, UserId};
use killgate::domain::request::Request;
use killgate::domain::session::Session;
use killgate::domain::timestamp::Timestamp;
use session_fixture::client_session;

pub const ONCALL: RoleId = RoleId(10);
pub const DBA: RoleId = RoleId(20);
pub const ASKED_AT: Timestamp = Timestamp::from_micros(1_000_000_000);
/// The hash of the record with which the request begins.
pub const HASH: &str = "0123456789abcdef";
pub const OPEN_FOR: Duration = Duration::from_mins(15);

/// All people. The requester is also an approver, which must not count.
pub fn everybody() -> Vec<Person> {
    let person = |id, roles: &[RoleId]| Person {
        id: UserId(id),
        roles: roles.to_vec(),
        bot: false,
        timed_out_until: None,
    };
    vec![
        person(1, &[ONCALL, DBA]),
        person(2, &[DBA]),
        person(3, &[DBA]),
        person(4, &[]),
        person(5, &[ONCALL]),
        Person { bot: true, timed_out_until: None, ..person(6, &[DBA]) },
        person(7, &[DBA]),
    ]
}

pub fn access() -> Access {
    let of = |role| AccessGroup { roles: [role].into(), users: [].into() };
    Access { viewers: AccessGroup::default(), requesters: of(ONCALL), approvers: of(DBA) }
}

pub fn session(pid: i32) -> Session {
    Session {
        backend_start: Timestamp::from_micros(900_000_000),
        xact_start: Some(Timestamp::from_micros(950_000_000)),
        query_start: Some(Timestamp::from_micros(960_000_000)),
        state_change: Some(Timestamp::from_micros(960_000_000)),
        query: Some("update stock set n = ? where id = ?".to_owned()),
        ..client_session(pid, ASKED_AT)
    }
}

pub fn backend(pid: i32) -> RequestedBackend {
    let session = session(pid);
    RequestedBackend {
        identity: session.identity(),
        bound_to: Binding::Transaction,
        session,
        waiters: 3,
        worker: None,
    }
}

pub fn asked(needed: u32) -> RequestDetails {
    RequestDetails {
        action: Action::Terminate,
        target: "orders".to_owned(),
        server: ServerIdentity { system_identifier: 7, postmaster_start: Timestamp::from_micros(1) },
        backends: vec![backend(4711)],
        requester: UserId(1),
        channel: ChannelId(100),
        reason: Some("it blocks the shop".to_owned()),
        approvals_needed: needed,
        asked_at: ASKED_AT,
        seen_at: ASKED_AT,
        expires_at: ASKED_AT.plus(OPEN_FOR),
    }
}

pub fn open_request(needed: u32) -> Request {
    let requested = RequestEvent::Requested(Box::new(asked(needed)));
    Request::start(RequestId(7), HASH, &requested).expect("a request starts with `requested`")
}
