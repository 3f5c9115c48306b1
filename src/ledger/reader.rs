//! Reading a whole ledger, oldest record first, without holding it in memory.

use super::hash_chain::Tail;

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The number it is stored under; the record itself must have the same.
    pub seq: u64,
    /// The record: a line of the export.
    pub line: String,
}

/// A ledger that can be read from its first record to its last, also while killgate appends to it.
pub trait Pages {
    /// Where the chain was last known to end.
    fn end(&mut self) -> anyhow::Result<Tail>;

    /// Some of the records after `seq`, in order; none when there is no more.
    fn after(&mut self, seq: u64) -> anyhow::Result<Vec<Row>>;
}
