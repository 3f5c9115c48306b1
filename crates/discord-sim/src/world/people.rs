//! Users, members, roles and the guild they are in, with their JSON forms.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::permissions::Permissions;
use crate::ids::{Id, iso};

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) bot: bool,
    /// A description for the page. It is not sent to bots.
    pub(crate) about: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) user: Id,
    pub(crate) roles: Vec<Id>,
    pub(crate) joined: Timestamp,
    pub(crate) timed_out_until: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) permissions: Permissions,
    pub(crate) mentionable: bool,
    pub(crate) position: usize,
    /// The bot to which this role belongs.
    pub(crate) bot: Option<Id>,
}

#[derive(Clone, Debug)]
pub(crate) struct Guild {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) owner: Id,
    pub(crate) roles: BTreeMap<Id, Role>,
    /// Whether moderation requires two-factor authentication.
    pub(crate) mfa: bool,
}

impl User {
    pub(crate) fn json(&self) -> Value {
        let mut json = json!({
            "id": self.id, "username": self.name, "global_name": self.name, "discriminator": "0",
            "avatar": null, "public_flags": 0, "primary_guild": null, "collectibles": null,
            "avatar_decoration_data": null, "clan": null,
        });
        if self.bot {
            json["bot"] = true.into();
            json["global_name"] = Value::Null;
            json["discriminator"] = "0001".into();
        }
        json
    }
}

impl Member {
    /// Without `user`, as in messages.
    pub(crate) fn partial_json(&self) -> Value {
        json!({
            "roles": self.roles, "nick": null, "avatar": null, "banner": null, "premium_since": null,
            "joined_at": iso(self.joined), "deaf": false, "mute": false, "pending": false, "flags": 0,
            "communication_disabled_until": self.timed_out_until.map(iso),
        })
    }
}

impl Role {
    pub(crate) fn json(&self) -> Value {
        let mut json = json!({
            "id": self.id, "name": self.name, "description": null, "color": 0,
            "colors": {"primary_color": 0, "secondary_color": null, "tertiary_color": null},
            "hoist": false, "icon": null, "unicode_emoji": null, "position": self.position,
            "permissions": self.permissions, "managed": self.bot.is_some(), "mentionable": self.mentionable,
            "flags": 0,
        });
        if let Some(bot) = self.bot {
            json["tags"] = json!({ "bot_id": bot });
        }
        json
    }
}

impl Guild {
    /// The guild as `GET /guilds/{id}` returns it.
    pub(crate) fn json(&self) -> Value {
        let roles: Vec<Value> = self.roles.values().map(Role::json).collect();
        json!({
            "id": self.id, "name": self.name, "icon": null, "icon_hash": null, "description": null,
            "home_header": null, "splash": null, "discovery_splash": null, "banner": null, "features": [],
            "owner_id": self.owner, "application_id": null, "region": "deprecated", "afk_channel_id": null,
            "afk_timeout": 300, "system_channel_id": null, "system_channel_flags": 0, "widget_enabled": false,
            "widget_channel_id": null, "verification_level": 1, "roles": roles,
            "default_message_notifications": 1, "mfa_level": u8::from(self.mfa), "explicit_content_filter": 0,
            "max_presences": null, "max_members": 500_000, "max_stage_video_channel_users": 50,
            "max_video_channel_users": 25, "vanity_url_code": null, "premium_tier": 0,
            "premium_subscription_count": 0, "preferred_locale": "en-US", "rules_channel_id": null,
            "safety_alerts_channel_id": null, "public_updates_channel_id": null, "nsfw": false,
            "nsfw_level": 0, "premium_progress_bar_enabled": false, "emojis": [], "stickers": [],
            "latest_onboarding_question_id": null, "incidents_data": null, "inventory_settings": null,
        })
    }

    pub(crate) fn role_named(&self, name: &str) -> Option<&Role> {
        self.roles.values().find(|role| role.name == name)
    }
}
