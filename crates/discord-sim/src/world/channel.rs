//! A text channel and its messages.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::message::StoredMessage;
use super::permissions::{Overwrite, OverwriteSubject};
use crate::api_error::ApiError;
use crate::ids::Id;

#[derive(Debug)]
pub(crate) struct StoredChannel {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) position: usize,
    pub(crate) overwrites: Vec<Overwrite>,
    pub(crate) messages: BTreeMap<Id, StoredMessage>,
    pub(crate) last_message: Option<Id>,
}

impl StoredChannel {
    pub(crate) fn message(&self, id: Id) -> Result<&StoredMessage, ApiError> {
        self.messages.get(&id).ok_or_else(ApiError::unknown_message)
    }

    pub(crate) fn message_mut(&mut self, id: Id) -> Result<&mut StoredMessage, ApiError> {
        self.messages.get_mut(&id).ok_or_else(ApiError::unknown_message)
    }

    /// A message that everybody sees. An ephemeral one counts as unknown.
    pub(crate) fn public_message(&self, id: Id) -> Result<&StoredMessage, ApiError> {
        self.message(id).and_then(|message| match message.only_for {
            None => Ok(message),
            Some(_) => Err(ApiError::unknown_message()),
        })
    }

    pub(crate) fn json(&self, guild: Id) -> Value {
        let mut json = self.json_in_guild();
        json["guild_id"] = json!(guild);
        json
    }

    /// As in `GUILD_CREATE`, without the guild's id.
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
        OverwriteSubject::Role(id) => (id, 0),
        OverwriteSubject::Member(id) => (id, 1),
    };
    json!({ "id": id, "type": kind, "allow": overwrite.allow, "deny": overwrite.deny })
}
