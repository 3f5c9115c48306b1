//! Handles what a bot sends over the gateway.
//!
//! Source: Discord's page "Opcodes and Status Codes", section "Gateway".

use serde_json::{Value, json};

use super::event::GatewayEvent;
use super::intents::Intents;
use super::sessions::{GatewayCommand, ResumeResult};
use crate::state::SimState;

/// What the connection must do after a payload.
#[derive(Debug)]
pub(crate) enum OpcodeReply {
    Nothing,
    Send(Value),
    Close(u16),
}

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct ConnectionStatus {
    pub(crate) connection: u64,
    pub(crate) identified: bool,
    /// Whether the bot requested compressed payloads in its identify.
    pub(crate) compress: bool,
}

impl ConnectionStatus {
    pub(crate) fn handle(&mut self, text: &str, shared: &SimState) -> OpcodeReply {
        let Ok(payload) = serde_json::from_str::<Value>(text) else {
            return OpcodeReply::Close(4002);
        };
        let Some(op) = payload["op"].as_u64() else {
            return OpcodeReply::Close(4002);
        };
        let data = &payload["d"];
        shared.update(|world| {
            let at = std::time::Instant::now();
            world.gateway.log.push(GatewayCommand { op, data: data.clone(), at });
        });
        match op {
            1 => self.heartbeat(shared),
            2 | 6 if self.identified => OpcodeReply::Close(4005),
            2 => self.identify(data, shared),
            6 => self.resume(data, shared),
            _ if !self.identified => OpcodeReply::Close(4003),
            3 | 4 => OpcodeReply::Nothing,
            8 => Self::request_members(data, shared),
            _ => OpcodeReply::Close(4001),
        }
    }

    fn heartbeat(&self, shared: &SimState) -> OpcodeReply {
        if shared.world().gateway.is_silent(self.connection) {
            return OpcodeReply::Nothing;
        }
        OpcodeReply::Send(json!({ "op": 11, "d": null, "s": null, "t": null }))
    }

    fn identify(&mut self, data: &Value, shared: &SimState) -> OpcodeReply {
        let resume_url = shared.announced_gateway_url();
        shared.update(|world| {
            if without_bot_prefix(data["token"].as_str()) != world.application.token {
                return OpcodeReply::Close(4004);
            }
            let shard_info = &data["shard"];
            if !shard_info.is_null() && *shard_info != json!([0, 1]) {
                return OpcodeReply::Close(4010);
            }
            let Some(intents) = data["intents"].as_u64().map(Intents) else {
                return OpcodeReply::Close(4013);
            };
            if intents.without(Intents::KNOWN) != Intents::NONE {
                return OpcodeReply::Close(4013);
            }
            if intents.without(world.gateway.settings.allowed).0 & Intents::PRIVILEGED.0 != 0 {
                return OpcodeReply::Close(4014);
            }
            if !data["properties"].is_object() {
                return OpcodeReply::Close(4002);
            }
            if !world.gateway.may_identify() {
                return OpcodeReply::Send(invalid_session(false));
            }
            self.identified = true;
            self.compress = data["compress"] == true;
            let session =
                format!("{:032x}", u128::from(world.next_id().0) << 48 | u128::from(self.connection));
            world.gateway.open_session(session.clone(), intents, self.connection);
            let ready = world.ready(&session, &resume_url, shard_info.clone());
            world.gateway.emit_to(&session, &GatewayEvent::new("READY", Intents::NONE, ready));
            if intents.contains(Intents::GUILDS) && world.is_bot_in_guild() && world.is_guild_available {
                let guild = world.guild_create(intents.contains(Intents::GUILD_MEMBERS));
                world.gateway.emit_to(&session, &GatewayEvent::new("GUILD_CREATE", Intents::GUILDS, guild));
            }
            OpcodeReply::Nothing
        })
    }

    fn resume(&mut self, data: &Value, shared: &SimState) -> OpcodeReply {
        shared.update(|world| {
            if without_bot_prefix(data["token"].as_str()) != world.application.token {
                return OpcodeReply::Close(4004);
            }
            let (Some(session), Some(seq)) = (data["session_id"].as_str(), data["seq"].as_u64()) else {
                return OpcodeReply::Close(4002);
            };
            match world.gateway.resume(session, seq, self.connection) {
                ResumeResult::Yes => {
                    self.identified = true;
                    OpcodeReply::Nothing
                }
                ResumeResult::BadSequence => OpcodeReply::Close(4007),
                ResumeResult::Unknown => OpcodeReply::Send(invalid_session(false)),
            }
        })
    }

    fn request_members(data: &Value, shared: &SimState) -> OpcodeReply {
        let world = shared.world();
        let requested: Vec<_> = match &data["user_ids"] {
            Value::Array(list) => list.iter().filter_map(crate::rules::form_part::as_id).collect(),
            one => crate::rules::form_part::as_id(one)
                .map_or_else(|| world.members.keys().copied().collect(), |id| vec![id]),
        };
        let (known, unknown): (Vec<_>, Vec<_>) =
            requested.into_iter().partition(|id| world.members.contains_key(id));
        let members: Vec<Value> = known.into_iter().map(|id| world.member_json(id)).collect();
        OpcodeReply::Send(json!({ "op": 0, "s": null, "t": "GUILD_MEMBERS_CHUNK", "d": {
            "guild_id": world.guild.id, "members": members, "chunk_index": 0, "chunk_count": 1,
            "not_found": unknown, "nonce": data["nonce"],
        }}))
    }
}

pub(crate) fn invalid_session(resumable: bool) -> Value {
    json!({ "op": 9, "d": resumable, "s": null, "t": null })
}

/// Libraries send the token with or without `Bot ` in front. Discord accepts both.
fn without_bot_prefix(token: Option<&str>) -> &str {
    let token = token.unwrap_or_default();
    token.strip_prefix("Bot ").unwrap_or(token)
}
