//! Sentences about one session, shared by its card and its details.

use std::time::Duration;

use super::format::{
    SESSION_NAME_LENGTH, TimestampStyle, age, count, join_capped, short_name, timestamp, verbatim,
};
use super::lock_text::{lock_text, prepared_text};
use crate::domain::session::{CancelObstacle, Session, SessionState};
use crate::domain::timestamp::Timestamp;

/// Names in PostgreSQL have at most 63 bytes.
const NAME_LENGTH: usize = 80;
/// Further prepared transactions are not described.
const MAX_PREPARED: usize = 2;
pub(super) const ON_STANDBY: &str = "It is on a standby, not on the primary.";

/// Why a cancel may have no effect.
pub(super) fn obstacle_warning(obstacle: CancelObstacle) -> &'static str {
    match obstacle {
        CancelObstacle::Idle => "There is no query to cancel: the session is idle. A terminate ends it.",
        CancelObstacle::IdleInTransaction => {
            "There is no query to cancel. The session is idle in a transaction, which a terminate ends."
        }
        CancelObstacle::CopyData => {
            "It reads COPY data from its client, and may not notice a cancel before more comes. A terminate works at once."
        }
        CancelObstacle::ClientWrite => {
            "It waits for its client to read, and may not notice a cancel before that. A terminate works at once."
        }
    }
}

/// Its state and transaction, with their ages at `now`.
pub(super) fn state_with_ages(session: &Session, now: Timestamp) -> String {
    state_text(session, |since| format!("for {}", age(now.duration_since(since))))
}

/// Its state and transaction, with Discord timestamps, which stay correct as long as the state lasts. `own_time` converts
/// times of the server's clock.
pub(super) fn state_with_timestamps(session: &Session, own_time: impl Fn(Timestamp) -> Timestamp) -> String {
    state_text(session, |since| {
        let since = own_time(since);
        let (clock, ago) =
            (timestamp(since, TimestampStyle::Clock), timestamp(since, TimestampStyle::Relative));
        format!("since {clock} ({ago})")
    })
}

/// PostgreSQL's name for a state, or a clearer one.
pub(super) fn state_words(state: SessionState) -> &'static str {
    match state {
        SessionState::Disabled => "activity not tracked",
        state => state.name(),
    }
}

/// The transaction is omitted if it looks as old as the state.
fn state_text(session: &Session, format_time: impl Fn(Timestamp) -> String) -> String {
    let running = session.state.is_running().then_some(session.query_start).flatten();
    let since = running.or(session.state_change);
    let differs_from_state = |xact_start: &Timestamp| {
        since.is_none_or(|since| {
            let difference = since.duration_since(*xact_start).max(xact_start.duration_since(since));
            difference >= Duration::from_secs(1) && format_time(since) != format_time(*xact_start)
        })
    };
    let state = format!("**{}**", state_words(session.state));
    let state = since.map_or(state.clone(), |since| format!("{state} {}", format_time(since)));
    match session.xact_start.filter(differs_from_state) {
        Some(xact_start) => format!("{state} · transaction open {}", format_time(xact_start)),
        None => state,
    }
}

/// What it waits for, if that is of interest, and how long, as `format_since` says it.
pub(super) fn wait_text(session: &Session, format_since: impl Fn(Timestamp) -> String) -> Option<String> {
    let wait = session.wait.as_ref()?;
    if wait.is_sleep() {
        // Its query says so.
        return None;
    }
    let waits = if let Some(lock) = &session.lock_wait {
        let at_least = if lock.is_since_first_seen { " at least" } else { "" };
        format!("Waits for {}{at_least} {}", lock_text(lock), format_since(lock.since))
    } else {
        let event = verbatim(&wait.event, NAME_LENGTH);
        format!("Waits for {}: {event}", verbatim(&wait.kind, NAME_LENGTH))
    };
    if session.is_blocked() {
        return Some(format!("{waits}, held by {}", blockers_text(session)));
    }
    let meaning = wait.meaning().filter(|_| session.lock_wait.is_none());
    let meaning = meaning.map_or(String::new(), |meaning| format!(": {meaning}"));
    // A session without a query always waits for its client.
    session.state.is_running().then(|| format!("{waits}{meaning}"))
}

/// The prepared transactions that hold the lock it waits for, and how to end each; `format_time` says when it was prepared.
pub(super) fn prepared_lines(session: &Session, format_time: impl Fn(Timestamp) -> String) -> Vec<String> {
    let prepared = session.lock_wait.iter().flat_map(|wait| &wait.prepared).take(MAX_PREPARED);
    let line = |found| {
        format!("The prepared transaction is {}.", prepared_text(found, &format_time(found.prepared_at)))
    };
    prepared.map(line).collect()
}

/// The sessions that hold the lock it waits for. `None` if it does not wait for a lock.
pub(super) fn lock_holders(session: &Session) -> Option<String> {
    if session.is_blocked() {
        return Some(blockers_text(session));
    }
    session.waits_for_lock().then(|| "a lock".to_owned())
}

/// `4712, 4713 and a prepared transaction`. PostgreSQL reports prepared transactions as 0.
fn blockers_text(session: &Session) -> String {
    let pids = session.blocked_by.iter().filter(|pid| **pid != 0);
    let pids = join_capped(pids.map(ToString::to_string));
    match (session.blocked_by.contains(&0), pids.is_empty()) {
        (false, _) => pids,
        (true, true) => "a prepared transaction".to_owned(),
        (true, false) => format!("{pids} and a prepared transaction"),
    }
}

/// `**Blocks 7 sessions**`. Those behind a session that waits itself are not released by its end.
pub(super) fn waiters_heading(session: &Session, waiters: usize) -> String {
    match (lock_holders(session), waiters) {
        (None, _) => format!("**Blocks {}**", count(waiters, "session")),
        (Some(_), 1) => "**1 session waits behind it**".to_owned(),
        (Some(_), _) => format!("**{waiters} sessions wait behind it**"),
    }
}

/// A client on the server's own machine: its address says nothing about it.
pub(super) fn is_this_machine(client: &str) -> bool {
    client == "local" || client.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// User, database, application and client, each with its label.
pub(super) fn origin_text(session: &Session) -> String {
    let user = part("user", session.user.as_deref());
    let application = part("application", Some(&session.application));
    join_parts([user, part("database", session.database.as_deref()), application, client(session)])
}

/// The same, without the names that a title already shows unchanged.
pub(super) fn origin_besides_title(session: &Session) -> String {
    let is_unclear = |name: &&str| {
        // A title shows these as other quotes.
        name.contains(['“', '”']) || short_name(name, SESSION_NAME_LENGTH) != verbatim(name, NAME_LENGTH)
    };
    let user = part("user", session.user.as_deref().filter(is_unclear));
    let application = part("application", Some(session.application.as_str()).filter(is_unclear));
    join_parts([user, part("database", session.database.as_deref()), application, client(session)])
}

fn part(label: &str, text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(|text| format!("{label} {}", verbatim(text, NAME_LENGTH)))
}

fn client(session: &Session) -> Option<String> {
    part("client", session.client.as_deref().filter(|client| !is_this_machine(client)))
}

fn join_parts(parts: [Option<String>; 4]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}
