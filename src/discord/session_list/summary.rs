//! How many sessions of a target there are, and what is not shown of them.

use super::page::SessionQuery;
use crate::discord::messages::format::{age, count, verbatim};
use crate::discord::session_list::filter::SessionFilter;
use crate::discord::session_list::{HiddenCounts, ListedSessions, SessionList, SessionView};
use crate::domain::session::{Session, Snapshot};

const FILTER: usize = 60;
const NAME: usize = 40;
/// More names than this are counted.
const NAMES: usize = 6;

/// How many are shown, and how many are not.
pub(super) fn totals(listing: &SessionList<'_>, snapshot: &Snapshot, view: SessionView) -> String {
    let shown = shown(listing, view);
    let prepared = prepared(snapshot).filter(|_| view != SessionView::Blocking);
    let left_out = left_out(listing.hidden, view);
    let parts = [Some(shown), prepared, left_out];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn shown(listing: &SessionList<'_>, view: SessionView) -> String {
    let is_filtered = listing.hidden.filtered > 0;
    match (&listing.shown, view) {
        (ListedSessions::Trees(trees), _) if !trees.is_empty() => count(trees.len(), "root blocker"),
        (ListedSessions::Sessions(rows), _) if !rows.is_empty() => {
            let shown = match view {
                SessionView::All => count(rows.len(), "session"),
                SessionView::IdleInTransaction => format!("{} idle in transaction", rows.len()),
                SessionView::Busy | SessionView::Blocking => format!("{} busy", rows.len()),
            };
            match rows.iter().filter(|row| row.session.is_blocked()).count() {
                0 => shown,
                waiting => format!("{shown}, {waiting} of them waiting for a lock"),
            }
        }
        _ if is_filtered => "None".to_owned(),
        (_, SessionView::Busy) => "Nothing is busy".to_owned(),
        (_, SessionView::Blocking) => "Nobody waits for a lock".to_owned(),
        (_, SessionView::IdleInTransaction) => "No transaction rests open".to_owned(),
        (_, SessionView::All) => "No sessions".to_owned(),
    }
}

/// A prepared transaction is no session, so that no list of sessions shows it.
fn prepared(snapshot: &Snapshot) -> Option<String> {
    let waits = |session: &&Session| session.blocked_by.contains(&0);
    match snapshot.sessions.iter().filter(waits).count() {
        0 => None,
        waiting => Some(format!(
            "⚠️ **a prepared transaction blocks {waiting}**, see the view blocking"
        )),
    }
}

fn left_out(left_out: HiddenCounts, view: SessionView) -> Option<String> {
    let other = match view {
        SessionView::Blocking => "in no queue",
        SessionView::Busy | SessionView::IdleInTransaction | SessionView::All => "busy",
    };
    let not_shown: Vec<_> = [
        (left_out.idle, "idle"),
        (left_out.other, other),
        (left_out.background, "background"),
        (left_out.filtered, "filtered"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    (!not_shown.is_empty()).then(|| format!("{} not shown", not_shown.join(", ")))
}

/// What to write instead, where the filter matches nothing of what these targets have.
pub(super) fn advice(wanted: &SessionQuery, snapshots: &[&Snapshot]) -> String {
    let filter = described(&wanted.filter, verbatim);
    let instead = match wanted.view {
        SessionView::All => "leave a filter out",
        _ => "leave a filter out, or choose `view:all`",
    };
    let mut text = format!("No session matches {filter}: {instead}.");
    for (option, names) in wanted.filter.alternatives(snapshots) {
        let listed: Vec<_> = names
            .iter()
            .take(NAMES)
            .map(|name| verbatim(name, NAME))
            .collect();
        let more = match names.len().saturating_sub(NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        if !listed.is_empty() {
            text = format!("{text} The {option}s now: {}{more}.", listed.join(", "));
        }
    }
    text
}

/// The filter as it was understood; `inert` suits the place where it stands.
pub(super) fn described(filter: &SessionFilter, inert: fn(&str, usize) -> String) -> String {
    let part = |label: &str, text: &Option<String>| {
        text.as_ref()
            .map(|text| format!("{label} {}", inert(text, FILTER)))
    };
    let least = filter.min_age.map(|least| format!("age {} or more", age(least)));
    [
        part("user", &filter.user),
        part("database", &filter.database),
        part("application", &filter.application),
        least,
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}
