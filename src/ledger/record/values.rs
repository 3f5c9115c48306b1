//! How single values are written in a record, and read from it.

use std::time::Duration;

use serde::Serializer;

use super::{RecordError, time};
use crate::domain::identity::Pid;
use crate::domain::ids::UserId;
use crate::domain::timestamp::Timestamp;

/// RFC 8785 writes numbers as IEEE 754 doubles, which are exact up to here.
const LARGEST_EXACT: u64 = 1 << 53;

pub(super) fn milliseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(super) fn exact<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    if *number > LARGEST_EXACT {
        let message = format!("{number} is too large to be written exactly");
        return Err(serde::ser::Error::custom(message));
    }
    serializer.serialize_u64(*number)
}

#[allow(clippy::ref_option, reason = "serde calls it so")]
pub(super) fn exact_if_any<S: Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => exact(number, serializer),
        None => serializer.serialize_none(),
    }
}

fn unknown(field: &'static str, value: impl Into<String>) -> RecordError {
    RecordError::Unknown { field, value: value.into() }
}

pub(super) fn named<T>(
    field: &'static str,
    name: &str,
    from_name: impl FnOnce(&str) -> Option<T>,
) -> Result<T, RecordError> {
    from_name(name).ok_or_else(|| unknown(field, name))
}

pub(super) fn user(id: &str) -> Result<UserId, RecordError> {
    digits("actor", id).map(UserId)
}

/// A number written as a string of digits, as Discord writes its ids.
pub(super) fn digits(field: &'static str, text: &str) -> Result<u64, RecordError> {
    text.parse().map_err(|_| unknown(field, text))
}

pub(super) fn pid(field: &'static str, number: i32) -> Result<Pid, RecordError> {
    Pid::new(number).ok_or_else(|| unknown(field, number.to_string()))
}

pub(super) fn timestamp(field: &'static str, text: &str) -> Result<Timestamp, RecordError> {
    time::read(text).ok_or_else(|| unknown(field, text))
}

pub(super) fn optional_timestamp(
    field: &'static str,
    text: Option<&str>,
) -> Result<Option<Timestamp>, RecordError> {
    text.map(|text| timestamp(field, text)).transpose()
}
