//! The ledger on a simulated disk: real records in the real chain. What was written and not yet synced may or may
//! not survive a crash; what was synced does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use async_trait::async_trait;
use killgate::domain::event::{LedgerEntry, Recorded, RequestEvent};
use killgate::domain::ids::RequestId;
use killgate::domain::timestamp::Timestamp;
use killgate::ledger::hash_chain::ChainTail;
use killgate::ledger::pending::{self, PendingState};
use killgate::workflow::ports::{Lease, Ledger, LedgerError, PendingRequests, RequestSearch};

use super::World;
use super::facts::Fact;
use super::faults::{Fault, Part};

/// What the ledger's file holds.
#[derive(Clone, Default)]
pub struct Disk {
    records: Vec<Recorded>,
    standing: BTreeMap<RequestId, PendingState>,
    /// Under which epoch the lock is held; whoever has an older one was deposed.
    pub epoch: u64,
    /// Nobody can take over before.
    pub lease_until: Option<Timestamp>,
}

/// How long after a renewal nobody else can take over.
const GRACE: Duration = Duration::from_secs(2);

impl Disk {
    /// Where the chain ends.
    pub fn tail(&self) -> ChainTail {
        self.records.last().map_or_else(ChainTail::default, |last| ChainTail {
            seq: last.seq(),
            hash: last.hash().to_owned(),
        })
    }

    pub fn records(&self) -> impl Iterator<Item = &Recorded> {
        self.records.iter()
    }

    /// Whether every request has ended and is in its channel.
    pub fn is_quiet(&self) -> bool {
        self.standing.is_empty() && self.open_by_chain().is_empty()
    }

    /// The file as it would be with these records in it; they are not in it yet.
    fn prepare(&self, entries: &[LedgerEntry]) -> Result<Vec<Recorded>, LedgerError> {
        let mut tail = self.tail();
        let sealed = entries.iter().map(|entry| tail.seal(entry).map(|sealed| sealed.recorded));
        sealed.collect::<Result<_, _>>().map_err(|error| LedgerError::NotRecorded(error.into()))
    }

    fn sync(&mut self, records: &[Recorded]) {
        for entry in records.iter().map(Recorded::entry) {
            if let (Some(request), Some(now)) = (entry.request, pending::state_after(&entry.event)) {
                self.standing.insert(request, now);
            }
        }
        self.records.extend_from_slice(records);
    }

    /// A backup is restored that lacks the newest records; which results were delivered is in it.
    pub fn set_back(&mut self, keep: usize) {
        let mut records = std::mem::take(&mut self.records);
        records.truncate(keep);
        self.standing.clear();
        self.sync(&records);
        self.standing.retain(|_, state| *state == PendingState::Pending);
    }

    /// Somebody deletes the list of what is open, which is kept beside the chain.
    pub fn lose_list_of_open(&mut self) {
        self.standing.retain(|_, state| *state != PendingState::Pending);
    }

    /// Which requests have not ended, by the chain alone.
    fn open_by_chain(&self) -> BTreeSet<RequestId> {
        let mut open = BTreeSet::new();
        for entry in self.records().map(Recorded::entry) {
            match (entry.request, pending::state_after(&entry.event)) {
                (Some(request), Some(PendingState::Pending)) => open.insert(request),
                (Some(request), Some(PendingState::Undelivered)) => open.remove(&request),
                _ => false,
            };
        }
        open
    }

    fn settle(&mut self, request: RequestId) {
        if self.standing.get(&request) == Some(&PendingState::Undelivered) {
            self.standing.remove(&request);
        }
    }

    fn recall(&self, since: Timestamp, trusts_list: bool) -> PendingRequests {
        let executed = self.records().filter(|recorded| {
            matches!(recorded.entry().event, RequestEvent::Executing { .. }) && recorded.entry().at >= since
        });
        let wanted: BTreeSet<_> = executed
            .filter_map(|recorded| recorded.entry().request)
            .chain(self.standing.keys().copied())
            .chain(if trusts_list { BTreeSet::new() } else { self.open_by_chain() })
            .collect();
        let asked = |recorded: &Recorded| matches!(recorded.entry().event, RequestEvent::Requested(_));
        let last =
            self.records().filter(|recorded| asked(recorded)).filter_map(|recorded| recorded.entry().request);
        let is_wanted =
            |recorded: &&Recorded| recorded.entry().request.is_some_and(|request| wanted.contains(&request));
        PendingRequests {
            next_id: RequestId(last.max().map_or(1, |RequestId(last)| last + 1)),
            undelivered: self
                .standing
                .iter()
                .filter(|(_, standing)| **standing == PendingState::Undelivered)
                .map(|(request, _)| *request)
                .collect(),
            records: self.records().filter(is_wanted).cloned().collect(),
        }
    }

    /// The records of the ended request that has this card.
    fn history(&self, search: &RequestSearch) -> Vec<Recorded> {
        let card = self.records().find_map(|recorded| match &recorded.entry().event {
            RequestEvent::Posted { message } if Some(*message) == search.card => recorded.entry().request,
            _ => None,
        });
        let ended = card.filter(|request| self.standing.get(request) != Some(&PendingState::Pending));
        let is_wanted = |recorded: &&Recorded| ended.is_some() && recorded.entry().request == ended;
        self.records().filter(is_wanted).cloned().collect()
    }
}

/// The bot's hold on the ledger, under the epoch of its lock.
pub struct Hold {
    pub world: World,
    pub epoch: u64,
    /// Whether the ledger looks at the epoch, as it must.
    pub fenced: bool,
    /// Whether it relies on the list of what is open, as it must not.
    pub trusts_list: bool,
}

impl Hold {
    fn check(&self, disk: &Disk) -> Result<(), LedgerError> {
        if self.fenced && disk.epoch != self.epoch {
            return Err(LedgerError::Deposed);
        }
        Ok(())
    }

    fn renew(&self, state: &mut super::State) -> Result<(), LedgerError> {
        self.check(state.disk())?;
        state.disk_mut().lease_until = Some(state.time.now().plus(GRACE));
        Ok(())
    }

    /// Writes, then syncs: a crash or a lost answer may come before, between and after.
    async fn write<T>(
        &self,
        change: impl FnOnce(&mut Disk) -> Result<T, LedgerError>,
        synced: impl FnOnce(&mut super::State, T),
    ) -> Result<(), LedgerError> {
        let (write, sync, fault) = self.world.with(|state| state.faults.draw(Part::Ledger));
        super::pass(write).await;
        self.world.alive().await;
        match fault {
            Some(Fault::LostOnTheWay) => return Err(LedgerError::NotRecorded(anyhow!("the disk is full"))),
            Some(Fault::CrashBefore) => self.world.crash().await,
            _ => {}
        }
        // Written, not synced: whether it survives the crash is open.
        let unsynced = matches!(fault, Some(Fault::CrashAfter | Fault::LostOnTheWayBack));
        if unsynced && self.world.with(|state| state.faults.dice.bool()) {
            return match fault {
                Some(Fault::CrashAfter) => self.world.crash().await,
                _ => Err(uncertain()),
            };
        }
        super::pass(sync).await;
        self.world.alive().await;
        self.world.with(|state| {
            self.renew(state)?;
            let changed = change(state.disk_mut())?;
            synced(state, changed);
            Ok::<_, LedgerError>(())
        })?;
        match fault {
            Some(Fault::CrashAfter) => self.world.crash().await,
            Some(Fault::LostOnTheWayBack) => Err(uncertain()),
            _ => Ok(()),
        }
    }
}

/// For bots with a mistake in them.
impl super::State {
    /// Says that these are recorded; they are not.
    pub fn pretend(&mut self, entries: &[LedgerEntry]) -> Vec<Recorded> {
        let records = self.disk().prepare(entries).unwrap_or_default();
        self.note(Fact::Acknowledged { records: records.as_slice().into() });
        records
    }
}

#[async_trait]
impl Lease for Hold {
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
        let renewed = self.world.call(Part::Ledger, |state| self.renew(state));
        renewed.await.unwrap_or_else(|_| Err(not_recorded()))?;
        Ok(Some(GRACE))
    }
}

#[async_trait]
impl Ledger for Hold {
    async fn append(&self, entries: Vec<LedgerEntry>) -> Result<Vec<Recorded>, LedgerError> {
        let epoch = self.epoch;
        let entries: Arc<[_]> = entries.into();
        self.world.with(|state| {
            let caught_up = state.discord.has_been_heard(epoch);
            state.note(Fact::Decided { epoch, caught_up, entries: Arc::clone(&entries) });
        });
        let mut records = Arc::default();
        self.write(
            |disk| disk.prepare(&entries),
            |state, prepared| {
                state.disk_mut().sync(&prepared);
                records = Arc::from(prepared);
                state.note(Fact::Durable { epoch, records: Arc::clone(&records) });
            },
        )
        .await?;
        self.world.with(|state| state.note(Fact::Acknowledged { records: Arc::clone(&records) }));
        Ok(records.to_vec())
    }

    async fn load_pending(&self, since: Timestamp) -> Result<PendingRequests, LedgerError> {
        let recalled = self.world.call(Part::Ledger, |state| {
            self.check(state.disk())?;
            Ok(state.disk().recall(since, self.trusts_list))
        });
        recalled.await.unwrap_or_else(|_| Err(not_recorded()))
    }

    async fn mark_delivered(&self, request: RequestId) -> Result<(), LedgerError> {
        self.write(
            |disk| {
                disk.settle(request);
                Ok(())
            },
            |state, ()| state.note(Fact::Settled { request }),
        )
        .await
    }

    async fn history(&self, search: RequestSearch) -> Result<Vec<Recorded>, LedgerError> {
        let found = self.world.call(Part::Ledger, |state| {
            self.check(state.disk())?;
            Ok(state.disk().history(&search))
        });
        found.await.unwrap_or_else(|_| Err(not_recorded()))
    }

    async fn probe(&self) -> Result<(), LedgerError> {
        let probed = self.world.call(Part::Ledger, |state| self.check(state.disk()));
        probed.await.unwrap_or_else(|_| Err(not_recorded()))
    }
}

fn not_recorded() -> LedgerError {
    LedgerError::NotRecorded(anyhow!("the disk does not answer"))
}

fn uncertain() -> LedgerError {
    LedgerError::Uncertain(anyhow!("the disk failed while it synced"))
}
