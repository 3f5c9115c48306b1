//! Where commands come in: the target is found and its sessions are looked at, before the clerk is troubled.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt, join_all};
use tokio::sync::mpsc;

use super::creation::warn_unanswered;
use super::input::EngineInput;
use super::ports::{Freshness, Responder, TargetUnreachable};
use super::refusal::Refusal;
use super::targets::{TargetRegistry, TargetWithPolicy};
use crate::domain::creation::{CreationError, NewRequest};
use crate::domain::event::Action;
use crate::domain::identity::Pid;
use crate::domain::ids::{ChannelId, Person};
use crate::domain::session::Snapshot;
use crate::domain::timestamp::Timestamp;

/// What a person typed or chose.
#[derive(Clone, Debug)]
pub struct RequestInput {
    pub action: Action,
    pub pid: i64,
    /// When the backend began that was looked at; `None` for a pid that was typed.
    pub backend_start: Option<Timestamp>,
    pub target: Option<String>,
    pub reason: Option<String>,
    pub channel: ChannelId,
}

/// How one target looks.
pub type SnapshotResult = Result<Arc<Snapshot>, TargetUnreachable>;

/// The way to the desk, for all who bring something; cheap to clone.
#[derive(Clone)]
pub struct EngineHandle {
    targets: Arc<TargetRegistry>,
    inbox: mpsc::Sender<EngineInput>,
}

impl EngineHandle {
    pub fn new(rules: TargetRegistry, inbox: mpsc::Sender<EngineInput>) -> Self {
        Self {
            targets: Arc::new(rules),
            inbox,
        }
    }

    pub fn targets(&self) -> &TargetRegistry {
        &self.targets
    }

    /// Hands the clerk what happened, in the order of the calls.
    pub async fn send(&self, happening: EngineInput) {
        // The clerk is gone only when the process ends.
        let _ = self.inbox.send(happening).await;
    }

    /// Asks for a cancel or a terminate; the answer goes to `question`.
    pub async fn request_signal(&self, by: Person, order: RequestInput, question: Arc<dyn Responder>) {
        match self.resolve(&by, &order).await {
            Ok((wish, target, snapshot)) => {
                self.send(EngineInput::CreateRequest {
                    request: wish,
                    by,
                    target,
                    snapshot,
                    responder: question,
                })
                .await;
            }
            Err(refusal) => {
                if matches!(
                    &refusal,
                    Refusal::Rejected {
                        why: CreationError::NotARequester,
                        ..
                    }
                ) {
                    self.send(EngineInput::UnauthorizedCommand { by: by.id }).await;
                }
                if let Err(problem) = question.refuse(&refusal).await {
                    warn_unanswered(&problem);
                }
            }
        }
    }

    async fn resolve(
        &self,
        by: &Person,
        order: &RequestInput,
    ) -> Result<(NewRequest, String, Arc<Snapshot>), Refusal> {
        let pid = Pid::try_from(order.pid).map_err(Refusal::NotAPid)?;
        let may_not_ask = |target: String| Refusal::Rejected {
            action: order.action,
            pid,
            target,
            why: CreationError::NotARequester,
        };
        let candidates = match self.visible_targets(order.target.as_deref(), by) {
            Err(Refusal::NotAViewer) => return Err(may_not_ask(String::new())),
            named => named?,
        };
        let allowed: BTreeMap<_, _> = candidates
            .iter()
            .filter(|(_, governed)| governed.policy.access.may_request(by))
            .map(|(name, governed)| (*name, *governed))
            .collect();
        if allowed.is_empty() {
            let names: Vec<_> = candidates.keys().copied().collect();
            return Err(may_not_ask(names.join(", ")));
        }
        let (target, snapshot) = match allowed.iter().next() {
            Some((name, governed)) if allowed.len() == 1 => {
                let snapshot = governed.target.snapshot(Freshness::Now).await;
                (
                    (*name).to_owned(),
                    snapshot.map_err(|problem| unreachable(name, &problem))?,
                )
            }
            _ => find_everywhere(pid, &allowed).await?,
        };
        let reason = order
            .reason
            .as_deref()
            .map(str::trim)
            .filter(|reason| !reason.is_empty());
        let wish = NewRequest {
            action: order.action,
            pid,
            backend_start: order.backend_start,
            reason: reason.map(ToOwned::to_owned),
            channel: order.channel,
        };
        Ok((wish, target, snapshot))
    }

    /// The named target, or all, as far as the person may see them; each with its answer to come. A target is asked
    /// once its answer is awaited.
    pub fn snapshots(
        &self,
        by: &Person,
        target: Option<&str>,
        wanted: Freshness,
    ) -> Result<Vec<(String, BoxFuture<'static, SnapshotResult>)>, Refusal> {
        let looks = self
            .visible_targets(target, by)?
            .into_iter()
            .map(|(name, governed)| {
                let target = Arc::clone(&governed.target);
                (
                    name.to_owned(),
                    async move { target.snapshot(wanted).await }.boxed(),
                )
            });
        Ok(looks.collect())
    }

    /// The target of this name, or all of them, among those that the person may see: to them there are no others.
    fn visible_targets(
        &self,
        target: Option<&str>,
        by: &Person,
    ) -> Result<BTreeMap<&str, &TargetWithPolicy>, Refusal> {
        let all = self.targets.targets.iter();
        let visible: BTreeMap<_, _> = all
            .filter(|(_, governed)| governed.policy.access.may_view(by))
            .map(|(name, governed)| (name.as_str(), governed))
            .collect();
        if visible.is_empty() {
            return Err(Refusal::NotAViewer);
        }
        let Some(wanted) = target else {
            return Ok(visible);
        };
        match visible.get_key_value(wanted) {
            Some((name, governed)) => Ok(BTreeMap::from([(*name, *governed)])),
            None => Err(Refusal::UnknownTarget {
                given: wanted.to_owned(),
                known: visible.into_keys().map(ToOwned::to_owned).collect(),
            }),
        }
    }
}

/// The only target that has a backend with this pid.
async fn find_everywhere(
    pid: Pid,
    targets: &BTreeMap<&str, &TargetWithPolicy>,
) -> Result<(String, Arc<Snapshot>), Refusal> {
    let looks = targets
        .iter()
        .map(async |(name, governed)| (*name, governed.target.snapshot(Freshness::Now).await));
    let mut found = Vec::new();
    let mut without = Vec::new();
    let mut silent = None;
    for (name, seen) in join_all(looks).await {
        match seen {
            Ok(snapshot) if snapshot.contains_pid(pid) => found.push((name.to_owned(), snapshot)),
            Ok(_) => without.push(name.to_owned()),
            Err(problem) => silent = Some((name, problem)),
        }
    }
    if found.len() > 1 {
        let targets = found.into_iter().map(|(name, _)| name).collect();
        return Err(Refusal::Ambiguous { pid, targets });
    }
    found.pop().ok_or_else(|| match silent {
        Some((name, problem)) if without.is_empty() => unreachable(name, &problem),
        Some((name, problem)) => Refusal::NotSeen {
            pid,
            answered: without,
            silent: name.to_owned(),
            problem: problem.to_string(),
        },
        None => Refusal::NoSuchBackend {
            pid,
            targets: without,
            postgres: targets
                .values()
                .find_map(|governed| governed.target.no_such_pid_message(pid)),
        },
    })
}

fn unreachable(target: &str, problem: &TargetUnreachable) -> Refusal {
    Refusal::Unreachable {
        target: target.to_owned(),
        problem: problem.to_string(),
    }
}
