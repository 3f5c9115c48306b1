//! The list that `/sessions` shows: which sessions, in which order, and how they look.
//!
//! | file | what is in it |
//! |---|---|
//! | `mod` | the views; chooses the sessions of a snapshot for a view and a filter |
//! | [`filter`] | the filter options |
//! | `duration` | parses the option `min_age` |
//! | `rank` | the order, the worst first |
//! | [`tree`] | lock queues as trees, for the view `blocking` |
//! | [`page`] | renders one page |
//! | `paging` | splits a list into pages |
//! | `summary` | the lines above and below the list |
//! | `row_text`, `tree_text` | the text of one session, of one tree |
//! | `controls` | the buttons and the menu under the list |

mod controls;
pub(super) mod duration;
pub mod filter;
pub mod page;
mod paging;
mod rank;
mod row_text;
mod summary;
pub mod tree;
mod tree_text;

use std::collections::HashMap;
use std::iter::Sum;

use filter::SessionFilter;
use rank::SessionRank;
use tree::BlockingTree;

use crate::domain::identity::Pid;
use crate::domain::lock_graph::LockGraph;
use crate::domain::named_enum::named_enum;
use crate::domain::session::{BackendType, Session, SessionState, Snapshot};

named_enum! {
    /// The option `view` of `/sessions`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub enum SessionView {
        /// Every session that is not idle, and idle ones that others wait for.
        #[default]
        Busy = "busy",
        /// Sessions that block others, and the sessions they block.
        Blocking = "blocking",
        /// Sessions in an open transaction in which nothing runs.
        IdleInTransaction = "idle-in-transaction",
        All = "all",
    }
}

/// The sessions of a snapshot that a view and a filter choose.
#[derive(Debug)]
pub struct SessionList<'a> {
    pub shown: ListedSessions<'a>,
    pub hidden: HiddenCounts,
}

/// The sessions that are shown, the worst first.
#[derive(Debug)]
pub enum ListedSessions<'a> {
    Sessions(Vec<SessionRow<'a>>),
    Trees(Vec<BlockingTree<'a>>),
}

/// One session in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRow<'a> {
    pub session: &'a Session,
    /// The sessions that wait for it. Includes those that wait through others, unless it waits itself.
    pub waiters: usize,
    /// The sessions that wait for it directly. In a tree all that wait, because the tree's title counts the direct ones.
    pub direct_waiters: usize,
    /// Its parallel workers, if they are not listed separately.
    pub workers: usize,
}

/// How many sessions are not shown, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HiddenCounts {
    /// Idle, and no one waits for them.
    pub idle: usize,
    /// Not idle, but not in this view.
    pub other: usize,
    /// In this view, but hidden by the filter.
    pub filtered: usize,
    /// Server processes, replication and killgate's own connections that neither block nor wait.
    pub background: usize,
}

/// Chooses and ranks the sessions of `snapshot` that `view` and `filter` show.
pub fn list_sessions<'a>(
    snapshot: &'a Snapshot,
    view: SessionView,
    filter: &SessionFilter,
) -> SessionList<'a> {
    let lock_graph = LockGraph::from_snapshot(snapshot);
    let mut hidden = HiddenCounts::default();
    let is_match = filter.predicate(snapshot);
    let mut matching = Vec::new();
    for session in &snapshot.sessions {
        if !is_in_view(session, view, &lock_graph) {
            hidden.count(session);
        } else if is_match(session) {
            matching.push(session);
        } else {
            hidden.filtered += 1;
        }
    }
    let shown = if view == SessionView::Blocking {
        let (trees, members) = tree::trees(snapshot, &lock_graph, &matching);
        // A tree with a session that matches is shown whole.
        let in_view = hidden.filtered + matching.len();
        let shown =
            snapshot.sessions.iter().filter(|session| members.contains(&session.pid.number())).count();
        hidden.filtered = in_view.saturating_sub(shown);
        ListedSessions::Trees(trees)
    } else {
        let lists_workers = view == SessionView::All;
        ListedSessions::Sessions(ranked_rows(snapshot, &lock_graph, &matching, lists_workers))
    };
    SessionList { shown, hidden }
}

/// The client sessions, the worst first. No others can be signalled.
pub fn ranked_client_sessions(snapshot: &Snapshot) -> Vec<SessionRow<'_>> {
    let is_client = |session: &&Session| session.backend_type == BackendType::Client && !session.is_own;
    let clients: Vec<_> = snapshot.sessions.iter().filter(is_client).collect();
    ranked_rows(snapshot, &LockGraph::from_snapshot(snapshot), &clients, false)
}

fn is_in_view(session: &Session, view: SessionView, lock_graph: &LockGraph) -> bool {
    let is_in_queue = session.is_blocked() || !lock_graph.direct_waiters(session.pid.number()).is_empty();
    match view {
        SessionView::Busy => is_in_queue || (!is_background(session) && session.state != SessionState::Idle),
        SessionView::Blocking => is_in_queue,
        SessionView::IdleInTransaction => is_idle_in_transaction(session),
        SessionView::All => true,
    }
}

fn ranked_rows<'a>(
    snapshot: &'a Snapshot,
    lock_graph: &LockGraph,
    sessions: &[&'a Session],
    lists_workers: bool,
) -> Vec<SessionRow<'a>> {
    let mut workers: HashMap<Pid, usize> = HashMap::new();
    for session in sessions {
        if let Some(leader) = session.leader_pid {
            *workers.entry(leader).or_default() += 1;
        }
    }
    let is_counted_with_leader = |session: &Session| {
        !lists_workers
            && session.leader_pid.is_some_and(|leader| sessions.iter().any(|other| other.pid == leader))
    };
    let mut rows: Vec<_> = sessions
        .iter()
        .filter(|session| !is_counted_with_leader(session))
        .map(|&session| SessionRow {
            session,
            waiters: count_waiters(session, lock_graph),
            direct_waiters: lock_graph.direct_waiters(session.pid.number()).len(),
            workers: workers.get(&session.pid).copied().unwrap_or(0),
        })
        .collect();
    rows.sort_by_cached_key(|row| SessionRank::new(row, snapshot.taken_at));
    rows
}

/// Counts the waiters behind other waiters only for root blockers. A queue of `n` sessions has about `n²` edges, and
/// following them for each of the `n` would be too slow in a large incident.
fn count_waiters(session: &Session, lock_graph: &LockGraph) -> usize {
    if session.is_blocked() {
        lock_graph.direct_waiters(session.pid.number()).len()
    } else {
        lock_graph.all_waiters(session.pid).len()
    }
}

fn is_idle_in_transaction(session: &Session) -> bool {
    matches!(session.state, SessionState::IdleInTransaction | SessionState::IdleInTransactionAborted)
}

fn is_background(session: &Session) -> bool {
    session.is_own
        || match session.backend_type {
            BackendType::Client | BackendType::ParallelWorker => false,
            // A base backup can take all of a server's disk or network.
            BackendType::WalSender => session.progress.is_none(),
            BackendType::Other(_) => !session.state.is_running(),
        }
}

impl Sum for HiddenCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, counts| Self {
            idle: sum.idle + counts.idle,
            other: sum.other + counts.other,
            filtered: sum.filtered + counts.filtered,
            background: sum.background + counts.background,
        })
    }
}

impl HiddenCounts {
    fn count(&mut self, session: &Session) {
        let counter = if is_background(session) {
            &mut self.background
        } else if session.state == SessionState::Idle {
            &mut self.idle
        } else {
            &mut self.other
        };
        *counter += 1;
    }
}
