//! Reactions by the bot and by people, with the same permission checks.

use std::collections::BTreeSet;

use super::emoji::known;
use super::message::{Reaction, StoredMessage};
use super::permissions::Permissions;
use super::state::World;
use crate::api_error::ApiError;
use crate::ids::Id;

const MAX_EMOJI: usize = 20;

impl World {
    /// Adds a user's reaction to a message. A second one of the same kind with the same emoji changes nothing.
    pub(crate) fn react(
        &mut self,
        user: Id,
        channel: Id,
        message: Id,
        emoji: &str,
        is_super: bool,
    ) -> Result<(), ApiError> {
        self.require(user, channel, Permissions::READ_MESSAGE_HISTORY)?;
        self.require_active(user, channel)?;
        let may_start = self.permissions(user, channel).contains(Permissions::ADD_REACTIONS);
        self.channel(channel)?.public_message(message)?;
        let emoji = known(emoji)?;
        let place = self.channel_mut(channel)?.message_mut(message)?;
        let full = place.reactions.len() >= MAX_EMOJI;
        match place.reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
            Some(reaction) => {
                if !reaction.of_kind(is_super).insert(user) {
                    return Ok(());
                }
            }
            None if !may_start => return Err(ApiError::missing_permissions()),
            None if full => return Err(ApiError::too_many_reactions()),
            None => {
                let mut reaction = Reaction {
                    emoji: emoji.to_owned(),
                    users: BTreeSet::new(),
                    super_users: BTreeSet::new(),
                };
                reaction.of_kind(is_super).insert(user);
                place.reactions.push(reaction);
            }
        }
        let message = place.clone();
        self.emit_reaction(true, &message, emoji, user, is_super);
        Ok(())
    }

    /// Removes `whose` reaction. Another user's reaction needs Manage Messages.
    pub(crate) fn unreact(
        &mut self,
        actor: Id,
        whose: Id,
        channel: Id,
        message: Id,
        emoji: &str,
        is_super: bool,
    ) -> Result<(), ApiError> {
        let needed = if actor == whose { Permissions::NONE } else { Permissions::MANAGE_MESSAGES };
        let emoji = self.check_reaction_access(actor, channel, message, emoji, needed)?;
        let place = self.channel_mut(channel)?.message_mut(message)?;
        let mut removed = false;
        place.reactions.retain_mut(|reaction| {
            if reaction.emoji == emoji {
                removed = reaction.of_kind(is_super).remove(&whose);
            }
            !reaction.everybody().is_empty()
        });
        let message = place.clone();
        if removed {
            self.emit_reaction(false, &message, emoji, whose, is_super);
        }
        Ok(())
    }

    /// Clears all reactions of a message.
    pub(crate) fn clear_reactions(&mut self, actor: Id, channel: Id, message: Id) -> Result<(), ApiError> {
        self.require(actor, channel, Permissions::MANAGE_MESSAGES)?;
        self.channel(channel)?.public_message(message)?;
        let place = self.channel_mut(channel)?.message_mut(message)?;
        place.reactions.clear();
        let message = place.clone();
        self.emit_reactions_cleared(&message, None);
        Ok(())
    }

    /// Clears all reactions with one emoji.
    pub(crate) fn clear_emoji(
        &mut self,
        actor: Id,
        channel: Id,
        message: Id,
        emoji: &str,
    ) -> Result<(), ApiError> {
        let emoji =
            self.check_reaction_access(actor, channel, message, emoji, Permissions::MANAGE_MESSAGES)?;
        let place = self.channel_mut(channel)?.message_mut(message)?;
        place.reactions.retain(|reaction| reaction.emoji != emoji);
        let message = place.clone();
        self.emit_reactions_cleared(&message, Some(emoji));
        Ok(())
    }

    /// The users who reacted with an emoji, by one kind of reaction, in the order of ids, after `after`.
    pub(crate) fn reactors(
        &self,
        channel: Id,
        message: Id,
        (emoji, is_super): (&str, bool),
        after: Id,
        limit: usize,
    ) -> Result<Vec<Id>, ApiError> {
        let emoji = self.check_reaction_access(
            self.application.id,
            channel,
            message,
            emoji,
            Permissions::READ_MESSAGE_HISTORY,
        )?;
        let message: &StoredMessage = self.channel(channel)?.message(message)?;
        let users = message
            .reaction(emoji)
            .map(|reaction| if is_super { &reaction.super_users } else { &reaction.users });
        let next = Id(after.0.saturating_add(1));
        Ok(users.into_iter().flat_map(|users| users.range(next..)).take(limit).copied().collect())
    }

    fn check_reaction_access<'a>(
        &self,
        actor: Id,
        channel: Id,
        message: Id,
        emoji: &'a str,
        needed: Permissions,
    ) -> Result<&'a str, ApiError> {
        self.require(actor, channel, needed)?;
        self.channel(channel)?.public_message(message)?;
        known(emoji)
    }
}
