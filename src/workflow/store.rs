//! The requests in memory: a fold of the ledger, and never ahead of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;

use super::ports::{Ledger, LedgerError, RequestSearch};
use crate::domain::event::{LedgerEntry, Recorded, RequestEvent};
use crate::domain::ids::{MessageId, RequestId};
use crate::domain::request::Request;
use crate::domain::timestamp::Timestamp;

/// The span that `signals_per_hour` is about.
const HOUR: Duration = Duration::from_hours(1);

/// How many ended requests are kept, so that a late reaction on their cards is recognised.
const ENDED_KEPT: usize = 256;

pub(super) struct RequestStore {
    ledger: Arc<dyn Ledger>,
    requests: BTreeMap<RequestId, Request>,
    /// Those that wait for people, in the order in which they expire.
    open: BTreeSet<(Timestamp, RequestId)>,
    /// Those of them whose card is not known to be in its channel yet.
    awaited: BTreeSet<RequestId>,
    cards: HashMap<MessageId, RequestId>,
    ended: VecDeque<RequestId>,
    signals: BTreeMap<String, BTreeMap<RequestId, Timestamp>>,
    next: RequestId,
}

impl RequestStore {
    /// Reads what is needed to go on; the requests whose result the channel may lack come beside it.
    pub(super) async fn open(
        ledger: Arc<dyn Ledger>,
        now: Timestamp,
    ) -> Result<(Self, BTreeSet<RequestId>), LedgerError> {
        let recall = ledger.load_pending(now.minus(HOUR)).await?;
        let mut book = Self {
            ledger,
            requests: BTreeMap::new(),
            open: BTreeSet::new(),
            awaited: BTreeSet::new(),
            cards: HashMap::new(),
            ended: VecDeque::new(),
            signals: BTreeMap::new(),
            next: recall.next_id,
        };
        for recorded in &recall.records {
            if let Some(request) = recorded.entry.request {
                book.apply(request, recorded)?;
            }
        }
        book.count_open();
        Ok((book, recall.undelivered))
    }

    /// Records `events` and only then lets them be true; what was acknowledged comes back.
    pub(super) async fn record(
        &mut self,
        request: RequestId,
        at: Timestamp,
        events: Vec<RequestEvent>,
    ) -> Result<Vec<Recorded>, LedgerError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let entries = events
            .into_iter()
            .map(|event| LedgerEntry {
                request: Some(request),
                at,
                event,
            })
            .collect();
        let recorded = self.ledger.append(entries).await?;
        for one in &recorded {
            self.apply(request, one)?;
        }
        self.count_open();
        Ok(recorded)
    }

    /// Records an attempt that became no request.
    pub(super) async fn record_attempt(&self, at: Timestamp, event: RequestEvent) -> Result<(), LedgerError> {
        self.ledger
            .append(vec![LedgerEntry {
                request: None,
                at,
                event,
            }])
            .await
            .map(drop)
    }

    fn apply(&mut self, id: RequestId, recorded: &Recorded) -> Result<(), LedgerError> {
        let LedgerEntry { at, event, .. } = &recorded.entry;
        let request = after(self.requests.remove(&id), id, recorded)?;
        match event {
            RequestEvent::Requested(_) => self.next = self.next.max(RequestId(id.0 + 1)),
            RequestEvent::Posted { message } => {
                self.cards.insert(*message, id);
            }
            RequestEvent::Executing { .. } => {
                self.signals
                    .entry(request.details.target.clone())
                    .or_default()
                    .insert(id, *at);
            }
            RequestEvent::Finished(ending) => {
                if ending.signal_sent == Some(false)
                    && let Some(signals) = self.signals.get_mut(&request.details.target)
                {
                    signals.remove(&id);
                }
                self.ended.push_back(id);
            }
            _ => {}
        }
        self.index(&request);
        self.requests.insert(id, request);
        self.forget_the_oldest();
        Ok(())
    }

    /// Whatever happens, the open requests are gone through, and never those that are over.
    fn index(&mut self, request: &Request) {
        let place = (request.details.expires_at, request.id);
        if request.is_open() {
            self.open.insert(place);
        } else {
            self.open.remove(&place);
        }
        if request.is_open() && request.card.is_none() {
            self.awaited.insert(request.id);
        } else {
            self.awaited.remove(&request.id);
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests are open")]
    fn count_open(&self) {
        gauge!("killgate_open_requests").set(self.open.len() as f64);
    }

    fn forget_the_oldest(&mut self) {
        while self.ended.len() > ENDED_KEPT {
            let forgotten = self
                .ended
                .pop_front()
                .and_then(|oldest| self.requests.remove(&oldest));
            if let Some(card) = forgotten.and_then(|request| request.card) {
                self.cards.remove(&card);
            }
        }
    }

    /// The number that the next request gets.
    pub(super) fn next(&self) -> RequestId {
        self.next
    }

    pub(super) fn find(&self, request: RequestId) -> Option<&Request> {
        self.requests.get(&request)
    }

    /// The request whose card the message is.
    pub(super) fn find_card(&self, message: MessageId) -> Option<&Request> {
        self.cards.get(&message).and_then(|id| self.requests.get(id))
    }

    /// Reads the ended request whose card the message is, if there is one and it is not known any more.
    pub(super) async fn look_up_card(&mut self, message: MessageId) -> Result<(), LedgerError> {
        let search = RequestSearch {
            ended: Some(true),
            card: Some(message),
            limit: 1,
            ..RequestSearch::default()
        };
        let mut found = None;
        for recorded in self.ledger.history(search).await? {
            if let Some(id) = recorded.entry.request {
                found = Some(after(found, id, &recorded)?);
            }
        }
        if let Some(request) = found {
            self.cards.insert(message, request.id);
            self.ended.push_back(request.id);
            self.requests.insert(request.id, request);
            self.forget_the_oldest();
        }
        Ok(())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Request> + Clone {
        self.requests.values()
    }

    /// Those that wait for people; the first to expire comes first.
    pub(super) fn open_requests(&self) -> impl Iterator<Item = &Request> + Clone {
        self.open.iter().filter_map(|(_, id)| self.requests.get(id))
    }

    /// When the next of them expires.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.open.first().map(|(expiry, _)| *expiry)
    }

    /// Those of them whose card is not known to be in its channel yet.
    pub(super) fn awaited(&self) -> impl Iterator<Item = &Request> {
        self.awaited.iter().filter_map(|id| self.requests.get(id))
    }

    /// Whether the hourly budget of the target leaves one more signal. What is being executed counts.
    pub(super) fn signal_left(&self, target: &str, limit: u32, now: Timestamp) -> bool {
        let used = self.signals.get(target).map_or(0, |signals| {
            signals
                .values()
                .filter(|&&at| now.duration_since(at) < HOUR)
                .count()
        });
        u32::try_from(used).is_ok_and(|used| used < limit)
    }

    /// Drops signals that no longer count.
    pub(super) fn forget_signals_before_the_last_hour(&mut self, now: Timestamp) {
        for signals in self.signals.values_mut() {
            signals.retain(|_, at| now.duration_since(*at) < HOUR);
        }
    }
}

/// The request once this record is counted in.
fn after(known: Option<Request>, id: RequestId, recorded: &Recorded) -> Result<Request, LedgerError> {
    let LedgerEntry { at, event, .. } = &recorded.entry;
    let request = match known {
        Some(request) => request.evolve(event, *at),
        None => Request::start(id, event),
    };
    request.map_err(|impossible| LedgerError::Corrupt {
        seq: recorded.seq,
        problem: impossible.to_string(),
    })
}
