//! The people and the session that the stories are about.

use std::time::Duration;

use killgate::domain::access::{Access, Group};
use killgate::domain::event::{Action, Asked, Event};
use killgate::domain::identity::{Identity, Pid, Server};
use killgate::domain::ids::{ChannelId, Person, RequestId, RoleId, UserId};
use killgate::domain::request::Request;
use killgate::domain::session::{BackendKind, Session, State};
use killgate::domain::timestamp::Moment;

pub const ONCALL: RoleId = RoleId(10);
pub const DBA: RoleId = RoleId(20);
pub const ASKED_AT: Moment = Moment::from_micros(1_000_000_000);
pub const OPEN_FOR: Duration = Duration::from_mins(15);

/// Who stands around the card. The requester is also an approver: that must not help them.
pub fn everybody() -> Vec<Person> {
    let person = |id, roles: &[RoleId]| Person {
        id: UserId(id),
        roles: roles.to_vec(),
        bot: false,
    };
    vec![
        person(1, &[ONCALL, DBA]),
        person(2, &[DBA]),
        person(3, &[DBA]),
        person(4, &[]),
        person(5, &[ONCALL]),
        Person {
            bot: true,
            ..person(6, &[DBA])
        },
        person(7, &[DBA]),
    ]
}

pub fn access() -> Access {
    let of = |role| Group {
        roles: [role].into(),
        users: [].into(),
    };
    Access {
        viewers: Group::default(),
        requesters: of(ONCALL),
        approvers: of(DBA),
    }
}

pub fn session(pid: i32) -> Session {
    Session {
        pid: Pid::new(pid).expect("a pid is positive"),
        backend_start: Moment::from_micros(900_000_000),
        kind: BackendKind::Client,
        leader: None,
        user: Some("app".to_owned()),
        superuser: false,
        own: false,
        database: Some("shop".to_owned()),
        application: "checkout".to_owned(),
        client: Some("10.0.0.7".to_owned()),
        state: State::Active,
        wait: None,
        xact_start: Some(Moment::from_micros(950_000_000)),
        query_start: Some(Moment::from_micros(960_000_000)),
        state_change: Some(Moment::from_micros(960_000_000)),
        query: Some("update stock set n = ? where id = ?".to_owned()),
        blocked_by: Vec::new(),
    }
}

pub fn asked(needed: u32) -> Asked {
    let session = session(4711);
    Asked {
        action: Action::Terminate,
        target: "orders".to_owned(),
        identity: Identity {
            server: Server {
                system_identifier: 7,
                postmaster_start: Moment::from_micros(1),
            },
            pid: session.pid,
            backend_start: session.backend_start,
            query_start: session.query_start,
        },
        session,
        waiters: 3,
        worker: None,
        requester: UserId(1),
        channel: ChannelId(100),
        reason: Some("it blocks the shop".to_owned()),
        needed,
        asked_at: ASKED_AT,
        seen_at: Some(ASKED_AT),
        expires_at: ASKED_AT.plus(OPEN_FOR),
    }
}

pub fn open_request(needed: u32) -> Request {
    Request::begin(RequestId(7), &Event::Requested(Box::new(asked(needed))))
        .expect("that is how a request begins")
}
