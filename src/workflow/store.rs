//! The requests in memory: a fold of the ledger, never ahead of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;

use super::ports::{Ledger, LedgerError, RequestSearch};
use crate::domain::event::{LedgerEntry, Recorded, RefusalReason, RequestEvent};
use crate::domain::ids::{MessageId, RequestId, UserId};
use crate::domain::request::{InvalidTransition, Request, fold};
use crate::domain::timestamp::Timestamp;

/// The period that `signals_per_hour` is about.
const HOUR: Duration = Duration::from_hours(1);

/// How many failed attempts of one person to make a request are recorded in an hour.
const ATTEMPTS_PER_HOUR: u32 = 60;

/// How many ended requests stay in memory, so that a late reaction on their cards is recognized without the ledger.
const ENDED_IN_MEMORY: usize = 256;

pub(super) struct RequestStore {
    ledger: Arc<dyn Ledger>,
    requests: BTreeMap<RequestId, Request>,
    /// The open requests, in the order in which they expire.
    open: BTreeSet<(Timestamp, RequestId)>,
    cards: HashMap<MessageId, RequestId>,
    /// The ended requests in memory, oldest first.
    ended: VecDeque<RequestId>,
    /// By target, when each request was executed, and on how many sessions.
    signals: BTreeMap<String, BTreeMap<RequestId, (Timestamp, u32)>>,
    next_id: RequestId,
    /// How many failed attempts to make a request each person made, and since when.
    attempts: (Timestamp, HashMap<UserId, u32>),
}

impl RequestStore {
    /// Loads the requests that have to be resumed, and which of them are undelivered.
    pub(super) async fn load(
        ledger: Arc<dyn Ledger>,
        now: Timestamp,
    ) -> Result<(Self, BTreeSet<RequestId>), LedgerError> {
        let pending = ledger.load_pending(now.minus(HOUR)).await?;
        let mut store = Self {
            ledger,
            requests: BTreeMap::new(),
            open: BTreeSet::new(),
            cards: HashMap::new(),
            ended: VecDeque::new(),
            signals: BTreeMap::new(),
            next_id: pending.next_id,
            attempts: (now, HashMap::new()),
        };
        for record in &pending.records {
            store.apply(record)?;
        }
        store.report_open_requests();
        Ok((store, pending.undelivered))
    }

    /// Records `events`, and applies them once the ledger has acknowledged them. Returns what was acknowledged.
    pub(super) async fn record(
        &mut self,
        request: RequestId,
        at: Timestamp,
        events: Vec<RequestEvent>,
    ) -> Result<Vec<Recorded>, LedgerError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let entry = |event| LedgerEntry { request: Some(request), at, event };
        let entries = events.into_iter().map(entry).collect();
        let recorded = self.ledger.append(entries).await?;
        for record in &recorded {
            self.apply(record)?;
        }
        self.evict_oldest_ended();
        self.report_open_requests();
        Ok(recorded)
    }

    /// Records a failed attempt to make a request, unless this person has made many in this hour: nobody may fill the ledger, or
    /// keep it busy while an approval waits for it.
    pub(super) async fn record_attempt(
        &mut self,
        at: Timestamp,
        actor: UserId,
        why: RefusalReason,
    ) -> Result<(), LedgerError> {
        let (since, attempts) = &mut self.attempts;
        if at.duration_since(*since) >= HOUR {
            *since = at;
            attempts.clear();
        }
        let made = attempts.entry(actor).or_default();
        *made += 1;
        if *made > ATTEMPTS_PER_HOUR {
            return Ok(());
        }
        let event = RequestEvent::AttemptRefused { actor, why };
        let entry = LedgerEntry { request: None, at, event };
        self.ledger.append(vec![entry]).await.map(drop)
    }

    fn apply(&mut self, record: &Recorded) -> Result<(), LedgerError> {
        let LedgerEntry { request, at, event } = record.entry();
        let Some(id) = *request else { return Ok(()) };
        let request = Request::apply(self.requests.remove(&id), id, record)
            .map_err(|invalid| corrupt(Some(record.seq()), &invalid))?;
        let expiry = (request.details.expires_at, id);
        if request.is_open() {
            self.open.insert(expiry);
        } else {
            self.open.remove(&expiry);
        }
        let signals = self.signals.entry(request.details.target.clone()).or_default();
        match event {
            RequestEvent::Requested(_) => self.next_id = self.next_id.max(RequestId(id.0 + 1)),
            RequestEvent::Posted { message } => {
                self.cards.insert(*message, id);
            }
            RequestEvent::Executing { .. } => {
                let sessions = u32::try_from(request.details.backends.len()).unwrap_or(u32::MAX);
                signals.insert(id, (*at, sessions));
            }
            RequestEvent::Finished(resolution) => {
                if resolution.signal_sent == Some(false) {
                    signals.remove(&id);
                }
                self.ended.push_back(id);
            }
            _ => {}
        }
        self.requests.insert(id, request);
        Ok(())
    }

    #[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests are open")]
    fn report_open_requests(&self) {
        gauge!("killgate_open_requests").set(self.open.len() as f64);
    }

    /// Not called while loading, because a request whose result is undelivered may be older than many others.
    fn evict_oldest_ended(&mut self) {
        while self.ended.len() > ENDED_IN_MEMORY {
            let evicted = self.ended.pop_front().and_then(|id| self.requests.remove(&id));
            if let Some(card) = evicted.and_then(|request| request.card) {
                self.cards.remove(&card);
            }
        }
    }

    /// The number that the next request gets.
    pub(super) fn next_id(&self) -> RequestId {
        self.next_id
    }

    pub(super) fn get(&self, request: RequestId) -> Option<&Request> {
        self.requests.get(&request)
    }

    /// The request whose card the message is.
    pub(super) fn get_by_card(&self, message: MessageId) -> Option<&Request> {
        self.cards.get(&message).and_then(|id| self.requests.get(id))
    }

    /// Loads the ended request whose card the message is, if there is one and it is not in memory.
    pub(super) async fn load_by_card(&mut self, message: MessageId) -> Result<(), LedgerError> {
        let search =
            RequestSearch { ended: Some(true), card: Some(message), limit: 1, ..RequestSearch::default() };
        for (id, request) in fold(&self.ledger.history(search).await?) {
            let request = request.map_err(|invalid| corrupt(None, &invalid))?;
            self.cards.insert(message, id);
            self.ended.push_back(id);
            self.requests.insert(id, request);
            self.evict_oldest_ended();
        }
        Ok(())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Request> + Clone {
        self.requests.values()
    }

    /// The open requests; the first to expire comes first.
    pub(super) fn open_requests(&self) -> impl Iterator<Item = &Request> + Clone {
        self.open.iter().filter_map(|(_, id)| self.requests.get(id))
    }

    /// How many more signals the hourly budget of the target allows. What is being executed counts.
    pub(super) fn signal_budget(&self, target: &str, limit: u32, now: Timestamp) -> u32 {
        let signals = self.signals.get(target).into_iter().flat_map(BTreeMap::values);
        signals
            .filter(|(at, _)| now.duration_since(*at) < HOUR)
            .fold(limit, |left, (_, sessions)| left.saturating_sub(*sessions))
    }

    /// Drops signals that no longer count.
    pub(super) fn drop_old_signals(&mut self, now: Timestamp) {
        for signals in self.signals.values_mut() {
            signals.retain(|_, (at, _)| now.duration_since(*at) < HOUR);
        }
    }
}

fn corrupt(seq: Option<u64>, invalid: &InvalidTransition) -> LedgerError {
    LedgerError::Corrupt { seq, problem: invalid.to_string() }
}
