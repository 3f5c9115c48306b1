//! What the bot does with an interaction's token after its first answer.

use serde_json::Value;

use super::World;
use super::ids::Id;
use super::messages::{self, Origin};
use super::posting::Setting;
use super::refusal::Refusal;
use crate::rules::draft::{Draft, EPHEMERAL};

/// Which message of an interaction is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    Original,
    Message(Id),
}

impl World {
    /// Posts a follow-up. After a deferred answer the first one fills that answer in.
    pub(crate) fn follow_up(&mut self, application: Id, token: &str, body: &Value) -> Result<Value, Refusal> {
        let to = self.answered_interaction(application, token)?.clone();
        let draft = Draft::read(body)?;
        if draft.is_empty() {
            return Err(Refusal::empty_message());
        }
        if let Some(original) = to.original
            && self
                .channel(to.channel)?
                .message(original)
                .is_ok_and(messages::Message::is_loading)
        {
            self.edit(to.channel, original, draft)?;
            return self.bot_sees(to.channel, original);
        }
        let setting = Setting {
            kind: if to.original.is_some() {
                messages::REPLY
            } else {
                messages::DEFAULT
            },
            only_for: (draft.flags & EPHEMERAL != 0).then_some(to.user),
            origin: Some(Origin {
                interaction: to.id,
                kind: to.kind as u8,
                user: to.user,
                command: None,
            }),
            reply_to: to.original,
            loading: false,
        };
        let id = self.post(self.application.id, to.channel, draft, setting)?;
        self.interaction_mut(to.id)?.messages.push(id);
        self.bot_sees(to.channel, id)
    }

    pub(crate) fn read_answer(&self, application: Id, token: &str, which: Which) -> Result<Value, Refusal> {
        let (channel, message) = self.answer_place(application, token, which)?;
        self.bot_sees(channel, message)
    }

    pub(crate) fn edit_answer(
        &mut self,
        application: Id,
        token: &str,
        which: Which,
        body: &Value,
    ) -> Result<Value, Refusal> {
        let (channel, message) = self.answer_place(application, token, which)?;
        self.edit(channel, message, Draft::read(body)?)?;
        self.bot_sees(channel, message)
    }

    pub(crate) fn delete_answer(
        &mut self,
        application: Id,
        token: &str,
        which: Which,
    ) -> Result<(), Refusal> {
        let (channel, message) = self.answer_place(application, token, which)?;
        self.remove(channel, message)
    }

    fn answer_place(&self, application: Id, token: &str, which: Which) -> Result<(Id, Id), Refusal> {
        let interaction = self.answered_interaction(application, token)?;
        let message = match which {
            Which::Original => interaction.original,
            Which::Message(id) => interaction.messages.contains(&id).then_some(id),
        };
        let message = message.ok_or_else(Refusal::unknown_message)?;
        self.channel(interaction.channel)?.message(message)?;
        Ok((interaction.channel, message))
    }
}
