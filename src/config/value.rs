//! Reads single values. A fault says what is wrong and what the key allows.

use toml::de::{DeArray, DeValue};

use super::fault::{FaultCollector, FileSpan, Reported};

/// A value in the file.
#[derive(Clone, Debug)]
pub(super) struct ConfigValue<'a> {
    pub(super) faults: &'a FaultCollector<'a>,
    pub(super) content: &'a DeValue<'a>,
    pub(super) span: FileSpan,
    /// What its key allows.
    pub(super) allowed: &'static str,
}

impl<'a> ConfigValue<'a> {
    /// Reports a fault of the value.
    pub(super) fn refuse(&self, message: impl Into<String>) -> Reported {
        self.faults.report(&self.span, message, self.allowed)
    }

    /// Reports that it is not `expected`. The value is not shown, because it may be a secret in the wrong place.
    pub(super) fn wrong_type(&self, expected: &str) -> Reported {
        let found = match self.content {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.refuse(format!("{found} instead of {expected}"))
    }

    pub(super) fn string(&self) -> Result<&'a str, Reported> {
        match self.content {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong_type("a string")),
        }
    }

    /// A string, parsed by `parse`, whose error says what is wrong.
    pub(super) fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Reported> {
        parse(self.string()?).map_err(|message| self.refuse(message))
    }

    pub(super) fn boolean(&self) -> Result<bool, Reported> {
        match self.content {
            DeValue::Boolean(yes) => Ok(*yes),
            _ => Err(self.wrong_type("a boolean")),
        }
    }

    /// A count, at least 1. There is no upper bound: a number that exceeds a `u32` is never reached.
    pub(super) fn count(&self) -> Result<u32, Reported> {
        let DeValue::Integer(integer) = self.content else { return Err(self.wrong_type("an integer")) };
        let digits = integer.as_str();
        match u32::from_str_radix(digits, integer.radix()) {
            Ok(0) => Err(self.refuse("0 is too few")),
            Ok(number) => Ok(number),
            Err(_) if digits.starts_with('-') => Err(self.refuse(format!("{integer} is too few"))),
            Err(_) => Ok(u32::MAX),
        }
    }

    /// A count, at least 1 and at most `most`.
    pub(super) fn count_up_to(&self, most: u32) -> Result<u32, Reported> {
        match self.count()? {
            count if count <= most => Ok(count),
            _ => Err(self.refuse("it is too many")),
        }
    }

    /// Its elements. The faults of all elements are reported.
    pub(super) fn list<T>(
        &self,
        read: impl Fn(&ConfigValue<'a>) -> Result<T, Reported>,
    ) -> Result<Vec<T>, Reported> {
        let DeValue::Array(array) = self.content else { return Err(self.wrong_type("an array")) };
        let read: Vec<_> = self.elements(array).map(|element| read(&element)).collect();
        read.into_iter().collect()
    }

    fn elements(&self, array: &'a DeArray<'a>) -> impl Iterator<Item = Self> {
        array.iter().map(|element| Self {
            faults: self.faults,
            content: element.get_ref(),
            span: FileSpan { offset: Some(element.span().start), key: self.span.key.clone() },
            allowed: self.allowed,
        })
    }
}
