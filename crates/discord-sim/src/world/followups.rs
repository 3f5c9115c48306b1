//! The bot's use of an interaction's token after its initial response.

use serde_json::Value;

use super::message::{self, InteractionOrigin};
use super::posting::MessageContext;
use super::state::World;
use crate::api_error::ApiError;
use crate::ids::Id;
use crate::rules::draft::{EPHEMERAL, MessageDraft};

/// Selects a message of an interaction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ResponseMessage {
    Original,
    Message(Id),
}

impl World {
    /// Posts a follow-up. After a deferred response, the first one fills it in.
    pub(crate) fn follow_up(
        &mut self,
        application: Id,
        token: &str,
        body: &Value,
    ) -> Result<Value, ApiError> {
        let to = self.answered_interaction(application, token)?.clone();
        let draft = MessageDraft::read(body)?;
        if draft.is_empty() {
            return Err(ApiError::empty_message());
        }
        if let Some(original) = to.original
            && self.channel(to.channel)?.message(original).is_ok_and(message::StoredMessage::is_loading)
        {
            self.edit(to.channel, original, draft)?;
            self.interaction_mut(to.id)?.is_deferred = false;
            return self.bot_sees(to.channel, original);
        }
        let setting = MessageContext {
            kind: if to.original.is_some() { message::REPLY } else { message::DEFAULT },
            only_for: (draft.flags & EPHEMERAL != 0).then_some(to.user),
            origin: Some(InteractionOrigin {
                interaction: to.id,
                kind: to.kind as u8,
                user: to.user,
                command: None,
            }),
            reply_to: to.original,
            loading: false,
        };
        let id = self.post(self.application.id, to.channel, draft, setting)?;
        let interaction = self.interaction_mut(to.id)?;
        interaction.messages.push(id);
        if std::mem::take(&mut interaction.is_deferred) {
            interaction.instead = Some(id);
        }
        self.bot_sees(to.channel, id)
    }

    pub(crate) fn read_answer(
        &self,
        application: Id,
        token: &str,
        which: ResponseMessage,
    ) -> Result<Value, ApiError> {
        let (channel, message) = self.locate_response(application, token, which)?;
        self.bot_sees(channel, message)
    }

    pub(crate) fn edit_answer(
        &mut self,
        application: Id,
        token: &str,
        which: ResponseMessage,
        body: &Value,
    ) -> Result<Value, ApiError> {
        let (channel, message) = self.locate_response(application, token, which)?;
        self.edit(channel, message, MessageDraft::read(body)?)?;
        let interaction = self.answered_interaction(application, token)?.id;
        self.interaction_mut(interaction)?.is_deferred = false;
        self.bot_sees(channel, message)
    }

    pub(crate) fn delete_answer(
        &mut self,
        application: Id,
        token: &str,
        which: ResponseMessage,
    ) -> Result<(), ApiError> {
        let (channel, message) = self.locate_response(application, token, which)?;
        self.remove(channel, message)
    }

    fn locate_response(
        &self,
        application: Id,
        token: &str,
        which: ResponseMessage,
    ) -> Result<(Id, Id), ApiError> {
        let interaction = self.answered_interaction(application, token)?;
        let message = match which {
            ResponseMessage::Original => interaction.original,
            ResponseMessage::Message(id) => interaction.messages.contains(&id).then_some(id),
        };
        let message = message.ok_or_else(ApiError::unknown_message)?;
        self.channel(interaction.channel)?.message(message)?;
        Ok((interaction.channel, message))
    }
}
