//! Lock queues as trees. The root of each is a blocker that does not wait itself.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::SessionRow;
use crate::domain::lock_graph::LockGraph;
use crate::domain::session::{Session, Snapshot};

/// A root blocker and the sessions that wait behind it.
#[derive(Debug)]
pub struct BlockingTree<'a> {
    pub root: TreeRoot<'a>,
    /// The sessions that wait for the root, directly or through others.
    pub waiters: usize,
    /// The sessions that wait for the root directly.
    pub direct_waiters: usize,
    /// The age of the oldest query among the waiters.
    pub longest_wait: Option<Duration>,
    /// The first waiters, each after the blocker through which the shortest path leads to the root. At most
    /// `MAX_BRANCHES`, or one more where that is all of them.
    pub branches: Vec<TreeBranch<'a>>,
}

/// The root of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeRoot<'a> {
    Session(&'a Session),
    /// A transaction prepared for two-phase commit. No session holds it.
    Prepared,
    /// A pid that is not in the snapshot.
    Unseen(i32),
}

/// A waiting session in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeBranch<'a> {
    pub session: &'a Session,
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
    /// The sessions that are shown: the root, if it is one, and the branches.
    pub(super) fn rows(&self) -> Vec<SessionRow<'a>> {
        let row = |session, waiters| SessionRow { session, waiters, direct_waiters: waiters, workers: 0 };
        let root = match self.root {
            TreeRoot::Session(session) => Some(row(session, self.waiters)),
            TreeRoot::Prepared | TreeRoot::Unseen(_) => None,
        };
        let branches = self.branches.iter();
        root.into_iter().chain(branches.map(|branch| row(branch.session, branch.waiters))).collect()
    }
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
        if reached.order.len() - 1 == branches.len() + 1 {
            // A line "… and 1 more" would take as much room as the session itself.
            let limits = BranchLimits { siblings: MAX_SIBLINGS + 1, total: MAX_BRANCHES + 1 };
            branches.clear();
            self.add_branches(reached, root, 1, limits, &mut branches);
        }
        BlockingTree {
            root: match self.sessions.get(&root) {
                Some(session) => TreeRoot::Session(session),
                None if root == 0 => TreeRoot::Prepared,
                None => TreeRoot::Unseen(root),
            },
            waiters: reached.order.len() - 1,
            direct_waiters: reached.children.get(&root).map_or(0, Vec::len),
            longest_wait: reached.order[1..]
                .iter()
                .filter_map(|pid| self.sessions.get(pid)?.query_age(now))
                .max(),
            branches,
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
            let age = self.sessions.get(pid).and_then(|session| session.query_age(now));
            (Reverse(waiter_count(pid)), Reverse(age), *pid)
        });
        for waiter in waiters.into_iter().take(limits.siblings) {
            if branches.len() == limits.total {
                return;
            }
            if let Some(&session) = self.sessions.get(&waiter) {
                branches.push(TreeBranch { session, depth, waiters: waiter_count(&waiter) });
                self.add_branches(reached, waiter, depth + 1, limits, branches);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct BranchLimits {
    /// Under one blocker.
    siblings: usize,
    /// In the whole tree.
    total: usize,
}
