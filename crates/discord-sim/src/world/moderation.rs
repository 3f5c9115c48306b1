//! Actions of moderators and administrators: roles, channels, other people's messages, the bot's permissions.

use std::time::Duration;

use jiff::Timestamp;

use serde_json::json;

use super::channel::StoredChannel;
use super::people::{Member, Role};
use super::permissions::{Overwrite, OverwriteSubject, Permissions};
use super::setup::BOT_ROLE;
use super::state::World;
use crate::api_error::ApiError;
use crate::ids::Id;
use crate::rules::draft::SUPPRESS_EMBEDS;

impl World {
    /// Deletes a message. Another user's message needs Manage Messages.
    pub(crate) fn deletes(&mut self, actor: Id, channel: Id, message: Id) -> Result<(), ApiError> {
        self.require(actor, channel, Permissions::NONE)?;
        let found = self.channel(channel)?.message(message)?;
        // Users may dismiss ephemeral messages shown to them.
        let own = found.author == actor || found.only_for == Some(actor);
        if !own {
            self.require(actor, channel, Permissions::MANAGE_MESSAGES)?;
        }
        self.remove(channel, message)
    }

    /// Deletes several messages at once.
    pub(crate) fn deletes_all(&mut self, actor: Id, channel: Id, messages: &[Id]) -> Result<(), ApiError> {
        self.require(actor, channel, Permissions::MANAGE_MESSAGES)?;
        let place = self.channel_mut(channel)?;
        let gone: Vec<Id> =
            messages.iter().copied().filter(|id| place.messages.remove(id).is_some()).collect();
        self.emit_messages_deleted(channel, &gone);
        Ok(())
    }

    /// Hides the embeds of a message, until an edit sets its flags.
    pub(crate) fn suppress_embeds(&mut self, actor: Id, channel: Id, message: Id) -> Result<(), ApiError> {
        self.require(actor, channel, Permissions::MANAGE_MESSAGES)?;
        let message = self.channel_mut(channel)?.message_mut(message)?;
        message.flags |= SUPPRESS_EMBEDS;
        let message = message.clone();
        self.emit_message("MESSAGE_UPDATE", &message);
        Ok(())
    }

    pub(crate) fn set_roles(&mut self, user: Id, roles: Vec<Id>) -> Result<(), ApiError> {
        if roles.iter().any(|role| !self.guild.roles.contains_key(role)) {
            return Err(ApiError::unknown_role());
        }
        let member = self.members.get_mut(&user).ok_or_else(ApiError::unknown_member)?;
        member.roles = roles;
        self.emit_member(user);
        Ok(())
    }

    /// Keeps a member from acting, until some time from now.
    pub(crate) fn time_out(&mut self, user: Id, time: Duration) -> Result<(), ApiError> {
        let member = self.members.get_mut(&user).ok_or_else(ApiError::unknown_member)?;
        member.timed_out_until = Some(Timestamp::now() + time);
        self.emit_member(user);
        Ok(())
    }

    /// Somebody leaves the guild. Their reactions stay.
    pub(crate) fn leave(&mut self, user: Id) -> Result<(), ApiError> {
        self.members.remove(&user).ok_or_else(ApiError::unknown_member)?;
        self.emit_membership("GUILD_MEMBER_REMOVE", user);
        Ok(())
    }

    /// Somebody joins the guild, without roles.
    pub(crate) fn join(&mut self, user: Id) -> Result<(), ApiError> {
        self.user(user)?;
        let member = Member { user, roles: Vec::new(), joined: Timestamp::now(), timed_out_until: None };
        self.members.insert(user, member);
        self.emit_membership("GUILD_MEMBER_ADD", user);
        Ok(())
    }

    /// Only members with the role see the channel from now on.
    pub(crate) fn hide_except_from(&mut self, channel: Id, role: Id) -> Result<(), ApiError> {
        let everyone = self.guild.id;
        let (view, none) = (Permissions::VIEW_CHANNEL, Permissions::NONE);
        let place = self.channel_mut(channel)?;
        for (subject, allow, deny) in [(everyone, none, view), (role, view, none)] {
            let subject = OverwriteSubject::Role(subject);
            place.overwrites.push(Overwrite { subject, allow, deny });
        }
        let json = place.json(everyone);
        self.emit_channel("CHANNEL_UPDATE", json);
        Ok(())
    }

    /// Somebody removes the bot from the guild. Its commands there go with it.
    pub(crate) fn kick_bot(&mut self) {
        self.members.remove(&self.application.id);
        self.commands.retain(|command| command.guild.is_none());
        self.emit_guild_deleted(false);
    }

    /// Somebody invites the bot again. It has only its own role.
    pub(crate) fn invite_bot(&mut self) {
        let bot = self.application.id;
        let member =
            Member { user: bot, roles: vec![BOT_ROLE], joined: Timestamp::now(), timed_out_until: None };
        self.members.insert(bot, member);
        self.emit_guild_created();
    }

    /// An outage of the guild begins or ends. Its events are not sent meanwhile, nor later.
    pub(crate) fn set_guild_available(&mut self, is_available: bool) {
        self.is_guild_available = is_available;
        if is_available {
            self.emit_guild_created();
        } else {
            self.emit_guild_deleted(true);
        }
    }

    /// Deletes a role, also from its members.
    pub(crate) fn delete_role(&mut self, role: Id) -> Result<(), ApiError> {
        self.guild.roles.remove(&role).ok_or_else(ApiError::unknown_role)?;
        let held: Vec<Id> =
            self.members.values().filter(|m| m.roles.contains(&role)).map(|m| m.user).collect();
        for member in self.members.values_mut() {
            member.roles.retain(|held| *held != role);
        }
        for channel in self.channels.values_mut() {
            channel.overwrites.retain(|overwrite| overwrite.subject != OverwriteSubject::Role(role));
        }
        self.emit_role_deleted(role);
        for user in held {
            self.emit_member(user);
        }
        Ok(())
    }

    pub(crate) fn create_role(&mut self, name: &str) -> Id {
        let id = self.next_id();
        let role = Role {
            id,
            name: name.into(),
            permissions: Permissions::NONE,
            mentionable: false,
            position: self.guild.roles.len(),
            bot: None,
        };
        self.guild.roles.insert(id, role.clone());
        self.emit_role("GUILD_ROLE_CREATE", &role);
        id
    }

    pub(crate) fn change_role(&mut self, role: Id, change: impl FnOnce(&mut Role)) -> Result<(), ApiError> {
        let role = self.guild.roles.get_mut(&role).ok_or_else(ApiError::unknown_role)?;
        change(role);
        let role = role.clone();
        self.emit_role("GUILD_ROLE_UPDATE", &role);
        Ok(())
    }

    /// Creates a channel, in a category if `parent` is one, or a thread if `kind` is one.
    pub(crate) fn create_channel(
        &mut self,
        name: &str,
        kind: u8,
        parent: Option<Id>,
    ) -> Result<Id, ApiError> {
        if let Some(parent) = parent {
            self.channel(parent)?;
        }
        let id = self.next_id();
        let channel = StoredChannel::new(id, name.into(), kind, parent, self.channels.len());
        let is_thread = channel.is_thread();
        let mut json = channel.json(self.guild.id);
        self.channels.insert(id, channel);
        if is_thread {
            json["newly_created"] = true.into();
        }
        if self.permissions(self.application.id, id).contains(Permissions::VIEW_CHANNEL) {
            self.emit_channel(if is_thread { "THREAD_CREATE" } else { "CHANNEL_CREATE" }, json);
        }
        Ok(id)
    }

    /// Moves a channel into a category, or out of it.
    pub(crate) fn move_channel(&mut self, channel: Id, category: Option<Id>) -> Result<(), ApiError> {
        let guild = self.guild.id;
        let place = self.channel_mut(channel)?;
        place.parent = category;
        let json = place.json(guild);
        self.emit_channel("CHANNEL_UPDATE", json);
        Ok(())
    }

    pub(crate) fn set_archived(&mut self, thread: Id, archived: bool) -> Result<(), ApiError> {
        let guild = self.guild.id;
        let place = self.channel_mut(thread)?;
        place.archived = archived;
        let json = place.json(guild);
        self.emit_channel("THREAD_UPDATE", json);
        Ok(())
    }

    pub(crate) fn set_locked(&mut self, thread: Id, locked: bool) -> Result<(), ApiError> {
        let guild = self.guild.id;
        let place = self.channel_mut(thread)?;
        place.locked = locked;
        let json = place.json(guild);
        self.emit_channel("THREAD_UPDATE", json);
        Ok(())
    }

    /// Returns an error if the channel is an archived thread, or a locked one that `user` does not moderate.
    pub(crate) fn require_active(&self, user: Id, channel: Id) -> Result<(), ApiError> {
        if self.channel(channel)?.archived {
            return Err(ApiError::archived_thread());
        }
        self.require_unlocked(user, channel)
    }

    pub(crate) fn require_unlocked(&self, user: Id, channel: Id) -> Result<(), ApiError> {
        let is_moderator = self.permissions(user, channel).contains(Permissions::MANAGE_MESSAGES);
        if self.channel(channel)?.locked && !is_moderator { Err(ApiError::locked_thread()) } else { Ok(()) }
    }

    /// Deletes a channel with its messages.
    pub(crate) fn delete_channel(&mut self, channel: Id) -> Result<(), ApiError> {
        let seen = self.permissions(self.application.id, channel).contains(Permissions::VIEW_CHANNEL);
        let gone = self.channels.remove(&channel).ok_or_else(ApiError::unknown_channel)?;
        // Its threads go with it, and no event says so.
        self.channels.retain(|_, thread| !(thread.is_thread() && thread.parent == Some(channel)));
        if seen && gone.is_thread() {
            let guild = self.guild.id;
            let thread =
                json!({ "id": channel, "guild_id": guild, "parent_id": gone.parent, "type": gone.kind });
            self.emit_channel("THREAD_DELETE", thread);
        } else if seen {
            self.emit_channel("CHANNEL_DELETE", gone.json(self.guild.id));
        }
        Ok(())
    }

    /// Sets a user's permission overwrite in a channel.
    pub(crate) fn overwrite(
        &mut self,
        channel: Id,
        user: Id,
        allow: Permissions,
        deny: Permissions,
    ) -> Result<(), ApiError> {
        let guild = self.guild.id;
        let place = self.channel_mut(channel)?;
        let subject = OverwriteSubject::Member(user);
        place.overwrites.retain(|overwrite| overwrite.subject != subject);
        if allow != Permissions::NONE || deny != Permissions::NONE {
            place.overwrites.push(Overwrite { subject, allow, deny });
        }
        let json = place.json(guild);
        self.emit_channel("CHANNEL_UPDATE", json);
        Ok(())
    }
}
