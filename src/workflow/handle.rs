//! The way into the workflow: resolves targets and takes snapshots before the engine is involved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, join_all};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::creation::warn_unanswered;
use super::input::EngineInput;
use super::ports::{Freshness, Responder, TargetUnreachable};
use super::refusal::Refusal;
use super::targets::{CurrentTargets, TargetRegistry, TargetWithPolicy};
use crate::domain::creation::{CreationError, NewRequest, SessionSelector};
use crate::domain::event::{Action, Binding};
use crate::domain::identity::{InvalidPid, Pid};
use crate::domain::ids::{ChannelId, Person};
use crate::domain::session::Snapshot;
use crate::domain::timestamp::Timestamp;
use crate::domain::unreachable_cause::NO_ANSWER;

/// The longest that a silent target delays a command that names no target. A command that names the target waits longer.
const SILENT_AFTER: Duration = Duration::from_millis(1_500);

/// What a person typed or chose.
#[derive(Clone, Debug)]
pub struct RequestInput {
    pub action: Action,
    /// At least one.
    pub sessions: Vec<SessionInput>,
    /// What a terminate is bound to, if the person chose it.
    pub bound_to: Option<Binding>,
    pub target: Option<String>,
    pub reason: Option<String>,
    pub channel: ChannelId,
}

/// A session as a person named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInput {
    pub pid: i64,
    /// The start of the backend that the person saw; `None` for a pid that was typed.
    pub backend_start: Option<Timestamp>,
}

/// A snapshot of one target, or why there is none.
pub type SnapshotResult = Result<Arc<Snapshot>, TargetUnreachable>;

/// The sender of everything that happens; cheap to clone.
#[derive(Clone)]
pub struct EngineHandle {
    targets: CurrentTargets,
    inputs: mpsc::Sender<EngineInput>,
}

impl EngineHandle {
    pub fn new(targets: CurrentTargets, inputs: mpsc::Sender<EngineInput>) -> Self {
        Self { targets, inputs }
    }

    /// The targets as they are now.
    pub fn targets(&self) -> Arc<TargetRegistry> {
        Arc::clone(&self.targets.borrow())
    }

    /// Sends an input to the engine; inputs arrive in the order of the calls.
    pub async fn send(&self, input: EngineInput) {
        // The engine is gone only when the process ends.
        let _ = self.inputs.send(input).await;
    }

    /// Sends what `input` returns, which is called when there is room in the engine's queue.
    pub async fn send_with(&self, input: impl FnOnce() -> EngineInput) {
        if let Ok(permit) = self.inputs.reserve().await {
            permit.send(input());
        }
    }

    /// Asks for a cancel or a terminate. The answer goes to `responder`.
    pub async fn request_signal(&self, by: Person, input: RequestInput, responder: Arc<dyn Responder>) {
        match self.resolve(&by, &input).await {
            Ok((request, target, snapshot)) => {
                self.send(EngineInput::CreateRequest { request, by, target, snapshot, responder }).await;
            }
            Err(refusal) => {
                if refusal.is_unauthorized() {
                    self.send(EngineInput::UnauthorizedCommand { by: by.id }).await;
                }
                if let Err(error) = responder.refuse(&refusal).await {
                    warn_unanswered(&error);
                }
            }
        }
    }

    async fn resolve(
        &self,
        by: &Person,
        input: &RequestInput,
    ) -> Result<(NewRequest, String, Arc<Snapshot>), Refusal> {
        let selectors: Result<Vec<_>, _> = input.sessions.iter().map(SessionInput::selector).collect();
        let sessions = selectors.map_err(Refusal::NotAPid)?;
        let unauthorized = |target: String| Refusal::Rejected {
            action: input.action,
            target,
            error: CreationError::NotARequester,
            owner: None,
        };
        let registry = self.targets();
        let candidates = match visible_targets(&registry, input.target.as_deref(), by) {
            Err(Refusal::NotAViewer) => return Err(unauthorized(String::new())),
            candidates => candidates?,
        };
        let allowed: BTreeMap<_, _> = candidates
            .iter()
            .filter(|(_, target)| target.policy.access.may_request(by))
            .map(|(name, target)| (*name, *target))
            .collect();
        if allowed.is_empty() {
            let names: Vec<_> = candidates.keys().copied().collect();
            return Err(unauthorized(names.join(", ")));
        }
        let (target, snapshot, elsewhere) = match allowed.iter().next() {
            Some((name, target)) if allowed.len() == 1 => {
                let snapshot = target.target.look_up(&pids(&sessions)).await;
                let snapshot = snapshot.map_err(|error| unreachable(name, &error))?;
                ((*name).to_owned(), snapshot, BTreeMap::new())
            }
            _ => find_target_of(input.action, &sessions, &allowed).await?,
        };
        let reason = input.reason.as_deref().map(str::trim);
        let request = NewRequest {
            action: input.action,
            sessions,
            elsewhere,
            bound_to: input.bound_to,
            reason: reason.filter(|reason| !reason.is_empty()).map(ToOwned::to_owned),
            channel: input.channel,
        };
        Ok((request, target, snapshot))
    }

    /// The named target, or all, as far as the person may see them, each with a future that takes its snapshot.
    pub fn snapshots(
        &self,
        by: &Person,
        target: Option<&str>,
        freshness: Freshness,
    ) -> Result<Vec<(String, BoxFuture<'static, SnapshotResult>)>, Refusal> {
        let registry = self.targets();
        let targets = visible_targets(&registry, target, by)?;
        let snapshots = targets.into_iter().map(|(name, target)| {
            let target = Arc::clone(&target.target);
            let snapshot = async move { target.snapshot(freshness).await };
            (name.to_owned(), snapshot.boxed())
        });
        Ok(snapshots.collect())
    }
}

/// The target of this name, or all, among those that the person may see. They are not told that others exist.
fn visible_targets<'r>(
    registry: &'r TargetRegistry,
    name: Option<&str>,
    by: &Person,
) -> Result<BTreeMap<&'r str, &'r TargetWithPolicy>, Refusal> {
    let all = registry.by_name.iter();
    let visible: BTreeMap<_, _> = all
        .filter(|(_, target)| target.policy.access.may_view(by))
        .map(|(name, target)| (name.as_str(), target))
        .collect();
    if visible.is_empty() {
        return Err(Refusal::NotAViewer);
    }
    let Some(wanted) = name else { return Ok(visible) };
    match visible.get_key_value(wanted) {
        Some((name, target)) => Ok(BTreeMap::from([(*name, *target)])),
        None => Err(Refusal::UnknownTarget {
            given: wanted.to_owned(),
            known: visible.into_keys().map(ToOwned::to_owned).collect(),
        }),
    }
}

impl SessionInput {
    fn selector(&self) -> Result<SessionSelector, InvalidPid> {
        Ok(SessionSelector { pid: Pid::try_from(self.pid)?, backend_start: self.backend_start })
    }
}

fn pids(sessions: &[SessionSelector]) -> BTreeSet<Pid> {
    sessions.iter().map(|session| session.pid).collect()
}

/// Finds the target of the sessions: the only one that has the first of these pids that exists on any target. Also returns its
/// snapshot, and for each pid that it lacks the name of another target that has it.
async fn find_target_of(
    action: Action,
    sessions: &[SessionSelector],
    targets: &BTreeMap<&str, &TargetWithPolicy>,
) -> Result<(String, Arc<Snapshot>, BTreeMap<Pid, String>), Refusal> {
    let pids = pids(sessions);
    let snapshots = targets.iter().map(async |(name, target)| {
        let late = |_| {
            let message = format!("it did not answer within {:.1} s", SILENT_AFTER.as_secs_f64());
            Err(TargetUnreachable { message, cause: &NO_ANSWER, source: None })
        };
        let snapshot = timeout(SILENT_AFTER, target.target.look_up(&pids)).await;
        (*name, snapshot.unwrap_or_else(late))
    });
    let mut answered = Vec::new();
    let mut silent = Vec::new();
    for (name, snapshot) in join_all(snapshots).await {
        match snapshot {
            Ok(snapshot) => answered.push((name.to_owned(), snapshot)),
            Err(error) => silent.push((name, error)),
        }
    }
    let has = |pid| move |(_, snapshot): &(String, Arc<Snapshot>)| snapshot.contains_pid(pid);
    // A session that has just ended does not say which target is meant.
    let first = sessions.iter().find(|session| answered.iter().any(has(session.pid)));
    let pid = first.unwrap_or(&sessions[0]).pid;
    let (mut found, without): (Vec<_>, Vec<_>) = answered.into_iter().partition(has(pid));
    if found.len() > 1 {
        let targets = found.into_iter().map(|(name, _)| name).collect();
        return Err(Refusal::Ambiguous { pid, targets });
    }
    if let Some((target, snapshot)) = found.pop() {
        if !silent.is_empty() {
            let silent = silent.into_iter().map(|(name, _)| name.to_owned()).collect();
            return Err(Refusal::MaybeAmbiguous { pid, target, silent });
        }
        let elsewhere = sessions.iter().filter(|session| !snapshot.contains_pid(session.pid));
        let elsewhere = elsewhere.filter_map(|session| {
            let mut others = without.iter();
            let (name, _) = others.find(|(_, other)| other.contains_pid(session.pid))?;
            Some((session.pid, name.clone()))
        });
        let elsewhere = elsewhere.collect();
        return Ok((target, snapshot, elsewhere));
    }
    let answered: Vec<_> = without.into_iter().map(|(name, _)| name).collect();
    Err(match silent.pop() {
        Some((name, error)) if answered.is_empty() => unreachable(name, &error),
        Some((name, error)) => {
            Refusal::NotSeen { pid, answered, silent: name.to_owned(), problem: error.to_string() }
        }
        None if sessions.len() > 1 => none_exists(action, sessions, &answered),
        None => Refusal::NoSuchBackend {
            pid,
            targets: answered,
            postgres: targets.values().find_map(|target| target.target.no_such_pid_message(pid)),
        },
    })
}

/// None of several sessions is there.
fn none_exists(action: Action, sessions: &[SessionSelector], targets: &[String]) -> Refusal {
    let refused = sessions.iter().map(|session| CreationError::NoSuchBackend { pid: session.pid });
    let error = CreationError::SomeRefused { refused: refused.collect(), others: Vec::new(), bound_to: None };
    Refusal::Rejected { action, target: targets.join(", "), error, owner: None }
}

fn unreachable(target: &str, error: &TargetUnreachable) -> Refusal {
    Refusal::Unreachable { target: target.to_owned(), problem: error.to_string() }
}
