//! Creates interactions and looks them up by token.

use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use serde_json::{Value, json};

use super::interaction::{Interaction, InteractionKind};
use super::state::World;
use crate::api_error::ApiError;
use crate::gateway::event::GatewayEvent;
use crate::gateway::intents::Intents;
use crate::ids::Id;

const TOKEN_PREFIX: &str = "aW50ZXJhY3Rpb246";

impl World {
    /// Creates an interaction and sends it to the bot.
    pub(crate) fn interact(
        &mut self,
        kind: InteractionKind,
        user: Id,
        channel: Id,
        data: &Value,
        command: Option<String>,
        source: Option<Id>,
    ) -> Result<Id, ApiError> {
        let id = self.next_id();
        let token = format!("{TOKEN_PREFIX}{id}_{:016x}", RandomState::new().hash_one(id));
        let mut payload = self.payload(id, &token, kind, user, channel, data, source)?;
        if std::mem::take(&mut self.garbles_next_interaction) {
            payload["data"] = json!(0);
        }
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
            is_deferred: false,
            instead: None,
            choices: None,
            modal: None,
        };
        self.interactions.insert(id, interaction);
        self.gateway.emit(&GatewayEvent::new("INTERACTION_CREATE", Intents::NONE, payload));
        Ok(id)
    }

    /// The interaction for an initial response: it exists, the token matches, and it is in time.
    pub(crate) fn open_interaction(&self, id: Id, token: &str) -> Result<&Interaction, ApiError> {
        let interaction = self
            .interactions
            .get(&id)
            .filter(|interaction| interaction.token == token)
            .ok_or_else(ApiError::unknown_interaction)?;
        if interaction.answered {
            return Err(ApiError::already_answered());
        }
        if interaction.born.elapsed() > self.application.answer_within {
            return Err(ApiError::unknown_interaction());
        }
        Ok(interaction)
    }

    /// The interaction of a token, if it was answered and the token is still valid.
    pub(crate) fn answered_interaction(
        &self,
        application: Id,
        token: &str,
    ) -> Result<&Interaction, ApiError> {
        let interaction = self
            .interactions
            .get(&id_in(token).unwrap_or_default())
            .filter(|interaction| interaction.token == token && application == self.application.id)
            .ok_or_else(ApiError::unknown_webhook)?;
        if interaction.born.elapsed() > self.application.token_lives {
            return Err(ApiError::expired_token());
        }
        if interaction.answered { Ok(interaction) } else { Err(ApiError::unknown_webhook()) }
    }

    pub(crate) fn interaction_mut(&mut self, id: Id) -> Result<&mut Interaction, ApiError> {
        self.interactions.get_mut(&id).ok_or_else(ApiError::unknown_interaction)
    }

    #[expect(clippy::too_many_arguments, reason = "the payload needs all of these")]
    fn payload(
        &self,
        id: Id,
        token: &str,
        kind: InteractionKind,
        user: Id,
        channel: Id,
        data: &Value,
        source: Option<Id>,
    ) -> Result<Value, ApiError> {
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

/// The token contains the interaction's id, so that it can be looked up directly.
fn id_in(token: &str) -> Option<Id> {
    token.strip_prefix(TOKEN_PREFIX)?.split_once('_')?.0.parse().ok()
}
