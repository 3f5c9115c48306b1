//! `/requests`: what was asked for, and what came of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::{error, warn};

use super::InteractionHandler;
use super::options::{CommandOptions, bad};
use crate::discord::messages::component_id::RequestNavigation;
use crate::discord::messages::request_list::{self, RequestFilter, RequestPage, RequestStatus, SHOWN};
use crate::discord::reply::InteractionReply;
use crate::domain::event::Recorded;
use crate::domain::identity::Pid;
use crate::domain::ids::{Person, UserId};
use crate::domain::request::{Request, fold};
use crate::workflow::ports::{RequestSearch, SearchAnchor};
use crate::workflow::refusal::Refusal;

impl InteractionHandler {
    pub(super) async fn requests(
        &self,
        by: &Person,
        options: &CommandOptions<'_>,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        let newest = RequestNavigation {
            wanted: wanted(options)?,
            reach: SearchAnchor::Newest,
        };
        self.browse(by, newest, reply).await
    }

    /// Shows a page of the requests that the person may see.
    pub(super) async fn browse(
        &self,
        by: &Person,
        RequestNavigation { wanted, mut reach }: RequestNavigation,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        if !self.engine.targets().may_view_any(by) {
            return Err(Refusal::NotAViewer);
        }
        let mut found = self.find_requests(by, wanted, reach).await?;
        let is_first = matches!(reach, SearchAnchor::NewerThan(_)) && found.len() <= SHOWN;
        if is_first || found.is_empty() && reach != SearchAnchor::Newest {
            // The first page is a full one, if there are enough; and it stands in for one whose requests are gone.
            reach = SearchAnchor::Newest;
            found = self.find_requests(by, wanted, reach).await?;
        }
        let more = found.len() > SHOWN;
        let (newer, older) = match reach {
            SearchAnchor::Newest => (false, more),
            SearchAnchor::OlderThan(_) => (true, more),
            SearchAnchor::NewerThan(_) => (more, true),
        };
        let requests = match reach {
            // What is one too many is the one farthest from where the search began.
            SearchAnchor::NewerThan(_) => &found[found.len().saturating_sub(SHOWN)..],
            SearchAnchor::Newest | SearchAnchor::OlderThan(_) => &found[..found.len().min(SHOWN)],
        };
        let page = RequestPage {
            requests,
            reach,
            newer,
            older,
        };
        if let Err(problem) = reply
            .send(request_list::list(page, wanted, &self.render_config))
            .await
        {
            warn!(error = %problem, "a list of requests could not be posted");
        }
        Ok(())
    }

    /// The nearest requests in this direction, newest first: one more than a page holds, if there is one.
    async fn find_requests(
        &self,
        by: &Person,
        wanted: RequestFilter,
        reach: SearchAnchor,
    ) -> Result<Vec<Request>, Refusal> {
        let search = RequestSearch {
            ended: wanted.status.ended(),
            pid: wanted.pid,
            requester: wanted.requester,
            card: None,
            targets: self.visible_target_names(by),
            anchor: reach,
            limit: u32::try_from(SHOWN + 1).unwrap_or(u32::MAX),
        };
        let records = self.ledger.history(search).await.map_err(|problem| {
            error!(error = ?problem, "the ledger cannot be read");
            Refusal::LedgerDown
        })?;
        Ok(newest_first(&records))
    }

    /// The targets whose requests the person may see; `None` for all, also those that are no longer configured.
    fn visible_target_names(&self, by: &Person) -> Option<BTreeSet<String>> {
        let all = &self.engine.targets().targets;
        let visible = all
            .iter()
            .filter(|(_, governed)| governed.policy.access.may_view(by));
        let visible: BTreeSet<_> = visible.map(|(name, _)| name.clone()).collect();
        (visible.len() < all.len()).then_some(visible)
    }
}

fn wanted(options: &CommandOptions<'_>) -> Result<RequestFilter, Refusal> {
    let status = match options.text("status") {
        None => RequestStatus::default(),
        Some(name) => {
            RequestStatus::from_name(name).ok_or_else(|| bad("status", name, "open, closed or all"))?
        }
    };
    let pid = options.number("pid")?.map(Pid::try_from).transpose();
    Ok(RequestFilter {
        status,
        pid: pid.map_err(Refusal::NotAPid)?,
        requester: options.user("user").map(|user| UserId(user.get())),
    })
}

/// The requests in the records, newest first. One with an impossible history is left out and logged.
fn newest_first(records: &[Recorded]) -> Vec<Request> {
    let valid = fold(records).into_values().rev().filter_map(|request| {
        request
            .inspect_err(|invalid| warn!(%invalid, "the ledger has an impossible history of a request"))
            .ok()
    });
    valid.collect()
}
