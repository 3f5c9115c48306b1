//! `/sessions`: what runs on the targets now.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::Commands;
use super::options::{Options, bad};
use super::snapshot_fanout::Looking;
use crate::discord::api::RestError;
use crate::discord::reply::Reply;
use crate::discord::session_list::filter::Filter;
use crate::discord::session_list::page::Wanted;
use crate::discord::session_list::{View, duration};
use crate::domain::ids::Person;
use crate::workflow::ports::Freshness;
use crate::workflow::refusal::Refusal;

/// Those who ask within this time see the same: PostgreSQL is asked once.
const SHARED_FOR: Duration = Duration::from_millis(500);
/// When what there is is shown, whoever has not answered: within the 3 s that people are promised.
const PATIENCE: Duration = Duration::from_secs(2);

impl Commands {
    pub(super) async fn sessions(
        &self,
        by: &Person,
        options: &Options<'_>,
        reply: &Arc<Reply>,
    ) -> Result<(), Refusal> {
        self.list(by, &wanted(options)?, 0, reply).await
    }

    /// Shows a page of what is wanted: in time, and again once the last target has answered.
    pub(super) async fn list(
        &self,
        by: &Person,
        wanted: &Wanted,
        number: usize,
        reply: &Arc<Reply>,
    ) -> Result<(), Refusal> {
        let target = wanted.target.as_deref();
        let looks = self.desk.looks(by, target, Freshness::Within(SHARED_FOR))?;
        let mut looking = Looking::begin(looks);
        looking.wait(PATIENCE).await;
        if let Err(problem) = self.show(looking, wanted, number, reply).await {
            warn!(error = %problem, "a listing could not be posted");
        }
        Ok(())
    }

    async fn show(
        &self,
        mut looking: Looking,
        wanted: &Wanted,
        number: usize,
        reply: &Arc<Reply>,
    ) -> Result<(), RestError> {
        reply
            .say(self.drawn.page(looking.answers(), wanted, number))
            .await?;
        if looking.is_complete() {
            return Ok(());
        }
        let said = reply.said().await?;
        looking.finish().await;
        let complete = self.drawn.page(looking.answers(), wanted, number);
        reply.amend(&said, complete).await
    }
}

fn wanted(options: &Options<'_>) -> Result<Wanted, Refusal> {
    let owned = |name| options.text(name).map(ToOwned::to_owned);
    let view = match options.text("view") {
        None => View::default(),
        Some(name) => View::named(name)
            .ok_or_else(|| bad("view", name, "busy, blocking, idle-in-transaction or all"))?,
    };
    let min_age = match options.text("min_age") {
        None => None,
        Some(text) => Some(duration::parse(text).ok_or_else(|| bad("min_age", text, duration::EXPECTED))?),
    };
    let filter = Filter {
        user: owned("user"),
        database: owned("database"),
        application: owned("application"),
        min_age,
    };
    Ok(Wanted {
        target: owned("target"),
        view,
        filter,
    })
}
