//! A message.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use crate::ids::Id;
use crate::rules::draft::LOADING;

/// Message types, from Discord's page "Message Resource".
pub(crate) const DEFAULT: u8 = 0;
pub(crate) const REPLY: u8 = 19;
pub(crate) const CHAT_INPUT_COMMAND: u8 = 20;

#[derive(Clone, Debug)]
pub(crate) struct StoredMessage {
    pub(crate) id: Id,
    pub(crate) channel: Id,
    pub(crate) author: Id,
    pub(crate) kind: u8,
    pub(crate) content: String,
    pub(crate) embeds: Vec<Value>,
    pub(crate) components: Vec<Value>,
    pub(crate) flags: u64,
    pub(crate) posted: Timestamp,
    pub(crate) edited: Option<Timestamp>,
    pub(crate) reply_to: Option<Id>,
    pub(crate) notified: Notified,
    pub(crate) reactions: Vec<Reaction>,
    pub(crate) nonce: Option<Value>,
    /// The interaction to which this message responds.
    pub(crate) origin: Option<InteractionOrigin>,
    /// The only person who sees an ephemeral message.
    pub(crate) only_for: Option<Id>,
}

/// Who was notified.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Notified {
    pub(crate) everyone: bool,
    pub(crate) roles: Vec<Id>,
    pub(crate) users: Vec<Id>,
}

#[derive(Clone, Debug)]
pub(crate) struct Reaction {
    pub(crate) emoji: String,
    pub(crate) users: BTreeSet<Id>,
    /// Whose reaction is a super reaction. A person can have both kinds.
    pub(crate) super_users: BTreeSet<Id>,
}

impl Reaction {
    /// Everybody who has the reaction, of either kind.
    pub(crate) fn everybody(&self) -> BTreeSet<Id> {
        self.users.union(&self.super_users).copied().collect()
    }

    pub(crate) fn of_kind(&mut self, is_super: bool) -> &mut BTreeSet<Id> {
        if is_super { &mut self.super_users } else { &mut self.users }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct InteractionOrigin {
    pub(crate) interaction: Id,
    pub(crate) kind: u8,
    pub(crate) user: Id,
    /// The command, such as `terminate`. `None` for components and modals.
    pub(crate) command: Option<String>,
}

impl StoredMessage {
    pub(crate) fn is_loading(&self) -> bool {
        self.flags & LOADING != 0
    }

    pub(crate) fn visible_to(&self, user: Id) -> bool {
        self.only_for.is_none_or(|only| only == user)
    }

    pub(crate) fn reaction(&self, emoji: &str) -> Option<&Reaction> {
        self.reactions.iter().find(|reaction| reaction.emoji == emoji)
    }
}
