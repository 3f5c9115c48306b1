//! Keeps cards current: looks up the sessions of open requests again and again, all of a target at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::engine::Engine;
use super::input::EngineInput;
use super::ports::{LedgerError, SessionOnCard, TargetUnreachable};
use super::released::KnownWaiters;
use super::store::RequestStore;
use crate::domain::binding::{self, BindingStatus};
use crate::domain::decision::DecisionInput;
use crate::domain::event::{RequestDetails, RequestedBackend, Resolution};
use crate::domain::identity::Pid;
use crate::domain::ids::RequestId;
use crate::domain::lock_graph::LockGraph;
use crate::domain::outcome::Outcome;
use crate::domain::request::{Request, RequestState};
use crate::domain::session::{Session, Snapshot};
use crate::domain::session_diff::{Observation, is_material, material_changes};
use crate::domain::timestamp::Timestamp;
use crate::domain::unreachable_cause::{self as cause, UnreachableCause};
use crate::domain::waiters::WaiterSummary;

/// How often each target with open requests is observed. An end must be seen within 15 s.
pub(super) const OBSERVE_EVERY: Duration = Duration::from_secs(4);
/// How many observations in a row must miss a session before its card says so. A single failed one changes nothing.
const UNSEEN_AFTER: u32 = 2;

/// What is known of one session of an open request.
#[derive(Default)]
pub(super) struct MonitoredSession {
    /// The order of the snapshot that showed it last; `None` if none has since the bot started.
    order: Option<u64>,
    /// How many observations in a row have not shown it.
    missed: u32,
    /// The sessions that wait for it; `None` until it is seen.
    pub(super) waiters: Option<KnownWaiters>,
    /// What the card shows of it besides what was recorded.
    pub(super) on_card: SessionOnCard,
}

/// A snapshot of a target with open requests.
struct ObservedTarget<'a> {
    snapshot: &'a Snapshot,
    /// By killgate's clock.
    now: Timestamp,
    locks: LockGraph,
}

/// What was observed of a target, or why nothing was.
type TargetObservation<'a> = Result<&'a ObservedTarget<'a>, &'static UnreachableCause>;

impl MonitoredSession {
    /// The sessions of a new request, and who waited for each when it was made.
    pub(super) fn of_request(details: &RequestDetails, snapshot: &Snapshot) -> Vec<Self> {
        let locks = LockGraph::from_snapshot(snapshot);
        let observed = ObservedTarget { snapshot, now: details.asked_at, locks };
        let monitored = details.backends.iter().map(|backend| {
            let mut monitored = Self::default();
            monitored.note_seen(backend.identity.pid, &observed);
            monitored
        });
        monitored.collect()
    }

    /// Updates it with what was observed. Returns whether the card must change.
    fn observe(
        &mut self,
        details: &RequestDetails,
        backend: &RequestedBackend,
        observed: TargetObservation<'_>,
    ) -> bool {
        // Nothing that is seen later undoes its end.
        if self.on_card.lapsed.is_some() {
            return false;
        }
        let observed = match observed {
            Ok(observed) => observed,
            Err(cause) => return self.note_unseen(cause),
        };
        let is_older = self.order.is_some_and(|order| order > observed.snapshot.order);
        if is_older && details.server.is_same(observed.snapshot.server) {
            // It was on its way when the request was made, and says nothing about what happened since.
            return false;
        }
        match binding::status(details, backend, observed.snapshot) {
            BindingStatus::Lapsed(detail) => {
                self.lapse(detail);
                true
            }
            BindingStatus::Hidden(cause) => self.note_unseen(cause),
            BindingStatus::NotLookedUp => false,
            BindingStatus::Holds(session) => self.update(backend, session, observed),
        }
    }

    /// Notes how it ended by itself. Its waiters are cleared: a session that gets its lock later was released by something else.
    fn lapse(&mut self, detail: String) {
        self.waiters = Some(KnownWaiters::new());
        let card = &mut self.on_card;
        (card.lapsed, card.unseen) = (Some(detail), None);
        (card.waiting_pids, card.queue) = (Vec::new(), WaiterSummary::default());
        (card.latest, card.changes) = (None, Vec::new());
    }

    fn update(
        &mut self,
        backend: &RequestedBackend,
        session: &Session,
        observed: &ObservedTarget<'_>,
    ) -> bool {
        let was_unseen = self.on_card.unseen.is_some();
        let have_waiters_changed = self.note_seen(session.pid, observed);
        let waiters = u32::try_from(self.on_card.waiting_pids.len()).unwrap_or(u32::MAX);
        let recorded = Observation { session: backend.session.clone(), waiters: backend.waiters };
        let previous = self.on_card.latest.as_ref().unwrap_or(&recorded);
        let latest = Observation { session: session.clone(), waiters };
        let changes = material_changes(previous, &latest);
        if changes.is_empty() && !have_waiters_changed && !is_material(&previous.session, session) {
            return was_unseen;
        }
        if !changes.is_empty() {
            self.on_card.changes = changes;
        }
        self.on_card.latest = Some(latest).filter(|latest| *latest != recorded);
        true
    }

    /// Notes that the session could not be seen; it may still be alive. Returns whether the card must change.
    fn note_unseen(&mut self, cause: &'static UnreachableCause) -> bool {
        self.missed = self.missed.saturating_add(1);
        self.missed >= UNSEEN_AFTER && self.on_card.unseen.replace(cause) != Some(cause)
    }

    /// Notes that `observed` shows the session, and who waits for it. Returns whether the waiters have changed.
    fn note_seen(&mut self, pid: Pid, ObservedTarget { snapshot, now, locks }: &ObservedTarget<'_>) -> bool {
        let waiters = known_waiters(pid, snapshot, locks);
        let have_changed = self.waiters.as_ref().is_none_or(|known| !known.keys().eq(waiters.keys()));
        self.order = Some(snapshot.order);
        (self.missed, self.on_card.unseen) = (0, None);
        self.on_card.waiting_pids = waiters.keys().copied().collect();
        self.on_card.queue = WaiterSummary::of(pid, snapshot, locks);
        self.on_card.seen_at = Some(snapshot.taken_at);
        self.on_card.own_seen_at = Some(*now);
        self.on_card.is_on_standby = snapshot.is_standby;
        self.waiters = Some(waiters);
        have_changed
    }
}

fn known_waiters(pid: Pid, snapshot: &Snapshot, locks: &LockGraph) -> KnownWaiters {
    let waiters = locks.all_waiters(pid);
    let sessions = snapshot.sessions.iter().filter(|session| waiters.contains(&session.pid));
    sessions.map(|session| (session.pid, session.identity())).collect()
}

impl Engine {
    /// Looks up the sessions of open requests on every target, unless that is under way.
    pub(super) async fn observe_targets(&mut self) -> Result<(), LedgerError> {
        let mut pids: BTreeMap<String, BTreeSet<Pid>> = BTreeMap::new();
        for details in self.store.open_requests().map(|request| &request.details) {
            let on_target = pids.entry(details.target.clone()).or_default();
            on_target.extend(details.backends.iter().map(|backend| backend.identity.pid));
        }
        for (name, pids) in pids {
            let Some(target) = self.targets.by_name.get(&name) else {
                self.observe_requests(&name, Err(&cause::TARGET_REMOVED)).await?;
                continue;
            };
            if !self.observing.insert(name.clone()) {
                continue;
            }
            let (target, inputs) = (Arc::clone(&target.target), self.inputs.clone());
            self.tasks.spawn(async move {
                let snapshot = target.look_up(&pids).await;
                // The engine is gone only when the process ends.
                let _ = inputs.send(EngineInput::TargetObserved { target: name, snapshot }).await;
            });
        }
        Ok(())
    }

    pub(super) async fn target_observed(
        &mut self,
        target: &str,
        snapshot: Result<Arc<Snapshot>, TargetUnreachable>,
    ) -> Result<(), LedgerError> {
        self.observing.remove(target);
        match snapshot {
            Ok(snapshot) => {
                let locks = LockGraph::from_snapshot(&snapshot);
                let observed = ObservedTarget { locks, now: self.clock.now(), snapshot: &snapshot };
                self.observe_requests(target, Ok(&observed)).await
            }
            Err(error) => {
                debug!(target, %error, "the sessions of open requests cannot be seen");
                self.observe_requests(target, Err(error.cause)).await
            }
        }
    }

    async fn observe_requests(
        &mut self,
        target: &str,
        observed: TargetObservation<'_>,
    ) -> Result<(), LedgerError> {
        let on_target: Vec<_> = self
            .store
            .open_requests()
            .filter(|request| request.details.target == target)
            .map(|request| (request.id, request.details.clone()))
            .collect();
        for (id, details) in on_target {
            self.observe_request(id, &details, observed).await?;
        }
        Ok(())
    }

    /// Says of each session that had ended before the signal which other request ended it.
    pub(super) fn name_who_ended(&self, id: RequestId, mut resolution: Resolution) -> Resolution {
        let Some(details) = self.store.get(id).map(|request| &request.details) else { return resolution };
        for (index, backend) in details.backends.iter().enumerate() {
            let is_over = resolution
                .backends
                .get(index)
                .is_some_and(|ended| matches!(ended.outcome, Outcome::Gone | Outcome::MovedOn));
            if is_over && let Some(by) = who_ended(&self.store, id, details, backend) {
                resolution = resolution.with_detail(index, by);
            }
        }
        resolution
    }

    /// A request lapses when none of its sessions is left.
    async fn observe_request(
        &mut self,
        id: RequestId,
        details: &RequestDetails,
        observed: TargetObservation<'_>,
    ) -> Result<(), LedgerError> {
        let open = self.open_requests.entry(id).or_default();
        open.sessions.resize_with(details.backends.len(), MonitoredSession::default);
        let mut is_changed = false;
        for (monitored, backend) in open.sessions.iter_mut().zip(&details.backends) {
            if !monitored.observe(details, backend, observed) {
                continue;
            }
            is_changed = true;
            if let (Some(lapsed), Some(by)) =
                (&mut monitored.on_card.lapsed, who_ended(&self.store, id, details, backend))
            {
                *lapsed = by;
            }
        }
        let lapsed: Option<Vec<_>> =
            open.sessions.iter().map(|monitored| monitored.on_card.lapsed.as_deref()).collect();
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

/// Which other request than `id` ended the session of `backend`, or the query that was shown, in words. Without a pid, so that
/// sessions with the same fate are told in one line.
fn who_ended(
    store: &RequestStore,
    id: RequestId,
    details: &RequestDetails,
    backend: &RequestedBackend,
) -> Option<String> {
    let mut others =
        store.all().filter(|other| other.id != id && other.details.server.is_same(details.server));
    others.find_map(|other| what_it_did(other, backend))
}

fn what_it_did(other: &Request, backend: &RequestedBackend) -> Option<String> {
    let ours = &backend.identity;
    let same = other.details.backends.iter().position(|about| {
        (about.identity.pid, about.identity.backend_start) == (ours.pid, ours.backend_start)
    })?;
    let outcome = other.resolution().and_then(|resolution| resolution.backends.get(same));
    let is_same_query = other.details.backends[same].identity.query_start == ours.query_start;
    let what = match (&other.state, outcome.map(|ended| ended.outcome)) {
        (_, Some(Outcome::Terminated)) => "ended it",
        (_, Some(Outcome::Cancelled)) if is_same_query => "cancelled its query",
        // The outcome of that request is not known yet.
        (RequestState::Executing { .. }, _) => "was signalling it at the same time",
        _ => return None,
    };
    Some(format!("request #{} {what}", other.id))
}
