//! The one owner of all requests. Everything that happens comes through one queue and is handled completely (decided,
//! recorded, acted on) before the next input is taken. So there is one order of events and no race between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{Instrument, error, info, warn};

use super::card_publisher::CardPublisher;
use super::card_search::EarlyReactions;
use super::edit_throttle::EditThrottle;
use super::explanations::PendingExplanations;
use super::health::EngineHealth;
use super::input::EngineInput;
use super::lag::{CHECK_EVERY, EngineLag};
use super::ledger_alerts::LedgerAlerts;
use super::log;
use super::monitor::OBSERVE_EVERY;
use super::open_request::{ChannelLook, OpenRequest};
use super::ports::{CardContent, ChannelAlert, Clock, IncidentChannel, Ledger, LedgerError, Responder};
use super::reaction_reader::{ReadLimit, Reader};
use super::resume::InterruptedExecution;
use super::store::RequestStore;
use super::targets::{CurrentTargets, TargetRegistry};
use super::unknown_cards::UnknownCards;
use crate::common::deadline::sleep_until_some;
use crate::domain::decision::DecisionInput;
use crate::domain::ids::{ChannelId, RequestId};

/// How many inputs may wait. Beyond that, those who send them wait.
const QUEUE: usize = 1024;
/// How long a stop waits for what is executing, and for the results to reach the channel.
const STOP_WITHIN: Duration = Duration::from_secs(7);
/// How often a ledger that failed is tried again.
const RETRY_LEDGER_EVERY: Duration = Duration::from_secs(2);

/// Why the engine stopped.
#[derive(Debug)]
pub enum EngineExit {
    /// It was asked to stop.
    Stopped,
    /// It was asked to stop, and a statement that signals may still be on its way.
    Interrupted,
    /// The ledger can no longer be relied on.
    Ledger(LedgerError),
}

pub struct Engine {
    pub(super) store: RequestStore,
    pub(super) targets: Arc<TargetRegistry>,
    /// Reports that a reload of the configuration has replaced them.
    reloads: CurrentTargets,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) channel: Arc<dyn IncidentChannel>,
    pub(super) clock: Arc<dyn Clock>,
    /// Where the tasks that the engine starts report back.
    pub(super) inputs: mpsc::Sender<EngineInput>,
    pub(super) queue: mpsc::Receiver<EngineInput>,
    pub(super) open_requests: BTreeMap<RequestId, OpenRequest>,
    throttle: Arc<EditThrottle>,
    read_limit: ReadLimit,
    pub(super) early_reactions: EarlyReactions,
    pub(super) explanations: PendingExplanations,
    /// Whether Discord reports what people do: the bot is connected, and its guild is available. Otherwise nothing is executed.
    pub(super) receives_events: bool,
    /// What keeps requests from being decided, for `/readyz`.
    pub(super) health: watch::Sender<EngineHealth>,
    pub(super) unknown_cards: UnknownCards,
    /// Channels that were told that reactions cannot be read.
    pub(super) unreadable_channels: BTreeSet<ChannelId>,
    /// When each channel was last told that another process acts with the same token.
    pub(super) another_process_reported: BTreeMap<ChannelId, Instant>,
    /// When the ledger may be searched for an unknown card again.
    pub(super) next_card_search: Instant,
    pub(super) lag: EngineLag,
    /// The running executions, and what publishes and observes. They end with the engine: nothing is signalled when nobody could
    /// record the result. A panic in one of them ends the engine, and the next start resolves what it left behind.
    pub(super) tasks: JoinSet<()>,
    /// Inputs that must not be lost, and came while the ledger failed.
    pub(super) deferred: VecDeque<EngineInput>,
    /// Targets of which a snapshot is being taken.
    pub(super) observing: BTreeSet<String>,
    pub(super) is_ledger_failing: bool,
    ledger_alerts: LedgerAlerts,
    pub(super) is_stopping: bool,
}

impl Engine {
    /// Loads the unfinished requests and resumes them. The returned sender is for everybody who reports inputs.
    pub async fn start(
        ledger: Arc<dyn Ledger>,
        channel: Arc<dyn IncidentChannel>,
        clock: Arc<dyn Clock>,
        mut reloads: CurrentTargets,
    ) -> Result<(Self, mpsc::Sender<EngineInput>), LedgerError> {
        let now = clock.now();
        let (store, undelivered) = RequestStore::load(Arc::clone(&ledger), now).await?;
        let (inputs, queue) = mpsc::channel(QUEUE);
        let targets = Arc::clone(&reloads.borrow_and_update());
        let mut engine = Self {
            store,
            targets,
            reloads,
            ledger,
            channel,
            clock,
            inputs: inputs.clone(),
            queue,
            open_requests: BTreeMap::new(),
            throttle: Arc::default(),
            read_limit: ReadLimit::default(),
            early_reactions: EarlyReactions::default(),
            explanations: PendingExplanations::default(),
            receives_events: false,
            health: watch::Sender::default(),
            unknown_cards: UnknownCards::default(),
            unreadable_channels: BTreeSet::new(),
            another_process_reported: BTreeMap::new(),
            next_card_search: Instant::now(),
            lag: EngineLag::begin(now),
            tasks: JoinSet::new(),
            deferred: VecDeque::new(),
            observing: BTreeSet::new(),
            is_ledger_failing: false,
            ledger_alerts: LedgerAlerts::default(),
            is_stopping: false,
        };
        engine.resume(&undelivered, InterruptedExecution::MaybeSignalled);
        Ok((engine, inputs))
    }

    /// Sends what keeps requests from being decided, as far as the engine knows, to `health`.
    #[must_use]
    pub fn reporting_to(self, health: watch::Sender<EngineHealth>) -> Self {
        Self { health, ..self }
    }

    /// Runs until asked to stop, or until the ledger can no longer be relied on.
    pub async fn run(mut self) -> EngineExit {
        let mut next_observation = Instant::now() + OBSERVE_EVERY;
        let mut next_retry = Instant::now() + RETRY_LEDGER_EVERY;
        let mut stop_by = None;
        loop {
            let handled = tokio::select! {
                biased;
                () = sleep_until_some(stop_by) => {
                    info!("not everything was finished before the stop; the next start resumes the rest");
                    let is_executing = self.open_requests.values().any(|open| open.is_executing);
                    return if is_executing { EngineExit::Interrupted } else { EngineExit::Stopped };
                }
                () = sleep_until(self.next_expiry()), if !self.is_ledger_failing => {
                    self.begin_turn();
                    self.expire_requests().await
                }
                () = sleep_until_some(self.next_reminder()), if !self.is_ledger_failing => {
                    self.remind_approvers();
                    Ok(())
                }
                () = sleep_until(next_retry), if self.is_ledger_failing => {
                    self.begin_turn();
                    let retried = self.retry_ledger().await;
                    // Counted from the end of the attempt, so that inputs are handled in between even if attempts fail slowly.
                    next_retry = Instant::now() + RETRY_LEDGER_EVERY;
                    retried
                }
                () = sleep_until(next_observation), if !self.is_ledger_failing => {
                    self.begin_turn();
                    next_observation = Instant::now() + OBSERVE_EVERY;
                    self.observe_targets().await
                }
                () = sleep_until_some(self.explanations.due) => {
                    self.post_explanations();
                    Ok(())
                }
                () = sleep_until_some(self.next_unknown_card()), if !self.is_ledger_failing => {
                    self.look_up_unknown_card().await
                }
                Ok(()) = self.reloads.changed() => {
                    self.apply_reload();
                    Ok(())
                }
                Some(ended) = self.tasks.join_next() => {
                    if let Err(Ok(panic)) = ended.map_err(JoinError::try_into_panic) {
                        resume_unwind(panic);
                    }
                    Ok(())
                }
                Some(input) = self.queue.recv() => {
                    self.begin_turn();
                    self.handle(input).await
                }
                () = sleep(CHECK_EVERY) => Ok(()),
            };
            match handled {
                Ok(()) => {}
                Err(fatal @ (LedgerError::Deposed | LedgerError::Corrupt { .. })) => {
                    return EngineExit::Ledger(fatal);
                }
                Err(error) => {
                    error!(?error, "the ledger failed; nothing is decided until it works again");
                    self.is_ledger_failing = true;
                    if self.ledger_alerts.fail(Instant::now()) {
                        self.alert_channels(&ChannelAlert::LedgerDown);
                    }
                }
            }
            self.end_turn();
            if self.is_stopping {
                stop_by = stop_by.or_else(|| Some(Instant::now() + STOP_WITHIN));
                if self.is_idle() {
                    return EngineExit::Stopped;
                }
            }
        }
    }

    /// Open requests follow the new access, protection and limits. Their reactions are read again: who could not approve
    /// before may be an approver now, and the other way round.
    fn apply_reload(&mut self) {
        self.targets = Arc::clone(&self.reloads.borrow_and_update());
        for open in self.open_requests.values_mut() {
            open.reads.forget_uncounted_denials();
        }
        if self.is_ledger_failing {
            // Everything is resumed once the ledger works again.
            return;
        }
        self.read_all_reactions();
        let open: Vec<_> = self.store.open_requests().map(|request| request.id).collect();
        for id in open {
            self.publish(id);
        }
    }

    /// Whether a stop has nothing left to wait for.
    fn is_idle(&self) -> bool {
        self.open_requests.values().all(|open| !open.is_executing && !open.is_delivering())
    }

    /// When the next open request expires, on tokio's clock; `OBSERVE_EVERY` from now if there is none.
    fn next_expiry(&self) -> Instant {
        let now = self.clock.now();
        let first = self.store.open_requests().find(|request| !self.may_have_ended(request.id));
        Instant::now() + first.map_or(OBSERVE_EVERY, |request| request.details.expires_at.duration_since(now))
    }

    /// Whether the channel may show an end of the request that the ledger does not know.
    pub(super) fn may_have_ended(&self, id: RequestId) -> bool {
        self.open_requests.get(&id).is_some_and(|open| open.channel != ChannelLook::Done)
    }

    async fn expire_requests(&mut self) -> Result<(), LedgerError> {
        let now = self.clock.now();
        self.store.drop_old_signals(now);
        let expired: Vec<_> = self
            .store
            .open_requests()
            .take_while(|request| request.has_expired(now))
            .map(|request| request.id)
            .collect();
        for id in expired {
            self.apply(id, DecisionInput::CheckExpiry).await?;
        }
        Ok(())
    }

    /// Once the ledger works again: loads it anew, because an answer may have been lost, and catches up.
    async fn retry_ledger(&mut self) -> Result<(), LedgerError> {
        self.ledger.probe().await?;
        let (store, undelivered) = RequestStore::load(Arc::clone(&self.ledger), self.clock.now()).await?;
        self.store = store;
        self.is_ledger_failing = false;
        info!("the ledger works again");
        if self.ledger_alerts.recover(Instant::now()) {
            self.alert_channels(&ChannelAlert::LedgerBack);
        }
        self.resume(&undelivered, InterruptedExecution::NotSignalled);
        // Reactions were not handled meanwhile.
        self.read_all_reactions();
        // An input that fails again is deferred again.
        while let Some(input) = self.deferred.pop_front() {
            self.begin_turn();
            self.handle(input).await?;
        }
        Ok(())
    }

    /// Tells every channel in which a request is open.
    fn alert_channels(&self, alert: &ChannelAlert) {
        let channels: BTreeSet<_> =
            self.store.open_requests().map(|request| request.details.channel).collect();
        for id in channels {
            self.alert_channel(id, alert.clone());
        }
    }

    pub(super) fn alert_channel(&self, id: ChannelId, alert: ChannelAlert) {
        let channel = Arc::clone(&self.channel);
        tokio::spawn(async move {
            if let Err(error) = channel.post_alert(id, alert).await {
                warn!(
                    channel = id.0,
                    ?error,
                    "a channel could not be told what keeps requests from being decided"
                );
            }
        });
    }

    /// Shows the request as it is now on its card.
    pub(super) fn publish(&self, id: RequestId) {
        let publisher = self.open_requests.get(&id).and_then(|open| open.publisher.as_ref());
        if let (Some(publisher), Some(card)) = (publisher, self.card_content(id)) {
            publisher.send_replace(card);
        }
    }

    pub(super) fn card_content(&self, id: RequestId) -> Option<CardContent> {
        let request = self.store.get(id)?.clone();
        let open = self.open_requests.get(&id);
        let monitored = open.map(|open| open.sessions.as_slice()).unwrap_or_default();
        let on_card =
            |index: usize| monitored.get(index).map(|session| session.on_card.clone()).unwrap_or_default();
        Some(CardContent {
            sessions: (0..request.details.backends.len()).map(on_card).collect(),
            approvers: self.targets.approvers(&request.details.target),
            is_superseded: open.is_some_and(|open| open.is_superseded),
            owner: request.details.backends.first().and_then(|backend| self.targets.owner(&backend.session)),
            hold: open.and_then(|open| open.execution_hold(&request)),
            not_counting: open.map(|open| open.not_counting(&request)).unwrap_or_default(),
            request,
        })
    }

    /// Starts to publish the request. `responder` is the command that the card can answer.
    pub(super) fn start_publisher(&mut self, id: RequestId, responder: Option<Arc<dyn Responder>>) {
        let Some(card) = self.card_content(id) else { return };
        let (sender, cards) = watch::channel(card);
        self.open_requests.entry(id).or_default().publisher = Some(sender);
        let publisher = CardPublisher {
            request: id,
            channel: Arc::clone(&self.channel),
            inputs: self.inputs.clone(),
            throttle: Arc::clone(&self.throttle),
            cards,
        };
        self.tasks.spawn(publisher.run(responder).instrument(log::request_span(id)));
    }

    /// What reads the reactions on the card of a request.
    pub(super) fn reader(&self, id: RequestId) -> Reader {
        Reader {
            request: id,
            channel: Arc::clone(&self.channel),
            inputs: self.inputs.clone(),
            limit: self.read_limit.clone(),
        }
    }
}
