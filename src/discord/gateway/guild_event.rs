//! Events about a guild and what the bot may see in it. Only the few fields that are used are decoded.

use serde::Deserialize;
use serde_json::Error;
use serenity::model::id::{GuildId, RoleId, UserId};

use super::channel_event::ChannelInfo;
use crate::discord::api::WithId;

/// Something that may have hidden from the bot what people did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuildEvent {
    /// The bot is in the guild: at the start of a session, after an invitation, or after an outage of the guild.
    /// `channels` are its channels and active threads.
    Available { guild: GuildId, members: Vec<MemberRoles>, channels: Vec<ChannelInfo> },
    /// The bot was removed from the guild, or, if `is_outage`, the guild is unavailable.
    Unavailable { guild: GuildId, is_outage: bool },
    /// A role was changed or deleted.
    RoleChanged { guild: GuildId, role: RoleId },
    /// A member was changed. Without a privileged intent it is always the bot itself.
    MemberChanged { guild: GuildId, member: MemberRoles },
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MemberRoles {
    pub user: WithId<UserId>,
    #[serde(default)]
    pub roles: Vec<RoleId>,
}

#[derive(Deserialize)]
struct GuildData {
    id: GuildId,
    #[serde(default)]
    unavailable: bool,
    #[serde(default)]
    members: Vec<MemberRoles>,
    #[serde(default)]
    channels: Vec<ChannelInfo>,
    #[serde(default)]
    threads: Vec<ChannelInfo>,
}

#[derive(Deserialize)]
struct RoleUpdated {
    guild_id: GuildId,
    role: WithId<RoleId>,
}

#[derive(Deserialize)]
struct RoleDeleted {
    guild_id: GuildId,
    role_id: RoleId,
}

#[derive(Deserialize)]
struct MemberUpdated {
    guild_id: GuildId,
    #[serde(flatten)]
    member: MemberRoles,
}

/// Decodes an event about a guild; `None` if events of this kind are about something else.
pub(super) fn decode_guild_event(kind: &str, data: &str) -> Option<Result<GuildEvent, Error>> {
    let event = match kind {
        "GUILD_CREATE" | "GUILD_DELETE" => serde_json::from_str(data).map(|guild: GuildData| {
            if kind == "GUILD_CREATE" && !guild.unavailable {
                let channels = guild.channels.into_iter().chain(guild.threads).collect();
                GuildEvent::Available { guild: guild.id, members: guild.members, channels }
            } else {
                GuildEvent::Unavailable { guild: guild.id, is_outage: guild.unavailable }
            }
        }),
        "GUILD_ROLE_UPDATE" => serde_json::from_str(data)
            .map(|event: RoleUpdated| GuildEvent::RoleChanged { guild: event.guild_id, role: event.role.id }),
        "GUILD_ROLE_DELETE" => serde_json::from_str(data)
            .map(|event: RoleDeleted| GuildEvent::RoleChanged { guild: event.guild_id, role: event.role_id }),
        "GUILD_MEMBER_UPDATE" => serde_json::from_str(data).map(|event: MemberUpdated| {
            GuildEvent::MemberChanged { guild: event.guild_id, member: event.member }
        }),
        _ => return None,
    };
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guild_that_is_left_differs_from_one_that_is_unavailable() {
        let decode = |kind, data| decode_guild_event(kind, data).unwrap().unwrap();
        let unavailable = |is_outage| GuildEvent::Unavailable { guild: GuildId::new(9), is_outage };
        assert_eq!(decode("GUILD_DELETE", r#"{"id":"9"}"#), unavailable(false));
        assert_eq!(decode("GUILD_DELETE", r#"{"id":"9","unavailable":true}"#), unavailable(true));
        assert_eq!(decode("GUILD_CREATE", r#"{"id":"9","unavailable":true}"#), unavailable(true));
    }

    #[test]
    fn the_roles_of_the_bot_are_decoded() {
        let member = MemberRoles { user: WithId { id: UserId::new(7) }, roles: vec![RoleId::new(5)] };
        let guild = r#"{"id":"9","name":"g","members":[{"user":{"id":"7","username":"bot"},"roles":["5"],"nick":null}]}"#;
        assert_eq!(
            decode_guild_event("GUILD_CREATE", guild).unwrap().unwrap(),
            GuildEvent::Available {
                guild: GuildId::new(9),
                members: vec![member.clone()],
                channels: Vec::new()
            }
        );
        let update = r#"{"guild_id":"9","user":{"id":"7"},"roles":["5"],"joined_at":"2026-01-01T00:00:00Z"}"#;
        assert_eq!(
            decode_guild_event("GUILD_MEMBER_UPDATE", update).unwrap().unwrap(),
            GuildEvent::MemberChanged { guild: GuildId::new(9), member }
        );
    }
}
