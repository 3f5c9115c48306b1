//! `[protect]`, for all targets or for one: which sessions are never signalled.

use regex::Regex;

use super::fault::Reported;
use super::section::ConfigSection;
use super::value::ConfigValue;
use crate::domain::protection::ProtectionRules;

/// The patterns, each list unless it has a fault.
#[derive(Clone, Debug)]
pub(super) struct ProtectKeys {
    users: Result<Vec<Regex>, Reported>,
    applications: Result<Vec<Regex>, Reported>,
    databases: Result<Vec<Regex>, Reported>,
}

impl ProtectKeys {
    /// The default: none. The domain defines which sessions are always protected.
    pub(super) fn none() -> Self {
        Self { users: Ok(Vec::new()), applications: Ok(Vec::new()), databases: Ok(Vec::new()) }
    }

    /// The patterns of `section`, and those of `base` that `section` does not set.
    pub(super) fn read(section: &ConfigSection<'_>, base: &Self) -> Self {
        let patterns = |name, base| section.or_base(name, base, |value| value.list(pattern));
        Self {
            users: patterns("users", &base.users),
            applications: patterns("applications", &base.applications),
            databases: patterns("databases", &base.databases),
        }
    }

    pub(super) fn into_protection(self) -> Result<ProtectionRules, Reported> {
        Ok(ProtectionRules {
            users: self.users?,
            applications: self.applications?,
            databases: self.databases?,
        })
    }
}

pub(super) fn pattern(value: &ConfigValue<'_>) -> Result<Regex, Reported> {
    let text = value.string()?;
    Regex::new(text).map_err(|error| {
        // The message shows the pattern first, over several lines. The last line is the error.
        let message = error.to_string();
        let error = message.lines().last().unwrap_or_default();
        value.refuse(format!("{text:?}: {}", error.trim_start_matches("error: ")))
    })
}
