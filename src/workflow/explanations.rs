//! Explains to people why their reactions do not count: in one message for all who react at about the same time, after the
//! results that are still to be posted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{Instrument, warn};

use super::engine::Engine;
use super::log;
use super::open_request::OpenRequest;
use crate::domain::event::RefusalReason;
use crate::domain::ids::{ChannelId, RequestId, UserId};
use crate::domain::request::Request;

/// How long an explanation waits for the next one, and for results to be posted first.
const EXPLAIN_AFTER: Duration = Duration::from_millis(500);
/// The longest that later explanations can delay the first one. Looking up a crowd that reacted unseen takes some seconds.
const COLLECT_WITHIN: Duration = Duration::from_secs(10);
/// How often a channel gets an explanation. Discord allows it five messages in five seconds, and results must not wait for these.
const EXPLAIN_EVERY: Duration = Duration::from_secs(2);

/// The people who are to be told why their reactions do not count, by request.
#[derive(Default)]
pub(super) struct PendingExplanations {
    by_request: BTreeMap<RequestId, Vec<(UserId, RefusalReason)>>,
    /// When each channel may get the next explanation.
    not_before: BTreeMap<ChannelId, Instant>,
    /// When further people no longer delay the explanations; `None` if there are none.
    collect_until: Option<Instant>,
    /// When the explanations are posted; `None` if there are none.
    pub(super) due: Option<Instant>,
}

impl Engine {
    pub(super) fn explain_refusals(&mut self, id: RequestId, people: Vec<(UserId, RefusalReason)>) {
        if !people.is_empty() {
            let (now, pending) = (Instant::now(), &mut self.explanations);
            pending.by_request.entry(id).or_default().extend(people);
            let until = *pending.collect_until.get_or_insert(now + COLLECT_WITHIN);
            pending.due = Some(until.min(now + EXPLAIN_AFTER));
        }
    }

    /// Posts what is due, one message for each request.
    pub(super) fn post_explanations(&mut self) {
        let PendingExplanations { by_request: pending, mut not_before, .. } =
            std::mem::take(&mut self.explanations);
        let now = Instant::now();
        not_before.retain(|_, at| *at > now);
        let mut waiting = PendingExplanations::default();
        for (id, people) in pending {
            let Some(request) = self.store.get(id) else { continue };
            let channel = request.details.channel;
            if not_before.contains_key(&channel) || self.is_delivering_to_channel_of(request) {
                waiting.by_request.insert(id, people);
                waiting.due = Some(now + EXPLAIN_AFTER);
            } else {
                not_before.insert(channel, now + EXPLAIN_EVERY);
                self.post_explanation(request.clone(), people);
            }
        }
        waiting.not_before = not_before;
        self.explanations = waiting;
    }

    /// Whether a result is on its way to the channel of `request`. Discord allows a channel five messages in five seconds.
    fn is_delivering_to_channel_of(&self, request: &Request) -> bool {
        self.open_requests.iter().any(|(id, open)| {
            let other = self.store.get(*id);
            OpenRequest::is_delivering(open)
                && other.is_some_and(|other| other.details.channel == request.details.channel)
        })
    }

    fn post_explanation(&self, request: Request, people: Vec<(UserId, RefusalReason)>) {
        let (id, channel) = (request.id, Arc::clone(&self.channel));
        let explaining = async move {
            if let Err(error) = channel.explain_refusals(&request, &people).await {
                warn!(?error, "people could not be told that their reactions do not count");
            }
        };
        tokio::spawn(explaining.instrument(log::request_span(id)));
    }
}
