//! Queries several targets at once, with a time limit.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout;

use crate::discord::session_list::page::{NoAnswerReason, RequestRules, TargetAnswer};
use crate::workflow::handle::{EngineHandle, SnapshotResult};

/// The answers of the targets so far.
pub(super) struct SnapshotFanout {
    /// By target. `None` for one that has not answered yet.
    answers: BTreeMap<String, Option<SnapshotResult>>,
    pending: FuturesUnordered<BoxFuture<'static, (String, SnapshotResult)>>,
}

impl SnapshotFanout {
    pub(super) fn start(snapshots: Vec<(String, BoxFuture<'static, SnapshotResult>)>) -> Self {
        let answers = snapshots.iter().map(|(target, _)| (target.clone(), None)).collect();
        let pending = FuturesUnordered::new();
        for (target, snapshot) in snapshots {
            pending.push(Box::pin(async move { (target, snapshot.await) }) as BoxFuture<'static, _>);
        }
        Self { answers, pending }
    }

    /// Waits until every target has answered, or until the time is over.
    pub(super) async fn wait_for_all_within(&mut self, limit: Duration) {
        // The answers that arrived in time are kept.
        let _ = timeout(limit, self.wait_for_all()).await;
    }

    /// Waits until a target has answered or failed, if none has yet, or until the time is over.
    pub(super) async fn wait_for_first_within(&mut self, limit: Duration) {
        if self.answers.values().all(Option::is_none)
            && let Ok(Some((target, result))) = timeout(limit, self.pending.next()).await
        {
            self.answers.insert(target, Some(result));
        }
    }

    /// Waits until every target has answered or failed.
    pub(super) async fn wait_for_all(&mut self) {
        while let Some((target, result)) = self.pending.next().await {
            self.answers.insert(target, Some(result));
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.pending.is_empty()
    }

    /// The answers so far, ordered by target name.
    pub(super) fn answers(&self, engine: &EngineHandle) -> Vec<TargetAnswer> {
        let targets = engine.targets();
        self.answers
            .iter()
            .map(|(target, result)| TargetAnswer {
                target: target.clone(),
                rules: RequestRules {
                    protection: targets.protection(target),
                    sessions_per_request: targets.limits.sessions_per_request,
                },
                snapshot: match result {
                    None => Err(NoAnswerReason::Pending),
                    Some(Ok(snapshot)) => Ok(snapshot.clone()),
                    Some(Err(error)) => Err(NoAnswerReason::Failed(error.to_string())),
                },
            })
            .collect()
    }
}
