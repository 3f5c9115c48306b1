//! `[protect]`, of all targets or of one: which sessions nobody may signal.

use regex::Regex;

use super::fault::Reported;
use super::section::ConfigSection;
use super::value::ConfigValue;
use crate::domain::protection::ProtectionRules;

/// The patterns, each list unless it was found faulty.
#[derive(Clone, Debug)]
pub(super) struct ProtectKeys {
    users: Result<Vec<Regex>, Reported>,
    applications: Result<Vec<Regex>, Reported>,
    databases: Result<Vec<Regex>, Reported>,
}

impl ProtectKeys {
    /// What holds when nothing is said: what is always protected is the domain's matter.
    pub(super) fn none() -> Self {
        Self {
            users: Ok(Vec::new()),
            applications: Ok(Vec::new()),
            databases: Ok(Vec::new()),
        }
    }

    /// The patterns of `section`, and those of `base` that it does not give.
    pub(super) fn read(section: &ConfigSection<'_>, base: &Self) -> Self {
        let patterns = |name, base| section.over(name, base, |value| value.list(pattern));
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

fn pattern(value: &ConfigValue<'_>) -> Result<Regex, Reported> {
    let text = value.string()?;
    Regex::new(text).map_err(|error| {
        // The message draws the pattern first, over several lines; the last says what is wrong.
        let message = error.to_string();
        let what = message.lines().last().unwrap_or_default();
        value.refuse(format!("{text:?}: {}", what.trim_start_matches("error: ")))
    })
}
