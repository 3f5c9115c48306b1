//! One session as two or three short lines.

use std::time::Duration;

use super::SessionRow;
use crate::discord::messages::format::{age, blocker, count, short_name, verbatim};
use crate::discord::messages::lock_text::{lock_text, progress_text, waited_text};
use crate::discord::sanitize;
use crate::domain::protection::ProtectionRule;
use crate::domain::protection_advice::advice;
use crate::domain::session::{BackendType, Session};
use crate::domain::timestamp::Timestamp;

const NAME_LENGTH: usize = 40;
const QUERY_LENGTH: usize = 72;
/// An upper bound of the length of a session's text, in UTF-16 units: three names and a query of the lengths above, two
/// names of what it waits for and what that means, and numbers.
const MAX_LENGTH: usize = 680;
/// Of how far it is, and what to do instead of ending a process of the server.
const ADVICE_LENGTH: usize = 700;
/// Further blockers are counted, not named.
const MAX_BLOCKERS: usize = 3;

pub(super) fn row_text(row: &SessionRow<'_>, now: Timestamp, is_locked: bool) -> String {
    let mut first = heading(row.session, now, is_locked);
    if let Some(blocks) = blocks_text(row) {
        first = format!("{first} · {blocks}");
    }
    if row.workers > 0 {
        first = format!("{first} · {}", count(row.workers, "parallel worker"));
    }
    let mut lines = vec![first, origin_line(row.session)];
    lines.extend(query_line(row.session));
    lines.extend(advice_lines(row.session, row.waiters));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// An upper bound of the length of the session's text, in UTF-16 units.
pub(super) fn max_length(session: &Session) -> usize {
    let has_advice = session.progress.is_some() || session.backend_type != BackendType::Client;
    MAX_LENGTH + if has_advice { ADVICE_LENGTH } else { 0 }
}

/// How far it is, and what to do about a process of the server that others wait for, or that runs a base backup.
pub(super) fn advice_lines(session: &Session, waiters: usize) -> Vec<String> {
    let rule = match &session.backend_type {
        BackendType::Other(kind) if waiters > 0 => Some(ProtectionRule::NotAClient { kind: kind.clone() }),
        BackendType::WalSender if session.progress.is_some() => Some(ProtectionRule::Replication),
        _ => None,
    };
    let progress = session.progress.as_ref().map(progress_text);
    progress.into_iter().chain(rule.map(|rule| advice(&rule).to_owned())).collect()
}

/// `**4711** idle in transaction 14 m 3 s`; a lock after the pid says that it cannot be signalled.
pub(super) fn heading(session: &Session, now: Timestamp, is_locked: bool) -> String {
    let lock = if is_locked { "🔒 " } else { "" };
    format!("**{}** {lock}{}", session.pid, activity_text(session, now))
}

/// What it does, for how long, and what it waits for.
fn activity_text(session: &Session, now: Timestamp) -> String {
    let since = session.query_age(now).or_else(|| session.state_age(now));
    let duration = since.map_or(String::new(), |since| format!(" {}", age(since)));
    if session.is_blocked() {
        return format!("{} · behind {}", waiting_text(session, now), blockers_text(session));
    }
    let mut text = format!("{}{duration}", state_text(session));
    // That it sleeps is in its query.
    if let Some(wait) = session.wait.as_ref().filter(|wait| session.state.is_running() && !wait.is_sleep()) {
        // A disk that answers and a process that works are waited for all the time.
        let meaning = wait.meaning().filter(|_| wait.kind == "Client");
        let meaning = meaning.map_or(String::new(), |meaning| format!(" ({meaning})"));
        text = format!("{text} · {}{meaning}", sanitize::line(&wait.to_string(), NAME_LENGTH));
    }
    match session.transaction_age(now).filter(|transaction| is_much_longer(*transaction, since)) {
        Some(transaction) => format!("{text} · transaction {}", age(transaction)),
        None => text,
    }
}

/// `waits 4 m 12 s for orders (relation, AccessExclusiveLock)`.
pub(super) fn waiting_text(session: &Session, now: Timestamp) -> String {
    let lock = match (&session.lock_wait, &session.wait) {
        (Some(wait), _) => format!(" for {}", lock_text(wait)),
        (None, Some(wait)) => format!(" for {}", sanitize::line(&wait.to_string(), NAME_LENGTH)),
        (None, None) => String::new(),
    };
    format!("waits{}{lock}", waited_text(session, now))
}

/// User, database and application.
pub(super) fn origin_line(session: &Session) -> String {
    let application = Some(session.application.as_str());
    join_names([session.user.as_deref(), session.database.as_deref(), application])
}

/// User and application. A session that waits for a lock is usually in the same database as its blocker.
pub(super) fn short_origin(session: &Session) -> String {
    join_names([session.user.as_deref(), Some(&session.application)])
}

fn join_names<'a>(names: impl IntoIterator<Item = Option<&'a str>>) -> String {
    names
        .into_iter()
        .flatten()
        .filter(|name| !name.is_empty())
        .map(|name| verbatim(name, NAME_LENGTH))
        .collect::<Vec<_>>()
        .join(" · ")
}

/// Its query as code, if it may be shown.
pub(super) fn query_line(session: &Session) -> Option<String> {
    let query = session.query.as_deref().filter(|query| !query.trim().is_empty())?;
    Some(sanitize::code(query, QUERY_LENGTH).to_string())
}

fn state_text(session: &Session) -> String {
    match &session.backend_type {
        BackendType::Client => session.state.name().to_owned(),
        BackendType::Other(_) | BackendType::WalSender | BackendType::ParallelWorker => {
            short_name(session.backend_type.name(), NAME_LENGTH)
        }
    }
}

fn blocks_text(row: &SessionRow<'_>) -> Option<String> {
    match (row.waiters, row.direct_waiters) {
        (0, _) => None,
        (waiters, direct) if waiters > direct => Some(format!("**blocks {waiters}** ({direct} directly)")),
        (waiters, _) => Some(format!("**blocks {waiters}**")),
    }
}

fn blockers_text(session: &Session) -> String {
    let blockers = &session.blocked_by;
    let named: Vec<_> = blockers.iter().take(MAX_BLOCKERS).map(|pid| blocker(*pid)).collect();
    match blockers.len().saturating_sub(MAX_BLOCKERS) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// The age of the transaction is shown only where it adds something to the age of the query.
fn is_much_longer(transaction: Duration, query: Option<Duration>) -> bool {
    query.is_none_or(|query| transaction > query + Duration::from_secs(10))
}
