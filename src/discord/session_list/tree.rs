//! Who waits behind whom, as trees that begin with those who wait for nobody.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::domain::lock_graph::LockGraph;
use crate::domain::session::{Session, Snapshot};

/// A blocker at the root of trouble, and those behind it.
#[derive(Debug)]
pub struct BlockingTree<'a> {
    pub root: TreeRoot<'a>,
    /// All that wait for the root, directly or through others.
    pub waiters: usize,
    /// Those that wait for the root itself.
    pub direct: usize,
    /// For how long the query that has waited longest has been running.
    pub longest: Option<Duration>,
    /// The first of those that wait, each under the blocker nearest to the root and after it; at most
    /// [`BRANCHES`], or one more where that is all of them.
    pub branches: Vec<TreeBranch<'a>>,
}

/// What is at the root of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeRoot<'a> {
    Session(&'a Session),
    /// A transaction prepared for two-phase commit, which no session holds any more.
    Prepared,
    /// A session that was not seen among the others.
    Unseen(i32),
}

/// One that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeBranch<'a> {
    pub session: &'a Session,
    /// 1 for those that wait for the root itself.
    pub depth: usize,
    /// How many are behind it in this tree.
    pub behind: usize,
}

/// More of those that wait are counted, not shown.
pub const BRANCHES: usize = 6;
/// So many of those that wait for the same are shown before the others get their turn.
const SIBLINGS: usize = 3;

/// The trees that hold at least one of `kept`, the one with most waiters first, and the pids of all in them.
pub fn trees<'a>(
    snapshot: &'a Snapshot,
    blocking: &LockGraph,
    kept: &[&'a Session],
) -> (Vec<BlockingTree<'a>>, HashSet<i32>) {
    let forest = BlockingForest {
        snapshot,
        blocking,
        sessions: snapshot
            .sessions
            .iter()
            .map(|session| (session.pid.number(), session))
            .collect(),
    };
    let kept: HashSet<i32> = kept.iter().map(|session| session.pid.number()).collect();
    let mut grown = Vec::new();
    let mut covered = HashSet::new();
    for root in forest.roots() {
        // One in a ring of waiters stands for the ring, unless it has been reached already.
        if forest.waits(root) && covered.contains(&root) {
            continue;
        }
        let reached = forest.reach(root);
        covered.extend(reached.order.iter().copied());
        grown.push(reached);
    }
    grown.retain(|reached| reached.order.iter().any(|pid| kept.contains(pid)));
    let members = grown
        .iter()
        .flat_map(|reached| reached.order.iter().copied())
        .collect();
    let mut trees: Vec<_> = grown.iter().map(|reached| forest.tree(reached)).collect();
    trees.sort_by_key(|tree| (Reverse(tree.waiters), Reverse(tree.longest)));
    (trees, members)
}

struct BlockingForest<'a, 'b> {
    snapshot: &'a Snapshot,
    blocking: &'b LockGraph,
    sessions: HashMap<i32, &'a Session>,
}

/// All that a root leads to, itself first, nearest first; with the one through which each was reached.
struct ReachedWaiters {
    order: Vec<i32>,
    children: HashMap<i32, Vec<i32>>,
    behind: HashMap<i32, usize>,
}

impl<'a> BlockingForest<'a, '_> {
    /// Those who block and do not wait; then those who do both, for a deadlock has no other beginning.
    fn roots(&self) -> Vec<i32> {
        let blockers = self
            .snapshot
            .sessions
            .iter()
            .flat_map(|session| &session.blocked_by);
        let mut roots: Vec<_> = blockers.copied().collect::<BTreeSet<_>>().into_iter().collect();
        roots.sort_by_key(|&pid| (self.waits(pid), Reverse(self.blocking.direct_waiters(pid).len())));
        roots
    }

    fn waits(&self, pid: i32) -> bool {
        self.sessions
            .get(&pid)
            .is_some_and(|session| session.is_blocked())
    }

    fn reach(&self, root: i32) -> ReachedWaiters {
        let mut reached = ReachedWaiters {
            order: vec![root],
            children: HashMap::new(),
            behind: HashMap::new(),
        };
        let mut parents = HashMap::new();
        let mut seen = HashSet::from([root]);
        let mut next = 0;
        while let Some(&blocker) = reached.order.get(next) {
            next += 1;
            for waiter in self
                .blocking
                .direct_waiters(blocker)
                .iter()
                .map(|pid| pid.number())
            {
                if seen.insert(waiter) {
                    parents.insert(waiter, blocker);
                    reached.order.push(waiter);
                    reached.children.entry(blocker).or_default().push(waiter);
                }
            }
        }
        for pid in reached.order.iter().rev() {
            if let Some(parent) = parents.get(pid) {
                let of_it = reached.behind.get(pid).copied().unwrap_or(0) + 1;
                *reached.behind.entry(*parent).or_default() += of_it;
            }
        }
        reached
    }

    fn tree(&self, reached: &ReachedWaiters) -> BlockingTree<'a> {
        let root = reached.order[0];
        let now = self.snapshot.taken_at;
        let mut branches = Vec::new();
        self.grow(reached, root, 1, (SIBLINGS, BRANCHES), &mut branches);
        if reached.order.len() - 1 == branches.len() + 1 {
            // The line that counts the one left out could as well show it.
            branches.clear();
            self.grow(reached, root, 1, (SIBLINGS + 1, BRANCHES + 1), &mut branches);
        }
        BlockingTree {
            root: match self.sessions.get(&root) {
                Some(session) => TreeRoot::Session(session),
                None if root == 0 => TreeRoot::Prepared,
                None => TreeRoot::Unseen(root),
            },
            waiters: reached.order.len() - 1,
            direct: reached.children.get(&root).map_or(0, Vec::len),
            longest: reached.order[1..]
                .iter()
                .filter_map(|pid| self.sessions.get(pid)?.query_age(now))
                .max(),
            branches,
        }
    }

    /// Adds those behind `blocker`, the ones with most behind them first.
    /// At most so many siblings at each place, and so many branches altogether.
    fn grow(
        &self,
        reached: &ReachedWaiters,
        blocker: i32,
        depth: usize,
        most: (usize, usize),
        branches: &mut Vec<TreeBranch<'a>>,
    ) {
        let (siblings, all) = most;
        let behind = |pid: &i32| reached.behind.get(pid).copied().unwrap_or(0);
        let mut waiters = reached.children.get(&blocker).cloned().unwrap_or_default();
        let now = self.snapshot.taken_at;
        waiters.sort_by_cached_key(|pid| {
            let age = self.sessions.get(pid).and_then(|session| session.query_age(now));
            (Reverse(behind(pid)), Reverse(age), *pid)
        });
        for waiter in waiters.into_iter().take(siblings) {
            if branches.len() == all {
                return;
            }
            if let Some(&session) = self.sessions.get(&waiter) {
                branches.push(TreeBranch {
                    session,
                    depth,
                    behind: behind(&waiter),
                });
                self.grow(reached, waiter, depth + 1, most, branches);
            }
        }
    }
}
