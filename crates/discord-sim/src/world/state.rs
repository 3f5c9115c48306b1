//! The state of the simulated Discord.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use super::channel::StoredChannel;
use super::effective_permissions::in_channel;
use super::interaction::Interaction;
use super::people::{Guild, Member, User};
use super::permissions::Permissions;
use super::registered_command::RegisteredCommand;
use crate::api_error::ApiError;
use crate::gateway::sessions::GatewaySessions;
use crate::ids::{Id, IdSource};

/// The bot's application.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    /// The application's id is also its bot user's id, as for most bots.
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) token: String,
    /// The time limit for the initial response to an interaction.
    pub(crate) answer_within: Duration,
    /// How long an interaction's token is valid.
    pub(crate) token_lives: Duration,
}

/// One guild, its people and channels, one application.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) application: Application,
    pub(crate) guild: Guild,
    pub(crate) users: BTreeMap<Id, User>,
    pub(crate) members: BTreeMap<Id, Member>,
    pub(crate) channels: BTreeMap<Id, StoredChannel>,
    pub(crate) commands: Vec<RegisteredCommand>,
    pub(crate) interactions: HashMap<Id, Interaction>,
    pub(crate) gateway: GatewaySessions,
    /// During an outage of the guild its events are not sent.
    pub(crate) is_guild_available: bool,
    pub(crate) garbles_next_interaction: bool,
    /// The message that an enforced nonce posted, by channel and nonce.
    pub(super) nonces: HashMap<(Id, String), Id>,
    pub(super) ids: IdSource,
}

impl World {
    pub(crate) fn next_id(&mut self) -> Id {
        self.ids.next(Timestamp::now())
    }

    /// Whether the bot is a member of the guild.
    pub(crate) fn is_bot_in_guild(&self) -> bool {
        self.members.contains_key(&self.application.id)
    }

    pub(crate) fn user(&self, id: Id) -> Result<&User, ApiError> {
        self.users.get(&id).ok_or_else(ApiError::unknown_user)
    }

    pub(crate) fn member(&self, id: Id) -> Result<&Member, ApiError> {
        self.members.get(&id).ok_or_else(ApiError::unknown_member)
    }

    pub(crate) fn channel(&self, id: Id) -> Result<&StoredChannel, ApiError> {
        self.channels.get(&id).ok_or_else(ApiError::unknown_channel)
    }

    pub(crate) fn channel_mut(&mut self, id: Id) -> Result<&mut StoredChannel, ApiError> {
        self.channels.get_mut(&id).ok_or_else(ApiError::unknown_channel)
    }

    /// A user's permissions in a channel. `NONE` if either is unknown.
    pub(crate) fn permissions(&self, user: Id, channel: Id) -> Permissions {
        let place = self.channels.get(&channel);
        // A thread has the overwrites of its channel, and another permission to send messages.
        let parent = place.filter(|place| place.is_thread()).and_then(|place| place.parent);
        let source = parent.map_or(place, |parent| self.channels.get(&parent));
        let (Some(member), Some(source)) = (self.members.get(&user), source) else {
            return Permissions::NONE;
        };
        let has = in_channel(&self.guild, member, &source.overwrites);
        match parent {
            Some(_) if has.contains(Permissions::SEND_MESSAGES_IN_THREADS) => {
                has | Permissions::SEND_MESSAGES
            }
            Some(_) => has & !Permissions::SEND_MESSAGES,
            None => has,
        }
    }

    /// Returns an error unless the user may view the channel and has all of `needed` there.
    pub(crate) fn require(&self, user: Id, channel: Id, needed: Permissions) -> Result<(), ApiError> {
        self.channel(channel)?;
        let has = self.permissions(user, channel);
        if !has.contains(Permissions::VIEW_CHANNEL) {
            return Err(ApiError::missing_access());
        }
        if has.contains(needed) { Ok(()) } else { Err(ApiError::missing_permissions()) }
    }

    pub(crate) fn user_named(&self, name: &str) -> Option<&User> {
        self.users.values().find(|user| user.name == name)
    }

    pub(crate) fn channel_named(&self, name: &str) -> Option<&StoredChannel> {
        self.channels.values().find(|channel| channel.name == name)
    }
}
