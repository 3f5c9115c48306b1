//! Looking at several targets at once, for no longer than whoever asked can wait.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout;

use crate::discord::session_list::page::{NoAnswerReason, TargetAnswer};
use crate::workflow::handle::SnapshotResult;

/// What the targets have answered so far.
pub(super) struct SnapshotFanout {
    /// By target; `None` for one that is still asked.
    answers: BTreeMap<String, Option<SnapshotResult>>,
    asked: FuturesUnordered<BoxFuture<'static, (String, SnapshotResult)>>,
}

impl SnapshotFanout {
    pub(super) fn begin(looks: Vec<(String, BoxFuture<'static, SnapshotResult>)>) -> Self {
        let answers = looks.iter().map(|(target, _)| (target.clone(), None)).collect();
        let asked = FuturesUnordered::new();
        for (target, look) in looks {
            asked.push(Box::pin(async move { (target, look.await) }) as BoxFuture<'static, _>);
        }
        Self { answers, asked }
    }

    /// Waits until every target has answered, at most for so long.
    pub(super) async fn wait(&mut self, at_most: Duration) {
        // What has come in until then is kept.
        let _ = timeout(at_most, self.finish()).await;
    }

    /// Waits until every target has answered or was given up.
    pub(super) async fn finish(&mut self) {
        while let Some((target, seen)) = self.asked.next().await {
            self.answers.insert(target, Some(seen));
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.asked.is_empty()
    }

    /// By the targets' names.
    pub(super) fn answers(&self) -> Vec<TargetAnswer> {
        let answers = self.answers.iter().map(|(target, seen)| TargetAnswer {
            target: target.clone(),
            snapshot: match seen {
                None => Err(NoAnswerReason::Pending),
                Some(Ok(snapshot)) => Ok(snapshot.clone()),
                Some(Err(problem)) => Err(NoAnswerReason::Failed(problem.to_string())),
            },
        });
        answers.collect()
    }
}
