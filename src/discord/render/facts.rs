//! What there is to say of one session, wherever it is told at length.

use crate::domain::moment::Moment;
use crate::domain::session::{Futility, Session, State};

use super::words::{Style, age, blocker, listed, time, verbatim};

/// PostgreSQL's names have at most 63 bytes.
const NAME: usize = 80;

/// Why a cancel will not do.
pub(super) fn warning(futility: Futility) -> &'static str {
    match futility {
        Futility::Idle => "There is no query to cancel: the session is idle. Ask for a /terminate instead.",
        Futility::IdleInTransaction => {
            "There is no query to cancel; the open transaction holds the locks. Ask for a /terminate instead."
        }
        Futility::ClientWrite => {
            "It waits for its client to read, and may notice a cancel only then. A /terminate works at once."
        }
    }
}

/// Its state and transaction, with ages as they are at `now`.
pub(super) fn doing_for(session: &Session, now: Moment) -> String {
    let since = session.query_age(now).or_else(|| session.state_age(now));
    let told = |span| format!("for {}", age(span));
    doing(
        session.state,
        since.map(told),
        session.transaction_age(now).map(told),
    )
}

/// The same with moments, which stay true for as long as the state lasts.
pub(super) fn doing_since(session: &Session) -> String {
    let running = session
        .state
        .is_running()
        .then_some(session.query_start)
        .flatten();
    let since = running.or(session.state_change);
    let told = |moment| format!("since {}", time(moment, Style::Clock));
    doing(session.state, since.map(told), session.xact_start.map(told))
}

/// A transaction as old as the state, as far as can be read, is not told of again.
fn doing(state: State, since: Option<String>, transaction: Option<String>) -> String {
    let transaction = transaction.filter(|open| since.as_ref() != Some(open));
    let state = format!("**{}**", state.name());
    let state = since.map_or(state.clone(), |since| format!("{state} {since}"));
    match transaction {
        Some(open) => format!("{state} · transaction open {open}"),
        None => state,
    }
}

/// What it waits for, if that is worth telling.
pub(super) fn waiting(session: &Session) -> Option<String> {
    let wait = session.wait.as_ref()?;
    let waits = format!(
        "Waits for {}: {}",
        verbatim(&wait.kind, NAME),
        verbatim(&wait.event, NAME)
    );
    if session.is_blocked() {
        let holders = listed(session.blocked_by.iter().map(|pid| blocker(*pid)));
        return Some(format!("{waits}, held by {holders}"));
    }
    // A session without a query always waits for its client, which is no news.
    session.state.is_running().then_some(waits)
}

/// User, database, application and client, each with its label.
pub(super) fn whose(session: &Session) -> String {
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
