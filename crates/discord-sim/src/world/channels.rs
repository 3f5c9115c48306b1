//! Text channels and what is in them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::ids::Id;
use super::messages::Message;
use super::permissions::{Overwrite, Subject};
use super::refusal::Refusal;

#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) position: usize,
    pub(crate) overwrites: Vec<Overwrite>,
    pub(crate) messages: BTreeMap<Id, Message>,
    pub(crate) last_message: Option<Id>,
}

impl Channel {
    pub(crate) fn message(&self, id: Id) -> Result<&Message, Refusal> {
        self.messages.get(&id).ok_or_else(Refusal::unknown_message)
    }

    pub(crate) fn message_mut(&mut self, id: Id) -> Result<&mut Message, Refusal> {
        self.messages.get_mut(&id).ok_or_else(Refusal::unknown_message)
    }

    /// A message that is in the channel for all; an ephemeral one counts as unknown.
    pub(crate) fn public_message(&self, id: Id) -> Result<&Message, Refusal> {
        self.message(id).and_then(|message| match message.only_for {
            None => Ok(message),
            Some(_) => Err(Refusal::unknown_message()),
        })
    }

    pub(crate) fn json(&self, guild: Id) -> Value {
        let mut json = self.json_in_guild();
        json["guild_id"] = json!(guild);
        json
    }

    /// As in `GUILD_CREATE`, where the guild goes without saying.
    pub(crate) fn json_in_guild(&self) -> Value {
        let overwrites: Vec<Value> = self.overwrites.iter().map(overwrite_json).collect();
        json!({
            "id": self.id, "type": 0, "name": self.name, "position": self.position,
            "permission_overwrites": overwrites, "topic": null, "nsfw": false,
            "last_message_id": self.last_message, "rate_limit_per_user": 0, "parent_id": null,
            "last_pin_timestamp": null, "flags": 0, "icon_emoji": null, "theme_color": null,
        })
    }
}

fn overwrite_json(overwrite: &Overwrite) -> Value {
    let (id, kind) = match overwrite.subject {
        Subject::Role(id) => (id, 0),
        Subject::Member(id) => (id, 1),
    };
    json!({ "id": id, "type": kind, "allow": overwrite.allow, "deny": overwrite.deny })
}
