//! A member's permissions in the guild and in a channel, from roles and overwrites.
//!
//! Source: Discord's page "Permissions", section "Permission Overwrites".

use std::ops::BitOr;

use super::people::{Guild, Member};
use super::permissions::{Overwrite, OverwriteSubject, Permissions};
use crate::ids::Id;

/// A member's permissions in the whole guild.
pub(crate) fn in_guild(guild: &Guild, member: &Member) -> Permissions {
    if member.user == guild.owner {
        return Permissions::ALL;
    }
    let of = |role: &Id| guild.roles.get(role).map_or(Permissions::NONE, |role| role.permissions);
    let sum = member.roles.iter().map(of).fold(of(&guild.id), BitOr::bitor);
    if sum.contains(Permissions::ADMINISTRATOR) { Permissions::ALL } else { sum }
}

/// A member's permissions in a channel with these overwrites. Without View Channel nothing remains.
pub(crate) fn in_channel(guild: &Guild, member: &Member, overwrites: &[Overwrite]) -> Permissions {
    let base = in_guild(guild, member);
    if base == Permissions::ALL {
        return base;
    }
    let mut sum = base;
    for overwrite in overwrites.iter().filter(|o| o.subject == OverwriteSubject::Role(guild.id)) {
        sum = (sum & !overwrite.deny) | overwrite.allow;
    }
    let (mut allow, mut deny) = (Permissions::NONE, Permissions::NONE);
    for overwrite in overwrites {
        if matches!(overwrite.subject, OverwriteSubject::Role(role) if role != guild.id && member.roles.contains(&role))
        {
            allow = allow | overwrite.allow;
            deny = deny | overwrite.deny;
        }
    }
    sum = (sum & !deny) | allow;
    for overwrite in overwrites.iter().filter(|o| o.subject == OverwriteSubject::Member(member.user)) {
        sum = (sum & !overwrite.deny) | overwrite.allow;
    }
    if sum.contains(Permissions::VIEW_CHANNEL) { sum } else { Permissions::NONE }
}
