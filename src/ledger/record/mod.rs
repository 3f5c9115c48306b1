//! A record as a line of the export: a JSON object in the RFC 8785 form (JSON Canonicalization Scheme).
//!
//! Every field of an event is always there: one without a value is `null`, never left out. Reading is as strict: a line
//! is accepted only if writing what was read gives the same line again. So a missing or an unknown field, a number
//! or a time written in another way, and white space are errors.
//!
//! | file | what is in it |
//! |---|---|
//! | `mod` | writes and reads a record |
//! | `form`, `backend_form`, `wait_form` | the fields of a record; of its sessions; what each waited for |
//! | `values`, [`time`] | single values; points in time |

mod backend_form;
mod form;
pub mod time;
mod values;
mod wait_form;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use self::form::RecordForm;
use crate::domain::event::LedgerEntry;

/// A line that was read, and is as killgate writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedRecord {
    pub seq: u64,
    pub entry: LedgerEntry,
    /// The hash of the record before it.
    pub prev: String,
    /// The record's own hash.
    pub hash: String,
}

/// Why a line is no record, or an entry cannot become one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("it is not a JSON object in the RFC 8785 form, with the fields of a record and no others")]
    NotCanonical,
    #[error("its hash is not the hash of its content")]
    HashMismatch,
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("it cannot be read: `{field}` is {value:?}, which this killgate does not know")]
    Unknown { field: &'static str, value: String },
    #[error("it cannot be written as JSON: {0}")]
    Unwritable(String),
}

/// Writes `entry` as record `seq`, after the record whose hash is `prev`. Returns the line, and what reading it gives.
pub fn encode(seq: u64, entry: &LedgerEntry, prev: &str) -> Result<(String, DecodedRecord), RecordError> {
    let mut form = RecordForm::new(seq, entry, prev);
    form.hash = Some(String::new());
    let unsealed = canonical(&form)?;
    // Within a text, quotes are escaped, so only the field itself matches.
    let (before, after) = unsealed.split_once(r#""hash":"","#).ok_or(RecordError::NotCanonical)?;
    let hash = hash(&format!("{before}{after}"));
    let line = format!(r#"{before}"hash":"{hash}",{after}"#);
    let decoded = DecodedRecord {
        seq,
        // Times beyond the year 9999 are written as the last one within it. The caller goes on with what was written.
        entry: form.entry()?,
        prev: prev.to_owned(),
        hash,
    };
    Ok((line, decoded))
}

/// Reads a line, and checks that its hash is right.
pub fn decode(line: &str) -> Result<DecodedRecord, RecordError> {
    let mut object: Map<String, Value> = serde_json::from_str(line).map_err(|_| RecordError::NotCanonical)?;
    if canonical(&object)? != line {
        return Err(RecordError::NotCanonical);
    }
    let stated = object.remove("hash");
    let content = canonical(&object)?;
    let hash = hash(&content);
    if stated != Some(Value::String(hash.clone())) {
        return Err(RecordError::HashMismatch);
    }
    let form = RecordForm::deserialize(Value::Object(object))
        .map_err(|error| RecordError::Unreadable(error.to_string()))?;
    let entry = form.entry()?;
    // Written again from the parsed record, so that nothing in the line goes unnoticed.
    if canonical(&RecordForm::new(form.seq, &entry, &form.prev))? != content {
        return Err(RecordError::NotCanonical);
    }
    Ok(DecodedRecord { seq: form.seq, entry, prev: form.prev, hash })
}

fn canonical(form: &impl Serialize) -> Result<String, RecordError> {
    serde_json_canonicalizer::to_string(form).map_err(|error| RecordError::Unwritable(error.to_string()))
}

/// SHA-256 in lower-case hexadecimal.
fn hash(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
