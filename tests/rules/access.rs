//! Who may view, request and approve.

use killgate::domain::access::{Access, AccessGroup};
use killgate::domain::ids::{Person, RoleId, UserId};

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
