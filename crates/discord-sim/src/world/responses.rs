//! The bot's initial response to an interaction.
//!
//! Source: Discord's page "Receiving and Responding", section "Interaction Callback Type".

use serde_json::{Value, json};

use super::interaction::{Interaction, InteractionKind};
use super::message::{self, InteractionOrigin};
use super::posting::MessageContext;
use super::state::World;
use crate::api_error::ApiError;
use crate::form_errors::FormErrors;
use crate::ids::Id;
use crate::rules;
use crate::rules::draft::{EPHEMERAL, MessageDraft};

const MESSAGE: i64 = 4;
const DEFERRED_MESSAGE: i64 = 5;
const DEFERRED_UPDATE: i64 = 6;
const UPDATE: i64 = 7;
const CHOICES: i64 = 8;
const MODAL: i64 = 9;

impl World {
    /// Handles the response, and returns the body for `with_response=true`.
    pub(crate) fn answer(&mut self, id: Id, token: &str, body: &Value) -> Result<Value, ApiError> {
        let interaction = self.open_interaction(id, token)?.clone();
        let kind = body["type"].as_i64().unwrap_or(0);
        let allowed: &[i64] = match (interaction.kind, interaction.source) {
            (InteractionKind::Command, _) => &[MESSAGE, DEFERRED_MESSAGE, MODAL],
            (InteractionKind::Component, _) => &[MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, MODAL],
            (InteractionKind::Autocomplete, _) => &[CHOICES],
            (InteractionKind::Modal, None) => &[MESSAGE, DEFERRED_MESSAGE],
            (InteractionKind::Modal, Some(_)) => &[MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE],
        };
        if !allowed.contains(&kind) {
            let list: Vec<String> = allowed.iter().map(ToString::to_string).collect();
            let message = format!("Value must be one of {{{}}}.", list.join(", "));
            return Err(FormErrors::single("type", "BASE_TYPE_CHOICES", message));
        }
        let data = &body["data"];
        match kind {
            MESSAGE | DEFERRED_MESSAGE => self.respond_with_message(&interaction, kind, data)?,
            UPDATE => {
                let draft = MessageDraft::read(data).map_err(|error| error.within("data"))?;
                let source = interaction.source.ok_or_else(ApiError::unknown_message)?;
                self.edit(interaction.channel, source, draft)?;
            }
            CHOICES => {
                let list = data["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
                let mut form = FormErrors::default();
                rules::options::choices(list, "data.choices", None, &mut form);
                form.finish()?;
                self.interaction_mut(id)?.choices = Some(list.to_vec());
            }
            MODAL => {
                let mut form = FormErrors::default();
                rules::modals::check(data, &mut form);
                form.finish()?;
                self.interaction_mut(id)?.modal = Some(data.clone());
            }
            _ => {}
        }
        let interaction = self.interaction_mut(id)?;
        interaction.answered = true;
        interaction.is_deferred = matches!(kind, DEFERRED_MESSAGE | DEFERRED_UPDATE);
        if matches!(kind, DEFERRED_UPDATE | UPDATE) {
            interaction.original = interaction.source;
            interaction.messages.extend(interaction.source);
        }
        self.callback_json(id, kind)
    }

    fn respond_with_message(&mut self, to: &Interaction, kind: i64, data: &Value) -> Result<(), ApiError> {
        let loading = kind == DEFERRED_MESSAGE;
        let draft = if data.is_null() {
            MessageDraft::default()
        } else {
            MessageDraft::read(data).map_err(|r| r.within("data"))?
        };
        if !loading && draft.is_empty() {
            return Err(ApiError::empty_message());
        }
        let draft = if loading {
            MessageDraft { flags: draft.flags & EPHEMERAL, ..MessageDraft::default() }
        } else {
            draft
        };
        let setting = MessageContext {
            kind: if to.kind == InteractionKind::Command {
                message::CHAT_INPUT_COMMAND
            } else {
                message::DEFAULT
            },
            origin: Some(InteractionOrigin {
                interaction: to.id,
                kind: to.kind as u8,
                user: to.user,
                command: to.command.clone(),
            }),
            only_for: (draft.flags & EPHEMERAL != 0).then_some(to.user),
            loading,
            reply_to: None,
        };
        let message = self.post(self.application.id, to.channel, draft, setting)?;
        let interaction = self.interaction_mut(to.id)?;
        interaction.original = Some(message);
        interaction.messages.push(message);
        Ok(())
    }

    fn callback_json(&self, id: Id, kind: i64) -> Result<Value, ApiError> {
        let interaction = self.interactions.get(&id).ok_or_else(ApiError::unknown_interaction)?;
        let mut json = json!({ "interaction": { "id": id, "type": interaction.kind as u8 } });
        if matches!(kind, CHOICES | MODAL) {
            return Ok(json);
        }
        if let Some(original) = interaction.original {
            let message = self.channel(interaction.channel)?.message(original)?;
            json["interaction"]["response_message_id"] = json!(original);
            json["interaction"]["response_message_loading"] = message.is_loading().into();
            json["interaction"]["response_message_ephemeral"] = message.only_for.is_some().into();
            json["resource"] =
                json!({ "type": kind, "message": self.bot_sees(interaction.channel, original)? });
        }
        Ok(json)
    }
}
