//! What a member may do in a channel (Discord documentation, "Permissions": "Permission Hierarchy" and "Overwrites").

use serenity::model::guild::Member;
use serenity::model::permissions::Permissions;

use super::api::{GuildChannel, GuildInfo};

/// What `member` may do in `channel` of `guild`.
pub(super) fn permissions(guild: &GuildInfo, channel: &GuildChannel, member: &Member) -> Permissions {
    let everybody = guild.id.get();
    let has = |role: u64| role == everybody || member.roles.iter().any(|id| id.get() == role);
    let base = guild
        .roles
        .iter()
        .filter(|role| has(role.id.get()))
        .fold(Permissions::empty(), |all, role| all | role.permissions);
    if member.user.id == guild.owner_id || base.contains(Permissions::ADMINISTRATOR) {
        return Permissions::all();
    }
    // First what the channel says of everybody, then of roles, all of them together, then of the member.
    let steps: [&dyn Fn(u64) -> bool; 3] = [&|id| id == everybody, &|id| id != everybody && has(id), &|id| {
        id == member.user.id.get()
    }];
    steps.into_iter().fold(base, |may, concerns| {
        let overwrites = channel
            .permission_overwrites
            .iter()
            .filter(|overwrite| concerns(overwrite.id.get()));
        let (allow, deny) = overwrites.fold(
            (Permissions::empty(), Permissions::empty()),
            |(allow, deny), overwrite| (allow | overwrite.allow, deny | overwrite.deny),
        );
        may.difference(deny) | allow
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn may(overwrites: &serde_json::Value, owner: &str) -> Permissions {
        let guild = json!({"id": "1", "name": "g", "owner_id": owner, "roles": [
            {"id": "1", "name": "@everyone", "permissions": Permissions::VIEW_CHANNEL.bits().to_string()},
            {"id": "2", "name": "bots", "permissions": Permissions::SEND_MESSAGES.bits().to_string()},
            {"id": "3", "name": "others", "permissions": Permissions::ADMINISTRATOR.bits().to_string()},
        ]});
        let channel = json!({"guild_id": "1", "name": "incident", "permission_overwrites": overwrites});
        let member = crate::discord::compat::member(br#"{"user": {"id": "9"}, "roles": ["2"]}"#).unwrap();
        permissions(
            &serde_json::from_value(guild).unwrap(),
            &serde_json::from_value(channel).unwrap(),
            &member,
        )
    }

    fn overwrite(id: &str, allow: Permissions, deny: Permissions) -> serde_json::Value {
        json!({"id": id, "type": 0, "allow": allow.bits().to_string(), "deny": deny.bits().to_string()})
    }

    #[test]
    fn a_member_may_what_everybody_and_their_roles_may() {
        assert_eq!(
            may(&json!([]), "8"),
            Permissions::VIEW_CHANNEL | Permissions::SEND_MESSAGES
        );
        assert_eq!(
            may(&json!([]), "9"),
            Permissions::all(),
            "the owner may everything"
        );
    }

    #[test]
    fn a_channel_takes_from_everybody_and_gives_to_a_role_and_to_a_member() {
        let (view, send) = (Permissions::VIEW_CHANNEL, Permissions::SEND_MESSAGES);
        let none = Permissions::empty();
        assert_eq!(may(&json!([overwrite("1", none, view)]), "8"), send);
        assert_eq!(
            may(
                &json!([overwrite("1", none, view), overwrite("2", view, none)]),
                "8"
            ),
            view | send
        );
        assert_eq!(may(&json!([overwrite("9", none, send)]), "8"), view);
        assert_eq!(
            may(&json!([overwrite("3", none, view | send)]), "8"),
            view | send,
            "not their role"
        );
    }
}
