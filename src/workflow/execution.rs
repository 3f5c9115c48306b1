//! Executes an approved request: signals its sessions, confirms what became of them, and resolves it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use metrics::histogram;
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::input::WaiterPids;
use super::ports::{Lease, SignalResult, Target};
use super::released::report_released;
use crate::domain::approval::Approved;
use crate::domain::binding::is_unaffected;
use crate::domain::event::{Action, BackendResolution, Binding, RequestedBackend, Resolution};
use crate::domain::outcome::Outcome;
use crate::domain::protection::ProtectionRules;
use crate::domain::session::Session;

/// How long to wait before the first look at a signalled session; doubled after each look.
const FIRST_WAIT: Duration = Duration::from_millis(2);
/// The longest wait between two looks.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// What an execution needs besides the approval.
pub(super) struct Execution {
    /// When the deciding approval came.
    pub(super) approved_at: Instant,
    /// How long to watch for the end of what was signalled.
    pub(super) confirm_within: Duration,
    /// Those that waited for the sessions.
    pub(super) waiters: WaiterPids,
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
    let resolving = approved
        .backends()
        .iter()
        .zip(results)
        .map(|(backend, result)| resolve(approved.action(), backend, result, target, (began, deadline)));
    let backends = join_all(resolving).await;
    debug!(after = ?execution.approved_at.elapsed(), "watched");
    let ended: BTreeSet<_> = backends
        .iter()
        .filter(|backend| matches!(backend.outcome, Outcome::Cancelled | Outcome::Terminated))
        .map(|backend| backend.pid)
        .collect();
    if ended.is_empty() {
        return Resolution::of_execution(backends, None);
    }
    let report = report_released(&ended, &execution.waiters, began, target).await;
    let mut resolution = Resolution::of_execution(backends, report.released);
    if let Some(successor) = report.successor {
        resolution.detail = format!("{}; {successor}", resolution.detail);
    }
    resolution
}

/// How a request ends that is approved after its target was removed from the configuration.
pub(super) fn unconfigured_target(approved: &Approved) -> Resolution {
    let backends = approved.backends().iter().map(|backend| BackendResolution {
        pid: backend.identity.pid,
        outcome: Outcome::Unreachable,
        elapsed: None,
        signal_sent: Some(false),
        detail: format!("target {} is no longer configured", approved.target()),
        postgres: None,
    });
    Resolution::of_execution(backends.collect(), None)
}

/// What became of one session.
async fn resolve(
    action: Action,
    backend: &RequestedBackend,
    result: SignalResult,
    target: &dyn Target,
    (began, deadline): (Instant, Instant),
) -> BackendResolution {
    let pid = backend.identity.pid;
    match result {
        SignalResult::NotSent { outcome, detail, postgres } => BackendResolution {
            pid,
            outcome,
            elapsed: Some(began.elapsed()),
            signal_sent: Some(false),
            detail,
            postgres,
        },
        SignalResult::Unknown { detail } => BackendResolution {
            pid,
            outcome: Outcome::Unknown,
            elapsed: Some(began.elapsed()),
            signal_sent: None,
            detail: format!("{detail}; {}", describe_now(backend, target).await),
            postgres: None,
        },
        SignalResult::Sent => {
            let (outcome, detail) = watch(action, backend, target, deadline).await;
            BackendResolution {
                pid,
                outcome,
                elapsed: Some(began.elapsed()),
                signal_sent: Some(true),
                detail,
                postgres: None,
            }
        }
    }
}

/// Describes what has the pid of `backend` now, for an outcome that cannot be known.
pub(super) async fn describe_now(backend: &RequestedBackend, target: &dyn Target) -> String {
    let pid = backend.identity.pid;
    match target.find_session(pid).await {
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
        Ok(Some(session)) => format!("now session {pid} is still there, {}", describe_condition(&session)),
    }
}

/// Looks at a signalled session until the effect is seen or the time is up.
async fn watch(
    action: Action,
    backend: &RequestedBackend,
    target: &dyn Target,
    deadline: Instant,
) -> (Outcome, String) {
    let mut wait = FIRST_WAIT;
    loop {
        sleep(wait.min(deadline.saturating_duration_since(Instant::now()))).await;
        wait = (wait * 2).min(LONGEST_WAIT);
        let last_seen = match target.find_session(backend.identity.pid).await {
            Ok(session) => match session.filter(|session| is_unaffected(backend, session)) {
                None => return seen_ended(action),
                Some(session) => describe_condition(&session),
            },
            Err(error) => format!("it cannot be seen: {error}"),
        };
        if Instant::now() >= deadline {
            let detail = format!("signalled, but not seen to end: {last_seen}");
            return (Outcome::Unconfirmed, detail);
        }
    }
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
    match &session.wait {
        Some(wait) => format!("{}, waiting on {wait}", session.state),
        None => format!("{}, not waiting for anything", session.state),
    }
}
