//! What became of trying a precondition, and how to mend it.

use std::fmt;

/// One precondition, tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was tried: `target orders: version`.
    pub what: String,
    pub status: Status,
    /// What was seen.
    pub detail: String,
    /// What to do about it; empty when all is well.
    pub mend: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    Ok,
    /// The bot works; somebody should look at this all the same.
    Warn,
    /// The bot will not work as it should.
    Fail,
}

impl Finding {
    pub fn ok(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            status: Status::Ok,
            detail: detail.into(),
            mend: String::new(),
        }
    }

    pub fn warn(what: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            status: Status::Warn,
            detail: detail.into(),
            mend: mend.into(),
        }
    }

    pub fn fail(what: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            status: Status::Fail,
            detail: detail.into(),
            mend: mend.into(),
        }
    }
}

impl Status {
    /// How it is written, for people and for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<4}  {}: {}", self.status.name(), self.what, self.detail)?;
        if self.mend.is_empty() {
            Ok(())
        } else {
            write!(f, ". {}", self.mend)
        }
    }
}
