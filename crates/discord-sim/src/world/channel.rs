//! A channel or a thread, and its messages.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::message::StoredMessage;
use super::permissions::{Overwrite, OverwriteSubject};
use crate::api_error::ApiError;
use crate::ids::{Id, iso};

/// Channel types, from Discord's page "Channel Resource".
pub(crate) const TEXT: u8 = 0;
pub(crate) const CATEGORY: u8 = 4;
pub(crate) const PUBLIC_THREAD: u8 = 11;
pub(crate) const PRIVATE_THREAD: u8 = 12;
pub(crate) const FORUM: u8 = 15;

#[derive(Debug)]
pub(crate) struct StoredChannel {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) kind: u8,
    /// The category of a channel, or the channel of a thread.
    pub(crate) parent: Option<Id>,
    /// Nobody can edit or react in an archived thread.
    pub(crate) archived: bool,
    /// Only moderators can act in a locked thread, or take it out of the archive.
    pub(crate) locked: bool,
    pub(crate) position: usize,
    pub(crate) overwrites: Vec<Overwrite>,
    pub(crate) messages: BTreeMap<Id, StoredMessage>,
    pub(crate) last_message: Option<Id>,
}

impl StoredChannel {
    pub(crate) fn new(id: Id, name: String, kind: u8, parent: Option<Id>, position: usize) -> Self {
        let (overwrites, messages, last_message) = (Vec::new(), BTreeMap::new(), None);
        let (archived, locked) = (false, false);
        Self { id, name, kind, parent, archived, locked, position, overwrites, messages, last_message }
    }

    pub(crate) fn is_thread(&self) -> bool {
        matches!(self.kind, PUBLIC_THREAD | PRIVATE_THREAD)
    }

    /// Whether messages can be posted in it.
    pub(crate) fn has_messages(&self) -> bool {
        !matches!(self.kind, CATEGORY | FORUM)
    }

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
        let mut json = json!({
            "id": self.id, "type": self.kind, "name": self.name, "position": self.position,
            "permission_overwrites": overwrites, "topic": null, "nsfw": false,
            "last_message_id": self.last_message, "rate_limit_per_user": 0, "parent_id": self.parent,
            "last_pin_timestamp": null, "flags": 0, "icon_emoji": null, "theme_color": null,
        });
        if self.is_thread() {
            json["thread_metadata"] = json!({
                "archived": self.archived, "auto_archive_duration": 1440, "locked": self.locked,
                "archive_timestamp": iso(jiff::Timestamp::now()), "create_timestamp": null,
            });
        }
        json
    }
}

fn overwrite_json(overwrite: &Overwrite) -> Value {
    let (id, kind) = match overwrite.subject {
        OverwriteSubject::Role(id) => (id, 0),
        OverwriteSubject::Member(id) => (id, 1),
    };
    json!({ "id": id, "type": kind, "allow": overwrite.allow, "deny": overwrite.deny })
}
