//! The line above a target's sessions: how many there are, and what is not shown.

use crate::domain::view::filter::Filter;
use crate::domain::view::{LeftOut, Listing, Shown, View};

use super::Wanted;
use crate::discord::render::words::{age, verbatim};

const FILTER: usize = 60;

/// How many are shown, and how many are not.
pub(super) fn totals(listing: &Listing<'_>, wanted: &Wanted) -> String {
    let shown = match &listing.shown {
        Shown::Sessions(rows) => rows.len(),
        Shown::Trees(trees) => trees.len(),
    };
    let left_out = left_out(listing.left_out, wanted.view);
    let shown = match (wanted.view, shown) {
        (_, 0) if listing.left_out.filtered > 0 => {
            let filter = described(&wanted.filter, verbatim);
            let instead = match wanted.view {
                View::All => "leave a filter out",
                _ => "leave a filter out, or choose the view all",
            };
            return format!("No session matches {filter}: {instead} · {left_out}");
        }
        (View::Busy, 0) => "Nothing is busy".to_owned(),
        (View::Blocking, 0) => "Nobody waits for a lock".to_owned(),
        (View::IdleInTransaction, 0) => "No transaction rests open".to_owned(),
        (View::All, 0) => "No sessions".to_owned(),
        (View::Busy, shown) => format!("{shown} busy"),
        (View::Blocking, 1) => "1 root blocker".to_owned(),
        (View::Blocking, shown) => format!("{shown} root blockers"),
        (View::IdleInTransaction, shown) => format!("{shown} idle in transaction"),
        (View::All, 1) => "1 session".to_owned(),
        (View::All, shown) => format!("{shown} sessions"),
    };
    if left_out.is_empty() {
        shown
    } else {
        format!("{shown} · {left_out}")
    }
}

fn left_out(left_out: LeftOut, view: View) -> String {
    let other = match view {
        View::Blocking => "in no queue",
        View::Busy | View::IdleInTransaction | View::All => "busy",
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
    if not_shown.is_empty() {
        String::new()
    } else {
        format!("{} not shown", not_shown.join(", "))
    }
}

/// The filter as it was understood; `inert` suits the place where it stands.
pub(super) fn described(filter: &Filter, inert: fn(&str, usize) -> String) -> String {
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
