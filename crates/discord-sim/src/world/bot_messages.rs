//! The bot's messages through the channel endpoints, subject to its permissions.

use serde_json::Value;

use super::message::{self, StoredMessage};
use super::permissions::Permissions;
use super::posting::MessageContext;
use super::state::World;
use crate::api_error::ApiError;
use crate::form_errors::FormErrors;
use crate::ids::Id;
use crate::rules::draft::{EPHEMERAL, MessageDraft};

/// The requested part of a channel's history.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HistoryRange {
    Newest,
    Before(Id),
    After(Id),
    Around(Id),
}

impl World {
    pub(crate) fn bot_posts(&mut self, channel: Id, body: &Value) -> Result<Value, ApiError> {
        let bot = self.application.id;
        self.require(bot, channel, Permissions::SEND_MESSAGES)?;
        let mut draft = MessageDraft::read(body)?;
        draft.flags &= !EPHEMERAL;
        if draft.is_empty() {
            return Err(ApiError::empty_message());
        }
        if draft.embeds.as_ref().is_some_and(|embeds| !embeds.is_empty()) {
            self.require(bot, channel, Permissions::EMBED_LINKS)?;
        }
        let nonce = draft.nonce.as_ref().filter(|nonce| nonce.enforced).map(|nonce| match &nonce.value {
            Value::String(text) => text.clone(),
            number => number.to_string(),
        });
        if let Some(posted) = nonce.as_ref().and_then(|nonce| self.message_with_nonce(channel, nonce)) {
            return Ok(self.message_json(posted, bot));
        }
        let mut setting = MessageContext::default();
        if let Some(reply) = draft.reply {
            self.require(bot, channel, Permissions::READ_MESSAGE_HISTORY)?;
            if self.channel(channel)?.public_message(reply.to).is_ok() {
                setting.reply_to = Some(reply.to);
                setting.kind = message::REPLY;
            } else if reply.must_exist {
                let mut form = FormErrors::default();
                form.fault("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message");
                form.finish()?;
            }
        }
        let id = self.post(bot, channel, draft, setting)?;
        if let Some(nonce) = nonce {
            self.record_nonce(channel, nonce, id);
        }
        Ok(self.message_json(self.channel(channel)?.message(id)?, bot))
    }

    pub(crate) fn bot_reads(&self, channel: Id, message: Id) -> Result<Value, ApiError> {
        self.require(self.application.id, channel, Permissions::READ_MESSAGE_HISTORY)?;
        let message = self.channel(channel)?.public_message(message)?;
        Ok(self.message_json(message, self.application.id))
    }

    /// Newest first. Without Read Message History the list is empty, which is not an error.
    pub(crate) fn bot_lists(
        &self,
        channel: Id,
        span: HistoryRange,
        limit: usize,
    ) -> Result<Vec<Value>, ApiError> {
        let bot = self.application.id;
        self.require(bot, channel, Permissions::NONE)?;
        if !self.permissions(bot, channel).contains(Permissions::READ_MESSAGE_HISTORY) {
            return Ok(Vec::new());
        }
        let all = &self.channel(channel)?.messages;
        let public = |message: &&StoredMessage| message.only_for.is_none();
        let before = |id: Id, most| all.range(..id).rev().map(|(_, m)| m).filter(public).take(most);
        let from = |id: Id, most| all.range(id..).map(|(_, m)| m).filter(public).take(most);
        let mut found: Vec<&StoredMessage> = match span {
            HistoryRange::Newest => all.values().rev().filter(public).take(limit).collect(),
            HistoryRange::Before(id) => before(id, limit).collect(),
            HistoryRange::After(id) => from(Id(id.0.saturating_add(1)), limit).collect(),
            HistoryRange::Around(id) => before(id, limit / 2).chain(from(id, limit - limit / 2)).collect(),
        };
        found.sort_unstable_by_key(|message| std::cmp::Reverse(message.id));
        Ok(found.into_iter().map(|message| self.message_json(message, bot)).collect())
    }

    pub(crate) fn bot_edits(&mut self, channel: Id, message: Id, body: &Value) -> Result<Value, ApiError> {
        let bot = self.application.id;
        self.require(bot, channel, Permissions::NONE)?;
        if self.channel(channel)?.public_message(message)?.author != bot {
            return Err(ApiError::not_your_message());
        }
        let draft = MessageDraft::read(body)?;
        if draft.embeds.as_ref().is_some_and(|embeds| !embeds.is_empty()) {
            self.require(bot, channel, Permissions::EMBED_LINKS)?;
        }
        self.edit(channel, message, draft)?;
        self.bot_sees(channel, message)
    }

    pub(crate) fn bot_deletes(&mut self, channel: Id, message: Id) -> Result<(), ApiError> {
        let bot = self.application.id;
        self.require(bot, channel, Permissions::NONE)?;
        if self.channel(channel)?.public_message(message)?.author != bot {
            self.require(bot, channel, Permissions::MANAGE_MESSAGES)?;
        }
        self.remove(channel, message)
    }

    /// A message as the bot sees it, without a permission check.
    pub(crate) fn bot_sees(&self, channel: Id, message: Id) -> Result<Value, ApiError> {
        Ok(self.message_json(self.channel(channel)?.message(message)?, self.application.id))
    }
}
