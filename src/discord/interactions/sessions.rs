//! `/sessions`: what runs on the targets now.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::InteractionHandler;
use super::options::{CommandOptions, bad};
use super::snapshot_fanout::SnapshotFanout;
use crate::discord::api::ApiError;
use crate::discord::reply::InteractionReply;
use crate::discord::session_list::filter::SessionFilter;
use crate::discord::session_list::page::SessionQuery;
use crate::discord::session_list::{SessionView, duration};
use crate::domain::ids::Person;
use crate::workflow::ports::Freshness;
use crate::workflow::refusal::Refusal;

/// Those who ask within this time see the same: PostgreSQL is asked once.
const SHARED_FOR: Duration = Duration::from_millis(500);
/// When what there is is shown, whoever has not answered: within the 3 s that people are promised.
const PATIENCE: Duration = Duration::from_secs(2);

impl InteractionHandler {
    pub(super) async fn sessions(
        &self,
        by: &Person,
        options: &CommandOptions<'_>,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        self.list(by, &wanted(options)?, 0, reply).await
    }

    /// Shows a page of what is wanted: in time, and again once the last target has answered.
    pub(super) async fn list(
        &self,
        by: &Person,
        wanted: &SessionQuery,
        number: usize,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        let target = wanted.target.as_deref();
        let looks = self.engine.snapshots(by, target, Freshness::Within(SHARED_FOR))?;
        let mut looking = SnapshotFanout::begin(looks);
        looking.wait(PATIENCE).await;
        if let Err(problem) = self.show(looking, wanted, number, reply).await {
            warn!(error = %problem, "a listing could not be posted");
        }
        Ok(())
    }

    async fn show(
        &self,
        mut looking: SnapshotFanout,
        wanted: &SessionQuery,
        number: usize,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), ApiError> {
        reply
            .send(self.page_cache.page(looking.answers(), wanted, number))
            .await?;
        if looking.is_complete() {
            return Ok(());
        }
        let said = reply.original_message().await?;
        looking.finish().await;
        let complete = self.page_cache.page(looking.answers(), wanted, number);
        reply.edit_if_unchanged(&said, complete).await
    }
}

fn wanted(options: &CommandOptions<'_>) -> Result<SessionQuery, Refusal> {
    let owned = |name| options.text(name).map(ToOwned::to_owned);
    let view = match options.text("view") {
        None => SessionView::default(),
        Some(name) => SessionView::from_name(name)
            .ok_or_else(|| bad("view", name, "busy, blocking, idle-in-transaction or all"))?,
    };
    let min_age = match options.text("min_age") {
        None => None,
        Some(text) => Some(duration::parse(text).ok_or_else(|| bad("min_age", text, duration::EXPECTED))?),
    };
    let filter = SessionFilter {
        user: owned("user"),
        database: owned("database"),
        application: owned("application"),
        min_age,
    };
    Ok(SessionQuery {
        target: owned("target"),
        view,
        filter,
    })
}
