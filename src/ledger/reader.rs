//! Reads a whole ledger, oldest record first, without loading all of it into memory.

use std::collections::BTreeMap;

use super::hash_chain::ChainTail;
use super::pending::PendingState;

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// The number that the record is stored under. The record itself must contain the same number.
    pub seq: u64,
    /// The record: a line of the export.
    pub line: String,
}

/// A ledger that can be read from its first record to its last, also while killgate appends to it.
pub trait LedgerReader {
    /// The end of the chain, as the last append recorded it.
    fn tail(&mut self) -> anyhow::Result<ChainTail>;

    /// The list of the requests to resume after a start, by number.
    fn pending(&mut self) -> anyhow::Result<BTreeMap<u64, PendingState>>;

    /// The lowest number of a record: 1 in every ledger that has records and was not tampered with.
    fn lowest_seq(&mut self) -> anyhow::Result<Option<i64>>;

    /// A request that a search by pid would miss or find wrongly, because the list of pids contradicts the records. `None` also
    /// if the ledger keeps no such list.
    fn wrongly_indexed(&mut self) -> anyhow::Result<Option<u64>>;

    /// A request that the delivery lists get wrong: it ended and is in neither list, or it has not ended and is listed as
    /// delivered.
    fn wrongly_delivered(&mut self) -> anyhow::Result<Option<u64>>;

    /// The next records after `seq`, in order; empty at the end.
    fn records_after(&mut self, seq: u64) -> anyhow::Result<Vec<StoredRecord>>;
}
