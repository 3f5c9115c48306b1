//! What the card says of the session.

use crate::discord::messages::format::count;
use crate::discord::messages::session_facts::{
    holders, obstacle_warning, origin_text, state_with_ages, state_with_timestamps, wait_text,
};
use crate::discord::sanitize;
use crate::domain::event::Action;
use crate::domain::identity::Pid;
use crate::domain::session_diff::SessionChange;
use crate::workflow::ports::CardContent;

const QUERY: usize = 1_200;
const FORMER_QUERY: usize = 300;
/// More waiters than this are counted, not named.
const NAMED: usize = 10;

/// The sessions: what each does, what it waits for, whom it blocks, whose it is, and its query.
pub(super) fn description(card: &CardContent) -> String {
    let backends = &card.request.details.backends;
    if let [_] = backends[..] {
        return describe_session(card, 0);
    }
    let lines: Vec<_> = (0..backends.len())
        .map(|index| {
            let (session, waiters) = card.latest(index);
            let mut parts = vec![
                format!("**{}**", session.pid),
                state_with_ages(session, card.request.details.seen_at),
            ];
            if waiters > 0 {
                parts.push(format!("blocks {waiters}"));
            }
            parts.push(origin_text(session));
            parts.extend(card.sessions.get(index).and_then(|shown| shown.lapsed.clone()));
            parts.join(" · ")
        })
        .collect();
    lines.join("\n")
}

fn describe_session(card: &CardContent, index: usize) -> String {
    let details = &card.request.details;
    let backend = &details.backends[index];
    let shown = card.sessions.get(index);
    let mut lines = Vec::new();
    if let Some(worker) = backend.worker {
        lines.push(format!(
            "{worker} is a parallel worker of {}: this is about its leader.",
            backend.identity.pid
        ));
    }
    let (session, waiters) = card.latest(index);
    if let Some(obstacle) = session
        .cancel_obstacle()
        .filter(|_| details.action == Action::Cancel)
    {
        lines.push(format!("⚠️ {}", obstacle_warning(obstacle)));
    }
    if let Some(holders) = holders(session).filter(|_| waiters > 0) {
        lines.push(format!(
            "⚠️ It waits itself, for {holders}: ending it may release nobody. \
             /sessions view:blocking shows what holds up the queue."
        ));
    }
    let is_as_recorded = shown.is_none_or(|shown| shown.latest.is_none());
    lines.push(if is_as_recorded && !card.request.is_open() {
        state_with_ages(session, details.seen_at)
    } else {
        // An open card is edited at no set time, so an age would soon be wrong.
        state_with_timestamps(session)
    });
    if let Some(waiting) = wait_text(session) {
        lines.push(waiting);
    }
    if waiters > 0 {
        let waiting_pids = shown.map(|shown| shown.waiting_pids.as_slice());
        lines.push(blocks(waiters as usize, waiting_pids.unwrap_or_default()));
    }
    lines.push(origin_text(session));
    let mut text = lines.join("\n");
    if let Some(query) = &session.query {
        text.push('\n');
        text.push_str(sanitize::block(query, QUERY).as_str());
    }
    text
}

/// How many their ends release: nobody for certain where a session waits itself.
pub(super) fn releases(card: &CardContent) -> u32 {
    let observations = (0..card.request.details.backends.len()).map(|index| card.latest(index));
    observations
        .filter(|(session, _)| holders(session).is_none())
        .fold(0, |sum, (_, waiters)| sum.saturating_add(waiters))
}

/// How many it blocks, and the first of them.
fn blocks(waiters: usize, waiting: &[Pid]) -> String {
    let blocks = format!("**Blocks {}**", count(waiters, "session"));
    let named: Vec<_> = waiting.iter().take(NAMED).map(Pid::to_string).collect();
    match waiters.saturating_sub(named.len()) {
        _ if named.is_empty() => blocks,
        0 => format!("{blocks}: {}", named.join(", ")),
        more => format!("{blocks}: {} and {more} more", named.join(", ")),
    }
}

/// What was the case before the last change that could change somebody's mind.
pub(super) fn changed(card: &CardContent) -> Option<String> {
    let changes = card.sessions.iter().flat_map(|session| &session.changes);
    let lines: Vec<_> = changes
        .map(|change| match change {
            SessionChange::Query { before: Some(query) } => {
                format!("Its query was {}", sanitize::code(query, FORMER_QUERY))
            }
            SessionChange::Query { before: None } => "It runs another query".to_owned(),
            SessionChange::State { before } => format!("Its state was {before}"),
            SessionChange::Waiters { before: 0 } => "It blocked nobody".to_owned(),
            SessionChange::Waiters { before } => format!("It blocked {}", count(*before as usize, "session")),
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What an approval brings about.
pub(super) fn consequences(card: &CardContent) -> String {
    let details = &card.request.details;
    let (session, waiters) = card.latest(0);
    let text = match details.action {
        Action::Cancel if details.backends.len() > 1 => "Their queries end, the sessions stay connected.",
        Action::Cancel if !session.state.is_running() => "Nothing is signalled while no query runs.",
        Action::Cancel => "Its query ends, the session stays connected.",
        Action::Terminate if details.backends.len() > 1 => {
            "They are disconnected, and their open transactions are rolled back."
        }
        Action::Terminate if session.xact_start.is_some() => {
            "It is disconnected, and its open transaction is rolled back."
        }
        Action::Terminate => "It is disconnected.",
    };
    // A cancelled query's transaction holds its locks until its client rolls it back.
    match (details.action, waiters, holders(session)) {
        (Action::Terminate, 1.., Some(holders)) => {
            format!("{text} Those behind it may go on waiting for {holders}.")
        }
        (Action::Terminate, 1.., None) => {
            format!("{text} Releases {}.", count(releases(card) as usize, "waiter"))
        }
        _ => text.to_owned(),
    }
}
