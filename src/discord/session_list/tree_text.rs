//! A root blocker and those behind it.

use super::paging::ListEntry;
use super::row_text::{client, doing_briefly, heading, query, whose};
use crate::discord::messages::format::{age, utf16_len};
use crate::discord::session_list::SessionRow;
use crate::discord::session_list::tree::{BlockingTree, TreeBranch, TreeRoot};
use crate::domain::timestamp::Timestamp;

const QUERY: usize = 72;
/// With no more branches than these, a tree is hardly higher than a session of a list.
const FEW: usize = 2;

/// A tree of a list: its root like any session, those who wait in one line each.
pub(super) fn entry<'a>(tree: &BlockingTree<'a>, now: Timestamp) -> ListEntry<'a> {
    let mut lines = match tree.root {
        TreeRoot::Session(session) => {
            let mut lines = vec![heading(session, now), waiting(tree), whose(session)];
            lines.extend(query(session, QUERY));
            lines
        }
        TreeRoot::Prepared => vec![
            "**A prepared transaction** (no session holds it)".to_owned(),
            waiting(tree),
            "`pg_prepared_xacts` names it; `ROLLBACK PREPARED` or `COMMIT PREPARED` ends it.".to_owned(),
        ],
        TreeRoot::Unseen(pid) => vec![format!("**{pid}** is not among the sessions seen"), waiting(tree)],
    };
    lines.retain(|line| !line.is_empty());
    lines.extend(tree.branches.iter().map(|branch| line(branch, now)));
    let hidden = tree.waiters.saturating_sub(tree.branches.len());
    if hidden > 0 {
        lines.push(format!("… and {hidden} more"));
    }
    let text = lines.join("\n");
    ListEntry {
        max_length: utf16_len(&text),
        text: Box::new(move || text.clone()),
        weight: if tree.branches.len() > FEW { 2 } else { 1 },
        rows: rows(tree),
    }
}

fn rows<'a>(tree: &BlockingTree<'a>) -> Vec<SessionRow<'a>> {
    let row = |session, waiters| SessionRow {
        session,
        waiters,
        direct: waiters,
        workers: 0,
    };
    let root = match tree.root {
        TreeRoot::Session(session) => Some(row(session, tree.waiters)),
        TreeRoot::Prepared | TreeRoot::Unseen(_) => None,
    };
    let branches = tree.branches.iter();
    root.into_iter()
        .chain(branches.map(|branch| row(branch.session, branch.behind)))
        .collect()
}

fn waiting(tree: &BlockingTree<'_>) -> String {
    let longest = tree
        .longest
        .map_or(String::new(), |longest| format!(", the longest {}", age(longest)));
    let wait = if tree.waiters == 1 { "waits" } else { "wait" };
    let directly = if tree.waiters > tree.direct {
        format!(" ({} directly)", tree.direct)
    } else {
        String::new()
    };
    format!("**{} {wait}**{directly}{longest}", tree.waiters)
}

fn line(branch: &TreeBranch<'_>, now: Timestamp) -> String {
    let session = branch.session;
    let mut parts = vec![format!("**{}** {}", session.pid, doing_briefly(session, now))];
    if branch.behind > 0 {
        parts.push(format!("{} behind it", branch.behind));
    }
    parts.push(client(session));
    parts.retain(|part| !part.is_empty());
    format!("{}{}", "↳ ".repeat(branch.depth), parts.join(" · "))
}
