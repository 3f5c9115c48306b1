//! Gateway events, with every field that Discord sends.
//!
//! Source: Discord's page "Gateway Events".

use serde_json::{Value, json};

use super::channel::StoredChannel;
use super::message::StoredMessage;
use super::message_json::emoji_json;
use super::people::{Role, User};
use super::permissions::Permissions;
use super::state::World;
use crate::gateway::event::GatewayEvent;
use crate::gateway::intents::Intents;
use crate::ids::{Id, iso};

impl World {
    /// Sends an event about a channel, if the bot may view it.
    fn emit_in(&mut self, channel: Id, event: &GatewayEvent) {
        if self.permissions(self.application.id, channel).contains(Permissions::VIEW_CHANNEL) {
            self.emit_in_guild(event);
        }
    }

    /// Sends an event about the guild, if the bot is in it and it is available.
    fn emit_in_guild(&mut self, event: &GatewayEvent) {
        if self.is_bot_in_guild() && self.is_guild_available {
            self.gateway.emit(event);
        }
    }

    /// The guild is no longer available to the bot: it was removed, or `is_outage`.
    pub(crate) fn emit_guild_deleted(&mut self, is_outage: bool) {
        let mut data = json!({ "id": self.guild.id });
        if is_outage {
            data["unavailable"] = true.into();
        }
        self.gateway.emit(&GatewayEvent::new("GUILD_DELETE", Intents::GUILDS, data));
    }

    pub(crate) fn emit_guild_created(&mut self) {
        let guild = self.guild_create(false);
        self.gateway.emit(&GatewayEvent::new("GUILD_CREATE", Intents::GUILDS, guild));
    }

    pub(crate) fn emit_message(&mut self, name: &'static str, message: &StoredMessage) {
        if message.only_for.is_some() {
            return;
        }
        let bot = self.application.id;
        let mut data = self.message_json(message, bot);
        data["guild_id"] = json!(self.guild.id);
        if let Some(member) = self.members.get(&message.author) {
            data["member"] = member.partial_json();
        }
        for mention in data["mentions"].as_array_mut().into_iter().flatten() {
            let id = mention["id"].as_str().and_then(|id| id.parse().ok());
            if let Some(member) = id.and_then(|id: Id| self.members.get(&id)) {
                mention["member"] = member.partial_json();
            }
        }
        let private = message.author != bot && !message.notified.users.contains(&bot);
        let event = GatewayEvent {
            private_content: private,
            ..GatewayEvent::new(name, Intents::GUILD_MESSAGES, data)
        };
        self.emit_in(message.channel, &event);
    }

    pub(crate) fn emit_message_deleted(&mut self, channel: Id, message: Id) {
        let data = json!({ "id": message, "channel_id": channel, "guild_id": self.guild.id });
        self.emit_in(channel, &GatewayEvent::new("MESSAGE_DELETE", Intents::GUILD_MESSAGES, data));
    }

    pub(crate) fn emit_messages_deleted(&mut self, channel: Id, messages: &[Id]) {
        let data = json!({ "ids": messages, "channel_id": channel, "guild_id": self.guild.id });
        self.emit_in(channel, &GatewayEvent::new("MESSAGE_DELETE_BULK", Intents::GUILD_MESSAGES, data));
    }

    pub(crate) fn emit_reaction(
        &mut self,
        added: bool,
        message: &StoredMessage,
        emoji: &str,
        user: Id,
        is_super: bool,
    ) {
        let mut data = self.reaction_data(message, Some(emoji));
        data["user_id"] = json!(user);
        data["burst"] = is_super.into();
        data["type"] = u8::from(is_super).into();
        if added {
            data["message_author_id"] = json!(message.author);
            data["burst_colors"] = json!([]);
            data["member"] = self.member_json(user);
        }
        let name = if added { "MESSAGE_REACTION_ADD" } else { "MESSAGE_REACTION_REMOVE" };
        self.emit_in(message.channel, &GatewayEvent::new(name, Intents::GUILD_MESSAGE_REACTIONS, data));
    }

    /// All reactions of a message were cleared, or all with one emoji.
    pub(crate) fn emit_reactions_cleared(&mut self, message: &StoredMessage, emoji: Option<&str>) {
        let data = self.reaction_data(message, emoji);
        let name = match emoji {
            Some(_) => "MESSAGE_REACTION_REMOVE_EMOJI",
            None => "MESSAGE_REACTION_REMOVE_ALL",
        };
        self.emit_in(message.channel, &GatewayEvent::new(name, Intents::GUILD_MESSAGE_REACTIONS, data));
    }

    fn reaction_data(&self, message: &StoredMessage, emoji: Option<&str>) -> Value {
        let mut data =
            json!({ "channel_id": message.channel, "message_id": message.id, "guild_id": self.guild.id });
        if let Some(emoji) = emoji {
            data["emoji"] = emoji_json(emoji);
        }
        data
    }

    pub(crate) fn emit_role(&mut self, name: &'static str, role: &Role) {
        let data = json!({ "guild_id": self.guild.id, "role": role.json() });
        self.emit_in_guild(&GatewayEvent::new(name, Intents::GUILDS, data));
    }

    pub(crate) fn emit_role_deleted(&mut self, role: Id) {
        let data = json!({ "guild_id": self.guild.id, "role_id": role });
        self.emit_in_guild(&GatewayEvent::new("GUILD_ROLE_DELETE", Intents::GUILDS, data));
    }

    pub(crate) fn emit_channel(&mut self, name: &'static str, data: Value) {
        self.emit_in_guild(&GatewayEvent::new(name, Intents::GUILDS, data));
    }

    pub(crate) fn emit_member(&mut self, user: Id) {
        let mut data = self.member_json(user);
        data["guild_id"] = json!(self.guild.id);
        // Changes of other members need the privileged intent; the bot's own do not.
        let intents = if user == self.application.id { Intents::NONE } else { Intents::GUILD_MEMBERS };
        self.emit_in_guild(&GatewayEvent::new("GUILD_MEMBER_UPDATE", intents, data));
    }

    /// A person joined the guild or left it. Only the privileged intent tells.
    pub(crate) fn emit_membership(&mut self, name: &'static str, user: Id) {
        let mut data = if self.members.contains_key(&user) {
            self.member_json(user)
        } else {
            json!({ "user": self.users.get(&user).map_or(Value::Null, User::json) })
        };
        data["guild_id"] = json!(self.guild.id);
        self.emit_in_guild(&GatewayEvent::new(name, Intents::GUILD_MEMBERS, data));
    }

    pub(crate) fn member_json(&self, user: Id) -> Value {
        let Some(member) = self.members.get(&user) else {
            return Value::Null;
        };
        let mut json = member.partial_json();
        json["user"] = self.users.get(&user).map_or(Value::Null, User::json);
        json
    }

    /// `READY` for a new session. Guilds are unavailable in it, and follow in `GUILD_CREATE`.
    pub(crate) fn ready(&self, session: &str, resume_url: &str, shard: Value) -> Value {
        let mut user = self.users.get(&self.application.id).map_or(Value::Null, User::json);
        user["verified"] = true.into();
        user["mfa_enabled"] = true.into();
        user["email"] = Value::Null;
        user["flags"] = 0.into();
        let guilds = if self.is_bot_in_guild() {
            json!([{ "id": self.guild.id, "unavailable": true }])
        } else {
            json!([])
        };
        let mut ready = json!({
            "v": 10, "user_settings": {}, "user": user, "session_type": "normal", "session_id": session,
            "resume_gateway_url": resume_url, "relationships": [], "private_channels": [], "presences": [],
            "guilds": guilds, "guild_join_requests": [],
            "geo_ordered_rtc_regions": [], "game_relationships": [], "auth": {},
            "application": { "id": self.application.id, "flags": 0 }, "_trace": ["discord-sim"],
        });
        if !shard.is_null() {
            ready["shard"] = shard;
        }
        ready
    }

    /// `GUILD_CREATE`. Without the privileged intent, its only member is the bot.
    pub(crate) fn guild_create(&self, with_members: bool) -> Value {
        let mut guild = self.guild.json();
        let bot = self.application.id;
        let members: Vec<Value> = self
            .members
            .keys()
            .filter(|id| with_members || **id == bot)
            .map(|id| self.member_json(*id))
            .collect();
        let (threads, channels): (Vec<_>, Vec<_>) =
            self.channels.values().partition(|channel| channel.is_thread());
        let channels: Vec<Value> = channels.into_iter().map(StoredChannel::json_in_guild).collect();
        let is_active = |thread: &&StoredChannel| {
            !thread.archived && self.permissions(bot, thread.id).contains(Permissions::VIEW_CHANNEL)
        };
        let threads: Vec<Value> =
            threads.into_iter().filter(is_active).map(StoredChannel::json_in_guild).collect();
        let joined = self.members.get(&bot).map(|member| iso(member.joined));
        for (field, value) in [
            ("joined_at", json!(joined)),
            ("large", json!(false)),
            ("unavailable", json!(false)),
            ("member_count", json!(self.members.len())),
            ("voice_states", json!([])),
            ("members", json!(members)),
            ("channels", json!(channels)),
            ("threads", json!(threads)),
            ("presences", json!([])),
            ("stage_instances", json!([])),
            ("guild_scheduled_events", json!([])),
            ("soundboard_sounds", json!([])),
            ("application_command_counts", json!({})),
            ("embedded_activities", json!([])),
        ] {
            guild[field] = value;
        }
        guild
    }
}
