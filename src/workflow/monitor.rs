//! Keeps cards current: looks up the sessions of open requests again and again, all of a target at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::engine::Engine;
use super::input::EngineInput;
use super::ports::{LedgerError, SessionOnCard, TargetUnreachable};
use super::released::KnownWaiters;
use crate::domain::binding::{self, BindingStatus};
use crate::domain::decision::DecisionInput;
use crate::domain::event::{RequestDetails, RequestedBackend};
use crate::domain::identity::Pid;
use crate::domain::ids::RequestId;
use crate::domain::lock_graph::LockGraph;
use crate::domain::outcome::Outcome;
use crate::domain::request::{Request, RequestState};
use crate::domain::session::{Session, Snapshot};
use crate::domain::session_diff::{Observation, SessionChange, is_material, material_changes};
use crate::domain::timestamp::Timestamp;
use crate::domain::waiters::WaiterSummary;

/// How often each target with open requests is observed. An end must be seen within 15 s.
pub(super) const OBSERVE_EVERY: Duration = Duration::from_secs(4);

/// What is known of one session of an open request.
pub(super) struct MonitoredSession {
    /// When it was last seen; `None` if not since the bot started.
    seen: Option<Look>,
    latest: Observation,
    /// Those that wait for it; `None` until it is seen.
    waiters: Option<KnownWaiters>,
    queue: WaiterSummary,
    is_on_standby: bool,
    changes: Vec<SessionChange>,
    /// How it ended by itself, if it did.
    lapsed: Option<String>,
}

impl MonitoredSession {
    /// The sessions of a new request, and who waited for each when it was made.
    pub(super) fn of_request(details: &RequestDetails, snapshot: &Snapshot) -> Vec<Self> {
        let locks = LockGraph::from_snapshot(snapshot);
        let watched = details.backends.iter().map(|backend| Self {
            seen: Some(Look::of(snapshot, details.asked_at)),
            waiters: Some(known_waiters(backend.identity.pid, snapshot, &locks)),
            queue: WaiterSummary::of(backend.identity.pid, snapshot, &locks),
            is_on_standby: snapshot.is_standby,
            ..Self::recorded(backend)
        });
        watched.collect()
    }

    /// The session as the ledger recorded it. Who waits for it is not known until it is seen again.
    pub(super) fn recorded(backend: &RequestedBackend) -> Self {
        Self {
            seen: None,
            latest: Observation { session: backend.session.clone(), waiters: backend.waiters },
            waiters: None,
            queue: WaiterSummary::default(),
            is_on_standby: false,
            changes: Vec::new(),
            lapsed: None,
        }
    }

    pub(super) fn waiters(&self) -> Option<&KnownWaiters> {
        self.waiters.as_ref()
    }

    /// What the card shows of it besides what was recorded.
    pub(super) fn on_card(&self, backend: &RequestedBackend) -> SessionOnCard {
        let differs = self.latest.session != backend.session || self.latest.waiters != backend.waiters;
        SessionOnCard {
            latest: differs.then(|| self.latest.clone()),
            waiting_pids: self.waiters.iter().flat_map(KnownWaiters::keys).copied().collect(),
            queue: self.queue.clone(),
            seen_at: self.seen.map(|look| look.taken_at),
            own_seen_at: self.seen.map(|look| look.own_time),
            is_on_standby: self.is_on_standby,
            changes: self.changes.clone(),
            lapsed: self.lapsed.clone(),
        }
    }

    /// Updates it with what `snapshot` shows; whether anything changed that the card shows.
    fn observe(
        &mut self,
        details: &RequestDetails,
        backend: &RequestedBackend,
        observed: &ObservedTarget<'_>,
    ) -> bool {
        let look = Look::of(observed.snapshot, observed.now);
        let is_older = self.seen.is_some_and(|seen| seen.order > look.order);
        if is_older && details.server.is_same(observed.snapshot.server) {
            // It was on its way when the request was made, and says nothing about what happened since.
            return false;
        }
        match binding::status(details, backend, observed.snapshot) {
            BindingStatus::Lapsed(detail) => {
                let is_new = self.lapsed.is_none();
                self.lapsed = Some(detail);
                is_new
            }
            BindingStatus::Hidden => false,
            BindingStatus::Holds(session) => {
                self.is_on_standby = observed.snapshot.is_standby;
                self.queue = WaiterSummary::of(session.pid, observed.snapshot, &observed.locks);
                self.update(look, session, known_waiters(session.pid, observed.snapshot, &observed.locks))
            }
        }
    }

    fn update(&mut self, look: Look, session: &Session, waiters: KnownWaiters) -> bool {
        self.seen = Some(look);
        let observation = Observation {
            session: session.clone(),
            waiters: u32::try_from(waiters.len()).unwrap_or(u32::MAX),
        };
        let changes = material_changes(&self.latest, &observation);
        let is_changed = self.waiters.as_ref().is_none_or(|known| !known.keys().eq(waiters.keys()))
            || is_material(&self.latest.session, session);
        self.waiters = Some(waiters);
        if !changes.is_empty() {
            self.changes = changes;
        } else if !is_changed {
            return false;
        }
        self.latest = observation;
        true
    }
}

fn known_waiters(pid: Pid, snapshot: &Snapshot, locks: &LockGraph) -> KnownWaiters {
    let waiters = locks.all_waiters(pid);
    let sessions = snapshot.sessions.iter().filter(|session| waiters.contains(&session.pid));
    sessions.map(|session| (session.pid, session.identity())).collect()
}

/// When a snapshot was taken.
#[derive(Clone, Copy)]
struct Look {
    order: u64,
    /// By the target's clock.
    taken_at: Timestamp,
    /// By killgate's clock.
    own_time: Timestamp,
}

impl Look {
    fn of(snapshot: &Snapshot, own_time: Timestamp) -> Self {
        Self { order: snapshot.order, taken_at: snapshot.taken_at, own_time }
    }
}

struct ObservedTarget<'a> {
    snapshot: &'a Snapshot,
    /// By killgate's clock.
    now: Timestamp,
    locks: LockGraph,
}

impl Engine {
    /// Looks up the sessions of open requests on every target, unless that is under way.
    pub(super) fn observe_targets(&mut self) {
        let mut pids: BTreeMap<String, BTreeSet<Pid>> = BTreeMap::new();
        for details in self.store.open_requests().map(|request| &request.details) {
            let on_target = pids.entry(details.target.clone()).or_default();
            on_target.extend(details.backends.iter().map(|backend| backend.identity.pid));
        }
        for (name, pids) in pids {
            let Some(target) = self.targets.by_name.get(&name) else {
                continue;
            };
            if !self.observing.insert(name.clone()) {
                continue;
            }
            let (target, inputs) = (Arc::clone(&target.target), self.inputs.clone());
            tokio::spawn(async move {
                let snapshot = target.look_up(&pids).await;
                // The engine is gone only when the process ends.
                let _ = inputs.send(EngineInput::TargetObserved { target: name, snapshot }).await;
            });
        }
    }

    pub(super) async fn target_observed(
        &mut self,
        target: &str,
        snapshot: Result<Arc<Snapshot>, TargetUnreachable>,
    ) -> Result<(), LedgerError> {
        self.observing.remove(target);
        let snapshot = match snapshot {
            Ok(snapshot) => snapshot,
            Err(error) => {
                // A session that cannot be seen has not ended: the request stays open.
                debug!(target, %error, "the sessions of open requests cannot be seen");
                return Ok(());
            }
        };
        let locks = LockGraph::from_snapshot(&snapshot);
        let observed = ObservedTarget { locks, now: self.clock.now(), snapshot: &snapshot };
        let on_target: Vec<_> = self
            .store
            .open_requests()
            .filter(|request| request.details.target == target)
            .map(|request| (request.id, request.details.clone()))
            .collect();
        for (id, details) in on_target {
            self.observe_request(id, &details, &observed).await?;
        }
        Ok(())
    }

    /// A request lapses when none of its sessions is left.
    async fn observe_request(
        &mut self,
        id: RequestId,
        details: &RequestDetails,
        observed: &ObservedTarget<'_>,
    ) -> Result<(), LedgerError> {
        let open = self.open_requests.entry(id).or_default();
        if open.sessions.is_empty() {
            open.sessions = details.backends.iter().map(MonitoredSession::recorded).collect();
        }
        let mut is_changed = false;
        for (watched, backend) in open.sessions.iter_mut().zip(&details.backends) {
            if !watched.observe(details, backend, observed) {
                continue;
            }
            is_changed = true;
            let other = self.store.all().find(|other| other.id != id && has_ended(other, details, backend));
            if let (Some(lapsed), Some(other)) = (&mut watched.lapsed, other) {
                *lapsed = format!("request #{} ended session {}", other.id, backend.identity.pid);
            }
        }
        let lapsed: Option<Vec<_>> = open.sessions.iter().map(|watched| watched.lapsed.as_deref()).collect();
        if let Some(lapsed) = lapsed {
            let detail = lapsed.join("; ");
            return self.apply(id, DecisionInput::Lapse { detail }).await;
        }
        if is_changed {
            self.publish(id);
        }
        Ok(())
    }
}

/// Whether `other` ended the session of `backend`, or the query that was shown, or is about to.
fn has_ended(other: &Request, details: &RequestDetails, backend: &RequestedBackend) -> bool {
    let is_same = |(index, about): (usize, &RequestedBackend)| {
        let (theirs, ours) = (&about.identity, &backend.identity);
        let outcome = other.resolution().and_then(|resolution| resolution.backends.get(index));
        let is_ended = match (&other.state, outcome.map(|ended| ended.outcome)) {
            (RequestState::Executing { .. }, _) | (_, Some(Outcome::Terminated)) => true,
            (_, Some(Outcome::Cancelled)) => theirs.query_start == ours.query_start,
            _ => false,
        };
        is_ended && (theirs.pid, theirs.backend_start) == (ours.pid, ours.backend_start)
    };
    other.details.server.is_same(details.server) && other.details.backends.iter().enumerate().any(is_same)
}
