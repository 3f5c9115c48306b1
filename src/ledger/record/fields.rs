//! Takes an object apart field by field, so that in the end nothing may be left over.

use std::fmt;

use serde_json::Value;

use super::{JsonObject, number, time};
use crate::domain::identity::Pid;
use crate::domain::timestamp::Timestamp;

/// What is wrong with a field.
#[derive(Debug)]
pub(super) struct FieldError {
    field: String,
    what: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.what)
    }
}

/// The fields of an object that nobody has read yet.
pub(super) struct FieldReader {
    object: JsonObject,
    /// Where the object is within the record; empty for the record itself.
    path: String,
}

impl FieldReader {
    pub(super) fn of(object: JsonObject) -> Self {
        Self {
            object,
            path: String::new(),
        }
    }

    /// Fails when a field is left that nobody asked for.
    pub(super) fn finish(self) -> Result<(), FieldError> {
        match self.object.keys().next() {
            Some(name) => Err(self.problem(name, "is not a field that belongs here")),
            None => Ok(()),
        }
    }

    pub(super) fn problem(&self, name: &str, what: impl Into<String>) -> FieldError {
        FieldError {
            field: format!("{}{name}", self.path),
            what: what.into(),
        }
    }

    /// Reads the field with `read` unless it is null. It must be there all the same.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self, &str) -> Result<T, FieldError>,
    ) -> Result<Option<T>, FieldError> {
        if self.object.get(name) == Some(&Value::Null) {
            self.object.remove(name);
            return Ok(None);
        }
        read(self, name).map(Some)
    }

    /// Reads a field that records of earlier versions do not have. Where it is, it has a value.
    pub(super) fn later<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self, &str) -> Result<T, FieldError>,
    ) -> Result<Option<T>, FieldError> {
        if self.object.contains_key(name) {
            read(self, name).map(Some)
        } else {
            Ok(None)
        }
    }

    /// A string that `parse` knows.
    pub(super) fn named<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, FieldError> {
        let text = self.text(name)?;
        parse(&text)
            .ok_or_else(|| self.problem(name, format!("is {text:?}, which this killgate does not know")))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<String, FieldError> {
        match self.take(name)? {
            Value::String(text) => Ok(text),
            other => Err(self.not(name, "a string", &other)),
        }
    }

    pub(super) fn boolean(&mut self, name: &str) -> Result<bool, FieldError> {
        match self.take(name)? {
            Value::Bool(yes) => Ok(yes),
            other => Err(self.not(name, "true or false", &other)),
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Result<u64, FieldError> {
        let value = self.take(name)?;
        number::read(&value).ok_or_else(|| self.not(name, "a whole number", &value))
    }

    pub(super) fn count(&mut self, name: &str) -> Result<u32, FieldError> {
        let number = self.number(name)?;
        u32::try_from(number).map_err(|_| self.problem(name, format!("is {number}, which is too large")))
    }

    pub(super) fn pid(&mut self, name: &str) -> Result<Pid, FieldError> {
        let value = self.take(name)?;
        let pid = value.as_i64().and_then(|number| Pid::try_from(number).ok());
        pid.ok_or_else(|| self.not(name, "a pid", &value))
    }

    /// A number written as a string of digits, as Discord writes its ids.
    pub(super) fn digits(&mut self, name: &str) -> Result<u64, FieldError> {
        self.named(name, digits)
    }

    pub(super) fn moment(&mut self, name: &str) -> Result<Timestamp, FieldError> {
        let text = self.text(name)?;
        time::read(&text).ok_or_else(|| {
            let wanted = "a time in UTC with six digits of a second, such as 2026-11-22T21:04:05.123456Z";
            self.not(name, wanted, &text.into())
        })
    }

    pub(super) fn list<T>(
        &mut self,
        name: &str,
        read: impl Fn(&Value) -> Option<T>,
        wanted: &str,
    ) -> Result<Vec<T>, FieldError> {
        let value = self.take(name)?;
        let items = value.as_array().map(|items| items.iter().map(read).collect());
        items.flatten().ok_or_else(|| self.not(name, wanted, &value))
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Self, FieldError> {
        match self.take(name)? {
            Value::Object(object) => Ok(Self {
                object,
                path: format!("{}{name}.", self.path),
            }),
            other => Err(self.not(name, "an object", &other)),
        }
    }

    fn take(&mut self, name: &str) -> Result<Value, FieldError> {
        self.object
            .remove(name)
            .ok_or_else(|| self.problem(name, "is missing"))
    }

    fn not(&self, name: &str, wanted: &str, found: &Value) -> FieldError {
        self.problem(name, format!("is {found}, which is not {wanted}"))
    }
}

/// The number that a string of digits stands for, if it is written as Discord writes it.
pub(super) fn digits(text: &str) -> Option<u64> {
    text.parse::<u64>()
        .ok()
        .filter(|number| number.to_string() == text)
}
