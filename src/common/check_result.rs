//! What became of trying a precondition, and how to mend it.

use std::fmt;

/// One precondition, tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    /// What was tried: `target orders: version`.
    pub what: String,
    pub status: CheckStatus,
    /// What was seen.
    pub detail: String,
    /// What to do about it; empty when all is well.
    pub fix: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckStatus {
    Ok,
    /// The bot works; somebody should look at this all the same.
    Warn,
    /// The bot will not work as it should.
    Fail,
}

impl CheckResult {
    pub fn ok(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            status: CheckStatus::Ok,
            detail: detail.into(),
            fix: String::new(),
        }
    }

    pub fn warn(what: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            status: CheckStatus::Warn,
            detail: detail.into(),
            fix: mend.into(),
        }
    }

    pub fn fail(what: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            status: CheckStatus::Fail,
            detail: detail.into(),
            fix: mend.into(),
        }
    }
}

impl CheckStatus {
    /// How it is written, for people and for machines.
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
        write!(f, "{:<4}  {}: {}", self.status.name(), self.what, self.detail)?;
        if self.fix.is_empty() {
            Ok(())
        } else {
            write!(f, ". {}", self.fix)
        }
    }
}
