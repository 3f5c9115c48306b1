//! A root blocker and the sessions that wait behind it.

use super::row_text::{self, heading, origin_line, query_line, short_origin};
use super::tree::{BlockingTree, TreeBranch, TreeRoot};
use crate::discord::messages::format::age;
use crate::domain::session::Session;
use crate::domain::timestamp::Timestamp;

/// A tree with no more branches than this is hardly taller than a session of a list.
const MAX_SHORT_TREE: usize = 2;
/// An upper bound of the length of a branch, in UTF-16 units: two names of 40, and numbers.
const MAX_BRANCH_LENGTH: usize = 200;

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
            lines
        }
        TreeRoot::Prepared => vec![
            "**A prepared transaction** (no session holds it)".to_owned(),
            waiters_line(tree),
            "`pg_prepared_xacts` lists it. `ROLLBACK PREPARED` or `COMMIT PREPARED` ends it.".to_owned(),
        ],
        TreeRoot::Unseen(pid) => {
            vec![format!("**{pid}** is not in `pg_stat_activity` as killgate sees it"), waiters_line(tree)]
        }
    };
    lines.retain(|line| !line.is_empty());
    lines.extend(tree.branches.iter().map(|branch| branch_line(branch, now)));
    let hidden = tree.waiters.saturating_sub(tree.branches.len());
    if hidden > 0 {
        lines.push(format!("… and {hidden} more"));
    }
    lines.join("\n")
}

/// An upper bound of the length of the tree's text, in UTF-16 units.
pub(super) fn max_length(tree: &BlockingTree<'_>) -> usize {
    // The line that counts the waiters and the line that counts the hidden ones are no longer than a branch.
    row_text::MAX_LENGTH + (tree.branches.len() + 2) * MAX_BRANCH_LENGTH
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
    let mut parts = vec![format!("**{}** {}", session.pid, wait_text(session, now))];
    if branch.waiters > 0 {
        parts.push(format!("{} behind it", branch.waiters));
    }
    parts.push(short_origin(session));
    parts.retain(|part| !part.is_empty());
    format!("{}{}", "↳ ".repeat(branch.depth), parts.join(" · "))
}

/// How long it has waited. The tree shows for whom.
fn wait_text(session: &Session, now: Timestamp) -> String {
    match session.query_age(now) {
        Some(since) => format!("waits {}", age(since)),
        None => "waits".to_owned(),
    }
}
