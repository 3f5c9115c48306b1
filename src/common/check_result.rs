//! The result of checking one precondition, and how to fix it.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    /// What was checked: `target orders: version`.
    pub what: String,
    pub status: CheckStatus,
    /// What was found.
    pub detail: String,
    /// How to fix it; empty when it is ok.
    pub fix: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckStatus {
    Ok,
    /// The bot works, but this should be fixed.
    Warn,
    /// The bot will not work as it should.
    Fail,
}

impl CheckResult {
    pub fn ok(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { what: what.into(), status: CheckStatus::Ok, detail: detail.into(), fix: String::new() }
    }

    pub fn warn(what: impl Into<String>, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), status: CheckStatus::Warn, detail: detail.into(), fix: fix.into() }
    }

    pub fn fail(what: impl Into<String>, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), status: CheckStatus::Fail, detail: detail.into(), fix: fix.into() }
    }
}

impl CheckStatus {
    /// As printed, also in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = format!("{:<4}  {}: {}", self.status.name(), self.what, self.detail);
        if !self.fix.is_empty() {
            line = format!("{line}. {}", self.fix);
        }
        // Names from Discord and PostgreSQL may contain anything. A result is one line, and cannot manipulate the terminal.
        f.write_str(&line.replace(char::is_control, "\u{fffd}"))
    }
}
