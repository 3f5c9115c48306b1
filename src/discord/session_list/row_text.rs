//! One session in two or three short lines.

use std::time::Duration;

use super::paging::ListEntry;
use crate::discord::messages::format::{age, blocker, count, short_name, verbatim};
use crate::discord::sanitize;
use crate::discord::session_list::SessionRow;
use crate::domain::session::{BackendType, Session};
use crate::domain::timestamp::Timestamp;

const NAME: usize = 40;
const QUERY: usize = 72;
/// No session of a list takes more, in UTF-16 units: three names and a query of the lengths above, two names of what it
/// waits for in a line, and numbers.
const MOST: usize = 500;
/// More blockers than this in one line are counted, not named.
const BLOCKERS: usize = 3;

/// A session of a list.
pub(super) fn entry<'a>(row: &SessionRow<'a>, now: Timestamp) -> ListEntry<'a> {
    let row = *row;
    ListEntry {
        text: Box::new(move || text(&row, now)),
        max_length: MOST,
        weight: 1,
        rows: vec![row],
    }
}

fn text(row: &SessionRow<'_>, now: Timestamp) -> String {
    let mut first = heading(row.session, now);
    if let Some(blocks) = blocks(row) {
        first = format!("{first} · {blocks}");
    }
    if row.workers > 0 {
        first = format!("{first} · {}", count(row.workers, "parallel worker"));
    }
    let mut lines = vec![first, whose(row.session)];
    lines.extend(query(row.session, QUERY));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// `**4711** idle in transaction 14 m 3 s`.
pub(super) fn heading(session: &Session, now: Timestamp) -> String {
    format!("**{}** {}", session.pid, doing(session, now))
}

/// What it does, for how long, and on what it waits.
pub(super) fn doing(session: &Session, now: Timestamp) -> String {
    let since = session.query_age(now).or_else(|| session.state_age(now));
    let lasting = since.map_or(String::new(), |since| format!(" {}", age(since)));
    if session.is_blocked() {
        let lock = session.wait.as_ref().map_or(String::new(), |wait| {
            format!(" for {}", sanitize::line(&wait.to_string(), NAME))
        });
        return format!("waits{lasting}{lock} · behind {}", behind(session));
    }
    let mut text = format!("{}{lasting}", state(session));
    if let Some(wait) = session.wait.as_ref().filter(|_| session.state.is_running()) {
        text = if wait.is_sleep() {
            format!("{text} · sleeps ({})", wait.event)
        } else {
            format!("{text} · {}", sanitize::line(&wait.to_string(), NAME))
        };
    }
    match session
        .transaction_age(now)
        .filter(|open| is_much_longer(*open, since))
    {
        Some(open) => format!("{text} · transaction {}", age(open)),
        None => text,
    }
}

/// For how long it has waited, where whom it waits for is told already.
pub(super) fn doing_briefly(session: &Session, now: Timestamp) -> String {
    match session.query_age(now) {
        Some(since) => format!("waits {}", age(since)),
        None => "waits".to_owned(),
    }
}

/// Whose it is: user, database, application.
pub(super) fn whose(session: &Session) -> String {
    let application = Some(session.application.as_str());
    joined([session.user.as_deref(), session.database.as_deref(), application])
}

/// The same in short: who waits for a lock is in the database of whom it waits for.
pub(super) fn client(session: &Session) -> String {
    joined([session.user.as_deref(), Some(&session.application)])
}

fn joined<'a>(names: impl IntoIterator<Item = Option<&'a str>>) -> String {
    names
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty())
        .map(|text| verbatim(text, NAME))
        .collect::<Vec<_>>()
        .join(" · ")
}

/// Its query as code, if it may be shown.
pub(super) fn query(session: &Session, limit: usize) -> Option<String> {
    let query = session
        .query
        .as_deref()
        .filter(|query| !query.trim().is_empty())?;
    Some(sanitize::code(query, limit).to_string())
}

fn state(session: &Session) -> String {
    match &session.backend_type {
        BackendType::Client => session.state.name().to_owned(),
        BackendType::Other(_) | BackendType::WalSender | BackendType::ParallelWorker => {
            short_name(session.backend_type.name(), NAME)
        }
    }
}

fn blocks(row: &SessionRow<'_>) -> Option<String> {
    match (row.waiters, row.direct) {
        (0, _) => None,
        (waiters, direct) if waiters > direct => Some(format!("**blocks {waiters}** ({direct} directly)")),
        (waiters, _) => Some(format!("**blocks {waiters}**")),
    }
}

fn behind(session: &Session) -> String {
    let blockers = &session.blocked_by;
    let named: Vec<_> = blockers.iter().take(BLOCKERS).map(|pid| blocker(*pid)).collect();
    match blockers.len().saturating_sub(BLOCKERS) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// The age of a transaction is told only where it tells more than the query's.
fn is_much_longer(transaction: Duration, than: Option<Duration>) -> bool {
    than.is_none_or(|than| transaction > than + Duration::from_secs(10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discord::messages::format::utf16_len;
    use crate::domain::identity::Pid;
    use crate::domain::session::{SessionState, WaitEvent};

    #[test]
    fn no_session_takes_more_than_is_reckoned_with() {
        let long = "*_`".repeat(200);
        let mut session = Session {
            pid: Pid::new(i32::MAX).expect("positive"),
            backend_start: Timestamp::from_micros(0),
            backend_type: BackendType::Client,
            leader_pid: None,
            user: Some(long.clone()),
            is_superuser: false,
            is_own: false,
            database: Some(long.clone()),
            application: long.clone(),
            client: Some(long.clone()),
            state: SessionState::Active,
            wait: Some(WaitEvent {
                kind: long.clone(),
                event: long.clone(),
            }),
            xact_start: Some(Timestamp::from_micros(i64::MIN / 2)),
            query_start: Some(Timestamp::from_micros(0)),
            state_change: Some(Timestamp::from_micros(0)),
            query: Some(long),
            blocked_by: Vec::new(),
        };
        for blockers in [0, 5_000] {
            session.blocked_by = vec![i32::MAX; blockers];
            let row = SessionRow {
                session: &session,
                waiters: 5_000_000,
                direct: 4_000_000,
                workers: 1_000_000,
            };
            let drawn = text(&row, Timestamp::from_micros(i64::MAX / 2));
            assert!(utf16_len(&drawn) <= MOST, "{}: {drawn}", utf16_len(&drawn));
        }
    }
}
