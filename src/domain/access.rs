//! Who may view, request and approve: by id, and by the roles that a person has at that moment. Nobody is exempt, neither
//! administrators nor the guild's owner.

use std::collections::BTreeSet;

use super::ids::{Person, RoleId, UserId};

/// Some people, by role or by user id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessGroup {
    pub roles: BTreeSet<RoleId>,
    pub users: BTreeSet<UserId>,
}

/// What each group of people may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// May view sessions and requests, as requesters and approvers may.
    pub viewers: AccessGroup,
    /// May request a cancel or a terminate.
    pub requesters: AccessGroup,
    /// May approve or deny what somebody else requested.
    pub approvers: AccessGroup,
}

impl AccessGroup {
    /// Whether the person belongs to the group. A bot belongs to none.
    pub fn contains(&self, person: &Person) -> bool {
        !person.bot
            && (self.users.contains(&person.id) || person.roles.iter().any(|role| self.roles.contains(role)))
    }
}

impl Access {
    pub fn may_view(&self, person: &Person) -> bool {
        self.viewers.contains(person) || self.may_request(person) || self.may_approve(person)
    }

    pub fn may_request(&self, person: &Person) -> bool {
        self.requesters.contains(person)
    }

    pub fn may_approve(&self, person: &Person) -> bool {
        self.approvers.contains(person)
    }
}
