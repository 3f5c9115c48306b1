//! Executes an approved request: signals its sessions, confirms what became of them, and resolves it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use metrics::histogram;
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::ports::{Lease, SessionResult, SignalResult, Target};
use super::released::{KnownWaiters, report_released};
use crate::domain::approval::Approved;
use crate::domain::binding::is_unaffected;
use crate::domain::event::{Action, BackendResolution, Binding, RequestedBackend, Resolution};
use crate::domain::identity::Pid;
use crate::domain::outcome::Outcome;
use crate::domain::protection::ProtectionRules;
use crate::domain::session::Session;
use crate::domain::unreachable_cause::TARGET_REMOVED;

/// How many looks at the signalled sessions follow each other without a wait. A session that reacts at once is gone by
/// then, and each look takes a round trip.
const LOOKS_AT_ONCE: u32 = 6;
/// The first wait between two looks; doubled after each look.
const FIRST_WAIT: Duration = Duration::from_millis(1);
/// The longest wait between two looks.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// How long a session that ends may still be seen after it has released its locks: PostgreSQL releases them first (`ShutdownPostgres`
/// in its source), and a busy machine may do something else in between.
const LEAVING_TAKES: Duration = Duration::from_millis(100);

/// What an execution needs besides the approval.
pub(super) struct Execution {
    /// When the engine began to handle the input that decided it: the approval, or with several the confirmation of the approvers.
    pub(super) approved_at: Instant,
    /// How long to watch for the end of what was signalled.
    pub(super) confirm_within: Duration,
    /// Those that waited for each of the sessions; `None` if that is not known.
    pub(super) waiters: Option<Vec<KnownWaiters>>,
}

/// Signals the approved sessions and watches what becomes of each.
pub(super) async fn execute(
    approved: &Approved,
    execution: &Execution,
    target: &dyn Target,
    protection: &ProtectionRules,
    lease: &dyn Lease,
) -> Resolution {
    let began = Instant::now();
    let results = target.signal(approved, protection, lease).await;
    if results.contains(&SignalResult::Sent) {
        histogram!("killgate_approval_to_signal_seconds")
            .record(execution.approved_at.elapsed().as_secs_f64());
    }
    debug!(after = ?execution.approved_at.elapsed(), "signalled; watching for the end");
    let deadline = began + execution.confirm_within;
    let backends = approved.backends().iter().zip(results);
    let mut backends: Vec<_> =
        backends.map(|(backend, result)| resolution(backend, result, began.elapsed())).collect();
    let held_until = watch(approved, &mut backends, target, (began, deadline)).await;
    describe_unknown(approved, &mut backends, target).await;
    debug!(after = ?execution.approved_at.elapsed(), "watched");
    let ended: BTreeSet<_> = backends
        .iter()
        .filter(|backend| matches!(backend.outcome, Outcome::Cancelled | Outcome::Terminated))
        .map(|backend| backend.pid)
        .collect();
    let Some(waiters) = execution.waiters.as_ref().filter(|_| !ended.is_empty()) else {
        return Resolution::of_execution(backends, None);
    };
    // Those that waited for a session that ended by itself were not released by this.
    let waiters = backends.iter().zip(waiters);
    let waiters: Vec<_> =
        waiters.filter_map(|(backend, waiters)| Some((*held_until.get(&backend.pid)?, waiters))).collect();
    let report = report_released(approved.server(), &ended, &waiters, target).await;
    let mut resolution = Resolution::of_execution(backends, report.released);
    if let Some(successor) = report.successor {
        resolution.detail = format!("{}; {successor}", resolution.detail);
    }
    resolution
}

/// How a request ends that is approved after its target was removed from the configuration.
pub(super) fn unconfigured_target(approved: &Approved) -> Resolution {
    let backends = approved.backends().iter().map(|backend| {
        let detail = TARGET_REMOVED.detail.to_owned();
        BackendResolution::unanswered(backend.identity.pid, Outcome::Unreachable, Some(false), detail)
    });
    Resolution::of_execution(backends.collect(), None)
}

/// What is known of one session after its statement: if that signalled, it is unconfirmed until it is seen to end.
fn resolution(backend: &RequestedBackend, result: SignalResult, elapsed: Duration) -> BackendResolution {
    let (outcome, signal_sent, detail, postgres) = match result {
        SignalResult::NotSent { outcome, detail, postgres } => (outcome, Some(false), detail, postgres),
        SignalResult::Unknown { detail } => (Outcome::Unknown, None, detail, None),
        SignalResult::Sent => (Outcome::Unconfirmed, Some(true), "signalled".to_owned(), None),
    };
    BackendResolution {
        pid: backend.identity.pid,
        outcome,
        elapsed: Some(elapsed),
        signal_sent,
        detail,
        postgres,
    }
}

/// Adds to each unknown outcome what is seen of the session now.
async fn describe_unknown(approved: &Approved, resolutions: &mut [BackendResolution], target: &dyn Target) {
    let unknown = approved.backends().iter().zip(resolutions);
    let unknown: Vec<_> = unknown.filter(|(_, resolution)| resolution.outcome == Outcome::Unknown).collect();
    if unknown.is_empty() {
        return;
    }
    let pids: Vec<_> = unknown.iter().map(|(backend, _)| backend.identity.pid).collect();
    for ((backend, resolution), found) in
        unknown.into_iter().zip(target.find_sessions(approved.server(), &pids).await)
    {
        resolution.detail = format!("{}; {}", resolution.detail, describe_now(backend, found));
    }
}

/// Describes what was `found` under the pid of `backend`, for an outcome that cannot be known.
pub(super) fn describe_now(backend: &RequestedBackend, found: SessionResult) -> String {
    let pid = backend.identity.pid;
    match found {
        Err(error) => format!("it cannot be seen now: {error}"),
        Ok(None) => format!("now there is no session with pid {pid}"),
        Ok(Some(session)) if session.backend_start != backend.identity.backend_start => {
            format!("now pid {pid} is another session")
        }
        Ok(Some(session))
            if backend.bound_to == Binding::Query && session.query_start != backend.identity.query_start =>
        {
            format!("now session {pid} runs another query")
        }
        Ok(Some(session))
            if backend.bound_to == Binding::Transaction
                && session.xact_start != backend.identity.xact_start =>
        {
            format!("now session {pid} is no longer in that transaction")
        }
        Ok(Some(session)) => format!("now session {pid} is still there, {}", describe_condition(&session)),
    }
}

/// Looks at the signalled sessions until each shows the effect, or the time is up. Returns for each that showed it the latest time
/// at which it certainly still had its locks.
async fn watch(
    approved: &Approved,
    resolutions: &mut [BackendResolution],
    target: &dyn Target,
    (began, deadline): (Instant, Instant),
) -> BTreeMap<Pid, Instant> {
    let signalled = approved.backends().iter().zip(resolutions);
    let mut watched: Vec<_> =
        signalled.filter(|(_, resolution)| resolution.signal_sent == Some(true)).collect();
    let mut wait = FIRST_WAIT;
    let (mut last_look, mut held_until) = (began, BTreeMap::new());
    for look in 1.. {
        if watched.is_empty() {
            break;
        }
        if look > LOOKS_AT_ONCE {
            sleep(wait.min(deadline.saturating_duration_since(Instant::now()))).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        let pids: Vec<_> = watched.iter().map(|(backend, _)| backend.identity.pid).collect();
        let looked_at = Instant::now();
        let found = target.find_sessions(approved.server(), &pids).await;
        let elapsed = began.elapsed();
        let is_over = Instant::now() >= deadline;
        let mut remaining = Vec::with_capacity(watched.len());
        for ((backend, resolution), found) in watched.into_iter().zip(found) {
            resolution.elapsed = Some(elapsed);
            let last_seen =
                match found.map(|session| session.filter(|session| is_unaffected(backend, session))) {
                    Ok(None) => {
                        (resolution.outcome, resolution.detail) = seen_ended(approved.action());
                        let before = last_look.checked_sub(LEAVING_TAKES).unwrap_or(began);
                        held_until.insert(resolution.pid, before.max(began));
                        continue;
                    }
                    Ok(Some(session)) => describe_condition(&session),
                    Err(error) => format!("it cannot be seen: {error}"),
                };
            if is_over {
                resolution.detail = format!("signalled, but not seen to end: {last_seen}");
            } else {
                remaining.push((backend, resolution));
            }
        }
        watched = remaining;
        last_look = looked_at;
    }
    held_until
}

fn seen_ended(action: Action) -> (Outcome, String) {
    match action {
        Action::Cancel => {
            (Outcome::Cancelled, "the query was seen to end; the session stays connected".to_owned())
        }
        Action::Terminate => (Outcome::Terminated, "the session was seen to end".to_owned()),
    }
}

fn describe_condition(session: &Session) -> String {
    let state = session.state;
    // An idle session always waits for its client. That does not explain why it is still there.
    match session.wait.as_ref().filter(|_| state.is_running()).map(|wait| (wait, wait.meaning())) {
        Some((wait, Some(meaning))) => format!("{state}, waiting on {wait}: {meaning}"),
        Some((wait, None)) => format!("{state}, waiting on {wait}"),
        None if state.is_running() => {
            format!(
                "{state}, waiting for nothing: it runs code that has not noticed the signal, or catches a cancel"
            )
        }
        None => state.to_string(),
    }
}
