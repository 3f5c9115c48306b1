//! `[access]`, of all targets or of one: who may view, ask and approve.

use super::fault::{Noted, Spot};
use super::ids::id;
use super::reference;
use super::section::Section;
use super::value::Value;
use crate::domain::access::Group;
use crate::domain::ids::{RoleId, UserId};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) spot: Spot,
    pub(super) value: T,
}

/// The groups, each unless it was found faulty.
#[derive(Clone, Debug)]
pub(super) struct AccessKeys {
    pub(super) viewers: Result<At<Group>, Noted>,
    pub(super) requesters: Result<At<Group>, Noted>,
    pub(super) approvers: Result<At<Group>, Noted>,
}

impl AccessKeys {
    /// What holds when `section` names nobody.
    pub(super) fn nobody(section: &Section<'_>) -> Self {
        let nobody = |name| {
            Ok(At {
                spot: section.spot(name),
                value: Group::default(),
            })
        };
        Self {
            viewers: nobody("viewers"),
            requesters: nobody("requesters"),
            approvers: nobody("approvers"),
        }
    }

    /// The groups of `section`, and those of `base` that it does not give.
    pub(super) fn read(section: &Section<'_>, base: &Self) -> Self {
        Self {
            viewers: section.over("viewers", &base.viewers, group),
            requesters: section.over("requesters", &base.requesters, group),
            approvers: section.over("approvers", &base.approvers, group),
        }
    }
}

fn group(value: &Value<'_>) -> Result<At<Group>, Noted> {
    let table = Section::of(value, &reference::GROUP, format!("{}.", value.spot.key));
    let ids = |name| table.optional(name, |value| value.list(id));
    let (roles, users) = (ids("roles"), ids("users"));
    Ok(At {
        spot: value.spot.clone(),
        value: Group {
            roles: roles?.unwrap_or_default().into_iter().map(RoleId).collect(),
            users: users?.unwrap_or_default().into_iter().map(UserId).collect(),
        },
    })
}
