//! The ledger as evidence: exported line by line, and its chain walked from the first record to the last.

use std::fmt;
use std::io::Write;

use anyhow::Context as _;
use serde::Deserialize;

use crate::domain::ids::RequestId;
use crate::domain::timestamp::Timestamp;
use crate::ledger::hash_chain::{ChainError, ChainTail};
use crate::ledger::reader::{LedgerReader, StoredRecord};
use crate::ledger::record::time;

/// Which records are exported; all where nothing is said.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExportFilter {
    /// Only those recorded at or after this.
    pub since: Option<Timestamp>,
    /// Only those of this request.
    pub request: Option<RequestId>,
}

/// What walking the chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Every record is as it was written, and the expected one is among them.
    Intact(ChainTail),
    /// The first record that is not as it was written.
    Broken { seq: u64, broken: ChainError },
    /// The chain is whole in itself and ends before the last record that was acknowledged.
    Short {
        last: ChainTail,
        acknowledged: ChainTail,
    },
    /// The chain is whole in itself, and the record that was expected is not in it.
    Missing { last: ChainTail, expected: String },
}

/// Writes the records to `out` as JSON Lines, oldest first, word for word as they are stored; a damaged one too,
/// unless it must be understood to be chosen.
pub fn export(pages: &mut dyn LedgerReader, wanted: ExportFilter, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut last = 0;
    loop {
        let rows = pages.records_after(last).context("the ledger cannot be read")?;
        let Some(end) = rows.last() else { break };
        last = end.seq;
        for row in &rows {
            if wanted.includes(row)? {
                writeln!(out, "{}", row.line)?;
            }
        }
    }
    Ok(out.flush()?)
}

/// Walks the chain. `expect` is the hash of a record, as an earlier verification printed it: it shows what the
/// chain cannot show by itself, that its end was not cut off or written anew.
pub fn verify(pages: &mut dyn LedgerReader, expect: Option<&str>) -> anyhow::Result<AuditVerdict> {
    // Read before the walk: records may be appended meanwhile.
    let acknowledged = pages.tail().context("the ledger cannot be read")?;
    let mut tail = ChainTail::default();
    let mut reached = tail == acknowledged;
    let mut met = expect.is_none_or(|hash| hash.eq_ignore_ascii_case(&tail.hash));
    loop {
        let rows = pages
            .records_after(tail.seq)
            .context("the ledger cannot be read")?;
        if rows.is_empty() {
            break;
        }
        for StoredRecord { seq, line } in rows {
            if let Err(broken) = tail.follow(seq, &line) {
                return Ok(AuditVerdict::Broken { seq, broken });
            }
            reached |= tail == acknowledged;
            met |= expect.is_some_and(|hash| hash.eq_ignore_ascii_case(&tail.hash));
        }
    }
    Ok(match expect {
        _ if !reached => AuditVerdict::Short {
            last: tail,
            acknowledged,
        },
        Some(hash) if !met => AuditVerdict::Missing {
            last: tail,
            expected: hash.to_owned(),
        },
        _ => AuditVerdict::Intact(tail),
    })
}

impl AuditVerdict {
    pub fn is_intact(&self) -> bool {
        matches!(self, Self::Intact(_))
    }
}

impl fmt::Display for AuditVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intact(last) => write!(f, "intact: {}", end(last)),
            Self::Broken { seq, broken } => write!(f, "broken at record {seq}: {broken}"),
            Self::Short { last, acknowledged } => write!(
                f,
                "broken after record {}: the last record acknowledged was {acknowledged}, and it is not here: \
                 records were cut off or rewritten",
                last.seq
            ),
            Self::Missing { last, expected } => write!(
                f,
                "not found: no record has the expected hash {expected}: records were cut off or rewritten; {}",
                end(last)
            ),
        }
    }
}

/// Where a ledger ends, for people.
pub fn end(last: &ChainTail) -> String {
    match last.seq {
        0 => "there are no records yet".to_owned(),
        _ => format!("the last record is {last}"),
    }
}

/// What of a record decides whether it is wanted.
#[derive(Deserialize)]
struct RecordHead {
    request: Option<u64>,
    at: String,
}

impl ExportFilter {
    fn includes(self, row: &StoredRecord) -> anyhow::Result<bool> {
        if self.since.is_none() && self.request.is_none() {
            return Ok(true);
        }
        let unreadable = || {
            format!(
                "record {} cannot be read: `killgate audit verify` tells more about it",
                row.seq
            )
        };
        let head: RecordHead = serde_json::from_str(&row.line).with_context(unreadable)?;
        let at = time::read(&head.at).with_context(unreadable)?;
        let is_recent = self.since.is_none_or(|since| at >= since);
        let is_of_request = self
            .request
            .is_none_or(|RequestId(wanted)| head.request == Some(wanted));
        Ok(is_recent && is_of_request)
    }
}
