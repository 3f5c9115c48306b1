//! What a bot may send over the gateway, and what comes of it.
//!
//! Source: Discord's page "Opcodes and Status Codes", section "Gateway".

use serde_json::{Value, json};

use super::hub::{Event, GatewayCommand, Resumed};
use super::intents::Intents;
use crate::server::Shared;

/// What a connection has to do after a command.
#[derive(Debug)]
pub(crate) enum Reply {
    Nothing,
    Send(Value),
    Close(u16),
}

/// One connection's standing.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) link: u64,
    pub(crate) identified: bool,
    /// Whether the bot asked for compressed payloads in its identify.
    pub(crate) compress: bool,
}

impl Standing {
    pub(crate) fn handle(&mut self, text: &str, shared: &Shared) -> Reply {
        let Ok(payload) = serde_json::from_str::<Value>(text) else {
            return Reply::Close(4002);
        };
        let Some(op) = payload["op"].as_u64() else {
            return Reply::Close(4002);
        };
        let data = &payload["d"];
        shared.act(|world| {
            let at = std::time::Instant::now();
            world.hub.log.push(GatewayCommand {
                op,
                data: data.clone(),
                at,
            });
        });
        match op {
            1 => self.heartbeat(shared),
            2 | 6 if self.identified => Reply::Close(4005),
            2 => self.identify(data, shared),
            6 => self.resume(data, shared),
            _ if !self.identified => Reply::Close(4003),
            3 | 4 => Reply::Nothing,
            8 => Self::request_members(data, shared),
            _ => Reply::Close(4001),
        }
    }

    fn heartbeat(&self, shared: &Shared) -> Reply {
        if shared.world().hub.is_silent(self.link) {
            return Reply::Nothing;
        }
        Reply::Send(json!({ "op": 11, "d": null, "s": null, "t": null }))
    }

    fn identify(&mut self, data: &Value, shared: &Shared) -> Reply {
        let resume_url = shared.gateway_url();
        shared.act(|world| {
            if bare(data["token"].as_str()) != world.application.token {
                return Reply::Close(4004);
            }
            let wanted_shard = &data["shard"];
            if !wanted_shard.is_null() && *wanted_shard != json!([0, 1]) {
                return Reply::Close(4010);
            }
            let Some(intents) = data["intents"].as_u64().map(Intents) else {
                return Reply::Close(4013);
            };
            if intents.without(Intents::KNOWN) != Intents::NONE {
                return Reply::Close(4013);
            }
            if intents.without(world.hub.settings.allowed).0 & Intents::PRIVILEGED.0 != 0 {
                return Reply::Close(4014);
            }
            if !data["properties"].is_object() {
                return Reply::Close(4002);
            }
            if !world.hub.may_identify() {
                return Reply::Send(invalid_session(false));
            }
            self.identified = true;
            self.compress = data["compress"] == true;
            let session = format!(
                "{:032x}",
                u128::from(world.next_id().0) << 48 | u128::from(self.link)
            );
            world.hub.open_session(session.clone(), intents, self.link);
            let ready = world.ready(&session, &resume_url, wanted_shard.clone());
            world
                .hub
                .tell(&session, &Event::new("READY", Intents::NONE, ready));
            if intents.contains(Intents::GUILDS) {
                let guild = world.guild_create(intents.contains(Intents::GUILD_MEMBERS));
                world
                    .hub
                    .tell(&session, &Event::new("GUILD_CREATE", Intents::GUILDS, guild));
            }
            Reply::Nothing
        })
    }

    fn resume(&mut self, data: &Value, shared: &Shared) -> Reply {
        shared.act(|world| {
            if bare(data["token"].as_str()) != world.application.token {
                return Reply::Close(4004);
            }
            let (Some(session), Some(seq)) = (data["session_id"].as_str(), data["seq"].as_u64()) else {
                return Reply::Close(4002);
            };
            match world.hub.resume(session, seq, self.link) {
                Resumed::Yes => {
                    self.identified = true;
                    Reply::Nothing
                }
                Resumed::BadSequence => Reply::Close(4007),
                Resumed::Unknown => Reply::Send(invalid_session(false)),
            }
        })
    }

    fn request_members(data: &Value, shared: &Shared) -> Reply {
        let world = shared.world();
        let wanted: Vec<_> = match &data["user_ids"] {
            Value::Array(list) => list.iter().filter_map(crate::rules::read::as_id).collect(),
            one => crate::rules::read::as_id(one)
                .map_or_else(|| world.members.keys().copied().collect(), |id| vec![id]),
        };
        let (known, unknown): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|id| world.members.contains_key(id));
        let members: Vec<Value> = known.into_iter().map(|id| world.member_json(id)).collect();
        Reply::Send(json!({ "op": 0, "s": null, "t": "GUILD_MEMBERS_CHUNK", "d": {
            "guild_id": world.guild.id, "members": members, "chunk_index": 0, "chunk_count": 1,
            "not_found": unknown, "nonce": data["nonce"],
        }}))
    }
}

pub(crate) fn invalid_session(resumable: bool) -> Value {
    json!({ "op": 9, "d": resumable, "s": null, "t": null })
}

/// Libraries send the token with or without `Bot ` in front; Discord takes both.
fn bare(token: Option<&str>) -> &str {
    let token = token.unwrap_or_default();
    token.strip_prefix("Bot ").unwrap_or(token)
}
