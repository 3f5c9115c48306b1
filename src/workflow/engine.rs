//! The one owner of all requests. Whatever happens comes through its inbox and is handled to the end — decided,
//! recorded, acted on — before the next thing is looked at; so there is one order of events, and nobody to race.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{Instrument, error, info, warn};

use super::card_publisher::{Courier, Pace};
use super::input::Happening;
use super::log;
use super::monitor::{EVERY, Live};
use super::ports::{Alert, Card, Channel, Clock, Ledger, LedgerError, Question};
use super::resume::Interrupted;
use super::store::Book;
use super::targets::Rules;
use crate::domain::access::Access;
use crate::domain::decision::Command;
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
pub enum Stopped {
    /// As it was told to.
    Cleanly,
    /// The ledger can no longer be built on.
    Ledger(LedgerError),
}

pub struct Clerk {
    pub(super) book: Book,
    pub(super) rules: Rules,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) channel: Arc<dyn Channel>,
    pub(super) clock: Arc<dyn Clock>,
    /// For those who work for the clerk, to report back.
    pub(super) inbox: mpsc::Sender<Happening>,
    happenings: mpsc::Receiver<Happening>,
    pub(super) couriers: HashMap<RequestId, watch::Sender<Card>>,
    pace: Arc<Pace>,
    pub(super) live: HashMap<RequestId, Live>,
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
    pub(super) put_off: VecDeque<Happening>,
    /// Targets that are being looked at.
    pub(super) looking: BTreeSet<String>,
    pub(super) ledger_in_trouble: bool,
    pub(super) stopping: bool,
}

impl Clerk {
    /// Opens the ledger's book and takes up what is not finished. The sender is for all who report what happens.
    pub async fn start(
        ledger: Arc<dyn Ledger>,
        channel: Arc<dyn Channel>,
        clock: Arc<dyn Clock>,
        rules: Rules,
    ) -> Result<(Self, mpsc::Sender<Happening>), LedgerError> {
        let (book, owed) = Book::open(Arc::clone(&ledger), clock.now()).await?;
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
        clerk.take_up(&owed, Interrupted::AfterItsSignal);
        Ok((clerk, inbox))
    }

    /// Works until told to stop, or until the ledger cannot be built on any more.
    pub async fn run(mut self) -> Stopped {
        let mut next_look = Instant::now() + EVERY;
        let mut next_try = Instant::now() + TRY_LEDGER_EVERY;
        let mut leave_by = None;
        loop {
            let handled = tokio::select! {
                biased;
                () = until(leave_by) => {
                    info!("not everything could be finished before the stop; the ledger knows what is left");
                    return Stopped::Cleanly;
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
                    return Stopped::Ledger(fatal);
                }
                Err(problem) => {
                    error!(error = ?problem, "the ledger took no record; nothing is decided until it does");
                    if !std::mem::replace(&mut self.ledger_in_trouble, true) {
                        self.alert(Alert::LedgerDown);
                    }
                }
            }
            if self.stopping {
                leave_by = leave_by.or_else(|| Some(Instant::now() + STOP_WITHIN));
                if self.is_idle() {
                    return Stopped::Cleanly;
                }
            }
        }
    }

    /// Whether nothing is left that a stop should wait for.
    fn is_idle(&self) -> bool {
        let delivering = self
            .couriers
            .values()
            .any(|card| card.borrow().request.ending().is_some());
        self.executing.is_empty() && !delivering
    }

    /// When the next open request expires, in the time of timers.
    fn next_expiry(&self) -> Instant {
        let now = self.clock.now();
        let first = self.book.next_expiry();
        // With nothing open it is enough to look again now and then.
        Instant::now() + first.map_or(EVERY, |expiry| expiry.since(now))
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
            self.take(id, Command::Tick).await?;
        }
        Ok(())
    }

    /// Once the ledger takes records again: reads it anew, for an answer may have been lost, and makes up for
    /// what was not decided meanwhile.
    async fn try_ledger_again(&mut self) -> Result<(), LedgerError> {
        self.ledger.probe().await?;
        let (book, owed) = Book::open(Arc::clone(&self.ledger), self.clock.now()).await?;
        self.book = book;
        self.ledger_in_trouble = false;
        info!("the ledger takes records again");
        self.alert(Alert::LedgerBack);
        self.take_up(&owed, Interrupted::BeforeItsSignal);
        // Reactions were not listened to meanwhile.
        self.fetch_all_votes();
        // What fails again is put off again.
        while let Some(happening) = self.put_off.pop_front() {
            self.handle(happening).await?;
        }
        Ok(())
    }

    /// Tells every channel in which somebody waits for a decision.
    fn alert(&self, alert: Alert) {
        let channels: BTreeSet<_> = self
            .book
            .open_requests()
            .map(|request| request.asked.channel)
            .collect();
        for id in channels {
            let channel = Arc::clone(&self.channel);
            tokio::spawn(async move {
                if let Err(problem) = channel.alert(id, alert).await {
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

    fn card(&self, id: RequestId) -> Option<Card> {
        let request = self.book.find(id)?.clone();
        let live = self.live.get(&id);
        let now = live
            .map(|live| live.sight.clone())
            .filter(|sight| sight.session != request.asked.session || sight.waiters != request.asked.waiters);
        let governed = self.rules.targets.get(&request.asked.target);
        Some(Card {
            now,
            waiting: live
                .map(|live| live.waiters.iter().copied().collect())
                .unwrap_or_default(),
            changes: live.map(|live| live.changes.clone()).unwrap_or_default(),
            approvers: governed
                .map(super::targets::Governed::approvers)
                .unwrap_or_default(),
            request,
        })
    }

    /// Sends out a courier for the request, with the question that its card can answer.
    pub(super) fn send_courier(&mut self, id: RequestId, question: Option<Arc<dyn Question>>) {
        let Some(card) = self.card(id) else { return };
        let (sender, cards) = watch::channel(card);
        self.couriers.insert(id, sender);
        let courier = Courier {
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
        let governed = self.rules.targets.get(&request.asked.target);
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
