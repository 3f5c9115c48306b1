//! `/requests`: what was asked for, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::{error, warn};

use super::Commands;
use super::options::{Options, bad};
use crate::desk::ports::Search;
use crate::desk::refusal::Refusal;
use crate::discord::render::requests;
use crate::discord::reply::Reply;
use crate::domain::event::Recorded;
use crate::domain::identity::Pid;
use crate::domain::ids::{Person, UserId};
use crate::domain::request::Request;

impl Commands {
    pub(super) async fn requests(
        &self,
        by: &Person,
        options: &Options<'_>,
        reply: &Arc<Reply>,
    ) -> Result<(), Refusal> {
        if !self.desk.rules().may_view_any(by) {
            return Err(Refusal::NotAViewer);
        }
        let status = options.text("status").unwrap_or("all");
        let ended = match status {
            "open" => Some(false),
            "closed" => Some(true),
            "all" => None,
            other => return Err(bad("status", other, "open, closed or all")),
        };
        let pid = options
            .number("pid")?
            .map(Pid::try_from)
            .transpose()
            .map_err(Refusal::NotAPid)?;
        let requester = options.user("user").map(|user| UserId(user.get()));
        let search = Search {
            ended,
            pid,
            requester,
            message: None,
            limit: requests::SHOWN + 1,
        };
        let records = self.ledger.history(search).await.map_err(|problem| {
            error!(error = ?problem, "the ledger cannot be read");
            Refusal::LedgerDown
        })?;
        let visible = |request: &Request| {
            let governed = self.desk.rules().targets.get(&request.asked.target);
            governed.is_some_and(|governed| governed.policy.access.may_view(by))
        };
        let found: Vec<_> = fold(records).into_iter().filter(visible).collect();
        if let Err(problem) = reply.say(requests::list(&found, status, &self.look)).await {
            warn!(error = %problem, "a list of requests could not be posted");
        }
        Ok(())
    }
}

/// The requests that the records tell of, newest first.
fn fold(records: Vec<Recorded>) -> Vec<Request> {
    let mut histories: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for recorded in records {
        if let Some(request) = recorded.entry.request {
            histories.entry(request).or_default().push(recorded.entry);
        }
    }
    let replayed = histories.into_iter().rev().map(|(id, entries)| {
        (
            id,
            Request::replay(id, entries.iter().map(|entry| (&entry.event, entry.at))),
        )
    });
    replayed
        .filter_map(|(id, request)| match request {
            Ok(request) => request,
            Err(impossible) => {
                warn!(request = id.0, %impossible, "the ledger tells of a request that cannot be; it is not listed");
                None
            }
        })
        .collect()
}
