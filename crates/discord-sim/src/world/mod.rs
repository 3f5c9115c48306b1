//! The state of the simulated Discord and its rules. Synchronous: no sockets, no tasks.
//!
//! Who acts comes in by method calls; what a bot is told goes out through the [`Hub`].

pub(crate) mod acting;
pub(crate) mod answering;
pub(crate) mod blueprint;
pub(crate) mod bot_messages;
pub(crate) mod channels;
pub(crate) mod command_book;
pub(crate) mod emoji;
pub(crate) mod events;
pub(crate) mod followups;
pub(crate) mod ids;
pub(crate) mod interactions;
pub(crate) mod invoking;
pub(crate) mod messages;
pub(crate) mod moderation;
pub(crate) mod people;
pub(crate) mod permissions;
pub(crate) mod posting;
pub(crate) mod reactions;
pub(crate) mod refusal;
pub(crate) mod transcript;
pub(crate) mod typing;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::gateway::hub::Hub;
use channels::Channel;
use command_book::CommandBook;
use ids::{Id, IdSource};
use interactions::Interactions;
use people::{Guild, Member, User};
use permissions::Permissions;
use posting::Nonces;
use refusal::Refusal;

/// The bot's application.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    /// The application's id is its bot user's id too, as it is for most.
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) token: String,
    /// How long an interaction may wait for its first answer.
    pub(crate) answer_within: Duration,
    /// How long an interaction's token lives.
    pub(crate) token_lives: Duration,
}

/// One guild, its people and channels, one application.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) application: Application,
    pub(crate) guild: Guild,
    pub(crate) users: BTreeMap<Id, User>,
    pub(crate) members: BTreeMap<Id, Member>,
    pub(crate) channels: BTreeMap<Id, Channel>,
    pub(crate) commands: CommandBook,
    pub(crate) interactions: Interactions,
    pub(crate) hub: Hub,
    nonces: Nonces,
    ids: IdSource,
}

impl World {
    pub(crate) fn next_id(&mut self) -> Id {
        self.ids.next(Timestamp::now())
    }

    pub(crate) fn user(&self, id: Id) -> Result<&User, Refusal> {
        self.users.get(&id).ok_or_else(Refusal::unknown_user)
    }

    pub(crate) fn member(&self, id: Id) -> Result<&Member, Refusal> {
        self.members.get(&id).ok_or_else(Refusal::unknown_member)
    }

    pub(crate) fn channel(&self, id: Id) -> Result<&Channel, Refusal> {
        self.channels.get(&id).ok_or_else(Refusal::unknown_channel)
    }

    pub(crate) fn channel_mut(&mut self, id: Id) -> Result<&mut Channel, Refusal> {
        self.channels.get_mut(&id).ok_or_else(Refusal::unknown_channel)
    }

    /// What somebody may do in a channel; nothing if either is unknown.
    pub(crate) fn permissions(&self, user: Id, channel: Id) -> Permissions {
        match (self.members.get(&user), self.channels.get(&channel)) {
            (Some(member), Some(channel)) => {
                permissions::in_channel(&self.guild, member, &channel.overwrites)
            }
            _ => Permissions::NONE,
        }
    }

    /// Refuses unless the user sees the channel and has all of `needed` there.
    pub(crate) fn require(&self, user: Id, channel: Id, needed: Permissions) -> Result<(), Refusal> {
        self.channel(channel)?;
        let has = self.permissions(user, channel);
        if !has.contains(Permissions::VIEW_CHANNEL) {
            return Err(Refusal::missing_access());
        }
        if has.contains(needed) {
            Ok(())
        } else {
            Err(Refusal::missing_permissions())
        }
    }

    pub(crate) fn user_named(&self, name: &str) -> Option<&User> {
        self.users.values().find(|user| user.name == name)
    }

    pub(crate) fn channel_named(&self, name: &str) -> Option<&Channel> {
        self.channels.values().find(|channel| channel.name == name)
    }
}
