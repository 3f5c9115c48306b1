//! The first line of a card's plain text, which is all that a notification shows: who asks to end whose session, on what,
//! since when, how many wait and the longest, and why. An approver may decide from it alone, on a phone at night. It names the
//! session as requested, and states what has changed since.

use std::time::Duration;

use super::format::{age, count, mention_user, name, quoted_name, session_name};
use super::lock_text::{locked_thing, waited_text};
use super::session_facts::{lock_holders, state_words};
use crate::discord::sanitize;
use crate::domain::event::Action;
use crate::domain::session::Session;
use crate::domain::timestamp::Timestamp;
use crate::workflow::ports::CardContent;

const REASON_LENGTH: usize = 200;
/// A transaction that is older than its session's state by more than this is told too.
const LONGER_TRANSACTION: Duration = Duration::from_secs(5);

/// The line about the session at `index` of the card.
pub(super) fn notification_line(card: &CardContent, index: usize) -> String {
    let details = &card.request.details;
    let asked = &details.backends[index].session;
    let (session, waiters) = card.latest(index);
    let asks = match details.action {
        Action::Cancel => "asks to cancel the query of",
        Action::Terminate => "asks to terminate",
    };
    let database = asked
        .database
        .as_deref()
        .map_or(String::new(), |database| format!(", database {}", quoted_name(database)));
    let line = format!(
        "{} {asks} {}{database} on {}: {}{}, {}",
        mention_user(details.requester),
        session_name(asked),
        target_text(card),
        change_text(asked, session),
        state_text(session, card.seen_at(index)),
        waiters_clause(card, index, waiters),
    );
    match &details.reason {
        Some(reason) => format!("{line}. Why: {}", sanitize::line(reason, REASON_LENGTH)),
        None => line,
    }
}

/// The target's name, and whether it is a standby.
pub(super) fn target_text(card: &CardContent) -> String {
    let standby = if is_on_standby(card) { " (standby)" } else { "" };
    format!("{}{standby}", name(&card.request.details.target))
}

/// Whether the target was a standby when it was last seen; `false` until it is seen.
pub(super) fn is_on_standby(card: &CardContent) -> bool {
    card.sessions.iter().any(|shown| shown.is_on_standby)
}

/// `application now billing, was idle in transaction, now `: what is followed by its state. Empty where nothing changed.
fn change_text(asked: &Session, session: &Session) -> String {
    let application = (asked.application != session.application).then(|| {
        if session.application.is_empty() {
            "now without an application name, ".to_owned()
        } else {
            format!("application now {}, ", quoted_name(&session.application))
        }
    });
    let state = (asked.state != session.state).then(|| format!("was {}, now ", state_words(asked.state)));
    application.into_iter().chain(state).collect()
}

/// `active for 6 m, waits 4 m for orders`, and how long its transaction has been open, where that is longer.
fn state_text(session: &Session, now: Timestamp) -> String {
    let since = session.query_age(now).or_else(|| session.state_age(now));
    let transaction = session
        .transaction_age(now)
        .filter(|open| since.is_some_and(|since| open.saturating_sub(since) > LONGER_TRANSACTION));
    let transaction =
        transaction.map_or(String::new(), |open| format!(", in a transaction open for {}", age(open)));
    let since = since.map_or(String::new(), |since| format!(" for {}", age(since)));
    let waits = session.lock_wait.as_ref().map_or(String::new(), |wait| {
        format!(", waits{} for {}", waited_text(session, now), locked_thing(wait))
    });
    format!("{}{since}{transaction}{waits}", state_words(session.state))
}

/// `blocks 7 sessions, the longest for 4 m 12 s on orders`: not all of them need to wait for that.
fn waiters_clause(card: &CardContent, index: usize, waiters: u32) -> String {
    if waiters == 0 {
        return "blocks nobody".to_owned();
    }
    let (session, _) = card.latest(index);
    let queue = card.sessions.get(index).map(|shown| &shown.queue);
    let lock = queue.and_then(|queue| queue.lock.as_ref());
    let on = lock.map_or(String::new(), |wait| format!(" on {}", locked_thing(wait)));
    let longest = queue.and_then(|queue| queue.longest_since).map_or(String::new(), |since| {
        format!(", the longest for {}", age(card.seen_at(index).duration_since(since)))
    });
    // Those behind a session that waits itself are not released by its end.
    let blocks = if lock_holders(session).is_some() { "others wait behind it:" } else { "blocks" };
    format!("{blocks} {}{longest}{on}", count(waiters as usize, "session"))
}
