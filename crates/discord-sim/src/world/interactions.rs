//! Interactions: commands used, buttons pressed, modals sent. What they are and how long they live.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use serde_json::{Value, json};

use super::World;
use super::ids::Id;
use super::refusal::Refusal;
use crate::gateway::hub::Event;
use crate::gateway::intents::Intents;

const TOKEN_PREFIX: &str = "aW50ZXJhY3Rpb246";

pub(crate) type Interactions = HashMap<Id, Interaction>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Command = 2,
    Component = 3,
    Autocomplete = 4,
    Modal = 5,
}

#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    pub(crate) id: Id,
    pub(crate) token: String,
    pub(crate) kind: Kind,
    pub(crate) user: Id,
    pub(crate) channel: Id,
    pub(crate) born: Instant,
    pub(crate) answered: bool,
    /// The command's name, with its subcommands.
    pub(crate) command: Option<String>,
    /// The message whose component was used.
    pub(crate) source: Option<Id>,
    /// For a modal, the interaction that was answered with it.
    pub(crate) opener: Option<Id>,
    /// The first answer: what `@original` means.
    pub(crate) original: Option<Id>,
    /// Every message made in answer, `@original` included.
    pub(crate) messages: Vec<Id>,
    pub(crate) choices: Option<Vec<Value>>,
    pub(crate) modal: Option<Value>,
}

impl World {
    /// Opens an interaction and tells the bot.
    pub(crate) fn interact(
        &mut self,
        kind: Kind,
        user: Id,
        channel: Id,
        data: &Value,
        command: Option<String>,
        source: Option<Id>,
    ) -> Result<Id, Refusal> {
        let id = self.next_id();
        let token = format!("{TOKEN_PREFIX}{id}_{:016x}", RandomState::new().hash_one(id));
        let payload = self.payload(id, &token, kind, user, channel, data, source)?;
        let interaction = Interaction {
            id,
            token,
            kind,
            user,
            channel,
            born: Instant::now(),
            answered: false,
            command,
            source,
            opener: None,
            original: None,
            messages: Vec::new(),
            choices: None,
            modal: None,
        };
        self.interactions.insert(id, interaction);
        self.hub
            .emit(&Event::new("INTERACTION_CREATE", Intents::NONE, payload));
        Ok(id)
    }

    /// The interaction to be answered first: known, its token right, still in time.
    pub(crate) fn open_interaction(&self, id: Id, token: &str) -> Result<&Interaction, Refusal> {
        let interaction = self
            .interactions
            .get(&id)
            .filter(|interaction| interaction.token == token)
            .ok_or_else(Refusal::unknown_interaction)?;
        if interaction.answered {
            return Err(Refusal::already_answered());
        }
        if interaction.born.elapsed() > self.application.answer_within {
            return Err(Refusal::unknown_interaction());
        }
        Ok(interaction)
    }

    /// The interaction a token belongs to, once it was answered and while the token lives.
    pub(crate) fn answered_interaction(&self, application: Id, token: &str) -> Result<&Interaction, Refusal> {
        let interaction = self
            .interactions
            .get(&id_in(token).unwrap_or_default())
            .filter(|interaction| interaction.token == token && application == self.application.id)
            .ok_or_else(Refusal::unknown_webhook)?;
        if interaction.born.elapsed() > self.application.token_lives {
            return Err(Refusal::expired_token());
        }
        if interaction.answered {
            Ok(interaction)
        } else {
            Err(Refusal::unknown_webhook())
        }
    }

    pub(crate) fn interaction_mut(&mut self, id: Id) -> Result<&mut Interaction, Refusal> {
        self.interactions
            .get_mut(&id)
            .ok_or_else(Refusal::unknown_interaction)
    }

    #[expect(clippy::too_many_arguments, reason = "the payload is made of all of these")]
    fn payload(
        &self,
        id: Id,
        token: &str,
        kind: Kind,
        user: Id,
        channel: Id,
        data: &Value,
        source: Option<Id>,
    ) -> Result<Value, Refusal> {
        let place = self.channel(channel)?;
        let mut member = self.member_json(user);
        member["permissions"] = json!(self.permissions(user, channel));
        let mut channel_json = place.json(self.guild.id);
        channel_json["permissions"] = json!(self.permissions(user, channel));
        let mut payload = json!({
            "id": id, "application_id": self.application.id, "type": kind as u8, "data": data,
            "guild_id": self.guild.id,
            "guild": { "id": self.guild.id, "locale": "en-US", "features": [] },
            "guild_locale": "en-US", "channel": channel_json, "channel_id": channel, "member": member,
            "token": token, "version": 1, "locale": "en-US", "entitlements": [], "entitlement_sku_ids": [],
            "app_permissions": self.permissions(self.application.id, channel), "context": 0,
            "authorizing_integration_owners": { "0": self.guild.id }, "attachment_size_limit": 10_485_760,
        });
        if let Some(source) = source {
            payload["message"] = self.bot_sees(channel, source)?;
        }
        Ok(payload)
    }
}

/// The interaction's id is inside its token, so that a token is looked up without a search.
fn id_in(token: &str) -> Option<Id> {
    token.strip_prefix(TOKEN_PREFIX)?.split_once('_')?.0.parse().ok()
}
