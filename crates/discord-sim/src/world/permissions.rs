//! Permission bits and how roles and channel overwrites add up.
//!
//! Source: Discord's page "Permissions", section "Permission Overwrites".

use std::fmt;
use std::ops::{BitAnd, BitOr, Not};

use serde::{Serialize, Serializer};

use super::ids::Id;
use super::people::{Guild, Member};

/// A set of permission bits; written as a decimal string in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(pub u64);

impl Permissions {
    pub const NONE: Self = Self(0);
    pub const KICK_MEMBERS: Self = Self(1 << 1);
    pub const ADMINISTRATOR: Self = Self(1 << 3);
    pub const MANAGE_CHANNELS: Self = Self(1 << 4);
    pub const MANAGE_GUILD: Self = Self(1 << 5);
    pub const ADD_REACTIONS: Self = Self(1 << 6);
    pub const VIEW_CHANNEL: Self = Self(1 << 10);
    pub const SEND_MESSAGES: Self = Self(1 << 11);
    pub const MANAGE_MESSAGES: Self = Self(1 << 13);
    pub const EMBED_LINKS: Self = Self(1 << 14);
    pub const ATTACH_FILES: Self = Self(1 << 15);
    pub const READ_MESSAGE_HISTORY: Self = Self(1 << 16);
    pub const MENTION_EVERYONE: Self = Self(1 << 17);
    pub const USE_EXTERNAL_EMOJIS: Self = Self(1 << 18);
    pub const MANAGE_ROLES: Self = Self(1 << 28);
    pub const USE_APPLICATION_COMMANDS: Self = Self(1 << 31);
    /// Every permission Discord has named.
    pub const ALL: Self = Self((1 << 53) - 1);
    /// What a fresh guild gives to everyone, as far as text channels go.
    pub const EVERYONE: Self = Self(
        Self::ADD_REACTIONS.0
            | Self::VIEW_CHANNEL.0
            | Self::SEND_MESSAGES.0
            | Self::EMBED_LINKS.0
            | Self::ATTACH_FILES.0
            | Self::READ_MESSAGE_HISTORY.0
            | Self::USE_EXTERNAL_EMOJIS.0
            | Self::USE_APPLICATION_COMMANDS.0,
    );

    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Permissions {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Permissions {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// An exception to the roles' permissions in one channel.
#[derive(Clone, Debug)]
pub(crate) struct Overwrite {
    pub(crate) subject: Subject,
    pub(crate) allow: Permissions,
    pub(crate) deny: Permissions,
}

/// Whom an overwrite is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Role(Id),
    Member(Id),
}

/// What a member may do in the whole guild.
pub(crate) fn in_guild(guild: &Guild, member: &Member) -> Permissions {
    if member.user == guild.owner {
        return Permissions::ALL;
    }
    let of = |role: &Id| {
        guild
            .roles
            .get(role)
            .map_or(Permissions::NONE, |role| role.permissions)
    };
    let sum = member.roles.iter().map(of).fold(of(&guild.id), BitOr::bitor);
    if sum.contains(Permissions::ADMINISTRATOR) {
        Permissions::ALL
    } else {
        sum
    }
}

/// What a member may do in a channel with these overwrites. Without View Channel there is nothing left.
pub(crate) fn in_channel(guild: &Guild, member: &Member, overwrites: &[Overwrite]) -> Permissions {
    let base = in_guild(guild, member);
    if base == Permissions::ALL {
        return base;
    }
    let mut sum = base;
    for overwrite in overwrites.iter().filter(|o| o.subject == Subject::Role(guild.id)) {
        sum = (sum & !overwrite.deny) | overwrite.allow;
    }
    let (mut allow, mut deny) = (Permissions::NONE, Permissions::NONE);
    for overwrite in overwrites {
        if matches!(overwrite.subject, Subject::Role(role) if role != guild.id && member.roles.contains(&role))
        {
            allow = allow | overwrite.allow;
            deny = deny | overwrite.deny;
        }
    }
    sum = (sum & !deny) | allow;
    for overwrite in overwrites
        .iter()
        .filter(|o| o.subject == Subject::Member(member.user))
    {
        sum = (sum & !overwrite.deny) | overwrite.allow;
    }
    if sum.contains(Permissions::VIEW_CHANNEL) {
        sum
    } else {
        Permissions::NONE
    }
}
