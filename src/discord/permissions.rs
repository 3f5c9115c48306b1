//! The permissions of a member in a channel (Discord documentation, "Permissions": "Permission Hierarchy" and
//! "Overwrites").

use serenity::model::guild::Member;
use serenity::model::id::RoleId;
use serenity::model::permissions::Permissions;

use super::api::{GuildChannel, GuildInfo};

pub(super) fn channel_permissions(guild: &GuildInfo, channel: &GuildChannel, member: &Member) -> Permissions {
    permissions_of(guild, channel, member.user.id.get(), &member.roles)
}

/// Of somebody who has this role and no other. Overwrites for a person do not concern them.
pub(super) fn role_permissions(guild: &GuildInfo, channel: &GuildChannel, role: RoleId) -> Permissions {
    permissions_of(guild, channel, 0, &[role])
}

fn permissions_of(guild: &GuildInfo, channel: &GuildChannel, user: u64, roles: &[RoleId]) -> Permissions {
    // The role @everyone has the id of the guild.
    let everyone = guild.id.get();
    let has_role = |role: u64| role == everyone || roles.iter().any(|id| id.get() == role);
    let base = guild
        .roles
        .iter()
        .filter(|role| has_role(role.id.get()))
        .fold(Permissions::empty(), |all, role| all | role.permissions);
    if user == guild.owner_id.get() || base.contains(Permissions::ADMINISTRATOR) {
        return Permissions::all();
    }
    // Discord applies the overwrites for @everyone, then those for all roles together, then those for the member.
    let steps: [&dyn Fn(u64) -> bool; 3] =
        [&|id| id == everyone, &|id| id != everyone && has_role(id), &|id| id == user];
    steps.into_iter().fold(base, |permissions, applies_to| {
        let overwrites =
            channel.permission_overwrites.iter().filter(|overwrite| applies_to(overwrite.id.get()));
        let (allow, deny) = overwrites
            .fold((Permissions::empty(), Permissions::empty()), |(allow, deny), overwrite| {
                (allow | overwrite.allow, deny | overwrite.deny)
            });
        permissions.difference(deny) | allow
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn permissions(overwrites: &serde_json::Value, owner: &str) -> Permissions {
        let guild = json!({"id": "1", "name": "g", "owner_id": owner, "roles": [
            {"id": "1", "name": "@everyone", "permissions": Permissions::VIEW_CHANNEL.bits().to_string()},
            {"id": "2", "name": "bots", "permissions": Permissions::SEND_MESSAGES.bits().to_string()},
            {"id": "3", "name": "others", "permissions": Permissions::ADMINISTRATOR.bits().to_string()},
        ]});
        let channel = json!({"guild_id": "1", "name": "incident", "permission_overwrites": overwrites});
        let member = crate::discord::compat::member(br#"{"user": {"id": "9"}, "roles": ["2"]}"#).unwrap();
        channel_permissions(
            &serde_json::from_value(guild).unwrap(),
            &serde_json::from_value(channel).unwrap(),
            &member,
        )
    }

    fn overwrite(id: &str, allow: Permissions, deny: Permissions) -> serde_json::Value {
        json!({"id": id, "type": 0, "allow": allow.bits().to_string(), "deny": deny.bits().to_string()})
    }

    #[test]
    fn a_member_has_the_permissions_of_everyone_and_of_their_roles() {
        assert_eq!(permissions(&json!([]), "8"), Permissions::VIEW_CHANNEL | Permissions::SEND_MESSAGES);
        assert_eq!(permissions(&json!([]), "9"), Permissions::all(), "the owner has all permissions");
    }

    #[test]
    fn a_channel_can_deny_everyone_and_allow_a_role_or_a_member() {
        let (view, send) = (Permissions::VIEW_CHANNEL, Permissions::SEND_MESSAGES);
        let none = Permissions::empty();
        assert_eq!(permissions(&json!([overwrite("1", none, view)]), "8"), send);
        let overwrites = json!([overwrite("1", none, view), overwrite("2", view, none)]);
        assert_eq!(permissions(&overwrites, "8"), view | send);
        assert_eq!(permissions(&json!([overwrite("9", none, send)]), "8"), view);
        assert_eq!(
            permissions(&json!([overwrite("3", none, view | send)]), "8"),
            view | send,
            "not their role"
        );
    }
}
