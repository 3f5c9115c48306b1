//! `/requests`: lists open and closed requests from the ledger, and shows what happened to one of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serenity::model::application::ComponentInteractionDataKind;
use tracing::{error, warn};

use super::InteractionHandler;
use super::options::{CommandOptions, bad_option};
use crate::discord::messages::component_id::RequestNavigation;
use crate::discord::messages::request_list::{
    PAGE_SIZE, RequestFilter, RequestPage, RequestStatus, request_list,
};
use crate::discord::messages::timeline::timeline;
use crate::discord::reply::InteractionReply;
use crate::domain::event::Recorded;
use crate::domain::identity::Pid;
use crate::domain::ids::{Person, RequestId, UserId};
use crate::domain::request::{Request, fold};
use crate::workflow::ports::{RequestSearch, SearchAnchor};
use crate::workflow::refusal::Refusal;

impl InteractionHandler {
    pub(super) async fn answer_requests_command(
        &self,
        person: &Person,
        options: &CommandOptions<'_>,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        let newest = RequestNavigation { filter: request_filter(options)?, anchor: SearchAnchor::Newest };
        self.show_request_list(person, newest, reply).await
    }

    /// Shows a page of the requests that the person may view.
    pub(super) async fn show_request_list(
        &self,
        person: &Person,
        RequestNavigation { filter, mut anchor }: RequestNavigation,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        if !self.engine.targets().may_view_any(person) {
            return Err(Refusal::NotAViewer);
        }
        let mut found = self.find_requests(person, filter, anchor).await?;
        let is_first_page = matches!(anchor, SearchAnchor::NewerThan(_)) && found.len() <= PAGE_SIZE;
        if is_first_page || found.is_empty() && anchor != SearchAnchor::Newest {
            // Searches again from the newest request, so that the first page is full. The first page also replaces one
            // whose requests no longer match.
            anchor = SearchAnchor::Newest;
            found = self.find_requests(person, filter, anchor).await?;
        }
        let has_more = found.len() > PAGE_SIZE;
        let (has_newer, has_older) = match anchor {
            SearchAnchor::Newest => (false, has_more),
            SearchAnchor::OlderThan(_) => (true, has_more),
            SearchAnchor::NewerThan(_) => (has_more, true),
        };
        let requests = match anchor {
            // Leaves out the one that is farthest from the anchor.
            SearchAnchor::NewerThan(_) => &found[found.len().saturating_sub(PAGE_SIZE)..],
            SearchAnchor::Newest | SearchAnchor::OlderThan(_) => &found[..found.len().min(PAGE_SIZE)],
        };
        let page = RequestPage { requests, anchor, has_newer, has_older };
        if let Err(error) = reply.send(request_list(page, filter, &self.render_config)).await {
            warn!(%error, "could not send a list of requests");
        }
        Ok(())
    }

    /// Shows every record of the selected request, if the person may view it.
    pub(super) async fn show_timeline(
        &self,
        person: &Person,
        selected: &ComponentInteractionDataKind,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        if !self.engine.targets().may_view_any(person) {
            return Err(Refusal::NotAViewer);
        }
        let ComponentInteractionDataKind::StringSelect { values } = selected else {
            return Err(Refusal::Outdated);
        };
        let request = values.first().and_then(|value| value.parse().ok()).map(RequestId);
        let request = request.ok_or(Refusal::Outdated)?;
        let search = RequestSearch {
            targets: self.visible_target_names(person),
            anchor: SearchAnchor::OlderThan(RequestId(request.0.saturating_add(1))),
            limit: 1,
            ..RequestSearch::default()
        };
        let records = self.read_history(search).await?;
        if records.first().and_then(|record| record.entry().request) != Some(request) {
            return Err(Refusal::Outdated);
        }
        if let Err(error) = reply.send(timeline(request, &records)).await {
            warn!(%error, "could not send what happened to a request");
        }
        Ok(())
    }

    /// The requests next to the anchor, newest first. One more than a page holds, if there are so many.
    async fn find_requests(
        &self,
        person: &Person,
        filter: RequestFilter,
        anchor: SearchAnchor,
    ) -> Result<Vec<Request>, Refusal> {
        let search = RequestSearch {
            ended: filter.status.ended(),
            pid: filter.pid,
            requester: filter.requester,
            card: None,
            targets: self.visible_target_names(person),
            anchor,
            limit: u32::try_from(PAGE_SIZE + 1).unwrap_or(u32::MAX),
        };
        Ok(newest_first(&self.read_history(search).await?))
    }

    async fn read_history(&self, search: RequestSearch) -> Result<Vec<Recorded>, Refusal> {
        let _turn = self.history_turn.lock().await;
        self.ledger.history(search).await.map_err(|error| {
            error!(?error, "the ledger cannot be read");
            Refusal::LedgerDown
        })
    }

    /// The targets whose requests the person may view. `None` for all, including those that are no longer configured.
    fn visible_target_names(&self, person: &Person) -> Option<BTreeSet<String>> {
        let all = self.engine.targets();
        let visible: BTreeSet<_> = all.visible_names(person).map(ToOwned::to_owned).collect();
        (visible.len() < all.by_name.len()).then_some(visible)
    }
}

fn request_filter(options: &CommandOptions<'_>) -> Result<RequestFilter, Refusal> {
    let status = match options.text("status") {
        None => RequestStatus::default(),
        Some(name) => {
            RequestStatus::from_name(name).ok_or_else(|| bad_option("status", name, "open, closed or all"))?
        }
    };
    let pid = options.number("pid")?.map(Pid::try_from).transpose();
    Ok(RequestFilter {
        status,
        pid: pid.map_err(Refusal::NotAPid)?,
        requester: options.user("user").map(|user| UserId(user.get())),
    })
}

/// The requests in the records, newest first. A request with an impossible history is logged and left out.
fn newest_first(records: &[Recorded]) -> Vec<Request> {
    let valid = fold(records).into_values().rev().filter_map(|request| {
        request
            .inspect_err(|error| warn!(%error, "the ledger holds an impossible request; it is not listed"))
            .ok()
    });
    valid.collect()
}
