//! Which sessions are worth showing, and in which order: the worst trouble first.

pub mod controls;
pub mod duration;
pub mod filter;
pub mod page;
pub mod paging;
pub mod rank;
pub mod row_text;
pub mod summary;
pub mod tree;
pub mod tree_text;

use std::collections::HashMap;

use filter::SessionFilter;
use rank::SessionRank;
use tree::BlockingTree;

use crate::domain::identity::Pid;
use crate::domain::lock_graph::LockGraph;
use crate::domain::session::{BackendType, Session, SessionState, Snapshot};

/// A way to look at a server's sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SessionView {
    /// Whatever is not plainly idle.
    #[default]
    Busy,
    /// Those that others wait for, with those who wait.
    Blocking,
    /// Transactions that are open while nothing runs in them.
    IdleInTransaction,
    /// Every session.
    All,
}

/// What of a snapshot is shown.
#[derive(Debug)]
pub struct SessionList<'a> {
    pub shown: ListedSessions<'a>,
    pub hidden: HiddenCounts,
}

/// What is shown, worst first.
#[derive(Debug)]
pub enum ListedSessions<'a> {
    Sessions(Vec<SessionRow<'a>>),
    Trees(Vec<BlockingTree<'a>>),
}

/// One session among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRow<'a> {
    pub session: &'a Session,
    /// Those that wait for it directly or through others, when it waits for none itself; else those that
    /// wait for it directly.
    pub waiters: usize,
    /// Those that wait for it directly.
    pub direct: usize,
    /// Its parallel workers, which are not listed on their own.
    pub workers: usize,
}

/// How many sessions are not shown, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HiddenCounts {
    /// Idle, and nobody waits for them.
    pub idle: usize,
    /// Not idle, and not what this view is about.
    pub other: usize,
    /// Of this view, but kept out by the filter.
    pub filtered: usize,
    /// Processes of the server, replication and killgate's own connections, in no trouble.
    pub background: usize,
}

impl SessionView {
    pub const ALL: [Self; 4] = [Self::Busy, Self::Blocking, Self::IdleInTransaction, Self::All];

    /// Its name in commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Blocking => "blocking",
            Self::IdleInTransaction => "idle-in-transaction",
            Self::All => "all",
        }
    }

    /// From its name in commands.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }
}

/// What `view` shows of `snapshot` through `filter`.
pub fn list_sessions<'a>(
    snapshot: &'a Snapshot,
    view: SessionView,
    filter: &SessionFilter,
) -> SessionList<'a> {
    let blocking = LockGraph::from_snapshot(snapshot);
    let mut left_out = HiddenCounts::default();
    let matches = filter.predicate(snapshot);
    let mut kept = Vec::new();
    for session in &snapshot.sessions {
        if !belongs(session, view, &blocking) {
            left_out.count(session);
        } else if matches(session) {
            kept.push(session);
        } else {
            left_out.filtered += 1;
        }
    }
    let shown = if view == SessionView::Blocking {
        let (trees, members) = tree::trees(snapshot, &blocking, &kept);
        // Who does not match is shown all the same in the tree of somebody who does.
        let in_trouble = left_out.filtered + kept.len();
        let shown = snapshot
            .sessions
            .iter()
            .filter(|session| members.contains(&session.pid.number()))
            .count();
        left_out.filtered = in_trouble.saturating_sub(shown);
        ListedSessions::Trees(trees)
    } else {
        ListedSessions::Sessions(ranked(snapshot, &blocking, &kept, view == SessionView::All))
    };
    SessionList {
        shown,
        hidden: left_out,
    }
}

/// The sessions of clients, worst first: no others could be signalled.
pub fn worst_first(snapshot: &Snapshot) -> Vec<SessionRow<'_>> {
    let of_clients = |session: &&Session| session.backend_type == BackendType::Client && !session.is_own;
    let clients: Vec<_> = snapshot.sessions.iter().filter(of_clients).collect();
    ranked(snapshot, &LockGraph::from_snapshot(snapshot), &clients, false)
}

fn belongs(session: &Session, view: SessionView, blocking: &LockGraph) -> bool {
    let in_trouble = session.is_blocked() || !blocking.direct_waiters(session.pid.number()).is_empty();
    match view {
        SessionView::Busy => in_trouble || (!is_background(session) && session.state != SessionState::Idle),
        SessionView::Blocking => in_trouble,
        SessionView::IdleInTransaction => is_idle_in_transaction(session),
        SessionView::All => true,
    }
}

fn ranked<'a>(
    snapshot: &'a Snapshot,
    blocking: &LockGraph,
    kept: &[&'a Session],
    with_workers: bool,
) -> Vec<SessionRow<'a>> {
    let mut workers: HashMap<Pid, usize> = HashMap::new();
    for session in kept {
        if let Some(leader) = session.leader_pid {
            *workers.entry(leader).or_default() += 1;
        }
    }
    let is_folded = |session: &Session| {
        !with_workers
            && session
                .leader_pid
                .is_some_and(|leader| kept.iter().any(|other| other.pid == leader))
    };
    let mut rows: Vec<_> = kept
        .iter()
        .filter(|session| !is_folded(session))
        .map(|&session| SessionRow {
            session,
            waiters: waiters(session, blocking),
            direct: blocking.direct_waiters(session.pid.number()).len(),
            workers: workers.get(&session.pid).copied().unwrap_or(0),
        })
        .collect();
    rows.sort_by_cached_key(|row| SessionRank::of(row, snapshot.taken_at));
    rows
}

/// All waiters are counted only for those at the root: a queue of `n` has some `n²` edges, and to walk them for
/// each of the `n` would be too slow in just those incidents that matter.
fn waiters(session: &Session, blocking: &LockGraph) -> usize {
    if session.is_blocked() {
        blocking.direct_waiters(session.pid.number()).len()
    } else {
        blocking.all_waiters(session.pid).len()
    }
}

/// Whether there is an open transaction in which nothing runs.
pub fn is_idle_in_transaction(session: &Session) -> bool {
    matches!(
        session.state,
        SessionState::IdleInTransaction | SessionState::IdleInTransactionAborted
    )
}

fn is_background(session: &Session) -> bool {
    session.is_own
        || match session.backend_type {
            BackendType::Client | BackendType::ParallelWorker => false,
            BackendType::WalSender => true,
            BackendType::Other(_) => !session.state.is_running(),
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
