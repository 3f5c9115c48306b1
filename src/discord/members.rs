//! Converts guild members to the domain's type.

use serenity::model::guild::Member;

use crate::domain::ids::{Person, RoleId, UserId};
use crate::domain::timestamp::Timestamp;

/// The member with the roles given in this event or answer.
pub(super) fn person_from_member(member: &Member) -> Person {
    Person {
        id: UserId(member.user.id.get()),
        roles: member.roles.iter().map(|role| RoleId(role.get())).collect(),
        bot: member.user.bot,
        timed_out_until: member
            .communication_disabled_until
            .map(|until| Timestamp::from_micros((until.unix_timestamp() + 1).saturating_mul(1_000_000))),
    }
}
