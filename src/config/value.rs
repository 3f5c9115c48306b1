//! Readers of single values. Each says what is wrong and what its key allows.

use toml::de::{DeArray, DeValue};

use super::fault::{FaultCollector, FileSpan, Reported};

/// A value as it stands in the file.
#[derive(Clone, Debug)]
pub(super) struct ConfigValue<'a> {
    pub(super) findings: &'a FaultCollector<'a>,
    pub(super) content: &'a DeValue<'a>,
    pub(super) spot: FileSpan,
    /// What its key allows, in words.
    pub(super) allowed: &'static str,
}

impl<'a> ConfigValue<'a> {
    /// Notes what is wrong with it.
    pub(super) fn refuse(&self, problem: impl Into<String>) -> Reported {
        self.findings.report(&self.spot, problem, self.allowed)
    }

    /// Notes that it should have been `wanted`; its content is not shown, for it may be a secret in the wrong place.
    pub(super) fn wrong_type(&self, wanted: &str) -> Reported {
        let found = match self.content {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.refuse(format!("{found} instead of {wanted}"))
    }

    pub(super) fn string(&self) -> Result<&'a str, Reported> {
        match self.content {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong_type("a string")),
        }
    }

    /// A string read by `parse`, which says what is wrong with it.
    pub(super) fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Reported> {
        parse(self.string()?).map_err(|problem| self.refuse(problem))
    }

    pub(super) fn boolean(&self) -> Result<bool, Reported> {
        match self.content {
            DeValue::Boolean(yes) => Ok(*yes),
            _ => Err(self.wrong_type("a boolean")),
        }
    }

    /// A number of things, at least 1. There is no upper bound: what no `u32` can hold is never reached either.
    pub(super) fn count(&self) -> Result<u32, Reported> {
        let DeValue::Integer(integer) = self.content else {
            return Err(self.wrong_type("an integer"));
        };
        let digits = integer.as_str();
        match u32::from_str_radix(digits, integer.radix()) {
            Ok(0) => Err(self.refuse("0 is too few")),
            Ok(number) => Ok(number),
            Err(_) if digits.starts_with('-') => Err(self.refuse(format!("{integer} is too few"))),
            Err(_) => Ok(u32::MAX),
        }
    }

    /// Its elements, each read on its own; all the faulty ones are noted.
    pub(super) fn list<T>(
        &self,
        read: impl Fn(&ConfigValue<'a>) -> Result<T, Reported>,
    ) -> Result<Vec<T>, Reported> {
        let DeValue::Array(array) = self.content else {
            return Err(self.wrong_type("an array"));
        };
        let read: Vec<_> = self.elements(array).map(|element| read(&element)).collect();
        read.into_iter().collect()
    }

    fn elements(&self, array: &'a DeArray<'a>) -> impl Iterator<Item = Self> {
        array.iter().map(|element| Self {
            findings: self.findings,
            content: element.get_ref(),
            spot: FileSpan {
                offset: Some(element.span().start),
                key: self.spot.key.clone(),
            },
            allowed: self.allowed,
        })
    }
}
