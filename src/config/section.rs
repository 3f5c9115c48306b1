//! One table of the file. Its keys are read by name, and every other key is a fault.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{FaultCollector, FileSpan, Reported};
use super::reference::{self, ConfigTable};
use super::value::ConfigValue;

/// A table of the file, or its absence.
#[derive(Clone, Debug)]
pub(super) struct ConfigSection<'a> {
    pub(super) faults: &'a FaultCollector<'a>,
    reference: &'static ConfigTable,
    content: Result<Option<&'a DeTable<'a>>, Reported>,
    /// Precedes the names of its keys: `[approval] `, `[access] approvers.`.
    prefix: String,
    offset: Option<usize>,
}

impl<'a> ConfigSection<'a> {
    /// The file as a whole.
    pub(super) fn root(
        faults: &'a FaultCollector<'a>,
        reference: &'static ConfigTable,
        table: &'a DeTable<'a>,
    ) -> Self {
        Self::of_table(faults, reference, String::new(), None, table)
    }

    fn of_table(
        faults: &'a FaultCollector<'a>,
        reference: &'static ConfigTable,
        prefix: String,
        offset: Option<usize>,
        table: &'a DeTable<'a>,
    ) -> Self {
        for key in table.keys() {
            if reference.key(key.get_ref()).is_none() {
                report_unknown_key(faults, reference, &prefix, key.get_ref(), key.span().start);
            }
        }
        Self { faults, reference, content: Ok(Some(table)), prefix, offset }
    }

    /// The table in `value`. `prefix` precedes the names of its keys.
    pub(super) fn of(value: &ConfigValue<'a>, reference: &'static ConfigTable, prefix: String) -> Self {
        let offset = value.span.offset;
        match value.content {
            DeValue::Table(table) => Self::of_table(value.faults, reference, prefix, offset, table),
            _ => Self {
                faults: value.faults,
                reference,
                content: Err(value.wrong_type("a table")),
                prefix,
                offset,
            },
        }
    }

    /// A missing table.
    pub(super) fn absent(
        faults: &'a FaultCollector<'a>,
        reference: &'static ConfigTable,
        prefix: String,
    ) -> Self {
        Self { faults, reference, content: Ok(None), prefix, offset: None }
    }

    /// The section of that name within this table: `[name]`.
    pub(super) fn section(&self, name: &'static str, reference: &'static ConfigTable) -> Self {
        let prefix = format!("[{name}] ");
        match self.value(name) {
            Ok(Some(value)) => Self::of(&value, reference, prefix),
            Ok(None) => Self::absent(self.faults, reference, prefix),
            Err(reported) => Self { content: Err(reported), ..Self::absent(self.faults, reference, prefix) },
        }
    }

    /// Whether the file has this table, valid or not.
    pub(super) fn is_present(&self) -> bool {
        !matches!(self.content, Ok(None))
    }

    /// The place of the table, for a fault about a missing key.
    pub(super) fn span(&self, name: &str) -> FileSpan {
        FileSpan { offset: self.offset, key: format!("{}{name}", self.prefix) }
    }

    /// The place of a key, or of the table if the file does not have it.
    pub(super) fn place(&self, name: &'static str) -> FileSpan {
        match self.value(name) {
            Ok(Some(value)) => value.span,
            _ => self.span(name),
        }
    }

    /// The value of a key, if the file has it.
    pub(super) fn value(&self, name: &'static str) -> Result<Option<ConfigValue<'a>>, Reported> {
        let key =
            self.reference.key(name).expect("tests check that the reference has every key that is read");
        let Some(table) = self.content? else { return Ok(None) };
        if table.get_key_value(name).is_none()
            && let Some(written) = table.keys().find(|written| self.is_misspelt(written.get_ref(), name))
        {
            // One typo is one fault.
            return Err(report_unknown_key(
                self.faults,
                self.reference,
                &self.prefix,
                written.get_ref(),
                written.span().start,
            ));
        }
        Ok(table.get_key_value(name).map(|(written, content)| ConfigValue {
            faults: self.faults,
            content: content.get_ref(),
            span: FileSpan {
                offset: Some(offset_of(written.span().start, content)),
                key: format!("{}{name}", self.prefix),
            },
            allowed: key.allowed,
        }))
    }

    fn is_misspelt(&self, written: &str, name: &str) -> bool {
        self.reference.key(written).is_none() && suggestion(self.reference, written) == Some(name)
    }

    pub(super) fn optional<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&ConfigValue<'a>) -> Result<T, Reported>,
    ) -> Result<Option<T>, Reported> {
        self.value(name)?.map(|value| read(&value)).transpose()
    }

    /// The value of an optional key, whose default is `base`.
    pub(super) fn or_base<T: Clone>(
        &self,
        name: &'static str,
        base: &Result<T, Reported>,
        read: impl FnOnce(&ConfigValue<'a>) -> Result<T, Reported>,
    ) -> Result<T, Reported> {
        self.optional(name, read)?.map_or_else(|| base.clone(), Ok)
    }

    pub(super) fn required<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&ConfigValue<'a>) -> Result<T, Reported>,
    ) -> Result<T, Reported> {
        if let Some(value) = self.value(name)? {
            return read(&value);
        }
        let allowed = self.reference.key(name).map_or("", |key| key.allowed);
        Err(self.faults.report(&self.span(name), "missing", allowed))
    }
}

/// The offset of a section is its header, and that of another key its value.
fn offset_of(key: usize, content: &Spanned<DeValue<'_>>) -> usize {
    match content.get_ref() {
        DeValue::Table(_) => key,
        _ => content.span().start,
    }
}

fn report_unknown_key(
    faults: &FaultCollector<'_>,
    reference: &ConfigTable,
    prefix: &str,
    written: &str,
    offset: usize,
) -> Reported {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let shown = if !written.is_empty() && written.chars().all(is_plain) {
        written.to_owned()
    } else {
        format!("{written:?}")
    };
    let span = FileSpan { offset: Some(offset), key: format!("{prefix}{shown}") };
    let message = match (suggestion(reference, written), reference::table_of(written)) {
        (Some(near), _) => format!("unknown key, did you mean `{near}`?"),
        (None, Some(table)) => format!("unknown key here, it belongs in {table}"),
        (None, None) => "unknown key".to_owned(),
    };
    let names: Vec<_> = reference.keys.iter().map(|key| key.name).collect();
    faults.report(&span, message, names.join(", "))
}

/// The key that was most likely meant. `None` if a key of the written name exists in another table, except for a missing plural:
/// `role` exists elsewhere, but where `roles` is allowed that one is meant.
fn suggestion(reference: &ConfigTable, written: &str) -> Option<&'static str> {
    let near = reference.nearest(written)?;
    (reference::table_of(written).is_none() || near == format!("{written}s")).then_some(near)
}
