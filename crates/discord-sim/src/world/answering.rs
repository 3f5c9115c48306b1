//! The bot's first answer to an interaction.
//!
//! Source: Discord's page "Receiving and Responding", section "Interaction Callback Type".

use serde_json::{Value, json};

use super::World;
use super::ids::Id;
use super::interactions::{Interaction, Kind};
use super::messages::{self, Origin};
use super::posting::Setting;
use super::refusal::{Form, Refusal};
use crate::rules;
use crate::rules::draft::{Draft, EPHEMERAL};

const MESSAGE: i64 = 4;
const DEFERRED_MESSAGE: i64 = 5;
const DEFERRED_UPDATE: i64 = 6;
const UPDATE: i64 = 7;
const CHOICES: i64 = 8;
const MODAL: i64 = 9;

impl World {
    /// Takes the answer, and gives back what `with_response=true` asks for.
    pub(crate) fn answer(&mut self, id: Id, token: &str, body: &Value) -> Result<Value, Refusal> {
        let interaction = self.open_interaction(id, token)?.clone();
        let kind = body["type"].as_i64().unwrap_or(0);
        let fits: &[i64] = match (interaction.kind, interaction.source) {
            (Kind::Command, _) => &[MESSAGE, DEFERRED_MESSAGE, MODAL],
            (Kind::Component, _) => &[MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, MODAL],
            (Kind::Autocomplete, _) => &[CHOICES],
            (Kind::Modal, None) => &[MESSAGE, DEFERRED_MESSAGE],
            (Kind::Modal, Some(_)) => &[MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE],
        };
        if !fits.contains(&kind) {
            let list: Vec<String> = fits.iter().map(ToString::to_string).collect();
            let message = format!("Value must be one of {{{}}}.", list.join(", "));
            return Err(Refusal::bad_form("type", "BASE_TYPE_CHOICES", message));
        }
        let data = &body["data"];
        match kind {
            MESSAGE | DEFERRED_MESSAGE => self.answer_by_message(&interaction, kind, data)?,
            UPDATE => {
                let draft = Draft::read(data).map_err(|refusal| refusal.within("data"))?;
                let source = interaction.source.ok_or_else(Refusal::unknown_message)?;
                self.edit(interaction.channel, source, draft)?;
            }
            CHOICES => {
                let list = data["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
                let mut form = Form::default();
                rules::options::choices(list, "data.choices", None, &mut form);
                form.finish()?;
                self.interaction_mut(id)?.choices = Some(list.to_vec());
            }
            MODAL => {
                let mut form = Form::default();
                rules::modals::check(data, &mut form);
                form.finish()?;
                self.interaction_mut(id)?.modal = Some(data.clone());
            }
            _ => {}
        }
        let interaction = self.interaction_mut(id)?;
        interaction.answered = true;
        if matches!(kind, DEFERRED_UPDATE | UPDATE) {
            interaction.original = interaction.source;
            interaction.messages.extend(interaction.source);
        }
        self.callback_json(id, kind)
    }

    fn answer_by_message(&mut self, to: &Interaction, kind: i64, data: &Value) -> Result<(), Refusal> {
        let loading = kind == DEFERRED_MESSAGE;
        let draft = if data.is_null() {
            Draft::default()
        } else {
            Draft::read(data).map_err(|r| r.within("data"))?
        };
        if !loading && draft.is_empty() {
            return Err(Refusal::empty_message());
        }
        let draft = if loading {
            Draft {
                flags: draft.flags & EPHEMERAL,
                ..Draft::default()
            }
        } else {
            draft
        };
        let setting = Setting {
            kind: if to.kind == Kind::Command {
                messages::CHAT_INPUT_COMMAND
            } else {
                messages::DEFAULT
            },
            origin: Some(Origin {
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

    fn callback_json(&self, id: Id, kind: i64) -> Result<Value, Refusal> {
        let interaction = self
            .interactions
            .get(&id)
            .ok_or_else(Refusal::unknown_interaction)?;
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
