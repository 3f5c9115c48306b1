//! Lock queues as trees. The root of each is a blocker that does not wait itself.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::SessionRow;
use crate::domain::lock_graph::LockGraph;
use crate::domain::lock_wait::PreparedTransaction;
use crate::domain::session::{Session, Snapshot};

/// A root blocker and the sessions that wait behind it.
#[derive(Debug)]
pub struct BlockingTree<'a> {
    pub root: TreeRoot<'a>,
    /// The sessions that wait for the root, directly or through others.
    pub waiters: usize,
    /// The sessions that wait for the root directly.
    pub direct_waiters: usize,
    /// The longest that one of them has waited.
    pub longest_wait: Option<Duration>,
    /// The sessions that wait for the root directly.
    pub direct: Vec<&'a Session>,
    /// The first waiters, each after its blocker on the shortest path to the root: `MAX_BRANCHES` at most, or one more if that
    /// shows all of them.
    pub branches: Vec<TreeBranch<'a>>,
    /// The root, if it is a session, and all sessions that wait for it, nearest first, each with how many wait behind it.
    pub members: Vec<(&'a Session, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeRoot<'a> {
    Session(&'a Session),
    /// A transaction prepared for two-phase commit. No session holds it.
    Prepared,
    /// A pid that is not in the snapshot.
    Unseen(i32),
}

/// A waiting session in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeBranch<'a> {
    /// The one that has waited longest.
    pub session: &'a Session,
    /// Others that wait for the same blocker and the same lock with the same user and application, and that nobody waits
    /// for.
    pub alike: Vec<&'a Session>,
    /// 1 for sessions that wait for the root directly.
    pub depth: usize,
    /// The sessions of this tree that wait behind it.
    pub waiters: usize,
}

/// Further waiters are counted, not shown.
const MAX_BRANCHES: usize = 6;
/// This many waiters of one blocker are shown before the waiters of the others.
const MAX_SIBLINGS: usize = 3;

/// The trees that contain at least one of `matching`, the largest first, and the pids of all sessions in them.
pub(super) fn trees<'a>(
    snapshot: &'a Snapshot,
    lock_graph: &LockGraph,
    matching: &[&'a Session],
) -> (Vec<BlockingTree<'a>>, HashSet<i32>) {
    let forest = BlockingForest {
        snapshot,
        lock_graph,
        sessions: snapshot.sessions.iter().map(|session| (session.pid.number(), session)).collect(),
    };
    let matching: HashSet<i32> = matching.iter().map(|session| session.pid.number()).collect();
    let mut all_reached = Vec::new();
    let mut covered = HashSet::new();
    for root in forest.roots() {
        // In a deadlock every session waits. The first one is the root of the whole cycle.
        if forest.is_waiting(root) && covered.contains(&root) {
            continue;
        }
        let reached = forest.reach_waiters(root);
        covered.extend(reached.order.iter().copied());
        all_reached.push(reached);
    }
    all_reached.retain(|reached| reached.order.iter().any(|pid| matching.contains(pid)));
    let members = all_reached.iter().flat_map(|reached| reached.order.iter().copied()).collect();
    let mut trees: Vec<_> = all_reached.iter().map(|reached| forest.build_tree(reached)).collect();
    trees.sort_by_key(|tree| (Reverse(tree.waiters), Reverse(tree.longest_wait)));
    (trees, members)
}

impl<'a> BlockingTree<'a> {
    /// All sessions of the tree, also those that are only counted.
    pub(super) fn all_rows(&self) -> Vec<SessionRow<'a>> {
        self.members.iter().map(|(session, waiters)| row(session, *waiters)).collect()
    }

    /// The sessions that are shown: the root, if it is one, and the branches.
    pub(super) fn rows(&self) -> Vec<SessionRow<'a>> {
        let root = match self.root {
            TreeRoot::Session(session) => Some(row(session, self.waiters)),
            TreeRoot::Prepared | TreeRoot::Unseen(_) => None,
        };
        let branches = self.branches.iter();
        let branches = branches.flat_map(|branch| {
            let alike = branch.alike.iter().map(|session| row(session, 0));
            std::iter::once(row(branch.session, branch.waiters)).chain(alike)
        });
        root.into_iter().chain(branches).collect()
    }

    /// The waiters that the branches show.
    pub(super) fn shown_waiters(&self) -> usize {
        self.branches.iter().map(|branch| 1 + branch.alike.len()).sum()
    }

    /// The prepared transactions that its waiters wait for.
    pub(super) fn prepared(&self) -> Vec<&'a PreparedTransaction> {
        let waits = self.direct.iter().filter_map(|session| session.lock_wait.as_ref());
        let mut found: Vec<_> = waits.flat_map(|wait| &wait.prepared).collect();
        found.sort_by(|a, b| (a.prepared_at, &a.gid).cmp(&(b.prepared_at, &b.gid)));
        found.dedup();
        found
    }
}

fn row(session: &Session, waiters: usize) -> SessionRow<'_> {
    SessionRow { session, waiters, direct_waiters: waiters, workers: 0 }
}

struct BlockingForest<'a, 'b> {
    snapshot: &'a Snapshot,
    lock_graph: &'b LockGraph,
    sessions: HashMap<i32, &'a Session>,
}

/// The sessions that wait behind a root.
struct ReachedWaiters {
    /// The root, then its waiters, nearest first.
    order: Vec<i32>,
    /// The waiters that were first reached through each blocker.
    children: HashMap<i32, Vec<i32>>,
    /// The number of waiters behind each blocker.
    waiter_counts: HashMap<i32, usize>,
}

impl<'a> BlockingForest<'a, '_> {
    /// The blockers that do not wait, then those that do: a deadlock has no other root.
    fn roots(&self) -> Vec<i32> {
        let blockers = self.snapshot.sessions.iter().flat_map(|session| &session.blocked_by);
        let mut roots: Vec<_> = blockers.copied().collect::<BTreeSet<_>>().into_iter().collect();
        roots.sort_by_key(|&pid| {
            let direct_waiters = self.lock_graph.direct_waiters(pid).len();
            (self.is_waiting(pid), Reverse(direct_waiters))
        });
        roots
    }

    fn is_waiting(&self, pid: i32) -> bool {
        self.sessions.get(&pid).is_some_and(|session| session.is_blocked())
    }

    /// Breadth-first search from `root`.
    fn reach_waiters(&self, root: i32) -> ReachedWaiters {
        let mut reached =
            ReachedWaiters { order: vec![root], children: HashMap::new(), waiter_counts: HashMap::new() };
        let mut parents = HashMap::new();
        let mut seen = HashSet::from([root]);
        let mut next = 0;
        while let Some(&blocker) = reached.order.get(next) {
            next += 1;
            for waiter in self.lock_graph.direct_waiters(blocker).iter().map(|pid| pid.number()) {
                if seen.insert(waiter) {
                    parents.insert(waiter, blocker);
                    reached.order.push(waiter);
                    reached.children.entry(blocker).or_default().push(waiter);
                }
            }
        }
        for pid in reached.order.iter().rev() {
            if let Some(parent) = parents.get(pid) {
                let subtree = reached.waiter_counts.get(pid).copied().unwrap_or(0) + 1;
                *reached.waiter_counts.entry(*parent).or_default() += subtree;
            }
        }
        reached
    }

    fn build_tree(&self, reached: &ReachedWaiters) -> BlockingTree<'a> {
        let root = reached.order[0];
        let now = self.snapshot.taken_at;
        let limits = BranchLimits { siblings: MAX_SIBLINGS, total: MAX_BRANCHES };
        let mut branches = Vec::new();
        self.add_branches(reached, root, 1, limits, &mut branches);
        let shown =
            |branches: &[TreeBranch<'_>]| branches.iter().map(|branch| 1 + branch.alike.len()).sum::<usize>();
        if reached.order.len() - 1 == shown(&branches) + 1 {
            // A line "… and 1 more" would take as much room as the session itself.
            let limits = BranchLimits { siblings: MAX_SIBLINGS + 1, total: MAX_BRANCHES + 1 };
            branches.clear();
            self.add_branches(reached, root, 1, limits, &mut branches);
        }
        let direct = reached.children.get(&root).into_iter().flatten();
        let waiter_count = |pid| reached.waiter_counts.get(pid).copied().unwrap_or(0);
        let members =
            reached.order.iter().filter_map(|pid| Some((*self.sessions.get(pid)?, waiter_count(pid))));
        BlockingTree {
            direct: direct.filter_map(|pid| self.sessions.get(pid).copied()).collect(),
            root: match self.sessions.get(&root) {
                Some(session) => TreeRoot::Session(session),
                None if root == 0 => TreeRoot::Prepared,
                None => TreeRoot::Unseen(root),
            },
            waiters: reached.order.len() - 1,
            direct_waiters: reached.children.get(&root).map_or(0, Vec::len),
            longest_wait: reached.order[1..]
                .iter()
                .filter_map(|pid| self.sessions.get(pid)?.wait_age(now))
                .max(),
            branches,
            members: members.collect(),
        }
    }

    /// Adds the waiters behind `blocker`, depth first, those with the most waiters of their own first.
    fn add_branches(
        &self,
        reached: &ReachedWaiters,
        blocker: i32,
        depth: usize,
        limits: BranchLimits,
        branches: &mut Vec<TreeBranch<'a>>,
    ) {
        let waiter_count = |pid: &i32| reached.waiter_counts.get(pid).copied().unwrap_or(0);
        let mut waiters = reached.children.get(&blocker).cloned().unwrap_or_default();
        let now = self.snapshot.taken_at;
        waiters.sort_by_cached_key(|pid| {
            let age = self.sessions.get(pid).and_then(|session| session.wait_age(now));
            (Reverse(waiter_count(pid)), Reverse(age), *pid)
        });
        let mut siblings: Vec<TreeBranch<'_>> = Vec::new();
        for (session, count) in
            waiters.iter().filter_map(|pid| Some((*self.sessions.get(pid)?, waiter_count(pid))))
        {
            match siblings
                .iter_mut()
                .find(|branch| count == 0 && branch.waiters == 0 && are_alike(branch.session, session))
            {
                Some(branch) => branch.alike.push(session),
                None => siblings.push(TreeBranch { session, alike: Vec::new(), depth, waiters: count }),
            }
        }
        for branch in siblings.into_iter().take(limits.siblings) {
            if branches.len() == limits.total {
                return;
            }
            let waiter = branch.session.pid.number();
            branches.push(branch);
            self.add_branches(reached, waiter, depth + 1, limits, branches);
        }
    }
}

/// Whether one line can describe both: they are waiters of the same kind.
fn are_alike(a: &Session, b: &Session) -> bool {
    let is_same_lock = match (&a.lock_wait, &b.lock_wait) {
        (Some(a), Some(b)) => a.is_same_lock(b),
        (None, None) => true,
        _ => false,
    };
    is_same_lock && a.user == b.user && a.application == b.application
}

#[derive(Clone, Copy)]
struct BranchLimits {
    /// Under one blocker.
    siblings: usize,
    /// In the whole tree.
    total: usize,
}
