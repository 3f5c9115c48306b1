//! The chain that makes a change to the past visible: each record names the hash of the one before it.
//!
//! A record's hash is the SHA-256, in lower-case hexadecimal, of its RFC 8785 form (JSON Canonicalization
//! Scheme) without the field `hash`. It is kept in that form too, so that a ledger has one way to be written.

use std::fmt::{self, Write as _};

use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::reader::StoredRecord;
use super::record::{self, JsonObject, RecordError};
use crate::domain::event::{LedgerEntry, Recorded};

/// The field that a record's hash is in, and that is not hashed.
const HASH: &str = "hash";

/// The end of a chain: what the next record must follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainTail {
    /// The last record's number; 0 when there is none.
    pub seq: u64,
    /// The last record's hash; 64 zeros when there is none.
    pub hash: String,
}

/// A record that is ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRecord {
    /// What will be read again from `line`.
    pub recorded: Recorded,
    /// The record in its RFC 8785 form, `prev` and `hash` included.
    pub line: String,
}

/// A record whose own hash is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRecord {
    pub recorded: Recorded,
    pub prev: String,
    pub hash: String,
}

/// Why a record, or its place in the chain, is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    #[error("it is not a JSON object in the RFC 8785 form")]
    NotCanonical,
    #[error("its hash is not the hash of what it says")]
    HashMismatch,
    #[error("it does not name the hash of the record before it")]
    PrevMismatch,
    #[error("the record before it is number {before}: records between them are missing, or out of order")]
    Gap { before: u64 },
    #[error("it is stored as number {stored}, and says that it is number {says}")]
    Misplaced { stored: u64, says: u64 },
    #[error("it cannot be read: {0}")]
    Undecodable(#[from] RecordError),
}

impl Default for ChainTail {
    fn default() -> Self {
        Self {
            seq: 0,
            hash: "0".repeat(64),
        }
    }
}

impl fmt::Display for ChainTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "number {}, with the hash {}", self.seq, self.hash)
    }
}

impl ChainTail {
    /// Makes the record that follows, and moves on to it.
    pub fn seal(&mut self, entry: LedgerEntry) -> Result<SealedRecord, serde_json::Error> {
        let mut object = record::encode(&Recorded {
            seq: self.seq + 1,
            entry,
        });
        object.insert("prev".to_owned(), self.hash.as_str().into());
        let form = Form::of(&object)?;
        let hash = form.hash();
        let line = form.with(&hash);
        // What goes on is what can be read again, so that nothing is known now that a restart would forget.
        object.remove("prev");
        let recorded = record::decode(object).map_err(serde::de::Error::custom)?;
        *self = Self {
            seq: recorded.seq,
            hash,
        };
        Ok(SealedRecord { recorded, line })
    }

    /// Moves on to the record stored under `seq` if it is the one that follows.
    pub fn follow(&mut self, seq: u64, line: &str) -> Result<Recorded, ChainError> {
        let found = read(seq, line)?;
        if seq != self.seq + 1 {
            return Err(ChainError::Gap { before: self.seq });
        }
        if found.prev != self.hash {
            return Err(ChainError::PrevMismatch);
        }
        *self = Self {
            seq,
            hash: found.hash,
        };
        Ok(found.recorded)
    }

    /// Whether the last record that is stored is the one that ends here, and unchanged; else which record is not
    /// as it should be, and why.
    pub fn confirm(&self, last: Option<&StoredRecord>) -> Result<(), (u64, String)> {
        let found = match last {
            None => Self::default(),
            Some(StoredRecord { seq, line }) => {
                let read = read(*seq, line).map_err(|broken| (*seq, broken.to_string()))?;
                Self {
                    seq: *seq,
                    hash: read.hash,
                }
            }
        };
        if found == *self {
            return Ok(());
        }
        let problem = format!("the last record is {found}; the last one appended was {self}");
        Err((found.seq.min(self.seq) + 1, problem))
    }
}

/// Reads the record stored under `seq`, and checks its own hash.
pub fn read(seq: u64, line: &str) -> Result<VerifiedRecord, ChainError> {
    let mut object: JsonObject = serde_json::from_str(line).map_err(|_| ChainError::NotCanonical)?;
    let stated = text(object.remove("hash")).ok_or(ChainError::HashMismatch)?;
    let form = Form::of(&object).map_err(|_| ChainError::NotCanonical)?;
    // A number repeated, a space or an escape more: the hash would not tell, for it is taken of the form that
    // has none of these.
    if form.with(&stated) != line {
        return Err(ChainError::NotCanonical);
    }
    let hash = form.hash();
    if stated != hash {
        return Err(ChainError::HashMismatch);
    }
    let prev = text(object.remove("prev")).ok_or(ChainError::PrevMismatch)?;
    let recorded = record::decode(object)?;
    if recorded.seq != seq {
        return Err(ChainError::Misplaced {
            stored: seq,
            says: recorded.seq,
        });
    }
    Ok(VerifiedRecord { recorded, prev, hash })
}

/// The RFC 8785 form of a record without its hash, in the two parts between which the hash belongs: it is what takes
/// most of the time that a record needs, and is needed with the hash and without.
struct Form {
    /// The members whose names sort before `hash`, without the braces around them.
    before: String,
    after: String,
}

impl Form {
    fn of(object: &JsonObject) -> Result<Self, serde_json::Error> {
        let members = |belongs: fn(&str) -> bool| {
            let part = Part { object, belongs };
            let form = serde_json_canonicalizer::to_string(&part)?;
            Ok(form[1..form.len() - 1].to_owned())
        };
        Ok(Self {
            before: members(|name| name < HASH)?,
            after: members(|name| name > HASH)?,
        })
    }

    /// Of the form without the field `hash`.
    fn hash(&self) -> String {
        let digest = Sha256::digest(object_of(&[&self.before, &self.after]));
        digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    fn with(&self, hash: &str) -> String {
        object_of(&[
            &self.before,
            &format!("\"{HASH}\":{}", Value::from(hash)),
            &self.after,
        ])
    }
}

/// The members of an object that belong to one part of its form.
struct Part<'a> {
    object: &'a JsonObject,
    belongs: fn(&str) -> bool,
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.object.iter().filter(|(name, _)| (self.belongs)(name)))
    }
}

fn object_of(parts: &[&str]) -> String {
    let parts: Vec<_> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    format!("{{{}}}", parts.join(","))
}

fn text(value: Option<Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text),
        _ => None,
    }
}
