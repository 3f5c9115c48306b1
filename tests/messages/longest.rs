//! The longest texts that PostgreSQL and people can cause, all at once: every message still fits.

use std::time::Duration;

use killgate::discord::messages::{card, result};
use killgate::domain::event::{Action, BackendResolution, RequestedBackend, Resolution};
use killgate::domain::ids::{RoleId, UserId};
use killgate::domain::lock_wait::{LockWait, LockedRelation, PreparedTransaction};
use killgate::domain::outcome::Outcome;
use killgate::domain::request::RequestState;
use killgate::domain::session::Session;
use killgate::domain::session_diff::Observation;
use killgate::workflow::ports::SessionOnCard;

use crate::fixture::*;
use crate::limits::assert_sendable;

/// As long as PostgreSQL lets it be: names have 63 bytes, and a prepared transaction 199.
fn longest_session(number: i32, text: &str) -> Session {
    let name = text.repeat(63);
    let prepared = PreparedTransaction {
        gid: text.repeat(199),
        prepared_at: ago(1_000_000),
        owner: Some(name.clone()),
        database: Some(name.clone()),
    };
    Session {
        user: Some(name.clone()),
        database: Some(name.clone()),
        client: Some(name.clone()),
        application: name.clone(),
        query: Some(text.repeat(4_000)),
        lock_wait: Some(LockWait {
            relation: Some(LockedRelation::Named(format!("{name}.{name}"))),
            prepared: vec![prepared; 5],
            ..lock_wait("relation", "AccessExclusiveLock", 1_000_000)
        }),
        blocked_by: (0..30).map(|place| i32::MAX - place).chain([0]).collect(),
        ..waiting(number, &[], 1_000_000)
    }
}

#[test]
fn a_result_about_many_sessions_of_which_each_ended_differently_fits() {
    for text in ["_", "w"] {
        let sessions: Vec<_> = (0..25)
            .map(|place| Session { has_xid: true, ..longest_session(i32::MAX - place, text) })
            .collect();
        let ended = sessions.iter().enumerate().map(|(place, session)| BackendResolution {
            pid: session.pid,
            outcome: [Outcome::Terminated, Outcome::Unconfirmed, Outcome::Gone][place % 3],
            elapsed: Some(Duration::MAX),
            signal_sent: Some(true),
            detail: format!("{place} {}", text.repeat(200)),
            postgres: Some(text.repeat(300)),
        });
        let mut resolution = Resolution::of_execution(ended.collect(), Some(u32::MAX));
        resolution.detail = format!("{}; {}", resolution.detail, text.repeat(600));
        let mut request = executed(Action::Terminate, resolution);
        request.details.target = text.repeat(80);
        request.approvals = (0..3).map(|user| UserId(u64::MAX - user)).collect();
        let backend = request.details.backends[0].clone();
        request.details.backends = sessions
            .iter()
            .map(|session| RequestedBackend {
                session: session.clone(),
                identity: session.identity(),
                waiters: 200,
                ..backend.clone()
            })
            .collect();
        let mut card = card(request);
        card.sessions = vec![card.sessions[0].clone(); 25];
        assert_sendable(&result::reply(&card).expect("a result"));
        assert_sendable(&card::card_edit(&card, &render_config()));
        assert_sendable(&result::brief_reply(&card.request).expect("a result"));
    }
}

#[test]
fn a_card_with_the_longest_of_everything_fits() {
    for text in ["_", "`", "'", "w"] {
        for many in [1, 25] {
            let sessions: Vec<_> = (0..many).map(|place| longest_session(i32::MAX - place, text)).collect();
            let mut card = card(request(Action::Terminate));
            let backend = card.request.details.backends[0].clone();
            card.request.details.reason = Some(text.repeat(600));
            card.request.details.backends = sessions
                .iter()
                .map(|session| RequestedBackend {
                    session: session.clone(),
                    identity: session.identity(),
                    ..backend.clone()
                })
                .collect();
            card.approvers.users = (0..60).map(|user| UserId(u64::MAX - user)).collect();
            card.approvers.roles = (0..60).map(|role| RoleId(u64::MAX - role)).collect();
            assert_sendable(&card::new_card(&card, &render_config()));
            let as_seen = |session: &Session| Session { application: text.repeat(62), ..session.clone() };
            card.sessions = sessions
                .iter()
                .map(|session| SessionOnCard {
                    latest: Some(Observation { session: as_seen(session), waiters: u32::MAX }),
                    ..card.sessions[0].clone()
                })
                .collect();
            assert_sendable(&card::card_edit(&card, &render_config()));
            card.request.state = RequestState::Ended {
                resolution: ended_slowly(&sessions),
                at: now(),
                approvers: card.approvers.users.clone(),
            };
            assert_sendable(&card::card_edit(&card, &render_config()));
        }
    }
}

fn ended_slowly(sessions: &[Session]) -> Resolution {
    let backends = sessions.iter().map(|session| BackendResolution {
        pid: session.pid,
        outcome: Outcome::NotABackend,
        elapsed: Some(Duration::from_hours(1)),
        ..terminated().backends[0].clone()
    });
    Resolution::of_execution(backends.collect(), Some(u32::MAX))
}
