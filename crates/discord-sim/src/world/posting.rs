//! Putting messages into channels and changing them there, whoever does it.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::World;
use super::ids::Id;
use super::messages::{self, Message, Origin, Pinged};
use super::permissions::Permissions;
use super::refusal::Refusal;
use crate::rules::draft::{Draft, LOADING, SUPPRESS_EMBEDS};
use crate::rules::mentions::{Written, written};

/// How long an enforced nonce is remembered ("a few minutes").
const NONCE_LIVES: SignedDuration = SignedDuration::from_mins(5);

/// Which enforced nonces were used in which channel.
pub(crate) type Nonces = HashMap<(Id, String), Id>;

/// What a message is besides its form.
#[derive(Debug, Default)]
pub(crate) struct Setting {
    pub(crate) kind: u8,
    pub(crate) origin: Option<Origin>,
    pub(crate) only_for: Option<Id>,
    pub(crate) loading: bool,
    pub(crate) reply_to: Option<Id>,
}

impl World {
    /// Posts a draft that was already checked, and tells the bot.
    pub(crate) fn post(
        &mut self,
        author: Id,
        channel: Id,
        draft: Draft,
        setting: Setting,
    ) -> Result<Id, Refusal> {
        let id = self.next_id();
        let mut message = Message {
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
            pinged: Pinged::default(),
            reactions: Vec::new(),
            nonce: draft.nonce.as_ref().map(|nonce| nonce.value.clone()),
            origin: setting.origin,
            only_for: setting.only_for,
        };
        self.fill(&mut message, draft);
        let place = self.channel_mut(channel)?;
        place.last_message = Some(id);
        place.messages.insert(id, message.clone());
        self.emit_message("MESSAGE_CREATE", &message);
        Ok(id)
    }

    /// Changes a message; what the draft leaves out stays.
    pub(crate) fn edit(&mut self, channel: Id, id: Id, draft: Draft) -> Result<(), Refusal> {
        let mut message = self.channel(channel)?.message(id)?.clone();
        let was_loading = message.is_loading();
        message.flags = (message.flags & !(LOADING | SUPPRESS_EMBEDS)) | (draft.flags & SUPPRESS_EMBEDS);
        self.fill(&mut message, draft);
        let empty = message.content.is_empty() && message.embeds.is_empty() && message.components.is_empty();
        if empty {
            return Err(Refusal::empty_message());
        }
        // Filling in a deferred answer is no edit in the reader's eyes.
        if !was_loading {
            message.edited = Some(Timestamp::now());
        }
        *self.channel_mut(channel)?.message_mut(id)? = message.clone();
        self.emit_message("MESSAGE_UPDATE", &message);
        Ok(())
    }

    /// Takes a message away. An ephemeral one goes without an event.
    pub(crate) fn remove(&mut self, channel: Id, id: Id) -> Result<(), Refusal> {
        let place = self.channel_mut(channel)?;
        let message = place.messages.remove(&id).ok_or_else(Refusal::unknown_message)?;
        if message.only_for.is_none() {
            self.emit_message_gone(channel, id);
        }
        Ok(())
    }

    /// The message that an enforced nonce already posted in this channel.
    pub(crate) fn posted_with(&self, channel: Id, nonce: &str) -> Option<&Message> {
        let id = self.nonces.get(&(channel, nonce.to_owned()))?;
        let message = self.channels.get(&channel)?.messages.get(id)?;
        (Timestamp::now().duration_since(message.posted) < NONCE_LIVES).then_some(message)
    }

    pub(crate) fn remember_nonce(&mut self, channel: Id, nonce: String, message: Id) {
        self.nonces.insert((channel, nonce), message);
    }

    fn fill(&self, message: &mut Message, draft: Draft) {
        let rewritten = draft.content.is_some();
        if let Some(content) = draft.content {
            message.content = content;
        }
        if let Some(embeds) = draft.embeds {
            message.embeds = embeds;
        }
        if let Some(components) = draft.components {
            message.components = components;
        }
        if rewritten || message.reply_to.is_some() {
            message.pinged = self.pinged(message, &draft.allowed);
        }
    }

    /// Works out who is notified: what is written, as far as it is allowed and the author may.
    fn pinged(&self, message: &Message, allowed: &crate::rules::mentions::Allowed) -> Pinged {
        let mut pinged = Pinged::default();
        let may_all = self
            .permissions(message.author, message.channel)
            .contains(Permissions::MENTION_EVERYONE);
        for mention in written(&message.content) {
            match mention {
                Written::Everyone => pinged.everyone |= allowed.everyone && may_all,
                Written::Role(id) => {
                    let may = may_all || self.guild.roles.get(&id).is_some_and(|role| role.mentionable);
                    let known = self.guild.roles.contains_key(&id) && id != self.guild.id;
                    if known && may && allowed.roles.allows(id) && !pinged.roles.contains(&id) {
                        pinged.roles.push(id);
                    }
                }
                Written::User(id) => {
                    let known = self.users.contains_key(&id);
                    if known && allowed.users.allows(id) && !pinged.users.contains(&id) {
                        pinged.users.push(id);
                    }
                }
            }
        }
        if message.kind == messages::REPLY && allowed.replied_user {
            let target = message
                .reply_to
                .and_then(|to| self.channels.get(&message.channel)?.messages.get(&to));
            if let Some(target) = target
                && target.author != message.author
                && !pinged.users.contains(&target.author)
            {
                pinged.users.push(target.author);
            }
        }
        pinged
    }

    /// Everyone a message notified, roles resolved to their members.
    pub(crate) fn notified(&self, message: &Message) -> Vec<Id> {
        let pinged = &message.pinged;
        let by_role = |member: &super::people::Member| member.roles.iter().any(|r| pinged.roles.contains(r));
        self.members
            .values()
            .filter(|m| m.user != message.author)
            .filter(|m| pinged.everyone || pinged.users.contains(&m.user) || by_role(m))
            .map(|m| m.user)
            .collect()
    }
}
