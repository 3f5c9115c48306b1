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

/// How long an explanation waits for others of the same moment, and for results to be posted first.
const EXPLAIN_AFTER: Duration = Duration::from_millis(500);
/// How often a channel gets one. Discord allows it five messages in five seconds, and results must not wait for these.
const EXPLAIN_EVERY: Duration = Duration::from_secs(2);
/// How many people one message names. A message has 2,000 characters, and a mention about 25.
const PEOPLE_IN_MESSAGE: usize = 40;

/// Who is to be told what about which request.
#[derive(Default)]
pub(super) struct PendingExplanations {
    by_request: BTreeMap<RequestId, Vec<(UserId, RefusalReason)>>,
    /// Until when a channel gets no further one.
    not_before: BTreeMap<ChannelId, Instant>,
    /// When they are posted; `None` if there are none.
    pub(super) due: Option<Instant>,
}

impl Engine {
    pub(super) fn explain_refusals(&mut self, id: RequestId, people: Vec<(UserId, RefusalReason)>) {
        if !people.is_empty() {
            self.explanations.by_request.entry(id).or_default().extend(people);
            self.explanations.due.get_or_insert_with(|| Instant::now() + EXPLAIN_AFTER);
        }
    }

    /// Posts what is due, one message for each request.
    pub(super) fn post_explanations(&mut self) {
        let PendingExplanations { by_request: mut pending, mut not_before, .. } =
            std::mem::take(&mut self.explanations);
        let now = Instant::now();
        not_before.retain(|_, at| *at > now);
        let mut waiting = PendingExplanations::default();
        for (id, people) in &mut pending {
            let Some(request) = self.store.get(*id) else { continue };
            let channel = request.details.channel;
            let must_wait = not_before.contains_key(&channel) || self.is_delivering_to_channel_of(request);
            let told = if must_wait { 0 } else { PEOPLE_IN_MESSAGE.min(people.len()) };
            let later = people.split_off(told);
            if !later.is_empty() {
                waiting.by_request.insert(*id, later);
                waiting.due = Some(Instant::now() + EXPLAIN_AFTER);
            }
            if !people.is_empty() {
                not_before.insert(channel, now + EXPLAIN_EVERY);
                self.post_explanation(request.clone(), std::mem::take(people));
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
