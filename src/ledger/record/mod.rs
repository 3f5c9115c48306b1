//! A record as the JSON object of the export, and back. What cannot be written exactly as it would be read
//! again is not written otherwise in silence: see [`time`] for the years and `number` for large numbers.
//!
//! Every field of an event is always there: one that has no value is `null`, never left out. Reading is as
//! strict: a missing field, an unknown one, an unknown name, or a time written otherwise is an error.

mod event;
mod fields;
mod number;
mod session;
pub mod time;
use serde_json::{Map, Value};

use self::fields::FieldReader;
use crate::domain::event::{LedgerEntry, Recorded};
use crate::domain::ids::RequestId;

/// A JSON object. Its fields have no order until they are written in the RFC 8785 form.
pub type JsonObject = Map<String, Value>;

/// Why an object is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", place(*.seq))]
pub struct RecordError {
    /// The record's own number, if at least that could be read.
    pub seq: Option<u64>,
    pub problem: String,
}

fn place(seq: Option<u64>) -> String {
    seq.map_or_else(
        || "a record without a number".to_owned(),
        |seq| format!("record {seq}"),
    )
}

/// The record without `prev` and `hash`, which the chain adds.
pub fn encode(recorded: &Recorded) -> JsonObject {
    let LedgerEntry { request, at, event } = &recorded.entry;
    let mut object = event::encode(event);
    object.insert("seq".to_owned(), number::write(recorded.seq));
    object.insert(
        "request".to_owned(),
        request.map_or(Value::Null, |RequestId(id)| number::write(id)),
    );
    object.insert("at".to_owned(), time::write(*at).into());
    object
}

/// The record that an object without `prev` and `hash` stands for.
pub fn decode(object: JsonObject) -> Result<Recorded, RecordError> {
    let mut fields = FieldReader::of(object);
    let seq = fields.number("seq").map_err(|problem| RecordError {
        seq: None,
        problem: problem.to_string(),
    })?;
    entry(fields)
        .map(|entry| Recorded { seq, entry })
        .map_err(|problem| RecordError {
            seq: Some(seq),
            problem: problem.to_string(),
        })
}

fn entry(mut fields: FieldReader) -> Result<LedgerEntry, fields::FieldError> {
    let request = fields.optional("request", FieldReader::number)?.map(RequestId);
    let at = fields.moment("at")?;
    let event = event::decode(&mut fields)?;
    fields.finish()?;
    Ok(LedgerEntry { request, at, event })
}
