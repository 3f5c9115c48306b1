//! `/sessions`: what runs on the targets now.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::Commands;
use super::options::{Options, bad};
use crate::desk::ports::Freshness;
use crate::desk::refusal::Refusal;
use crate::discord::render::sessions::{Answer, Wanted, page};
use crate::discord::reply::Reply;
use crate::domain::ids::Person;
use crate::domain::view::filter::Filter;
use crate::domain::view::{View, duration};

/// Those who ask within this time see the same: PostgreSQL is asked once.
const SHARED_FOR: Duration = Duration::from_millis(500);

impl Commands {
    pub(super) async fn sessions(
        &self,
        by: &Person,
        options: &Options<'_>,
        reply: &Arc<Reply>,
    ) -> Result<(), Refusal> {
        let wanted = wanted(options)?;
        let seen = self
            .desk
            .sessions(by, wanted.target.as_deref(), Freshness::Within(SHARED_FOR))
            .await?;
        let answers: Vec<_> = seen
            .into_iter()
            .map(|(target, seen)| Answer {
                target,
                seen: seen.map_err(|problem| problem.to_string()),
            })
            .collect();
        if let Err(problem) = reply.say(page(&answers, &wanted, 0).body).await {
            warn!(error = %problem, "a listing could not be posted");
        }
        Ok(())
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
