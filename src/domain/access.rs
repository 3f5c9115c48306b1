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

#[cfg(test)]
mod tests {
    use super::*;

    fn person(id: u64, roles: &[u64]) -> Person {
        Person {
            id: UserId(id),
            roles: roles.iter().copied().map(RoleId).collect(),
            bot: false,
            timed_out_until: None,
        }
    }

    fn group(roles: &[u64], users: &[u64]) -> AccessGroup {
        AccessGroup {
            roles: roles.iter().copied().map(RoleId).collect(),
            users: users.iter().copied().map(UserId).collect(),
        }
    }

    #[test]
    fn a_group_admits_by_role_or_by_user_id_and_nobody_else() {
        let dbas = group(&[10, 11], &[1]);
        assert!(dbas.contains(&person(1, &[])));
        assert!(dbas.contains(&person(2, &[9, 11])));
        assert!(!dbas.contains(&person(2, &[9])));
        assert!(!dbas.contains(&person(10, &[])), "a role's id is not a user's id");
        assert!(!AccessGroup::default().contains(&person(1, &[10])));
    }

    #[test]
    fn a_bot_is_in_no_group_whatever_its_roles() {
        let bot = Person { bot: true, timed_out_until: None, ..person(1, &[10]) };
        let access = Access { viewers: group(&[10], &[1]), ..Access::default() };
        assert!(access.may_view(&person(1, &[10])));
        assert!(!access.may_view(&bot));
    }

    #[test]
    fn who_may_do_what() {
        let access =
            Access { viewers: group(&[1], &[]), requesters: group(&[2], &[]), approvers: group(&[3], &[]) };
        // role -> view, request, approve
        for (role, expected) in [
            (1, [true, false, false]),
            (2, [true, true, false]),
            (3, [true, false, true]),
            (4, [false, false, false]),
        ] {
            let person = person(7, &[role]);
            let may = [access.may_view(&person), access.may_request(&person), access.may_approve(&person)];
            assert_eq!(may, expected, "role {role}");
        }
    }
}
