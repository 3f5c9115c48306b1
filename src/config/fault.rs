//! The faults of a configuration: all of them at once, each with its position.

use std::cell::RefCell;
use std::fmt;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// Where it is in the file. `None` when something is missing.
    pub position: Option<FilePosition>,
    /// The section and the key, such as `[approval] approvals`.
    pub key: String,
    /// What is wrong; never contains a secret.
    pub message: String,
    /// What is allowed.
    pub allowed: String,
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
            write!(f, "{}:", self.file)?;
            if let Some(FilePosition { line, column }) = fault.position {
                write!(f, "{line}:{column}:")?;
            }
            if !fault.key.is_empty() {
                write!(f, " {}:", fault.key)?;
            }
            write!(f, " {}", fault.message)?;
            if !fault.allowed.is_empty() {
                write!(f, "; allowed: {}", fault.allowed)?;
            }
            f.write_str("\n")?;
        }
        match self.list.len() {
            1 => write!(f, "1 fault in {}", self.file),
            many => write!(f, "{many} faults in {}", self.file),
        }
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

    fn position(&self, offset: usize) -> FilePosition {
        let offset = (0..=offset.min(self.text.len()))
            .rev()
            .find(|&offset| self.text.is_char_boundary(offset))
            .unwrap_or(0);
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        FilePosition {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// Replaces control characters, so that a fault is one line and cannot manipulate the terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
