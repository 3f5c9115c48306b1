//! What the card says of the session.

use crate::discord::messages::format::count;
use crate::discord::messages::session_facts::{
    holders, obstacle_warning, origin_text, state_with_ages, state_with_timestamps, wait_text,
};
use crate::discord::sanitize;
use crate::domain::event::Action;
use crate::domain::identity::Pid;
use crate::domain::session::Session;
use crate::domain::session_diff::SessionChange;
use crate::workflow::ports::CardContent;

const QUERY: usize = 1_200;
const FORMER_QUERY: usize = 300;
/// More waiters than this are counted, not named.
const NAMED: usize = 10;

/// The session: what it does, what it waits for, whom it blocks, whose it is, and its query.
pub(super) fn description(card: &CardContent) -> String {
    let asked = &card.request.details;
    let mut lines = Vec::new();
    if let Some(worker) = asked.worker {
        lines.push(format!(
            "{worker} is a parallel worker of {}: this is about its leader.",
            asked.identity.pid
        ));
    }
    let (session, waiters) = latest_observation(card);
    if let Some(futility) = session
        .cancel_obstacle()
        .filter(|_| asked.action == Action::Cancel)
    {
        lines.push(format!("⚠️ {}", obstacle_warning(futility)));
    }
    if let Some(holders) = holders(session).filter(|_| waiters > 0) {
        lines.push(format!(
            "⚠️ It waits itself, for {holders}: ending it may release nobody. \
             /sessions view:blocking shows what holds up the queue."
        ));
    }
    lines.push(match card.latest {
        // An open card is drawn again at no set time, so that an age would be wrong as soon as it is read.
        None if !card.request.is_open() => state_with_ages(session, asked.seen_at.unwrap_or(asked.asked_at)),
        _ => state_with_timestamps(session),
    });
    if let Some(waiting) = wait_text(session) {
        lines.push(waiting);
    }
    if waiters > 0 {
        lines.push(blocks(waiters as usize, &card.waiting_pids));
    }
    lines.push(origin_text(session));
    let mut text = lines.join("\n");
    if let Some(query) = &session.query {
        text.push('\n');
        text.push_str(sanitize::block(query, QUERY).as_str());
    }
    text
}

/// The session as it is known at present, and how many wait behind it.
fn latest_observation(card: &CardContent) -> (&Session, u32) {
    match &card.latest {
        Some(sight) => (&sight.session, sight.waiters),
        None => (&card.request.details.session, card.request.details.waiters),
    }
}

/// How many its end would release: nobody for certain while it waits for somebody itself.
pub(super) fn releases(card: &CardContent) -> u32 {
    let (session, waiters) = latest_observation(card);
    match holders(session) {
        Some(_) => 0,
        None => waiters,
    }
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
    let lines: Vec<_> = card
        .changes
        .iter()
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

/// What an approval would bring about.
pub(super) fn consequences(card: &CardContent) -> String {
    let asked = &card.request.details;
    let (session, waiters) = latest_observation(card);
    let text = match asked.action {
        Action::Cancel if !session.state.is_running() => "Nothing is signalled while no query runs.",
        Action::Cancel => "Its query ends, the session stays connected.",
        Action::Terminate if session.xact_start.is_some() => {
            "It is disconnected, and its open transaction is rolled back."
        }
        Action::Terminate => "It is disconnected.",
    };
    // What a cancelled query's transaction holds stays held until its client rolls it back.
    match (asked.action, waiters, holders(session)) {
        (Action::Terminate, 1.., Some(holders)) => {
            format!("{text} Those behind it may go on waiting for {holders}.")
        }
        (Action::Terminate, 1.., None) => {
            format!("{text} Releases {}.", count(waiters as usize, "waiter"))
        }
        _ => text.to_owned(),
    }
}
