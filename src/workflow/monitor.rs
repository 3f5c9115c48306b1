//! Cards follow the truth: the sessions of all open requests are looked at again and again, with one statement
//! a target.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::engine::Engine;
use super::input::{EngineInput, WaiterPids};
use super::ports::{Freshness, LedgerError, TargetUnreachable};
use crate::domain::decision::RequestCommand;
use crate::domain::event::{Action, RequestDetails};
use crate::domain::lock_graph::LockGraph;
use crate::domain::session::{Session, Snapshot};
use crate::domain::session_diff::{Observation, SessionChange, material_changes};
use crate::domain::timestamp::Timestamp;

/// How often each target with open requests is looked at. An end must be seen within 15 s.
pub(super) const EVERY: Duration = Duration::from_secs(4);
/// A look that somebody else took this recently will do.
const FRESH_ENOUGH: Duration = Duration::from_secs(1);

/// What is known of the session of an open request.
pub(super) struct WatchedSession {
    /// When it was last seen, by the target's clock; `None` when not since the bot started.
    seen_at: Option<Timestamp>,
    pub(super) sight: Observation,
    pub(super) waiters: WaiterPids,
    pub(super) changes: Vec<SessionChange>,
}

impl WatchedSession {
    /// As it was when it was asked about, with those that waited for it then.
    pub(super) fn asked(asked: &RequestDetails, seen: &Snapshot) -> Self {
        let waiters = LockGraph::from_snapshot(seen).all_waiters(asked.identity.pid);
        Self {
            seen_at: Some(seen.taken_at),
            waiters,
            ..Self::remembered(asked)
        }
    }

    /// As the ledger remembers it; who waited for it is not known until it is seen again.
    pub(super) fn remembered(asked: &RequestDetails) -> Self {
        let sight = Observation {
            session: asked.session.clone(),
            waiters: asked.waiters,
        };
        Self {
            seen_at: None,
            sight,
            waiters: WaiterPids::new(),
            changes: Vec::new(),
        }
    }

    /// Takes a newer sight; whether anything material changed.
    fn take(&mut self, at: Timestamp, session: &Session, waiters: WaiterPids) -> bool {
        self.seen_at = Some(at);
        let count = u32::try_from(waiters.len()).unwrap_or(u32::MAX);
        let sight = Observation {
            session: session.clone(),
            waiters: count,
        };
        let found = material_changes(&self.sight, &sight);
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
enum BindingStatus<'a> {
    Lapsed(String),
    Still(&'a Session),
}

fn fate<'a>(asked: &RequestDetails, snapshot: &'a Snapshot) -> BindingStatus<'a> {
    let identity = &asked.identity;
    let pid = identity.pid;
    if snapshot.server != identity.server {
        return BindingStatus::Lapsed(format!(
            "{} is another server now (after a restart or a failover); the session it was about is not on it",
            asked.target
        ));
    }
    let Some(session) = snapshot
        .find(pid)
        .filter(|found| found.backend_start == identity.backend_start)
    else {
        return BindingStatus::Lapsed(format!("session {pid} has ended by itself"));
    };
    if asked.action == Action::Cancel {
        if session.query_start != identity.query_start {
            return BindingStatus::Lapsed(format!(
                "the query has ended; session {pid} has gone on to another one"
            ));
        }
        if asked.session.state.is_running() && !session.state.is_running() {
            return BindingStatus::Lapsed(format!(
                "the query has ended by itself; session {pid} is {} now",
                session.state
            ));
        }
    }
    BindingStatus::Still(session)
}

impl Engine {
    /// Has every target looked at that an open request is about and that is not being looked at already.
    pub(super) fn look_at_targets(&mut self) {
        let wanted: BTreeSet<_> = self
            .book
            .open_requests()
            .map(|request| request.details.target.clone())
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
                let _ = inbox
                    .send(EngineInput::TargetObserved { target: name, seen })
                    .await;
            });
        }
    }

    pub(super) async fn watched(
        &mut self,
        target: &str,
        seen: Result<Arc<Snapshot>, TargetUnreachable>,
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
        let blocking = LockGraph::from_snapshot(&snapshot);
        let here: Vec<_> = self
            .book
            .open_requests()
            .filter(|request| request.details.target == target)
            .map(|request| (request.id, request.details.clone()))
            .collect();
        for (id, asked) in here {
            let live = self
                .live
                .entry(id)
                .or_insert_with(|| WatchedSession::remembered(&asked));
            // A look from before the question says nothing about what became of the session since.
            if live.seen_at.is_some_and(|seen_at| {
                seen_at > snapshot.taken_at && asked.identity.server == snapshot.server
            }) {
                continue;
            }
            match fate(&asked, &snapshot) {
                BindingStatus::Lapsed(detail) => self.take(id, RequestCommand::Lapse { detail }).await?,
                BindingStatus::Still(session) => {
                    if live.take(snapshot.taken_at, session, blocking.all_waiters(session.pid)) {
                        self.publish(id);
                    }
                }
            }
        }
        Ok(())
    }
}
