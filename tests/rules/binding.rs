//! What a request is bound to, and when that has ended.

use std::time::Duration;

use killgate::domain::binding::{BindingStatus, status};
use killgate::domain::creation::CreationError;
use killgate::domain::event::{Action, Binding, RequestDetails};
use killgate::domain::identity::ServerIdentity;
use killgate::domain::session::{Session, SessionState, Snapshot, WaitEvent};
use killgate::domain::session_diff::is_material;
use killgate::domain::unreachable_cause::ANOTHER_SERVER;

use crate::creating::asking;
use crate::fixtures::{ASKED_AT, asked, open_request, session};
use crate::helpers::*;

fn session_in_transaction(age: Option<Duration>) -> Session {
    Session { xact_start: age.map(|age| ASKED_AT.minus(age)), ..session(4711) }
}

#[test]
fn a_terminate_is_bound_to_a_transaction_of_five_seconds_or_longer_unless_somebody_chooses_otherwise() {
    let (short, long) = (Duration::from_micros(4_999_999), Duration::from_secs(5));
    for (age, chosen, expected) in [
        (None, None, Ok(Binding::Session)),
        (Some(short), None, Ok(Binding::Session)),
        (Some(long), None, Ok(Binding::Transaction)),
        (Some(short), Some(Binding::Transaction), Ok(Binding::Transaction)),
        (Some(long), Some(Binding::Session), Ok(Binding::Session)),
        (None, Some(Binding::Session), Ok(Binding::Session)),
        (None, Some(Binding::Transaction), Err(CreationError::NotInTransaction { pid: pid(4711) })),
    ] {
        let mut asking = asking();
        asking.snapshot = snapshot(vec![session_in_transaction(age)]);
        asking.wish.bound_to = chosen;
        let bound_to = asking.result().map(|details| details.backends[0].bound_to);
        assert_eq!(bound_to, expected, "{age:?}, {chosen:?}");
    }
}

#[test]
fn a_cancel_is_bound_to_the_query_whatever_somebody_chooses() {
    for chosen in [None, Some(Binding::Session), Some(Binding::Transaction)] {
        let mut asking = asking();
        asking.wish.action = Action::Cancel;
        asking.wish.bound_to = chosen;
        assert_eq!(asking.result().map(|details| details.backends[0].bound_to), Ok(Binding::Query));
    }
}

#[test]
fn a_session_without_a_query_is_refused_to_cancel() {
    for state in [SessionState::Idle, SessionState::IdleInTransaction, SessionState::IdleInTransactionAborted]
    {
        let mut asking = asking();
        asking.wish.action = Action::Cancel;
        asking.snapshot = snapshot(vec![Session { state, ..session(4711) }]);
        let refusal = asking.refusal();
        assert!(
            matches!(&refusal, CreationError::NothingToCancel { session, state: shown }
                if session.pid == pid(4711) && *shown == state),
            "{refusal:?}"
        );
        assert_eq!(refusal.attempt_reason(), None);
    }
}

#[test]
fn a_request_that_ends_with_a_transaction_does_not_cover_one_that_does_not() {
    let later = |details: &mut RequestDetails| {
        details.backends[0].identity.xact_start = Some(ASKED_AT.minus(Duration::from_secs(40)));
    };
    for (open, is_other_transaction, new, is_covered) in [
        (Binding::Session, false, Binding::Session, true),
        (Binding::Session, false, Binding::Transaction, true),
        (Binding::Session, true, Binding::Transaction, true),
        (Binding::Transaction, false, Binding::Transaction, true),
        (Binding::Transaction, true, Binding::Transaction, false),
        (Binding::Transaction, false, Binding::Session, false),
    ] {
        let mut asking = asking();
        asking.wish.bound_to = Some(new);
        asking.open = vec![open_request(1)];
        asking.open[0].details.backends[0].bound_to = open;
        if is_other_transaction {
            later(&mut asking.open[0].details);
        }
        let is_refused = matches!(asking.result(), Err(CreationError::Duplicate { .. }));
        assert_eq!(is_refused, is_covered, "{open:?} in another: {is_other_transaction}, {new:?}");
    }
}

#[test]
fn only_what_a_request_is_bound_to_ends_it() {
    let next_query = Session { query_start: Some(ASKED_AT), ..session(4711) };
    let next_transaction = Session { xact_start: Some(ASKED_AT), ..next_query.clone() };
    let outside = Session { xact_start: None, state: SessionState::Idle, ..next_query.clone() };
    let hidden =
        Session { xact_start: None, query_start: None, state: SessionState::Disabled, ..session(4711) };
    for (bound_to, now, holds) in [
        (Binding::Transaction, &next_query, Some(true)),
        (Binding::Transaction, &next_transaction, Some(false)),
        (Binding::Transaction, &outside, Some(false)),
        (Binding::Transaction, &hidden, None),
        (Binding::Session, &outside, Some(true)),
        (Binding::Session, &hidden, Some(true)),
        (Binding::Query, &next_query, Some(false)),
    ] {
        let mut details = asked(1);
        details.backends[0].bound_to = bound_to;
        let snapshot = snapshot(vec![now.clone()]);
        let status = match status(&details, &details.backends[0], &snapshot) {
            BindingStatus::Holds(_) => Some(true),
            BindingStatus::Lapsed(_) => Some(false),
            BindingStatus::Hidden(_) => None,
            BindingStatus::NotLookedUp => panic!("it was looked up"),
        };
        assert_eq!(status, holds, "{bound_to:?}, {now:?}");
    }
}

#[test]
fn only_a_restart_of_the_same_system_is_an_end_and_another_server_says_nothing() {
    let details = asked(1);
    let backend = &details.backends[0];
    let recorded = details.server;
    let (later, earlier) = (
        details.seen_at.plus(Duration::from_micros(1)),
        recorded.postmaster_start.minus(Duration::from_micros(1)),
    );
    let of = |system_identifier, postmaster_start| ServerIdentity { system_identifier, postmaster_start };
    let same = recorded.system_identifier;
    for (server, is_standby, holds) in [
        (recorded, false, Some(true)),
        (of(0, recorded.postmaster_start), false, Some(true)),
        (of(same, later), false, Some(false)),
        // A standby that was promoted has been up since before the session was seen on its primary.
        (of(same, recorded.postmaster_start.plus(Duration::from_micros(1))), false, None),
        // A standby has the identifier of its primary.
        (of(same, later), true, None),
        (of(same, earlier), false, None),
        (of(same + 1, later), false, None),
        (of(same + 1, recorded.postmaster_start), false, None),
        (of(0, later), false, None),
    ] {
        // It has no session with that pid.
        let snapshot = Snapshot { server, is_standby, ..snapshot(Vec::new()) };
        let with_session = Snapshot { sessions: vec![backend.session.clone()], ..snapshot.clone() };
        let seen = match (status(&details, backend, &with_session), status(&details, backend, &snapshot)) {
            (BindingStatus::Holds(_), BindingStatus::Lapsed(_)) => Some(true),
            (BindingStatus::Lapsed(_), BindingStatus::Lapsed(_)) => Some(false),
            (BindingStatus::Hidden(cause), BindingStatus::Hidden(_)) if *cause == ANOTHER_SERVER => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(seen, holds, "{server:?}, standby: {is_standby}");
    }
}

#[test]
fn what_a_card_says_of_a_session_is_material_and_its_age_is_not() {
    let before = session(4711);
    let wait = |event: &str| Some(WaitEvent { kind: "IPC".to_owned(), event: event.to_owned() });
    for (now, expected) in [
        (Session { state_change: Some(ASKED_AT), ..before.clone() }, false),
        (Session { wait: wait("BgWorkerStartup"), ..before.clone() }, false),
        (Session { wait: wait("SyncRep"), ..before.clone() }, true),
        (Session { has_xid: !before.has_xid, ..before.clone() }, true),
        (Session { application: "another client".to_owned(), ..before.clone() }, true),
        (Session { blocked_by: vec![4712], ..before.clone() }, true),
    ] {
        assert_eq!(is_material(&before, &now), expected, "{now:?}");
    }
}

#[test]
fn a_session_that_was_not_looked_up_has_not_ended() {
    let details = asked(1);
    let elsewhere = Snapshot { looked_up: Some([pid(1)].into()), ..snapshot(Vec::new()) };
    assert_eq!(status(&details, &details.backends[0], &elsewhere), BindingStatus::NotLookedUp);
    let there = Snapshot { looked_up: Some([details.backends[0].identity.pid].into()), ..elsewhere };
    let status = status(&details, &details.backends[0], &there);
    assert!(matches!(status, BindingStatus::Lapsed(_)), "{status:?}");
}
