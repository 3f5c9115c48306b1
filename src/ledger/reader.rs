//! Reading a whole ledger, oldest record first, without holding it in memory.

use super::hash_chain::ChainTail;

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// The number it is stored under; the record itself must have the same.
    pub seq: u64,
    /// The record: a line of the export.
    pub line: String,
}

/// A ledger that can be read from its first record to its last, also while killgate appends to it.
pub trait LedgerReader {
    /// Where the chain was last known to end.
    fn tail(&mut self) -> anyhow::Result<ChainTail>;

    /// Some of the records after `seq`, in order; none when there is no more.
    fn records_after(&mut self, seq: u64) -> anyhow::Result<Vec<StoredRecord>>;
}
