//! Actions of people besides commands and reactions: messages, buttons, menus and modals.

use serde_json::{Map, Value, json};

use super::interaction::InteractionKind;
use super::message::{self, StoredMessage};
use super::permissions::Permissions;
use super::posting::MessageContext;
use super::state::World;
use crate::api_error::ApiError;
use crate::ids::Id;
use crate::rules::components::{BUTTON, CHANNEL_SELECT, MENTIONABLE_SELECT, ROLE_SELECT, USER_SELECT};
use crate::rules::draft::MessageDraft;
use crate::rules::modals;
use crate::rules::options::{CHANNEL, MENTIONABLE, ROLE, USER};

impl World {
    pub(crate) fn says(
        &mut self,
        user: Id,
        channel: Id,
        text: &str,
        reply_to: Option<Id>,
    ) -> Result<Id, ApiError> {
        self.require(user, channel, Permissions::SEND_MESSAGES)?;
        let draft = MessageDraft::read(&json!({ "content": text }))?;
        if draft.is_empty() {
            return Err(ApiError::empty_message());
        }
        let kind = if reply_to.is_some() { message::REPLY } else { message::DEFAULT };
        self.post(user, channel, draft, MessageContext { kind, reply_to, ..MessageContext::default() })
    }

    /// Edits the user's own message.
    pub(crate) fn rewords(&mut self, user: Id, channel: Id, message: Id, text: &str) -> Result<(), ApiError> {
        self.require(user, channel, Permissions::NONE)?;
        if self.channel(channel)?.public_message(message)?.author != user {
            return Err(ApiError::not_your_message());
        }
        self.edit(channel, message, MessageDraft::read(&json!({ "content": text }))?)
    }

    /// Presses a button or selects from a menu.
    pub(crate) fn uses_component(
        &mut self,
        user: Id,
        channel: Id,
        message: Id,
        custom_id: &str,
        values: Option<&[String]>,
    ) -> Result<Id, String> {
        let source = self.seen(user, channel, message)?;
        let rows = source.components.iter().filter_map(|row| row["components"].as_array()).flatten();
        let component = rows
            .clone()
            .find(|component| component["custom_id"] == custom_id)
            .ok_or_else(|| format!("The message has no component {custom_id}"))?;
        if component["disabled"] == true {
            return Err(format!("The component {custom_id} is disabled"));
        }
        let mut data = json!({ "custom_id": custom_id, "component_type": component["type"], "id": 0 });
        match (component["type"] == BUTTON, values) {
            (true, None) => {}
            (true, Some(_)) => return Err(format!("The component {custom_id} is a button, not a menu")),
            (false, None) => return Err(format!("The component {custom_id} is a menu, not a button")),
            (false, Some(values)) => {
                check_choice(component, values)?;
                data["values"] = json!(values);
                if let Some(kind) = option_kind(&component["type"]) {
                    let mut resolved = Map::new();
                    for value in values {
                        self.resolve(Some(kind), &json!(value), &mut resolved);
                        if !resolved.values().any(|group| group.get(value).is_some()) {
                            return Err(format!("{value} is not in the menu"));
                        }
                    }
                    data["resolved"] = resolved.into();
                }
            }
        }
        self.interact(InteractionKind::Component, user, channel, &data, None, Some(message))
            .map_err(|error| error.message)
    }

    /// Submits the modal that was the response to the user's interaction.
    pub(crate) fn submits(
        &mut self,
        user: Id,
        opener: Id,
        fields: &[(String, String)],
    ) -> Result<Id, String> {
        let interaction = self.interactions.get(&opener).filter(|interaction| interaction.user == user);
        let interaction = interaction.ok_or("This person has no such interaction")?;
        let modal = interaction.modal.clone().ok_or("The interaction was not answered with a modal")?;
        let (channel, source) = (interaction.channel, interaction.source);
        if let Some((name, _)) =
            fields.iter().find(|(name, _)| !modals::inputs(&modal).any(|input| input["custom_id"] == **name))
        {
            return Err(format!("The modal has no input {name}"));
        }
        let mut rows = Vec::new();
        for input in modals::inputs(&modal) {
            let name = input["custom_id"].as_str().unwrap_or_default();
            let given = fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
            let value = given.or_else(|| input["value"].as_str()).unwrap_or_default();
            let length = value.chars().count() as u64;
            let needed = u64::from(input["required"] != false);
            let least = input["min_length"].as_u64().unwrap_or(0).max(needed);
            let most = input["max_length"].as_u64().unwrap_or(4000);
            if length < least || length > most {
                return Err(format!("{name} must have {least} to {most} characters"));
            }
            rows.push(json!({ "type": 1, "components": [{ "type": 4, "custom_id": name, "value": value }] }));
        }
        let data = json!({ "custom_id": modal["custom_id"], "components": rows });
        self.interaction_mut(opener).map_err(|error| error.message)?.modal = None;
        let submitted = self.interact(InteractionKind::Modal, user, channel, &data, None, source);
        let message_of = |error: ApiError| error.message;
        let id = submitted.map_err(message_of)?;
        self.interaction_mut(id).map_err(message_of)?.opener = Some(opener);
        Ok(id)
    }

    fn seen(&self, user: Id, channel: Id, message: Id) -> Result<&StoredMessage, String> {
        self.require(user, channel, Permissions::NONE).map_err(|error| error.message)?;
        let message = self.channel(channel).and_then(|channel| channel.message(message));
        let message = message.map_err(|error| error.message)?;
        if message.visible_to(user) { Ok(message) } else { Err("Unknown Message".into()) }
    }
}

/// The option type that corresponds to a select menu of this type. `None` for a menu of texts.
fn option_kind(component: &Value) -> Option<i64> {
    match component.as_i64() {
        Some(USER_SELECT) => Some(USER),
        Some(ROLE_SELECT) => Some(ROLE),
        Some(MENTIONABLE_SELECT) => Some(MENTIONABLE),
        Some(CHANNEL_SELECT) => Some(CHANNEL),
        _ => None,
    }
}

fn check_choice(component: &Value, values: &[String]) -> Result<(), String> {
    let least = component["min_values"].as_u64().unwrap_or(1);
    let most = component["max_values"].as_u64().unwrap_or(1);
    let count = values.len() as u64;
    if count < least || count > most {
        return Err(format!("Choose {least} to {most} values"));
    }
    if let Some(options) = component["options"].as_array() {
        for value in values {
            if !options.iter().any(|option| option["value"] == **value) {
                return Err(format!("{value} is not in the menu"));
            }
        }
    }
    Ok(())
}
