//! A root blocker and the sessions that wait behind it.

use super::row_text::{self, advice_lines, heading, origin_line, query_line, short_origin, waiting_text};
use super::tree::{BlockingTree, TreeBranch, TreeRoot};
use crate::discord::messages::format::{age, join_capped};
use crate::discord::messages::lock_text::prepared_text;
use crate::discord::messages::waiters_text::group_name;
use crate::domain::session::Session;
use crate::domain::timestamp::Timestamp;

/// A tree with no more branches than this is hardly taller than a session of a list.
const MAX_SHORT_TREE: usize = 2;
/// Further prepared transactions are not described.
const MAX_PREPARED: usize = 2;
/// The longest description of one.
const PREPARED_LENGTH: usize = 700;
/// An upper bound of the length of a branch, in UTF-16 units: two names of 40, a relation of 60, and numbers.
const MAX_BRANCH_LENGTH: usize = 360;

/// The text of one tree: its root like any session, each waiting session on one line.
pub(super) fn tree_text(
    tree: &BlockingTree<'_>,
    now: Timestamp,
    is_locked: impl Fn(&Session) -> bool,
) -> String {
    let mut lines = match tree.root {
        TreeRoot::Session(session) => {
            let mut lines =
                vec![heading(session, now, is_locked(session)), waiters_line(tree), origin_line(session)];
            lines.extend(query_line(session));
            lines.extend(advice_lines(session, tree.waiters));
            lines
        }
        TreeRoot::Prepared => {
            let mut lines =
                vec!["**A prepared transaction** (no session holds it)".to_owned(), waiters_line(tree)];
            let prepared = tree.prepared();
            if prepared.is_empty() {
                let text = "`pg_prepared_xacts` lists it. `ROLLBACK PREPARED` or `COMMIT PREPARED` ends it.";
                lines.push(text.to_owned());
            }
            let ago = |since| format!("{} ago", age(now.duration_since(since)));
            let prepared = prepared.into_iter().take(MAX_PREPARED);
            lines.extend(prepared.map(|found| prepared_text(found, &ago(found.prepared_at))));
            lines
        }
        TreeRoot::Unseen(pid) => {
            vec![format!("**{pid}** is not in `pg_stat_activity` as killgate sees it"), waiters_line(tree)]
        }
    };
    lines.retain(|line| !line.is_empty());
    lines.extend(tree.branches.iter().map(|branch| branch_line(branch, now)));
    let hidden = tree.waiters.saturating_sub(tree.shown_waiters());
    if hidden > 0 {
        lines.push(format!("… and {hidden} more"));
    }
    lines.join("\n")
}

/// An upper bound of the length of the tree's text, in UTF-16 units.
pub(super) fn max_length(tree: &BlockingTree<'_>) -> usize {
    // The line that counts the waiters and the line that counts the hidden ones are no longer than a branch.
    let root = match tree.root {
        TreeRoot::Prepared => MAX_PREPARED * PREPARED_LENGTH,
        TreeRoot::Session(session) => row_text::max_length(session),
        TreeRoot::Unseen(_) => MAX_BRANCH_LENGTH,
    };
    root + (tree.branches.len() + 2) * MAX_BRANCH_LENGTH
}

pub(super) fn is_tall(tree: &BlockingTree<'_>) -> bool {
    tree.branches.len() > MAX_SHORT_TREE
}

fn waiters_line(tree: &BlockingTree<'_>) -> String {
    let longest_wait =
        tree.longest_wait.map_or(String::new(), |longest| format!(", the longest {}", age(longest)));
    let wait = if tree.waiters == 1 { "waits" } else { "wait" };
    let directly = if tree.waiters > tree.direct_waiters {
        format!(" ({} directly)", tree.direct_waiters)
    } else {
        String::new()
    };
    format!("**{} {wait}**{directly}{longest_wait}", tree.waiters)
}

fn branch_line(branch: &TreeBranch<'_>, now: Timestamp) -> String {
    let session = branch.session;
    let waits = waiting_text(session, now);
    let mut parts = if branch.alike.is_empty() {
        vec![format!("**{}** {waits}", session.pid), short_origin(session)]
    } else {
        let all = std::iter::once(session).chain(branch.alike.iter().copied());
        let pids = all.map(|session| session.pid.to_string());
        let waits = waits.replacen("waits", "wait", 1);
        let name = group_name(session);
        vec![format!("**{} × {name}** {waits}", branch.alike.len() + 1), join_capped(pids)]
    };
    if branch.waiters > 0 {
        parts.insert(1, format!("{} behind it", branch.waiters));
    }
    parts.retain(|part| !part.is_empty());
    format!("{}{}", "↳ ".repeat(branch.depth), parts.join(" · "))
}
