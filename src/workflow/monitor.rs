//! Cards follow the truth: the sessions of all open requests are looked at again and again, with one statement
//! a target.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::engine::Clerk;
use super::input::{Happening, Waiters};
use super::ports::{Freshness, LedgerError, Unreachable};
use crate::domain::decision::Command;
use crate::domain::event::{Action, Asked};
use crate::domain::lock_graph::Blocking;
use crate::domain::session::{Session, Snapshot};
use crate::domain::session_diff::{Change, Sight, changes};
use crate::domain::timestamp::Moment;

/// How often each target with open requests is looked at. An end must be seen within 15 s.
pub(super) const EVERY: Duration = Duration::from_secs(4);
/// A look that somebody else took this recently will do.
const FRESH_ENOUGH: Duration = Duration::from_secs(1);

/// What is known of the session of an open request.
pub(super) struct Live {
    /// When it was last seen, by the target's clock; `None` when not since the bot started.
    seen_at: Option<Moment>,
    pub(super) sight: Sight,
    pub(super) waiters: Waiters,
    pub(super) changes: Vec<Change>,
}

impl Live {
    /// As it was when it was asked about, with those that waited for it then.
    pub(super) fn asked(asked: &Asked, seen: &Snapshot) -> Self {
        let waiters = Blocking::of(seen).waiters(asked.identity.pid);
        Self {
            seen_at: Some(seen.at),
            waiters,
            ..Self::remembered(asked)
        }
    }

    /// As the ledger remembers it; who waited for it is not known until it is seen again.
    pub(super) fn remembered(asked: &Asked) -> Self {
        let sight = Sight {
            session: asked.session.clone(),
            waiters: asked.waiters,
        };
        Self {
            seen_at: None,
            sight,
            waiters: Waiters::new(),
            changes: Vec::new(),
        }
    }

    /// Takes a newer sight; whether anything material changed.
    fn take(&mut self, at: Moment, session: &Session, waiters: Waiters) -> bool {
        self.seen_at = Some(at);
        let count = u32::try_from(waiters.len()).unwrap_or(u32::MAX);
        let sight = Sight {
            session: session.clone(),
            waiters: count,
        };
        let found = changes(&self.sight, &sight);
        self.waiters = waiters;
        if found.is_empty() {
            return false;
        }
        self.changes = found;
        self.sight = sight;
        true
    }
}

/// What has become of the session that `asked` is about.
enum Fate<'a> {
    Lapsed(String),
    Still(&'a Session),
}

fn fate<'a>(asked: &Asked, snapshot: &'a Snapshot) -> Fate<'a> {
    let identity = &asked.identity;
    let pid = identity.pid;
    if snapshot.server != identity.server {
        return Fate::Lapsed(format!(
            "{} is another server now (after a restart or a failover); the session it was about is not on it",
            asked.target
        ));
    }
    let Some(session) = snapshot
        .find(pid)
        .filter(|found| found.backend_start == identity.backend_start)
    else {
        return Fate::Lapsed(format!("session {pid} has ended by itself"));
    };
    if asked.action == Action::Cancel {
        if session.query_start != identity.query_start {
            return Fate::Lapsed(format!(
                "the query has ended; session {pid} has gone on to another one"
            ));
        }
        if asked.session.state.is_running() && !session.state.is_running() {
            return Fate::Lapsed(format!(
                "the query has ended by itself; session {pid} is {} now",
                session.state
            ));
        }
    }
    Fate::Still(session)
}

impl Clerk {
    /// Has every target looked at that an open request is about and that is not being looked at already.
    pub(super) fn look_at_targets(&mut self) {
        let wanted: BTreeSet<_> = self
            .book
            .open_requests()
            .map(|request| request.asked.target.clone())
            .collect();
        for name in wanted {
            let Some(governed) = self.rules.targets.get(&name) else {
                continue;
            };
            if !self.looking.insert(name.clone()) {
                continue;
            }
            let (target, inbox) = (Arc::clone(&governed.target), self.inbox.clone());
            tokio::spawn(async move {
                let seen = target.snapshot(Freshness::Within(FRESH_ENOUGH)).await;
                // Nobody listens any more only when the process ends.
                let _ = inbox.send(Happening::Watched { target: name, seen }).await;
            });
        }
    }

    pub(super) async fn watched(
        &mut self,
        target: &str,
        seen: Result<Arc<Snapshot>, Unreachable>,
    ) -> Result<(), LedgerError> {
        self.looking.remove(target);
        let snapshot = match seen {
            Ok(snapshot) => snapshot,
            Err(problem) => {
                // An open request stays open: that its session cannot be seen says nothing about it.
                debug!(target, %problem, "open requests cannot be watched");
                return Ok(());
            }
        };
        let blocking = Blocking::of(&snapshot);
        let here: Vec<_> = self
            .book
            .open_requests()
            .filter(|request| request.asked.target == target)
            .map(|request| (request.id, request.asked.clone()))
            .collect();
        for (id, asked) in here {
            let live = self.live.entry(id).or_insert_with(|| Live::remembered(&asked));
            // A look from before the question says nothing about what became of the session since.
            if live
                .seen_at
                .is_some_and(|seen_at| seen_at > snapshot.at && asked.identity.server == snapshot.server)
            {
                continue;
            }
            match fate(&asked, &snapshot) {
                Fate::Lapsed(detail) => self.take(id, Command::Lapse { detail }).await?,
                Fate::Still(session) => {
                    if live.take(snapshot.at, session, blocking.waiters(session.pid)) {
                        self.publish(id);
                    }
                }
            }
        }
        Ok(())
    }
}
