//! One table of the file: its keys are read by name, and whatever else stands in it is a fault.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{FaultCollector, FileSpan, Reported};
use super::reference::{self, ConfigTable};
use super::value::ConfigValue;

/// A table of the file, or its absence.
#[derive(Clone, Debug)]
pub(super) struct ConfigSection<'a> {
    pub(super) findings: &'a FaultCollector<'a>,
    reference: &'static ConfigTable,
    content: Result<Option<&'a DeTable<'a>>, Reported>,
    /// Stands before the names of its keys: `[approval] `, `[access] approvers.`.
    prefix: String,
    offset: Option<usize>,
}

impl<'a> ConfigSection<'a> {
    /// The file as a whole.
    pub(super) fn root(
        findings: &'a FaultCollector<'a>,
        reference: &'static ConfigTable,
        table: &'a DeTable<'a>,
    ) -> Self {
        Self::of_table(findings, reference, String::new(), None, table)
    }

    fn of_table(
        findings: &'a FaultCollector<'a>,
        reference: &'static ConfigTable,
        prefix: String,
        offset: Option<usize>,
        table: &'a DeTable<'a>,
    ) -> Self {
        for key in table.keys() {
            if reference.key(key.get_ref()).is_none() {
                unknown(findings, reference, &prefix, key.get_ref(), key.span().start);
            }
        }
        Self {
            findings,
            reference,
            content: Ok(Some(table)),
            prefix,
            offset,
        }
    }

    /// The table that `value` should be; `prefix` stands before the names of its keys.
    pub(super) fn of(value: &ConfigValue<'a>, reference: &'static ConfigTable, prefix: String) -> Self {
        let offset = value.spot.offset;
        match value.content {
            DeValue::Table(table) => Self::of_table(value.findings, reference, prefix, offset, table),
            _ => Self {
                findings: value.findings,
                reference,
                content: Err(value.wrong_type("a table")),
                prefix,
                offset,
            },
        }
    }

    /// A table that is not there.
    pub(super) fn absent(
        findings: &'a FaultCollector<'a>,
        reference: &'static ConfigTable,
        prefix: String,
    ) -> Self {
        Self {
            findings,
            reference,
            content: Ok(None),
            prefix,
            offset: None,
        }
    }

    /// The section of that name within this table: `[name]`.
    pub(super) fn section(&self, name: &'static str, reference: &'static ConfigTable) -> Self {
        let prefix = format!("[{name}] ");
        match self.value(name) {
            Ok(Some(value)) => Self::of(&value, reference, prefix),
            Ok(None) => Self::absent(self.findings, reference, prefix),
            Err(noted) => Self {
                content: Err(noted),
                ..Self::absent(self.findings, reference, prefix)
            },
        }
    }

    /// Whether the file has this table, readable or not.
    pub(super) fn is_present(&self) -> bool {
        !matches!(self.content, Ok(None))
    }

    /// The place of a key, or of the table when the key is not there.
    pub(super) fn spot(&self, name: &str) -> FileSpan {
        FileSpan {
            offset: self.offset,
            key: format!("{}{name}", self.prefix),
        }
    }

    /// The value of a key as it stands in the file, if it does.
    pub(super) fn value(&self, name: &'static str) -> Result<Option<ConfigValue<'a>>, Reported> {
        let key = self
            .reference
            .key(name)
            .expect("every key that is read is in the reference, which the tests read");
        let Some(table) = self.content? else {
            return Ok(None);
        };
        Ok(table.get_key_value(name).map(|(written, content)| ConfigValue {
            findings: self.findings,
            content: content.get_ref(),
            spot: FileSpan {
                offset: Some(place(written.span().start, content)),
                key: format!("{}{name}", self.prefix),
            },
            allowed: key.allowed,
        }))
    }

    /// The value of a key that may be left out.
    pub(super) fn optional<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&ConfigValue<'a>) -> Result<T, Reported>,
    ) -> Result<Option<T>, Reported> {
        self.value(name)?.map(|value| read(&value)).transpose()
    }

    /// The value of a key that may be left out, for `base` holds then.
    pub(super) fn over<T: Clone>(
        &self,
        name: &'static str,
        base: &Result<T, Reported>,
        read: impl FnOnce(&ConfigValue<'a>) -> Result<T, Reported>,
    ) -> Result<T, Reported> {
        self.optional(name, read)?.map_or_else(|| base.clone(), Ok)
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&ConfigValue<'a>) -> Result<T, Reported>,
    ) -> Result<T, Reported> {
        if let Some(value) = self.value(name)? {
            return read(&value);
        }
        let allowed = self.reference.key(name).map_or("", |key| key.allowed);
        Err(self.findings.report(&self.spot(name), "missing", allowed))
    }
}

/// A section is found at its header, anything else where its value begins.
fn place(key: usize, content: &Spanned<DeValue<'_>>) -> usize {
    match content.get_ref() {
        DeValue::Table(_) => key,
        _ => content.span().start,
    }
}

fn unknown(
    findings: &FaultCollector<'_>,
    reference: &ConfigTable,
    prefix: &str,
    written: &str,
    offset: usize,
) {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let shown = if !written.is_empty() && written.chars().all(plain) {
        written.to_owned()
    } else {
        format!("{written:?}")
    };
    let spot = FileSpan {
        offset: Some(offset),
        key: format!("{prefix}{shown}"),
    };
    let problem = match (reference::home(written), reference.nearest(written)) {
        (Some(home), _) => format!("unknown key here, it belongs in {home}"),
        (None, Some(near)) => format!("unknown key, did you mean `{near}`?"),
        (None, None) => "unknown key".to_owned(),
    };
    let names: Vec<_> = reference.keys.iter().map(|key| key.name).collect();
    findings.report(&spot, problem, names.join(", "));
}
