//! Exports the ledger line by line, and verifies its hash chain from the first record to the last.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write;

use anyhow::Context as _;
use serde::Deserialize;

use crate::domain::event::Recorded;
use crate::domain::ids::RequestId;
use crate::domain::timestamp::Timestamp;
use crate::ledger::hash_chain::{self, ChainError, ChainTail};
use crate::ledger::pending::{self, PendingState};
use crate::ledger::reader::{LedgerReader, StoredRecord};
use crate::ledger::record::time;

/// Which records are exported. All by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExportFilter {
    /// Only records of this time or later.
    pub since: Option<Timestamp>,
    /// Only records of this request.
    pub request: Option<RequestId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainVerification {
    /// Every record is as it was written, and the expected one is among them.
    Intact(ChainTail),
    /// The first record that is not as it was written.
    Broken { seq: u64, broken: ChainError },
    /// The chain is consistent, but what is kept beside it contradicts it: the list of the requests to resume after a start, the
    /// end of the chain, or a record that does not belong to it.
    Inconsistent { seq: u64, problem: String },
    /// The chain is consistent, but ends before the last acknowledged record.
    Short { last: ChainTail, acknowledged: ChainTail },
    /// The chain is consistent, but does not contain the expected record.
    Missing { last: ChainTail, expected: String },
}

/// Writes the records to `out` as JSON Lines, oldest first, exactly as they are stored. A damaged record is written too,
/// unless a filter has to parse it.
pub fn export(
    reader: &mut dyn LedgerReader,
    filter: ExportFilter,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut last = 0;
    loop {
        let rows = reader.records_after(last).context("the ledger cannot be read")?;
        let Some(last_row) = rows.last() else { break };
        last = last_row.seq;
        for row in &rows {
            if filter.includes(row)? {
                writeln!(out, "{}", row.line)?;
            }
        }
    }
    Ok(out.flush()?)
}

/// Verifies the chain. `expect` is the hash of a record from an earlier verification. It proves what the chain alone
/// cannot: that its end was not cut off or rewritten.
pub fn verify(reader: &mut dyn LedgerReader, expect: Option<&str>) -> anyhow::Result<ChainVerification> {
    verify_each(reader, expect, |_| ())
}

/// The same, and shows each record to `visit`, also those that are appended meanwhile. Only the result says whether they
/// may be relied on.
pub fn verify_each(
    reader: &mut dyn LedgerReader,
    expect: Option<&str>,
    mut visit: impl FnMut(Recorded),
) -> anyhow::Result<ChainVerification> {
    // Read first, because records may be appended meanwhile.
    let (acknowledged, listed) = tail_and_pending(reader).context("the ledger cannot be read")?;
    let mut tail = ChainTail::default();
    let mut open = BTreeMap::new();
    // Requests that are listed as ended, and whose end has not been read from the chain yet.
    let mut without_end: BTreeSet<u64> = listed
        .iter()
        .filter(|(_, state)| **state == PendingState::Undelivered)
        .map(|(request, _)| *request)
        .collect();
    let mut unlisted = None;
    let mut has_acknowledged = tail == acknowledged;
    if has_acknowledged {
        unlisted = wrongly_listed(&listed, &open, &without_end, tail.seq);
    }
    let mut has_expected = expect.is_none_or(|hash| hash.eq_ignore_ascii_case(&tail.hash));
    let lowest = reader.lowest_seq().context("the ledger cannot be read")?;
    if let Err((seq, problem)) = hash_chain::verify_first(lowest) {
        return Ok(ChainVerification::Inconsistent { seq, problem });
    }
    loop {
        let rows = reader.records_after(tail.seq).context("the ledger cannot be read")?;
        if rows.is_empty() {
            break;
        }
        for StoredRecord { seq, line } in rows {
            let recorded = match tail.follow(seq, &line) {
                Ok(recorded) => recorded,
                Err(broken) => return Ok(ChainVerification::Broken { seq, broken }),
            };
            let entry = recorded.entry();
            if let (Some(RequestId(request)), Some(state)) =
                (entry.request, pending::state_after(&entry.event))
            {
                match state {
                    PendingState::Pending => drop(open.insert(request, seq)),
                    PendingState::Undelivered => {
                        open.remove(&request);
                        without_end.remove(&request);
                    }
                }
            }
            if tail == acknowledged {
                has_acknowledged = true;
                unlisted = wrongly_listed(&listed, &open, &without_end, seq);
            }
            has_expected |= expect.is_some_and(|hash| hash.eq_ignore_ascii_case(&tail.hash));
            visit(recorded);
        }
    }
    // A record and the end of the chain are written together.
    let end = reader.tail().context("the ledger cannot be read")?;
    if has_acknowledged && (end.seq < tail.seq || end.seq == tail.seq && end.hash != tail.hash) {
        let problem = format!("the ledger says that its last record is {end}, and there are later ones");
        return Ok(ChainVerification::Inconsistent { seq: tail.seq, problem });
    }
    Ok(match expect {
        _ if !has_acknowledged => ChainVerification::Short { last: tail, acknowledged },
        Some(hash) if !has_expected => ChainVerification::Missing { last: tail, expected: hash.to_owned() },
        _ => match unlisted.or(wrong_beside_the_chain(reader, tail.seq)?) {
            Some((seq, problem)) => ChainVerification::Inconsistent { seq, problem },
            None => ChainVerification::Intact(tail),
        },
    })
}

/// The end of the chain, and the list of pending requests as it was then.
fn tail_and_pending(
    reader: &mut dyn LedgerReader,
) -> anyhow::Result<(ChainTail, BTreeMap<u64, PendingState>)> {
    let mut tail = reader.tail()?;
    loop {
        let listed = reader.pending()?;
        let newer = reader.tail()?;
        if newer == tail {
            return Ok((tail, listed));
        }
        tail = newer;
    }
}

fn wrong_beside_the_chain(reader: &mut dyn LedgerReader, last: u64) -> anyhow::Result<Option<(u64, String)>> {
    const UNREADABLE: &str = "the ledger cannot be read";
    if let Some(request) = reader.wrongly_indexed().context(UNREADABLE)? {
        let problem = "is indexed under the wrong pids, or not at all: the index of pids was changed";
        return Ok(Some((last, format!("request {request} {problem}"))));
    }
    let problem = "is in none of the lists of delivered and undelivered results, or is listed as delivered although the request \
                   has not ended: the lists were changed";
    let wrong = reader.wrongly_delivered().context(UNREADABLE)?;
    Ok(wrong.map(|request| (last, format!("the result of request {request} {problem}"))))
}

/// The first difference between the list and the requests that the chain shows as `open`, each with the number of its
/// first record, or a request in `without_end`, which is listed as ended and did not.
fn wrongly_listed(
    listed: &BTreeMap<u64, PendingState>,
    open: &BTreeMap<u64, u64>,
    without_end: &BTreeSet<u64>,
    last: u64,
) -> Option<(u64, String)> {
    let missing = open.iter().find(|(request, _)| listed.get(request) != Some(&PendingState::Pending));
    if let Some((request, seq)) = missing {
        return Some((
            *seq,
            format!(
                "request {request} has not ended, and is not listed as open: the list of pending requests was changed"
            ),
        ));
    }
    let mut pending = listed.iter().filter(|(_, state)| **state == PendingState::Pending);
    let ended = pending.find(|(request, _)| !open.contains_key(request));
    let (request, state) = match (ended, without_end.first()) {
        (Some((request, _)), _) => (request, "open"),
        (None, Some(request)) => (request, "ended"),
        (None, None) => return None,
    };
    let problem = format!(
        "request {request} is listed as {state}, and is not: the list of pending requests was changed"
    );
    Some((last, problem))
}

impl ChainVerification {
    pub fn is_intact(&self) -> bool {
        matches!(self, Self::Intact(_))
    }
}

impl fmt::Display for ChainVerification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intact(last) => write!(f, "intact: {}", end(last)),
            Self::Broken { seq, broken } => write!(f, "broken at record {seq}: {broken}"),
            Self::Inconsistent { seq, problem } => write!(f, "inconsistent at record {seq}: {problem}"),
            Self::Short { last, acknowledged } => write!(
                f,
                "broken after record {}: the last acknowledged record, {acknowledged}, is missing: records were cut off or \
                 rewritten",
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

/// The end of a ledger, for people.
pub fn end(last: &ChainTail) -> String {
    match last.seq {
        0 => "there are no records yet".to_owned(),
        _ => format!("the last record is {last}"),
    }
}

/// The fields of a record that filters use.
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
        let unreadable = || format!("record {} cannot be read: run `killgate audit verify`", row.seq);
        let head: RecordHead = serde_json::from_str(&row.line).with_context(unreadable)?;
        let at = time::read(&head.at).with_context(unreadable)?;
        let is_recent = self.since.is_none_or(|since| at >= since);
        let is_of_request = self.request.is_none_or(|RequestId(wanted)| head.request == Some(wanted));
        Ok(is_recent && is_of_request)
    }
}
