//! What there is to say of one session, wherever it is told at length.

use std::time::Duration;

use super::format::{TimestampStyle, age, blocker, join_capped, timestamp, verbatim};
use crate::domain::session::{CancelObstacle, Session};
use crate::domain::timestamp::Timestamp;

/// PostgreSQL's names have at most 63 bytes.
const NAME: usize = 80;

/// Why a cancel will not do.
pub(super) fn obstacle_warning(futility: CancelObstacle) -> &'static str {
    match futility {
        CancelObstacle::Idle => {
            "There is no query to cancel: the session is idle. Ask for a /terminate instead."
        }
        CancelObstacle::IdleInTransaction => {
            "There is no query to cancel; the open transaction holds the locks. Ask for a /terminate instead."
        }
        CancelObstacle::ClientWrite => {
            "It waits for its client to read, and may notice a cancel only then. A /terminate works at once."
        }
    }
}

/// Its state and transaction, with ages as they are at `now`.
pub(super) fn state_with_ages(session: &Session, now: Timestamp) -> String {
    state_text(session, |since| format!("for {}", age(now.duration_since(since))))
}

/// The same with moments, which stay true for as long as the state lasts.
pub(super) fn state_with_timestamps(session: &Session) -> String {
    state_text(session, |since| {
        let (clock, ago) = (
            timestamp(since, TimestampStyle::Clock),
            timestamp(since, TimestampStyle::Relative),
        );
        format!("since {clock} ({ago})")
    })
}

/// A transaction as old as the state, as far as can be read, is not told of again.
fn state_text(session: &Session, told: impl Fn(Timestamp) -> String) -> String {
    let running = session
        .state
        .is_running()
        .then_some(session.query_start)
        .flatten();
    let since = running.or(session.state_change);
    let is_news = |open: &Timestamp| {
        since.is_none_or(|since| {
            let apart = since.duration_since(*open).max(open.duration_since(since));
            apart >= Duration::from_secs(1) && told(since) != told(*open)
        })
    };
    let state = format!("**{}**", session.state.name());
    let state = since.map_or(state.clone(), |since| format!("{state} {}", told(since)));
    match session.xact_start.filter(is_news) {
        Some(open) => format!("{state} · transaction open {}", told(open)),
        None => state,
    }
}

/// What it waits for, if that is worth telling.
pub(super) fn wait_text(session: &Session) -> Option<String> {
    let wait = session.wait.as_ref()?;
    if wait.is_sleep() {
        return Some("Sleeps (PgSleep)".to_owned());
    }
    let waits = format!(
        "Waits for {}: {}",
        verbatim(&wait.kind, NAME),
        verbatim(&wait.event, NAME)
    );
    if session.is_blocked() {
        return Some(format!("{waits}, held by {}", blockers(session)));
    }
    // A session without a query always waits for its client, which is no news.
    session.state.is_running().then_some(waits)
}

/// Who holds what it waits for; `None` for one that waits for no lock.
pub(super) fn holders(session: &Session) -> Option<String> {
    if session.is_blocked() {
        return Some(blockers(session));
    }
    // Of a long queue not every waiter's blockers are asked for.
    let waits = session.wait.as_ref().is_some_and(|wait| wait.kind == "Lock");
    waits.then(|| "a lock".to_owned())
}

fn blockers(session: &Session) -> String {
    join_capped(session.blocked_by.iter().map(|pid| blocker(*pid)))
}

/// User, database, application and client, each with its label.
pub(super) fn origin_text(session: &Session) -> String {
    let part = |label: &str, text: Option<&str>| {
        text.filter(|text| !text.is_empty())
            .map(|text| format!("{label} {}", verbatim(text, NAME)))
    };
    [
        part("user", session.user.as_deref()),
        part("database", session.database.as_deref()),
        part("application", Some(&session.application)),
        part("client", session.client.as_deref()),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(" · ")
}
