//! What a list says besides its sessions: how many it shows above them, how many it hides below, and what to do when none
//! matches.

use std::collections::BTreeMap;
use std::time::Duration;

use super::filter::SessionFilter;
use super::page::SessionQuery;
use super::{HiddenCounts, ListedSessions, SessionList, SessionView};
use crate::discord::messages::format::{age, count, verbatim};
use crate::domain::session::{BackendType, Session, Snapshot};

const FILTER_LENGTH: usize = 60;
const NAME_LENGTH: usize = 40;
/// Further names are counted.
const MAX_NAMES: usize = 6;
/// The list warns of a commit that takes longer.
const LONG_COMMIT: Duration = Duration::from_secs(3);

/// How many sessions are shown, below the [`warnings`].
pub(super) fn summary_line(
    list: &SessionList<'_>,
    snapshot: &Snapshot,
    view: SessionView,
    warnings: Vec<String>,
) -> String {
    let standby = snapshot.is_standby.then(|| "**standby**".to_owned());
    let parts = [standby, Some(shown_text(list, view))];
    let counts = parts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let warnings = warnings.into_iter().map(|warning| format!("⚠️ {warning}"));
    warnings.chain([counts]).collect::<Vec<_>>().join("\n")
}

/// What is wrong with the server, which no session in a list says.
pub(super) fn warnings(snapshot: &Snapshot, view: SessionView) -> Vec<String> {
    let prepared = prepared_transaction_warning(snapshot).filter(|_| view != SessionView::Blocking);
    let others = [synchronous_standby_warning(snapshot), connection_slots_warning(snapshot)];
    prepared.into_iter().chain(others.into_iter().flatten()).collect()
}

fn shown_text(list: &SessionList<'_>, view: SessionView) -> String {
    let is_filtered = list.hidden.filtered > 0;
    match (&list.shown, view) {
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
        _ if is_filtered => "No match".to_owned(),
        (_, SessionView::Busy) => "Nothing is busy".to_owned(),
        (_, SessionView::Blocking) => "No session waits for a lock".to_owned(),
        (_, SessionView::IdleInTransaction) => "No session is idle in transaction".to_owned(),
        (_, SessionView::All) => "No sessions".to_owned(),
    }
}

/// A prepared transaction has no session, so lists of sessions do not show it.
fn prepared_transaction_warning(snapshot: &Snapshot) -> Option<String> {
    let waiters = snapshot.sessions.iter().filter(|session| session.blocked_by.contains(&0)).count();
    (waiters > 0).then(|| {
        format!("**A prepared transaction blocks {}**: see `view:blocking`", count(waiters, "session"))
    })
}

/// A standby normally confirms a commit within moments. If it is lost, the commit waits for ever.
fn synchronous_standby_warning(snapshot: &Snapshot) -> Option<String> {
    let is_stuck = |session: &&Session| {
        session.has_committed() && session.query_age(snapshot.taken_at) >= Some(LONG_COMMIT)
    };
    let waiting = snapshot.sessions.iter().filter(is_stuck).count();
    let (s, have) = if waiting == 1 { ("s", "has") } else { ("", "have") };
    (waiting > 0).then(|| {
        format!(
            "**{} wait{s} for a synchronous standby** and {have} committed: ending them replicates nothing. Bring the standby \
             back, or take it out of `synchronous_standby_names` and reload",
            count(waiting, "session")
        )
    })
}

/// Shown while almost no slot is free, with the application that takes the most.
fn connection_slots_warning(snapshot: &Snapshot) -> Option<String> {
    let slots = snapshot.connection_slots?;
    let clients = || snapshot.sessions.iter().filter(|session| session.backend_type == BackendType::Client);
    // The session that answers is not in the list.
    let taken = clients().count() + 1;
    if snapshot.looked_up.is_some() || slots.saturating_sub(taken) > (slots / 50).max(2) {
        return None;
    }
    let mut groups: BTreeMap<_, usize> = BTreeMap::new();
    for session in clients() {
        *groups.entry(session.group_name()).or_default() += 1;
    }
    let (group, most) = groups.into_iter().max_by_key(|(_, count)| *count)?;
    let by = group.map_or(String::new(), |name| format!(", {most} by {}", verbatim(name, NAME_LENGTH)));
    let how_many = if taken < slots { format!("{taken} of {slots}") } else { format!("All {slots}") };
    Some(format!("**{how_many} connection slots are taken**{by}: see `view:all`"))
}

/// How many sessions are not shown, and why. It stands below the list: what is wrong comes first.
pub(super) fn hidden_text(hidden: HiddenCounts) -> Option<String> {
    let not_shown: Vec<_> = [
        (hidden.idle, "idle"),
        (hidden.other, "busy"),
        (hidden.background, "background"),
        (hidden.filtered, "filtered"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    (!not_shown.is_empty()).then(|| format!("{} not shown", not_shown.join(", ")))
}

/// What to do when the filter matches no session.
pub(super) fn no_match_advice(query: &SessionQuery, snapshots: &[&Snapshot]) -> String {
    let filter = filter_text(&query.filter, verbatim);
    let advice = match query.view {
        SessionView::All => "Remove a filter",
        _ => "Remove a filter, or use `view:all`",
    };
    let mut text = format!("No session matches {filter}. {advice}.");
    for (option, names) in query.filter.existing_names(snapshots) {
        let listed: Vec<_> = names.iter().take(MAX_NAMES).map(|name| verbatim(name, NAME_LENGTH)).collect();
        let more = match names.len().saturating_sub(MAX_NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        if !listed.is_empty() {
            text = format!("{text} Current {option}s: {}{more}.", listed.join(", "));
        }
    }
    text
}

/// The filter as killgate understood it. `sanitize` must suit the place where the text is shown.
pub(super) fn filter_text(filter: &SessionFilter, sanitize: fn(&str, usize) -> String) -> String {
    let part = |label: &str, text: &Option<String>| {
        text.as_ref().map(|text| format!("{label} {}", sanitize(text, FILTER_LENGTH)))
    };
    let min_age = filter.min_age.map(|min_age| format!("age {} or more", age(min_age)));
    [
        part("user", &filter.user),
        part("database", &filter.database),
        part("application", &filter.application),
        min_age,
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}
