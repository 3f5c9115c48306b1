//! The faults of a configuration: all of them at once, each with its position.

use std::cell::RefCell;
use std::fmt;
use std::fmt::Write as _;

use super::source_line;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// Where it is in the file. `None` when something is missing.
    pub position: Option<FilePosition>,
    /// The section and the key, such as `[approval] approvals`.
    pub key: String,
    /// What is wrong; never contains a secret.
    pub message: String,
    pub allowed: String,
    /// The line in the file, without what may be a secret. `None` if there is no line, or nothing of it can be shown.
    pub line: Option<String>,
}

/// A position in the file. Both numbers start at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilePosition {
    pub line: usize,
    /// In characters.
    pub column: usize,
}

/// All faults of one configuration, in the order of the file. At least one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigFaults {
    /// The file name as it was given.
    pub file: String,
    pub list: Vec<ConfigFault>,
}

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.list {
            writeln!(f, "{}", self.one_line(fault))?;
            if let (Some(position), Some(text)) = (fault.position, &fault.line) {
                let before = position.column.saturating_sub(1).min(text.chars().count().saturating_sub(1));
                writeln!(f, "{:5} | {text}", position.line)?;
                writeln!(f, "      | {:before$}^", "")?;
            }
        }
        f.write_str(&self.summary())
    }
}

impl ConfigFaults {
    pub fn summary(&self) -> String {
        match self.list.len() {
            1 => format!("1 fault in {}", self.file),
            many => format!("{many} faults in {}", self.file),
        }
    }

    /// File, position, key, what is wrong, and what is allowed.
    pub fn one_line(&self, fault: &ConfigFault) -> String {
        let mut line = format!("{}:", self.file);
        // Writing to a string cannot fail.
        if let Some(position) = fault.position {
            let _ = write!(line, "{}:{}:", position.line, position.column);
        }
        if !fault.key.is_empty() {
            let _ = write!(line, " {}:", fault.key);
        }
        let _ = write!(line, " {}", fault.message);
        if !fault.allowed.is_empty() {
            let _ = write!(line, "; allowed: {}", fault.allowed);
        }
        line
    }
}

/// Proof that a fault was reported, returned instead of a value that could not be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported(());

/// A key, and its byte offset in the file when the key is there.
#[derive(Clone, Debug)]
pub(super) struct FileSpan {
    pub(super) offset: Option<usize>,
    pub(super) key: String,
}

/// Collects the faults of one file while it is read.
#[derive(Debug)]
pub(super) struct FaultCollector<'a> {
    file: String,
    text: &'a str,
    faults: RefCell<Vec<ConfigFault>>,
}

impl<'a> FaultCollector<'a> {
    pub(super) fn new(file: String, text: &'a str) -> Self {
        Self { file, text, faults: RefCell::default() }
    }

    /// Reports a fault. A fault that several targets inherit is reported once.
    pub(super) fn report(
        &self,
        span: &FileSpan,
        message: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Reported {
        let fault = ConfigFault {
            position: span.offset.map(|offset| self.position(offset)),
            key: span.key.clone(),
            message: one_line(&message.into()),
            allowed: one_line(&allowed.into()),
            line: span.offset.and_then(|offset| source_line::shown(self.line_at(offset))),
        };
        let mut faults = self.faults.borrow_mut();
        if !faults.contains(&fault) {
            faults.push(fault);
        }
        Reported(())
    }

    /// The reported faults; `None` when there are none.
    pub(super) fn into_faults(self) -> Option<ConfigFaults> {
        let mut list = self.faults.into_inner();
        list.sort_by_key(|fault| fault.position.map_or((1, None), |position| (0, Some(position))));
        (!list.is_empty()).then_some(ConfigFaults { file: self.file, list })
    }

    fn line_at(&self, offset: usize) -> &'a str {
        let offset = self.text.floor_char_boundary(offset);
        let start = self.text[..offset].rfind('\n').map_or(0, |end| end + 1);
        self.text[start..].lines().next().unwrap_or_default()
    }

    fn position(&self, offset: usize) -> FilePosition {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        FilePosition {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// Replaces control characters, so that a fault is one line and cannot manipulate the terminal.
pub(super) fn one_line(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
