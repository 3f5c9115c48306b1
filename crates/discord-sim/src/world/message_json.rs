//! Messages as JSON.

use serde_json::{Map, Value, json};

use super::message::{InteractionOrigin, Reaction, StoredMessage};
use super::people::User;
use super::state::World;
use crate::ids::{Id, iso};
use crate::rules::draft::SUPPRESS_EMBEDS;

impl World {
    /// A message as REST returns it to `viewer`, including the message to which it replies.
    pub(crate) fn message_json(&self, message: &StoredMessage, viewer: Id) -> Value {
        let mut json = self.flat_message_json(message, viewer);
        if let Some(to) = message.reply_to {
            let target = self.channels.get(&message.channel).and_then(|channel| channel.messages.get(&to));
            json["referenced_message"] =
                target.map_or(Value::Null, |target| self.flat_message_json(target, viewer));
        }
        json
    }

    fn flat_message_json(&self, message: &StoredMessage, viewer: Id) -> Value {
        // Suppressed embeds are kept and not shown.
        let embeds = if message.flags & SUPPRESS_EMBEDS == 0 { message.embeds.as_slice() } else { &[] };
        let mentions: Vec<Value> =
            message.notified.users.iter().filter_map(|id| self.users.get(id)).map(User::json).collect();
        let mut json = json!({
            "id": message.id, "channel_id": message.channel, "type": message.kind,
            "author": self.users.get(&message.author).map(User::json),
            "content": message.content, "timestamp": iso(message.posted),
            "edited_timestamp": message.edited.map(iso), "tts": false,
            "mention_everyone": message.notified.everyone, "mentions": mentions,
            "mention_roles": message.notified.roles, "attachments": [], "embeds": embeds,
            "components": message.components, "pinned": false, "flags": message.flags,
        });
        let Value::Object(fields) = &mut json else {
            return json;
        };
        if let Some(to) = message.reply_to {
            let reference = json!({ "type": 0, "channel_id": message.channel, "message_id": to, "guild_id": self.guild.id });
            fields.insert("message_reference".into(), reference);
        }
        if let Some(nonce) = &message.nonce {
            fields.insert("nonce".into(), nonce.clone());
        }
        if !message.reactions.is_empty() {
            let reactions: Vec<Value> = message.reactions.iter().map(|r| reaction_json(r, viewer)).collect();
            fields.insert("reactions".into(), reactions.into());
        }
        if let Some(origin) = &message.origin {
            self.add_origin(fields, origin);
        }
        json
    }

    fn add_origin(&self, fields: &mut Map<String, Value>, origin: &InteractionOrigin) {
        let user = self.users.get(&origin.user).map(User::json);
        let mut metadata = self.origin_metadata(origin.interaction, origin.kind, origin.user);
        if let Some(command) = &origin.command {
            metadata["name"] = command.as_str().into();
            let old = json!({ "id": origin.interaction, "type": origin.kind, "name": command, "user": user });
            fields.insert("interaction".into(), old);
        }
        fields.insert("interaction_metadata".into(), metadata);
        fields.insert("application_id".into(), json!(self.application.id));
        fields.insert("webhook_id".into(), json!(self.application.id));
    }

    /// Which fields are present depends on the interaction (Discord's page "Message Resource").
    fn origin_metadata(&self, id: Id, kind: u8, user: Id) -> Value {
        let mut metadata = json!({
            "id": id, "type": kind, "user": self.users.get(&user).map(User::json),
            "authorizing_integration_owners": { "0": self.guild.id },
        });
        let Some(interaction) = self.interactions.get(&id) else {
            return metadata;
        };
        if let Some(opener) = interaction.opener.and_then(|opener| self.interactions.get(&opener)) {
            metadata["triggering_interaction_metadata"] =
                self.origin_metadata(opener.id, opener.kind as u8, opener.user);
        } else if let Some(source) = interaction.source {
            metadata["interacted_message_id"] = json!(source);
        }
        metadata
    }
}

fn reaction_json(reaction: &Reaction, viewer: Id) -> Value {
    let (normal, burst) = (reaction.users.len(), reaction.super_users.len());
    json!({
        "emoji": emoji_json(&reaction.emoji), "count": normal + burst,
        "count_details": { "burst": burst, "normal": normal }, "burst_colors": [], "me_burst": false,
        "burst_me": false, "me": reaction.users.contains(&viewer), "burst_count": burst,
    })
}

pub(crate) fn emoji_json(name: &str) -> Value {
    json!({ "id": null, "name": name })
}
