//! `/sessions`: lists the current sessions of the targets.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::InteractionHandler;
use super::options::{CommandOptions, bad_option};
use super::snapshot_fanout::SnapshotFanout;
use crate::discord::api::ApiError;
use crate::discord::reply::InteractionReply;
use crate::discord::session_list::SessionView;
use crate::discord::session_list::duration::{EXPECTED_FORMAT, parse_duration};
use crate::discord::session_list::filter::SessionFilter;
use crate::discord::session_list::page::SessionQuery;
use crate::domain::ids::Person;
use crate::workflow::ports::Freshness;
use crate::workflow::refusal::Refusal;

/// Everybody who asks within this time gets the same snapshot, so PostgreSQL is queried once.
const MAX_SNAPSHOT_AGE: Duration = Duration::from_millis(500);
/// What has answered is shown after this time even if other targets are silent, so that people see it within a second.
const PARTIAL_LIST_AFTER: Duration = Duration::from_millis(800);
/// While nothing has answered, the list is shown after this time, so that people get an answer within 3 s.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(2);

impl InteractionHandler {
    pub(super) async fn answer_sessions_command(
        &self,
        person: &Person,
        options: &CommandOptions<'_>,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        self.show_session_list(person, &session_query(options)?, 0, reply).await
    }

    /// Shows a page of the sessions. If targets are silent, it is updated when the last one has answered.
    pub(super) async fn show_session_list(
        &self,
        person: &Person,
        query: &SessionQuery,
        page_number: usize,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        let target = query.target.as_deref();
        let freshness = Freshness::Within(MAX_SNAPSHOT_AGE);
        let mut fanout = SnapshotFanout::start(self.engine.snapshots(person, target, freshness)?);
        fanout.wait_for_all_within(PARTIAL_LIST_AFTER).await;
        fanout.wait_for_first_within(SNAPSHOT_TIMEOUT.saturating_sub(PARTIAL_LIST_AFTER)).await;
        if let Err(error) = self.send_page(fanout, query, page_number, reply).await {
            warn!(%error, "could not send a list of sessions");
        }
        Ok(())
    }

    async fn send_page(
        &self,
        mut fanout: SnapshotFanout,
        query: &SessionQuery,
        page_number: usize,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), ApiError> {
        let page = self.last_page.render(fanout.answers(&self.engine), query, page_number);
        reply.send(page.body).await?;
        if fanout.is_complete() {
            return Ok(());
        }
        let message = reply.original_message().await?;
        fanout.wait_for_all().await;
        let complete_page = self.last_page.render(fanout.answers(&self.engine), query, page_number);
        reply.edit_if_unchanged(&message, complete_page.body).await
    }
}

fn session_query(options: &CommandOptions<'_>) -> Result<SessionQuery, Refusal> {
    let owned = |name| options.text(name).map(ToOwned::to_owned);
    let view = match options.text("view") {
        None => SessionView::default(),
        Some(name) => SessionView::from_name(name)
            .ok_or_else(|| bad_option("view", name, "busy, blocking, idle-in-transaction or all"))?,
    };
    let min_age = match options.text("min_age") {
        None => None,
        Some(text) => {
            let age = parse_duration(text).ok_or_else(|| bad_option("min_age", text, EXPECTED_FORMAT))?;
            Some(age)
        }
    };
    let filter = SessionFilter {
        user: owned("user"),
        database: owned("database"),
        application: owned("application"),
        min_age,
    };
    Ok(SessionQuery { target: owned("target"), view, filter })
}
