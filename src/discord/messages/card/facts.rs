//! What the card says about the session.

use crate::discord::messages::consequences::{Situation, consequences, consequences_of_several};
use crate::discord::messages::format::{
    TimestampStyle, count, owner_text, session_name, timestamp, verbatim,
};
use crate::discord::messages::lock_text::lock_text;
use crate::discord::messages::session_facts::{
    ON_STANDBY, origin_besides_title, origin_text, prepared_lines, state_with_ages, state_with_timestamps,
    wait_text, waiters_heading,
};
use crate::discord::messages::waiters_text::groups_text;
use crate::discord::sanitize;
use crate::domain::identity::Pid;
use crate::domain::session_diff::SessionChange;
use crate::workflow::ports::CardContent;

const QUERY_LENGTH: usize = 1_200;
const NAME_LENGTH: usize = 80;
const FORMER_QUERY_LENGTH: usize = 300;
/// Further waiters are counted, not named.
const MAX_WAITERS: usize = 10;

/// The session: its state, what it waits for, which sessions it blocks, user and client, and its query.
pub(super) fn description(card: &CardContent) -> String {
    let details = &card.request.details;
    let backend = &details.backends[0];
    let shown = card.sessions.first();
    let mut lines = Vec::new();
    if let Some(worker) = backend.worker {
        lines.push(format!(
            "{worker} is a parallel worker of {}. This request is about the leader.",
            backend.identity.pid
        ));
    }
    if shown.is_some_and(|shown| shown.is_on_standby) {
        lines.push(ON_STANDBY.to_owned());
    }
    let (session, waiters) = card.latest(0);
    let is_as_recorded = shown.is_none_or(|shown| shown.latest.is_none());
    lines.push(if is_as_recorded && !card.request.is_open() {
        state_with_ages(session, card.seen_at(0))
    } else {
        // The card of an open request is not edited at regular intervals, so an age would soon be wrong.
        state_with_timestamps(session, |time| card.own_time(0, time))
    });
    lines.extend(wait_text(session, |since| {
        format!("since {}", timestamp(card.own_time(0, since), TimestampStyle::Clock))
    }));
    lines.extend(prepared_lines(session, |at| timestamp(card.own_time(0, at), TimestampStyle::Relative)));
    if waiters > 0 {
        lines.push(blocked_sessions_text(card, waiters as usize));
    }
    // The title names the session as it was asked about.
    let is_titled = session_name(session) == session_name(&backend.session);
    lines.push(if is_titled { origin_besides_title(session) } else { origin_text(session) });
    lines.extend(card.owner.as_ref().map(|owner| format!("Owner: {}", owner_text(owner))));
    lines.retain(|line| !line.is_empty());
    let mut text = lines.join("\n");
    if let Some(query) = &session.query {
        text.push('\n');
        text.push_str(sanitize::block(query, QUERY_LENGTH).as_str());
    }
    text
}

/// `**Blocks 7 sessions** on orders (relation, AccessExclusiveLock), the first 4 minutes ago: 6 × web-checkout, 1 × deploy (4712, 4713, …)`.
fn blocked_sessions_text(card: &CardContent, waiters: usize) -> String {
    let mut text = waiters_heading(card.latest(0).0, waiters);
    let Some(shown) = card.sessions.first() else { return text };
    if let Some(lock) = &shown.queue.lock {
        text = format!("{text} on {}", lock_text(lock));
    }
    if let Some(since) = shown.queue.longest_since.filter(|_| card.request.is_open()) {
        let since = card.own_time(0, since);
        text = format!("{text}, the first {}", timestamp(since, TimestampStyle::Relative));
    }
    let pids: Vec<_> = shown.waiting_pids.iter().take(MAX_WAITERS).map(Pid::to_string).collect();
    let pids = match waiters.saturating_sub(pids.len()) {
        _ if pids.is_empty() => return text,
        0 => pids.join(", "),
        more => format!("{} and {more} more", pids.join(", ")),
    };
    match groups_text(&shown.queue) {
        groups if groups.is_empty() => format!("{text}: {pids}"),
        groups => format!("{text}: {groups} ({pids})"),
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
            SessionChange::Application { before } => {
                format!("Its application was {}", verbatim(before, NAME_LENGTH))
            }
            SessionChange::Waiters { before: 0 } => "It blocked no sessions".to_owned(),
            SessionChange::Waiters { before } => format!("It blocked {}", count(*before as usize, "session")),
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What happens if the request is approved.
pub(super) fn consequences_text(card: &CardContent) -> String {
    let details = &card.request.details;
    let situation = |index| Situation::of(card, index, false);
    if details.backends.len() == 1 {
        return consequences(situation(0));
    }
    let remaining: Vec<_> = card.remaining().map(situation).collect();
    consequences_of_several(details.action, &remaining)
}
