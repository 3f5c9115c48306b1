//! The one owner of all requests. Whatever happens comes through its inbox and is handled to the end — decided,
//! recorded, acted on — before the next thing is looked at; so there is one order of events, and nobody to race.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{Instrument, error, info, warn};

use super::card_publisher::{CardPublisher, EditThrottle};
use super::input::EngineInput;
use super::log;
use super::monitor::{EVERY, WatchedSession};
use super::ports::{CardContent, ChannelAlert, Clock, IncidentChannel, Ledger, LedgerError, Responder};
use super::resume::InterruptedExecution;
use super::store::RequestStore;
use super::targets::TargetRegistry;
use crate::domain::access::Access;
use crate::domain::decision::RequestCommand;
use crate::domain::ids::{MessageId, RequestId};
use crate::domain::request::Request;

/// How many happenings may wait; beyond that, those who report them wait too.
const INBOX: usize = 1024;
/// How long a stop waits for what is being executed and for its results to reach the channel.
const STOP_WITHIN: Duration = Duration::from_secs(7);
/// How often a ledger that took no record is tried again.
const TRY_LEDGER_EVERY: Duration = Duration::from_secs(2);

/// Why the clerk no longer works.
#[derive(Debug)]
pub enum EngineExit {
    /// As it was told to.
    Cleanly,
    /// The ledger can no longer be built on.
    Ledger(LedgerError),
}

pub struct Engine {
    pub(super) book: RequestStore,
    pub(super) rules: TargetRegistry,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) channel: Arc<dyn IncidentChannel>,
    pub(super) clock: Arc<dyn Clock>,
    /// For those who work for the clerk, to report back.
    pub(super) inbox: mpsc::Sender<EngineInput>,
    happenings: mpsc::Receiver<EngineInput>,
    pub(super) couriers: HashMap<RequestId, watch::Sender<CardContent>>,
    pace: Arc<EditThrottle>,
    pub(super) live: HashMap<RequestId, WatchedSession>,
    /// Messages that may turn out to be cards, and to which something happened already.
    pub(super) early: BTreeSet<MessageId>,
    /// When the ledger was last searched for a card that is not known.
    pub(super) searched: Option<Instant>,
    /// Counted up with each change of a card's reactions, and with each fetch of them.
    pub(super) generations: HashMap<RequestId, u64>,
    /// Cards whose reactions are being fetched, because some may have been missed: the generation of the newest fetch.
    pub(super) fetching: HashMap<RequestId, u64>,
    pub(super) executing: BTreeSet<RequestId>,
    /// What executes them. It ends with the clerk: nothing is signalled once nobody could record what came of it.
    pub(super) executions: JoinSet<()>,
    /// What happened while the ledger took no records, and must not be lost.
    pub(super) put_off: VecDeque<EngineInput>,
    /// Targets that are being looked at.
    pub(super) looking: BTreeSet<String>,
    pub(super) ledger_in_trouble: bool,
    pub(super) stopping: bool,
}

impl Engine {
    /// Opens the ledger's book and takes up what is not finished. The sender is for all who report what happens.
    pub async fn start(
        ledger: Arc<dyn Ledger>,
        channel: Arc<dyn IncidentChannel>,
        clock: Arc<dyn Clock>,
        rules: TargetRegistry,
    ) -> Result<(Self, mpsc::Sender<EngineInput>), LedgerError> {
        let (book, owed) = RequestStore::open(Arc::clone(&ledger), clock.now()).await?;
        let (inbox, happenings) = mpsc::channel(INBOX);
        let mut clerk = Self {
            book,
            rules,
            ledger,
            channel,
            clock,
            inbox: inbox.clone(),
            happenings,
            couriers: HashMap::new(),
            pace: Arc::default(),
            live: HashMap::new(),
            early: BTreeSet::new(),
            searched: None,
            generations: HashMap::new(),
            fetching: HashMap::new(),
            executing: BTreeSet::new(),
            executions: JoinSet::new(),
            put_off: VecDeque::new(),
            looking: BTreeSet::new(),
            ledger_in_trouble: false,
            stopping: false,
        };
        clerk.take_up(&owed, InterruptedExecution::AfterItsSignal);
        Ok((clerk, inbox))
    }

    /// Works until told to stop, or until the ledger cannot be built on any more.
    pub async fn run(mut self) -> EngineExit {
        let mut next_look = Instant::now() + EVERY;
        let mut next_try = Instant::now() + TRY_LEDGER_EVERY;
        let mut leave_by = None;
        loop {
            let handled = tokio::select! {
                biased;
                () = until(leave_by) => {
                    info!("not everything could be finished before the stop; the ledger knows what is left");
                    return EngineExit::Cleanly;
                }
                () = sleep_until(self.next_expiry()), if !self.ledger_in_trouble => self.expire().await,
                () = sleep_until(next_try), if self.ledger_in_trouble => {
                    let tried = self.try_ledger_again().await;
                    // Counted from its end: in between whatever happens is heard, however long a try takes to fail.
                    next_try = Instant::now() + TRY_LEDGER_EVERY;
                    tried
                }
                () = sleep_until(next_look) => {
                    next_look = Instant::now() + EVERY;
                    self.look_at_targets();
                    Ok(())
                }
                Some(happening) = self.happenings.recv() => self.handle(happening).await,
            };
            match handled {
                Ok(()) => {}
                Err(fatal @ (LedgerError::Deposed | LedgerError::Corrupt { .. })) => {
                    return EngineExit::Ledger(fatal);
                }
                Err(problem) => {
                    error!(error = ?problem, "the ledger took no record; nothing is decided until it does");
                    if !std::mem::replace(&mut self.ledger_in_trouble, true) {
                        self.alert(ChannelAlert::LedgerDown);
                    }
                }
            }
            if self.stopping {
                leave_by = leave_by.or_else(|| Some(Instant::now() + STOP_WITHIN));
                if self.is_idle() {
                    return EngineExit::Cleanly;
                }
            }
        }
    }

    /// Whether nothing is left that a stop should wait for.
    fn is_idle(&self) -> bool {
        let delivering = self
            .couriers
            .values()
            .any(|card| card.borrow().request.resolution().is_some());
        self.executing.is_empty() && !delivering
    }

    /// When the next open request expires, in the time of timers.
    fn next_expiry(&self) -> Instant {
        let now = self.clock.now();
        let first = self.book.next_expiry();
        // With nothing open it is enough to look again now and then.
        Instant::now() + first.map_or(EVERY, |expiry| expiry.duration_since(now))
    }

    async fn expire(&mut self) -> Result<(), LedgerError> {
        let now = self.clock.now();
        self.book.forget_signals_before_the_last_hour(now);
        let over: Vec<_> = self
            .book
            .open_requests()
            .take_while(|request| request.has_expired(now))
            .map(|request| request.id)
            .collect();
        for id in over {
            self.take(id, RequestCommand::CheckExpiry).await?;
        }
        Ok(())
    }

    /// Once the ledger takes records again: reads it anew, for an answer may have been lost, and makes up for
    /// what was not decided meanwhile.
    async fn try_ledger_again(&mut self) -> Result<(), LedgerError> {
        self.ledger.probe().await?;
        let (book, owed) = RequestStore::open(Arc::clone(&self.ledger), self.clock.now()).await?;
        self.book = book;
        self.ledger_in_trouble = false;
        info!("the ledger takes records again");
        self.alert(ChannelAlert::LedgerBack);
        self.take_up(&owed, InterruptedExecution::BeforeItsSignal);
        // Reactions were not listened to meanwhile.
        self.fetch_all_votes();
        // What fails again is put off again.
        while let Some(happening) = self.put_off.pop_front() {
            self.handle(happening).await?;
        }
        Ok(())
    }

    /// Tells every channel in which somebody waits for a decision.
    fn alert(&self, alert: ChannelAlert) {
        let channels: BTreeSet<_> = self
            .book
            .open_requests()
            .map(|request| request.details.channel)
            .collect();
        for id in channels {
            let channel = Arc::clone(&self.channel);
            tokio::spawn(async move {
                if let Err(problem) = channel.post_alert(id, alert).await {
                    warn!(channel = id.0, error = ?problem, "a channel was not told about the ledger");
                }
            });
        }
    }

    /// Shows the request as it is now on its card.
    pub(super) fn publish(&self, id: RequestId) {
        let Some(courier) = self.couriers.get(&id) else {
            return;
        };
        if let Some(card) = self.card(id) {
            courier.send_replace(card);
        }
    }

    fn card(&self, id: RequestId) -> Option<CardContent> {
        let request = self.book.find(id)?.clone();
        let live = self.live.get(&id);
        let now = live.map(|live| live.sight.clone()).filter(|sight| {
            sight.session != request.details.session || sight.waiters != request.details.waiters
        });
        let governed = self.rules.targets.get(&request.details.target);
        Some(CardContent {
            latest: now,
            waiting_pids: live
                .map(|live| live.waiters.iter().copied().collect())
                .unwrap_or_default(),
            changes: live.map(|live| live.changes.clone()).unwrap_or_default(),
            approvers: governed
                .map(super::targets::TargetWithPolicy::approvers)
                .unwrap_or_default(),
            request,
        })
    }

    /// Sends out a courier for the request, with the question that its card can answer.
    pub(super) fn send_courier(&mut self, id: RequestId, question: Option<Arc<dyn Responder>>) {
        let Some(card) = self.card(id) else { return };
        let (sender, cards) = watch::channel(card);
        self.couriers.insert(id, sender);
        let courier = CardPublisher {
            request: id,
            channel: Arc::clone(&self.channel),
            inbox: self.inbox.clone(),
            pace: Arc::clone(&self.pace),
            cards,
        };
        tokio::spawn(courier.run(question).instrument(log::about(id)));
    }

    /// Who may do what on the request's target; nobody anything when the target is no longer configured.
    pub(super) fn access_of(&self, request: &Request) -> Access {
        let governed = self.rules.targets.get(&request.details.target);
        governed
            .map(|governed| governed.policy.access.clone())
            .unwrap_or_default()
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
