//! After a restart, or a gap in what Discord tells: what happened meanwhile?

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{Instrument, info, warn};

use super::engine::Engine;
use super::execution::sight_now;
use super::input::{CardReactions, EngineInput};
use super::log;
use super::monitor::WatchedSession;
use super::ports::{DeliveryError, IncidentChannel, LedgerError, MessageRef, Vote};
use crate::domain::decision::RequestCommand;
use crate::domain::event::Resolution;
use crate::domain::ids::{Person, RequestId, UserId};
use crate::domain::outcome::Outcome;
use crate::domain::request::RequestState;

/// How long to wait before reactions that could not be fetched are fetched again.
const RETRY_FETCH: Duration = Duration::from_secs(3);

/// What is known of a request that is recorded to be executed, and that nobody executes.
#[derive(Clone, Copy, Debug)]
pub(super) enum InterruptedExecution {
    /// An earlier process recorded it, and may have signalled.
    AfterItsSignal,
    /// This one asked for the record and never learnt that it was durable, so it cannot have signalled.
    BeforeItsSignal,
}

impl InterruptedExecution {
    /// Its end, with what is seen now.
    fn ending(self, now: &str) -> Resolution {
        let (signal_sent, known) = match self {
            Self::AfterItsSignal => (None, "the bot stopped after the signal may have been sent"),
            Self::BeforeItsSignal => (
                Some(false),
                "that the approval was recorded was not known in time",
            ),
        };
        Resolution {
            signal_sent,
            ..Resolution::without_signal(Outcome::Unknown, format!("{known}; {now}"))
        }
    }
}

impl Engine {
    /// Takes up what the ledger says is not finished and nobody is working on. `interrupted` says what is known of those
    /// that were being executed.
    pub(super) fn take_up(&mut self, owed: &BTreeSet<RequestId>, interrupted: InterruptedExecution) {
        let requests: Vec<_> = self.book.all().cloned().collect();
        for request in requests {
            let id = request.id;
            if self.couriers.contains_key(&id) {
                self.publish(id);
            }
            match &request.state {
                RequestState::Open if !self.couriers.contains_key(&id) => {
                    log::about(id).in_scope(|| info!("taking up an open request"));
                    self.live.insert(id, WatchedSession::remembered(&request.details));
                    self.send_courier(id, None);
                }
                RequestState::Executing { .. } if !self.executing.contains(&id) => {
                    log::about(id).in_scope(|| {
                        warn!(?interrupted, "its execution was interrupted; it is not repeated");
                    });
                    self.find_out_what_is_left(id, interrupted);
                }
                RequestState::Ended { .. } if owed.contains(&id) && !self.couriers.contains_key(&id) => {
                    self.send_courier(id, None);
                }
                _ => {}
            }
        }
    }

    /// Ends a request as unknown whose execution was interrupted, with what is seen now.
    fn find_out_what_is_left(&mut self, id: RequestId, interrupted: InterruptedExecution) {
        let Some(asked) = self.book.find(id).map(|request| request.details.clone()) else {
            return;
        };
        let governed = self.rules.targets.get(&asked.target).cloned();
        let inbox = self.inbox.clone();
        self.executing.insert(id);
        if !self.couriers.contains_key(&id) {
            self.send_courier(id, None);
        }
        let looking = async move {
            let now = match governed {
                Some(governed) => sight_now(asked.action, &asked.identity, governed.target.as_ref()).await,
                None => format!("target {} is no longer configured", asked.target),
            };
            let ending = interrupted.ending(&now);
            // Nobody listens any more only when the process ends; then this is done again.
            let _ = inbox
                .send(EngineInput::ExecutionFinished { request: id, ending })
                .await;
        };
        tokio::spawn(looking.instrument(log::about(id)));
    }

    /// Has the reactions of every open card fetched, and their authors.
    pub(super) fn fetch_all_votes(&mut self) {
        let open: Vec<_> = self.book.open_requests().map(|request| request.id).collect();
        for id in open {
            self.fetch_votes(id, Duration::ZERO);
        }
    }

    pub(super) fn fetch_votes(&mut self, id: RequestId, after: Duration) {
        let Some(request) = self.book.find(id).filter(|request| request.is_open()) else {
            return;
        };
        let generation = self.generations.entry(id).or_default();
        *generation += 1;
        let generation = *generation;
        self.fetching.insert(id, generation);
        // Of a card that is not known yet they are fetched once it is.
        let Some(message) = request.card else { return };
        let card = MessageRef {
            channel: request.details.channel,
            message,
        };
        let (channel, inbox) = (Arc::clone(&self.channel), self.inbox.clone());
        let fetching = async move {
            sleep(after).await;
            let happening = match votes(channel.as_ref(), card).await {
                Ok(votes) => EngineInput::ReactionsFetched {
                    request: id,
                    generation,
                    votes,
                },
                Err(DeliveryError::Gone) => EngineInput::CardMissing { request: id },
                Err(problem) => {
                    warn!(error = ?problem, "the reactions on a card could not be fetched");
                    EngineInput::ReactionFetchFailed {
                        request: id,
                        generation,
                    }
                }
            };
            // Nobody listens any more only when the process ends.
            let _ = inbox.send(happening).await;
        };
        tokio::spawn(fetching.instrument(log::about(id)));
    }

    /// Fetches again what could not be fetched, unless that is being done already.
    pub(super) fn fetch_votes_later(&mut self, id: RequestId, generation: u64) {
        if self.fetching.get(&id) == Some(&generation) {
            self.fetch_votes(id, RETRY_FETCH);
        }
    }

    /// Makes what is known agree with the reactions that are on the card: first what stops, then what allows.
    pub(super) async fn fetched(
        &mut self,
        id: RequestId,
        generation: u64,
        votes: CardReactions,
    ) -> Result<(), LedgerError> {
        if self.fetching.get(&id) != Some(&generation) {
            // What a newer fetch finds is true; this one may tell of a reaction that was taken back in a gap.
            return Ok(());
        }
        if self.generations.get(&id) != Some(&generation) {
            // A reaction changed while they were fetched: what was fetched may be older than what is known.
            self.fetch_votes(id, Duration::ZERO);
            return Ok(());
        }
        self.fetching.remove(&id);
        for person in &votes.deny {
            if self.counts_or_is_new(id, person, Vote::Deny) {
                self.take(id, RequestCommand::Deny { by: person }).await?;
            }
        }
        let Some(request) = self.book.find(id).filter(|request| request.is_open()) else {
            return Ok(());
        };
        let (access, requester) = (self.access_of(request), request.details.requester);
        let approving: BTreeSet<UserId> = votes
            .approve
            .iter()
            .filter(|person| access.may_approve(person) && person.id != requester)
            .map(|person| person.id)
            .collect();
        let no_longer: Vec<_> = request.approvals.difference(&approving).copied().collect();
        for by in no_longer {
            self.take(id, RequestCommand::RemoveApproval { by }).await?;
        }
        // Attempts first: once there is a quorum the request is open to nobody.
        let counts = |person: &&Person| approving.contains(&person.id);
        let (approvals, attempts): (Vec<_>, Vec<_>) = votes.approve.iter().partition(counts);
        for person in attempts.into_iter().chain(approvals) {
            if self.counts_or_is_new(id, person, Vote::Approve) {
                self.take(id, RequestCommand::Approve { by: person }).await?;
            }
        }
        Ok(())
    }

    /// A reaction that does not count is an attempt once; finding it again later is not another one.
    fn counts_or_is_new(&self, id: RequestId, person: &Person, vote: Vote) -> bool {
        let Some(request) = self.book.find(id).filter(|request| request.is_open()) else {
            return false;
        };
        let counts = match vote {
            Vote::Approve => {
                person.id != request.details.requester && self.access_of(request).may_approve(person)
            }
            Vote::Deny => {
                person.id == request.details.requester || self.access_of(request).may_approve(person)
            }
        };
        counts || (!person.bot && !request.notified.contains(&person.id))
    }
}

async fn votes(channel: &dyn IncidentChannel, card: MessageRef) -> Result<CardReactions, DeliveryError> {
    let mut votes = CardReactions::default();
    for (vote, found) in [(Vote::Deny, &mut votes.deny), (Vote::Approve, &mut votes.approve)] {
        for user in channel.reacting_users(card, vote).await? {
            // Somebody who left the guild has no roles in it, so their reaction cannot count.
            found.extend(channel.member(user).await?);
        }
    }
    Ok(votes)
}
