//! What there is to say of one session, wherever it is told at length.

use crate::domain::moment::Moment;
use crate::domain::session::{Futility, Session, State};

use super::words::{Style, age, blocker, listed, name, time};

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
    let transaction = session.transaction_age(now).filter(|open| Some(*open) != since);
    doing(
        session.state,
        since.map(|span| format!("for {}", age(span))),
        transaction.map(|span| format!("for {}", age(span))),
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
    let transaction = session.xact_start.filter(|open| Some(*open) != since);
    let told = |moment| format!("since {}", time(moment, Style::Clock));
    doing(session.state, since.map(told), transaction.map(told))
}

fn doing(state: State, since: Option<String>, transaction: Option<String>) -> String {
    let state = format!("**{}**", capitalised(state.name()));
    let state = since.map_or(state.clone(), |since| format!("{state} {since}"));
    match transaction {
        Some(open) => format!("{state} · transaction open {open}"),
        None => state,
    }
}

/// What it waits for, if that is worth telling.
pub(super) fn waiting(session: &Session) -> Option<String> {
    let wait = session.wait.as_ref()?;
    let waits = format!("Waits for {}: {}", name(&wait.kind), name(&wait.event));
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
            .map(|text| format!("{label} {}", name(text)))
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

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| {
        format!("{}{}", first.to_uppercase(), letters.as_str())
    })
}
