//! `[access]`, of all targets or of one: who may view, ask and approve.

use super::fault::{FileSpan, Reported};
use super::ids::id;
use super::reference;
use super::section::ConfigSection;
use super::value::ConfigValue;
use crate::domain::access::AccessGroup;
use crate::domain::ids::{RoleId, UserId};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) spot: FileSpan,
    pub(super) value: T,
}

/// The groups, each unless it was found faulty.
#[derive(Clone, Debug)]
pub(super) struct AccessKeys {
    pub(super) viewers: Result<Located<AccessGroup>, Reported>,
    pub(super) requesters: Result<Located<AccessGroup>, Reported>,
    pub(super) approvers: Result<Located<AccessGroup>, Reported>,
}

impl AccessKeys {
    /// What holds when `section` names nobody.
    pub(super) fn nobody(section: &ConfigSection<'_>) -> Self {
        let nobody = |name| {
            Ok(Located {
                spot: section.spot(name),
                value: AccessGroup::default(),
            })
        };
        Self {
            viewers: nobody("viewers"),
            requesters: nobody("requesters"),
            approvers: nobody("approvers"),
        }
    }

    /// The groups of `section`, and those of `base` that it does not give.
    pub(super) fn read(section: &ConfigSection<'_>, base: &Self) -> Self {
        Self {
            viewers: section.over("viewers", &base.viewers, group),
            requesters: section.over("requesters", &base.requesters, group),
            approvers: section.over("approvers", &base.approvers, group),
        }
    }
}

fn group(value: &ConfigValue<'_>) -> Result<Located<AccessGroup>, Reported> {
    let table = ConfigSection::of(value, &reference::GROUP, format!("{}.", value.spot.key));
    let ids = |name| table.optional(name, |value| value.list(id));
    let (roles, users) = (ids("roles"), ids("users"));
    Ok(Located {
        spot: value.spot.clone(),
        value: AccessGroup {
            roles: roles?.unwrap_or_default().into_iter().map(RoleId).collect(),
            users: users?.unwrap_or_default().into_iter().map(UserId).collect(),
        },
    })
}
