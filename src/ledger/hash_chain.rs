//! The chain that makes a change to the past visible: each record names the hash of the one before it.
//!
//! A record's hash is the SHA-256, in lower-case hexadecimal, of its RFC 8785 form without the field `hash`.

use std::fmt;

use super::reader::StoredRecord;
use super::record::{self, DecodedRecord, RecordError};
use crate::domain::event::{LedgerEntry, Recorded};
use crate::workflow::ports::LedgerError;

/// The end of a chain: what the next record must follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainTail {
    /// The number of the last record; 0 if there is none.
    pub seq: u64,
    /// The hash of the last record; 64 zeros if there is none.
    pub hash: String,
}

/// A record that is ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRecord {
    /// What reading `line` gives, once it is durable.
    pub recorded: Recorded,
    /// The record in its RFC 8785 form, with `prev` and `hash`.
    pub line: String,
}

/// A record whose own hash is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRecord {
    pub recorded: Recorded,
    /// The hash of the record before it.
    pub prev: String,
}

/// Why a record, or its place in the chain, is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    #[error("it does not name the hash of the record before it")]
    PrevMismatch,
    #[error("the record before it is number {before}: records between them are missing, or out of order")]
    Gap { before: u64 },
    #[error("it is stored as number {stored}, and says that it is number {says}")]
    Misplaced { stored: u64, says: u64 },
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Default for ChainTail {
    fn default() -> Self {
        Self { seq: 0, hash: "0".repeat(64) }
    }
}

impl fmt::Display for ChainTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "number {}, with the hash {}", self.seq, self.hash)
    }
}

impl ChainTail {
    /// Makes the record that follows, and advances to it.
    pub fn seal(&mut self, entry: &LedgerEntry) -> Result<SealedRecord, RecordError> {
        let (line, decoded) = record::encode(self.seq + 1, entry, &self.hash)?;
        let VerifiedRecord { recorded, .. } = acknowledged(decoded);
        self.advance(&recorded);
        Ok(SealedRecord { recorded, line })
    }

    /// Advances to the record stored under `seq`, if it is the one that follows.
    pub fn follow(&mut self, seq: u64, line: &str) -> Result<Recorded, ChainError> {
        let VerifiedRecord { recorded, prev } = read(seq, line)?;
        if seq != self.seq + 1 {
            return Err(ChainError::Gap { before: self.seq });
        }
        if prev != self.hash {
            return Err(ChainError::PrevMismatch);
        }
        self.advance(&recorded);
        Ok(recorded)
    }

    /// Checks that the last stored record is the one that this chain ends with, and unchanged. The error names the wrong record
    /// and the reason.
    pub fn confirm(&self, last: Option<&StoredRecord>) -> Result<(), (u64, String)> {
        let mut found = Self::default();
        if let Some(StoredRecord { seq, line }) = last {
            let verified = read(*seq, line).map_err(|error| (*seq, error.to_string()))?;
            found.advance(&verified.recorded);
        }
        if found == *self {
            return Ok(());
        }
        let problem = format!("the last record is {found}; the last one appended was {self}");
        Err((found.seq.min(self.seq) + 1, problem))
    }

    fn advance(&mut self, record: &Recorded) {
        self.seq = record.seq();
        record.hash().clone_into(&mut self.hash);
    }
}

/// Checks that no record precedes number 1; `lowest` is the lowest number stored. The error names the wrong record and the
/// reason.
pub fn verify_first(lowest: Option<i64>) -> Result<(), (u64, String)> {
    match lowest {
        Some(seq) if seq < 1 => {
            Err((1, format!("there is a record with the number {seq}, and the first one has the number 1")))
        }
        _ => Ok(()),
    }
}

/// Reads the record stored under `seq`, and checks its own hash.
pub fn read(seq: u64, line: &str) -> Result<VerifiedRecord, ChainError> {
    let decoded = record::decode(line)?;
    if decoded.seq != seq {
        return Err(ChainError::Misplaced { stored: seq, says: decoded.seq });
    }
    Ok(acknowledged(decoded))
}

/// Reads stored records, and fails when one of them is not as it was written.
pub fn read_all(records: Vec<StoredRecord>) -> Result<Vec<Recorded>, LedgerError> {
    let read = |StoredRecord { seq, line }| {
        let verified = read(seq, &line);
        let corrupt = |error: ChainError| LedgerError::Corrupt { seq: Some(seq), problem: error.to_string() };
        verified.map(|verified| verified.recorded).map_err(corrupt)
    };
    records.into_iter().map(read).collect()
}

fn acknowledged(decoded: DecodedRecord) -> VerifiedRecord {
    VerifiedRecord {
        recorded: Recorded::acknowledge(decoded.seq, decoded.hash, decoded.entry),
        prev: decoded.prev,
    }
}
