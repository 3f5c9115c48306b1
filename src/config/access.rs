//! `[access]`, for all targets or for one: who may view, request and approve.

use super::fault::{FileSpan, Reported};
use super::ids::id;
use super::reference;
use super::section::ConfigSection;
use super::value::ConfigValue;
use crate::domain::access::{Access, AccessGroup};
use crate::domain::ids::{RoleId, UserId};

/// A value and its place in the file.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) span: FileSpan,
    pub(super) value: T,
}

/// The groups, each unless it has a fault.
#[derive(Clone, Debug)]
pub(super) struct AccessKeys {
    pub(super) viewers: Result<Located<AccessGroup>, Reported>,
    pub(super) requesters: Result<Located<AccessGroup>, Reported>,
    pub(super) approvers: Result<Located<AccessGroup>, Reported>,
}

impl AccessKeys {
    /// The default: nobody.
    pub(super) fn nobody(section: &ConfigSection<'_>) -> Self {
        let nobody = |name| Ok(Located { span: section.span(name), value: AccessGroup::default() });
        Self { viewers: nobody("viewers"), requesters: nobody("requesters"), approvers: nobody("approvers") }
    }

    pub(super) fn into_access(self) -> Result<Access, Reported> {
        Ok(Access {
            viewers: self.viewers?.value,
            requesters: self.requesters?.value,
            approvers: self.approvers?.value,
        })
    }

    /// The groups of `section`, and those of `base` that `section` does not set.
    pub(super) fn read(section: &ConfigSection<'_>, base: &Self) -> Self {
        Self {
            viewers: section.or_base("viewers", &base.viewers, group),
            requesters: section.or_base("requesters", &base.requesters, group),
            approvers: section.or_base("approvers", &base.approvers, group),
        }
    }
}

fn group(value: &ConfigValue<'_>) -> Result<Located<AccessGroup>, Reported> {
    let table = ConfigSection::of(value, &reference::GROUP, format!("{}.", value.span.key));
    let ids = |name| table.optional(name, |value| value.list(id));
    let (roles, users) = (ids("roles"), ids("users"));
    Ok(Located {
        span: value.span.clone(),
        value: AccessGroup {
            roles: roles?.unwrap_or_default().into_iter().map(RoleId).collect(),
            users: users?.unwrap_or_default().into_iter().map(UserId).collect(),
        },
    })
}
