//! Posts, edits and deletes messages, for bots and people.

use jiff::{SignedDuration, Timestamp};

use super::message::{self, InteractionOrigin, Notified, StoredMessage};
use super::permissions::Permissions;
use super::state::World;
use crate::api_error::ApiError;
use crate::ids::Id;
use crate::rules::draft::{LOADING, MessageDraft, SUPPRESS_EMBEDS};
use crate::rules::mentions::{MentionInText, mentions_in};

/// How long an enforced nonce is kept ("a few minutes").
const NONCE_LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// Properties of a message that are not in its form.
#[derive(Debug, Default)]
pub(crate) struct MessageContext {
    pub(crate) kind: u8,
    pub(crate) origin: Option<InteractionOrigin>,
    pub(crate) only_for: Option<Id>,
    pub(crate) loading: bool,
    pub(crate) reply_to: Option<Id>,
}

impl World {
    /// Posts a checked draft and sends the event.
    pub(crate) fn post(
        &mut self,
        author: Id,
        channel: Id,
        draft: MessageDraft,
        setting: MessageContext,
    ) -> Result<Id, ApiError> {
        let id = self.next_id();
        let mut message = StoredMessage {
            id,
            channel,
            author,
            kind: setting.kind,
            content: String::new(),
            embeds: Vec::new(),
            components: Vec::new(),
            flags: draft.flags | if setting.loading { LOADING } else { 0 },
            posted: Timestamp::now(),
            edited: None,
            reply_to: setting.reply_to,
            notified: Notified::default(),
            reactions: Vec::new(),
            nonce: draft.nonce.as_ref().map(|nonce| nonce.value.clone()),
            origin: setting.origin,
            only_for: setting.only_for,
        };
        let allowed = draft.allowed.clone();
        fill(&mut message, draft);
        // Discord notifies of a new message only: neither of an edit nor of a deferred response that is filled in.
        message.notified = self.pinged(&message, &allowed);
        if !self.channel(channel)?.has_messages() {
            return Err(ApiError::no_text_channel());
        }
        // An interaction's answer needs no permission.
        if message.origin.is_none() {
            self.require_unlocked(author, channel)?;
        }
        // A message takes a thread out of the archive.
        if self.channel(channel)?.archived {
            self.set_archived(channel, false)?;
        }
        let place = self.channel_mut(channel)?;
        place.last_message = Some(id);
        place.messages.insert(id, message.clone());
        self.emit_message("MESSAGE_CREATE", &message);
        Ok(id)
    }

    /// Edits a message. Fields that the draft lacks stay unchanged.
    pub(crate) fn edit(&mut self, channel: Id, id: Id, draft: MessageDraft) -> Result<(), ApiError> {
        let mut message = self.channel(channel)?.message(id)?.clone();
        self.require_active(message.author, channel)?;
        let was_loading = message.is_loading();
        message.flags &= !LOADING;
        if draft.sets_flags {
            message.flags = (message.flags & !SUPPRESS_EMBEDS) | (draft.flags & SUPPRESS_EMBEDS);
        }
        fill(&mut message, draft);
        let empty = message.content.is_empty() && message.embeds.is_empty() && message.components.is_empty();
        if empty {
            return Err(ApiError::empty_message());
        }
        // Discord does not mark a filled-in deferred response as edited.
        if !was_loading {
            message.edited = Some(Timestamp::now());
        }
        *self.channel_mut(channel)?.message_mut(id)? = message.clone();
        self.emit_message("MESSAGE_UPDATE", &message);
        Ok(())
    }

    /// Deletes a message. An ephemeral one causes no event.
    pub(crate) fn remove(&mut self, channel: Id, id: Id) -> Result<(), ApiError> {
        let place = self.channel_mut(channel)?;
        let message = place.messages.remove(&id).ok_or_else(ApiError::unknown_message)?;
        if message.only_for.is_none() {
            self.emit_message_deleted(channel, id);
        }
        Ok(())
    }

    /// The message already posted in this channel with an enforced nonce.
    pub(crate) fn message_with_nonce(&self, channel: Id, nonce: &str) -> Option<&StoredMessage> {
        let id = self.nonces.get(&(channel, nonce.to_owned()))?;
        let message = self.channels.get(&channel)?.messages.get(id)?;
        (Timestamp::now().duration_since(message.posted) < NONCE_LIFETIME).then_some(message)
    }

    pub(crate) fn record_nonce(&mut self, channel: Id, nonce: String, message: Id) {
        self.nonces.insert((channel, nonce), message);
    }

    /// Who is notified: the mentions in the content that `allowed` and the author's permissions permit.
    fn pinged(&self, message: &StoredMessage, allowed: &crate::rules::mentions::AllowedMentions) -> Notified {
        let mut pinged = Notified::default();
        let may_all =
            self.permissions(message.author, message.channel).contains(Permissions::MENTION_EVERYONE);
        for mention in mentions_in(&message.content) {
            match mention {
                MentionInText::Everyone => pinged.everyone |= allowed.everyone && may_all,
                MentionInText::Role(id) => {
                    let may = may_all || self.guild.roles.get(&id).is_some_and(|role| role.mentionable);
                    let known = self.guild.roles.contains_key(&id) && id != self.guild.id;
                    if known && may && allowed.roles.allows(id) && !pinged.roles.contains(&id) {
                        pinged.roles.push(id);
                    }
                }
                MentionInText::User(id) => {
                    let known = self.users.contains_key(&id);
                    if known && allowed.users.allows(id) && !pinged.users.contains(&id) {
                        pinged.users.push(id);
                    }
                }
            }
        }
        if message.kind == message::REPLY && allowed.replied_user {
            let target =
                message.reply_to.and_then(|to| self.channels.get(&message.channel)?.messages.get(&to));
            if let Some(target) = target
                && target.author != message.author
                && !pinged.users.contains(&target.author)
            {
                pinged.users.push(target.author);
            }
        }
        pinged
    }

    /// Everyone whom a message notified, with roles resolved to their members.
    pub(crate) fn notified(&self, message: &StoredMessage) -> Vec<Id> {
        let pinged = &message.notified;
        let by_role = |member: &super::people::Member| member.roles.iter().any(|r| pinged.roles.contains(r));
        self.members
            .values()
            .filter(|m| m.user != message.author)
            .filter(|m| pinged.everyone || pinged.users.contains(&m.user) || by_role(m))
            .map(|m| m.user)
            .collect()
    }
}

fn fill(message: &mut StoredMessage, draft: MessageDraft) {
    if let Some(content) = draft.content {
        message.content = content;
    }
    if let Some(embeds) = draft.embeds {
        message.embeds = embeds;
    }
    if let Some(components) = draft.components {
        message.components = components;
    }
}
