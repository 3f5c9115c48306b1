//! What the card says about the session.

use crate::discord::messages::format::count;
use crate::discord::messages::session_facts::{
    lock_holders, obstacle_warning, origin_text, state_with_ages, state_with_timestamps, wait_text,
};
use crate::discord::sanitize;
use crate::domain::event::Action;
use crate::domain::identity::Pid;
use crate::domain::session_diff::SessionChange;
use crate::workflow::ports::CardContent;

const QUERY_LENGTH: usize = 1_200;
const FORMER_QUERY_LENGTH: usize = 300;
/// Further waiters are counted, not named.
const MAX_WAITERS: usize = 10;

/// The session: its state, what it waits for, which sessions it blocks, user and client, and its query.
pub(super) fn description(card: &CardContent) -> String {
    let index = 0;
    let details = &card.request.details;
    let backend = &details.backends[index];
    let shown = card.sessions.get(index);
    let mut lines = Vec::new();
    if let Some(worker) = backend.worker {
        lines.push(format!(
            "{worker} is a parallel worker of {}. This request is about the leader.",
            backend.identity.pid
        ));
    }
    let (session, waiters) = card.latest(index);
    if let Some(obstacle) = session.cancel_obstacle().filter(|_| details.action == Action::Cancel) {
        lines.push(format!("⚠️ {}", obstacle_warning(obstacle)));
    }
    if let Some(holders) = lock_holders(session).filter(|_| waiters > 0) {
        lines.push(format!(
            "⚠️ This session itself waits for {holders}. Ending it may release no one. \
             /sessions view:blocking shows the root blocker."
        ));
    }
    let is_as_recorded = shown.is_none_or(|shown| shown.latest.is_none());
    lines.push(if is_as_recorded && !card.request.is_open() {
        state_with_ages(session, details.seen_at)
    } else {
        // The card of an open request is not edited at regular intervals, so an age would soon be wrong.
        state_with_timestamps(session)
    });
    if let Some(wait) = wait_text(session) {
        lines.push(wait);
    }
    if waiters > 0 {
        let waiting_pids = shown.map(|shown| shown.waiting_pids.as_slice());
        lines.push(blocked_sessions_text(waiters as usize, waiting_pids.unwrap_or_default()));
    }
    lines.push(origin_text(session));
    let mut text = lines.join("\n");
    if let Some(query) = &session.query {
        text.push('\n');
        text.push_str(sanitize::block(query, QUERY_LENGTH).as_str());
    }
    text
}

/// The number of waiters that the end of the sessions would release. Those of a session that waits itself do not count,
/// because their release is not certain.
pub(super) fn released_waiters(card: &CardContent) -> u32 {
    let observations = (0..card.request.details.backends.len()).map(|index| card.latest(index));
    observations
        .filter(|(session, _)| lock_holders(session).is_none())
        .fold(0, |sum, (_, waiters)| sum.saturating_add(waiters))
}

fn blocked_sessions_text(waiters: usize, waiting_pids: &[Pid]) -> String {
    let blocks = format!("**Blocks {}**", count(waiters, "session"));
    let named: Vec<_> = waiting_pids.iter().take(MAX_WAITERS).map(Pid::to_string).collect();
    match waiters.saturating_sub(named.len()) {
        _ if named.is_empty() => blocks,
        0 => format!("{blocks}: {}", named.join(", ")),
        more => format!("{blocks}: {} and {more} more", named.join(", ")),
    }
}

/// What was different before the last material change.
pub(super) fn changes_text(card: &CardContent) -> Option<String> {
    let changes = card.sessions.iter().flat_map(|session| &session.changes);
    let lines: Vec<_> = changes
        .map(|change| match change {
            SessionChange::Query { before: Some(query) } => {
                format!("Its query was {}", sanitize::code(query, FORMER_QUERY_LENGTH))
            }
            SessionChange::Query { before: None } => "It runs another query".to_owned(),
            SessionChange::State { before } => format!("Its state was {before}"),
            SessionChange::Waiters { before: 0 } => "It blocked no sessions".to_owned(),
            SessionChange::Waiters { before } => format!("It blocked {}", count(*before as usize, "session")),
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What happens if the request is approved.
pub(super) fn consequences_text(card: &CardContent) -> String {
    let action = card.request.details.action;
    let is_single = card.request.details.backends.len() == 1;
    let (session, waiters) = card.latest(0);
    let text = match action {
        Action::Cancel if !is_single => "The queries end. The sessions stay connected.",
        Action::Terminate if !is_single => {
            "The sessions are disconnected. Their open transactions are rolled back."
        }
        Action::Cancel if !session.state.is_running() => "Nothing is signalled while no query runs.",
        Action::Cancel => "The query ends. The session stays connected.",
        Action::Terminate if session.xact_start.is_some() => {
            "The session is disconnected. Its open transaction is rolled back."
        }
        Action::Terminate => "The session is disconnected.",
    };
    if !is_single {
        return text.to_owned();
    }
    // A cancelled query's transaction keeps its locks until the client rolls it back.
    match (action, waiters, lock_holders(session)) {
        (Action::Terminate, 1.., Some(holders)) => {
            format!("{text} The sessions behind it may keep waiting for {holders}.")
        }
        (Action::Terminate, 1.., None) => {
            format!("{text} Releases {}.", count(released_waiters(card) as usize, "waiter"))
        }
        _ => text.to_owned(),
    }
}
