//! An approved request: signal, confirmation, outcome.

use std::time::Duration;

use metrics::histogram;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use super::input::WaiterPids;
use super::ports::{Freshness, SignalResult, Target};
use crate::domain::approval::Approved;
use crate::domain::event::{Action, Resolution};
use crate::domain::identity::BackendIdentity;
use crate::domain::lock_graph::LockGraph;
use crate::domain::outcome::Outcome;
use crate::domain::protection::ProtectionRules;
use crate::domain::session::Session;

/// How long to wait before looking for the first time; doubled from look to look.
const FIRST_LOOK: Duration = Duration::from_millis(2);
/// The longest wait between two looks.
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// How long to wait for those in the queue to get what they waited for.
const RELEASE_WITHIN: Duration = Duration::from_millis(500);

/// Signals the approved backend and watches what becomes of it. `approved_at` is when the last approval came.
pub(super) async fn execute(
    approved: Approved,
    approved_at: Instant,
    target: &dyn Target,
    protection: &ProtectionRules,
    confirm_within: Duration,
    waiters: &WaiterPids,
) -> Resolution {
    let (action, identity) = (approved.action(), *approved.identity());
    let began = Instant::now();
    let signalled = target.signal(approved, protection).await;
    if signalled == SignalResult::Sent {
        histogram!("killgate_approval_to_signal_seconds").record(approved_at.elapsed().as_secs_f64());
    }
    match signalled {
        SignalResult::NotSent {
            outcome,
            detail,
            postgres,
        } => Resolution {
            postgres,
            elapsed: Some(began.elapsed()),
            ..Resolution::without_signal(outcome, detail)
        },
        SignalResult::Unknown { detail } => Resolution {
            outcome: Outcome::Unknown,
            elapsed: Some(began.elapsed()),
            signal_sent: None,
            detail: format!("{detail}; {}", sight_now(action, &identity, target).await),
            postgres: None,
            waiters_released: None,
            actor: None,
        },
        SignalResult::Sent => {
            debug!(after = ?approved_at.elapsed(), "signalled; watching for the end");
            let watched = watch(action, &identity, target, began, confirm_within).await;
            debug!(after = ?approved_at.elapsed(), outcome = watched.outcome.name(), "watched");
            let released = match watched.outcome {
                Outcome::Cancelled | Outcome::Terminated => released(&identity, target, waiters).await,
                _ => None,
            };
            Resolution {
                waiters_released: released,
                ..watched
            }
        }
    }
}

/// What is seen of the backend now, in words: for an outcome that cannot be known.
pub(super) async fn sight_now(action: Action, identity: &BackendIdentity, target: &dyn Target) -> String {
    let pid = identity.pid;
    match target.find_session(pid).await {
        Err(problem) => format!("what is there now cannot be seen: {problem}"),
        Ok(None) => format!("now there is no session with pid {pid}"),
        Ok(Some(session)) if session.backend_start != identity.backend_start => {
            format!("now pid {pid} is another session")
        }
        Ok(Some(session)) if action == Action::Cancel && session.query_start != identity.query_start => {
            format!("now session {pid} runs another query")
        }
        Ok(Some(session)) => format!("now session {pid} is still there, {}", condition(&session)),
    }
}

/// Looks again and again until the effect is seen or time is over.
async fn watch(
    action: Action,
    identity: &BackendIdentity,
    target: &dyn Target,
    began: Instant,
    confirm_within: Duration,
) -> Resolution {
    let deadline = began + confirm_within;
    let mut wait = FIRST_LOOK;
    loop {
        sleep(wait.min(deadline.saturating_duration_since(Instant::now()))).await;
        wait = (wait * 2).min(LONGEST_WAIT);
        let last_seen = match target.find_session(identity.pid).await {
            Ok(now) => match still_there(action, identity, now) {
                None => return ended(action, began.elapsed()),
                Some(session) => condition(&session),
            },
            Err(problem) => format!("what became of it cannot be seen: {problem}"),
        };
        if Instant::now() >= deadline {
            return Resolution {
                outcome: Outcome::Unconfirmed,
                elapsed: Some(began.elapsed()),
                signal_sent: Some(true),
                detail: format!("signalled, but not seen to end: {last_seen}"),
                postgres: None,
                waiters_released: None,
                actor: None,
            };
        }
    }
}

/// The session if the signal has had no effect yet.
fn still_there(action: Action, identity: &BackendIdentity, now: Option<Session>) -> Option<Session> {
    now.filter(|session| {
        session.backend_start == identity.backend_start
            && (action == Action::Terminate
                || (session.state.is_running() && session.query_start == identity.query_start))
    })
}

fn ended(action: Action, elapsed: Duration) -> Resolution {
    let (outcome, detail) = match action {
        Action::Cancel => (
            Outcome::Cancelled,
            "the query was seen to end; its session lives on",
        ),
        Action::Terminate => (Outcome::Terminated, "the session was seen to end"),
    };
    Resolution {
        outcome,
        elapsed: Some(elapsed),
        signal_sent: Some(true),
        detail: detail.to_owned(),
        postgres: None,
        waiters_released: None,
        actor: None,
    }
}

fn condition(session: &Session) -> String {
    match &session.wait {
        Some(wait) => format!("{}, waiting on {wait}", session.state),
        None => format!("{}, not waiting for anything", session.state),
    }
}

/// How many of those that waited for the session wait for it no longer, nor for anybody else.
async fn released(identity: &BackendIdentity, target: &dyn Target, waiters: &WaiterPids) -> Option<u32> {
    if waiters.is_empty() {
        return Some(0);
    }
    let mut released = None;
    // Those in a queue are served one after the other: give them a moment before they are counted.
    let all_of_them = timeout(RELEASE_WITHIN, async {
        let mut wait = FIRST_LOOK;
        loop {
            let Ok(snapshot) = target.snapshot(Freshness::Now).await else {
                return;
            };
            let still = LockGraph::from_snapshot(&snapshot).all_waiters(identity.pid);
            let waiting = |pid| still.contains(pid) || snapshot.find(*pid).is_some_and(Session::is_blocked);
            let free = waiters.iter().filter(|pid| !waiting(pid)).count();
            released = u32::try_from(free).ok();
            if free == waiters.len() {
                return;
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    });
    // Running out of time is an answer too: those counted last.
    let _ = all_of_them.await;
    released
}
