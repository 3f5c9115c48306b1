//! Whether the bot receives the events of its guild, and when people may have acted there unseen.

use std::collections::BTreeSet;

use serenity::model::id::{GuildId, RoleId, UserId};
use tokio::sync::watch;
use tracing::warn;

use super::gateway::{GuildEvent, MemberRoles};

/// The bot in its guild.
pub(super) struct GuildPresence {
    guild: GuildId,
    bot_user: UserId,
    /// Whether the events of the session arrive, and all that were missed have arrived.
    is_connected: bool,
    is_in_guild: watch::Sender<bool>,
    /// Whether events of the guild may have been lost since they were last all reported.
    has_missed: bool,
    /// The roles of the bot; `None` until Discord has said which.
    own_roles: Option<BTreeSet<RoleId>>,
}

/// What an event means for the reception of the guild's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reception {
    /// Nothing changed.
    Unchanged,
    /// Events arrive, but people may have acted unseen.
    Missed,
    /// No events arrive.
    Interrupted,
    /// Events arrive again; `is_complete` if everything that happened meanwhile was reported.
    Restored { is_complete: bool },
}

impl GuildPresence {
    pub(super) fn new(guild: GuildId, bot_user: UserId) -> Self {
        Self {
            guild,
            bot_user,
            is_connected: false,
            is_in_guild: watch::Sender::new(false),
            has_missed: true,
            own_roles: None,
        }
    }

    /// Whether the bot is in its guild now, and the guild is available.
    pub(super) fn is_in_guild(&self) -> watch::Receiver<bool> {
        self.is_in_guild.subscribe()
    }

    /// A new session started. Discord reports the guilds that the bot is in next.
    pub(super) fn note_new_session(&mut self) -> Reception {
        self.is_connected = true;
        self.has_missed = true;
        self.is_in_guild.send_replace(false);
        Reception::Interrupted
    }

    /// The connection was lost. If the session is resumed, the events missed come first, in their order.
    pub(super) fn note_disconnected(&mut self) -> Reception {
        self.is_connected = false;
        Reception::Interrupted
    }

    /// The session was resumed, and the events missed have arrived.
    pub(super) fn note_resumed(&mut self) -> Reception {
        self.is_connected = true;
        self.restored()
    }

    fn restored(&mut self) -> Reception {
        if self.is_connected && *self.is_in_guild.borrow() {
            Reception::Restored { is_complete: !std::mem::take(&mut self.has_missed) }
        } else {
            Reception::Unchanged
        }
    }

    /// An event that Discord sends only to members of the guild: the bot is in it, although no event said that it came back.
    pub(super) fn note_member_event(&mut self) -> Reception {
        if *self.is_in_guild.borrow() {
            return Reception::Unchanged;
        }
        self.has_missed = true;
        self.is_in_guild.send_replace(true);
        self.restored()
    }

    pub(super) fn note(&mut self, event: GuildEvent) -> Reception {
        match event {
            // Until it is reported, Discord sends nothing of it, also at the start of a session.
            GuildEvent::Available { guild, members, .. } if guild == self.guild => {
                for member in members {
                    self.note_roles(member);
                }
                self.has_missed = true;
                self.is_in_guild.send_replace(true);
                self.restored()
            }
            GuildEvent::Unavailable { guild, is_outage } if guild == self.guild => {
                self.has_missed = true;
                self.is_in_guild.send_replace(false);
                if is_outage {
                    warn!("the guild is unavailable: Discord has an outage");
                } else {
                    warn!("the bot is not in its guild: somebody removed it; invite it again");
                }
                Reception::Interrupted
            }
            // The role @everyone has the id of the guild.
            GuildEvent::RoleChanged { guild, role } if guild == self.guild => {
                let own_roles = self.own_roles.as_ref();
                let is_own = own_roles.is_none_or(|own| own.contains(&role));
                if is_own || role.get() == guild.get() { Reception::Missed } else { Reception::Unchanged }
            }
            GuildEvent::MemberChanged { guild, member } if guild == self.guild => {
                if self.note_roles(member) {
                    Reception::Missed
                } else {
                    Reception::Unchanged
                }
            }
            _ => Reception::Unchanged,
        }
    }

    /// Whether they are the roles of the bot.
    fn note_roles(&mut self, member: MemberRoles) -> bool {
        let is_own = member.user.id == self.bot_user;
        if is_own {
            self.own_roles = Some(member.roles.into_iter().collect());
        }
        is_own
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discord::api::WithId;

    fn presence() -> GuildPresence {
        let mut presence = GuildPresence::new(GuildId::new(9), UserId::new(7));
        presence.note_new_session();
        presence
    }

    fn available(roles: &[u64]) -> GuildEvent {
        GuildEvent::Available {
            channels: Vec::new(),
            guild: GuildId::new(9),
            members: vec![MemberRoles {
                user: WithId { id: UserId::new(7) },
                roles: roles.iter().copied().map(RoleId::new).collect(),
            }],
        }
    }

    fn unavailable() -> GuildEvent {
        GuildEvent::Unavailable { guild: GuildId::new(9), is_outage: true }
    }

    #[test]
    fn what_happened_before_the_guild_is_reported_was_missed() {
        let mut presence = presence();
        assert!(!*presence.is_in_guild().borrow());
        assert_eq!(presence.note(available(&[])), Reception::Restored { is_complete: false });
        assert!(*presence.is_in_guild().borrow());
        assert_eq!(presence.note(unavailable()), Reception::Interrupted);
        assert!(!*presence.is_in_guild().borrow());
        assert_eq!(presence.note(available(&[])), Reception::Restored { is_complete: false });
    }

    #[test]
    fn a_reaction_shows_that_the_bot_is_in_its_guild_although_no_event_said_that_it_came_back() {
        let mut presence = presence();
        presence.note(available(&[]));
        assert_eq!(presence.note_member_event(), Reception::Unchanged);
        presence.note(unavailable());
        assert_eq!(presence.note_member_event(), Reception::Restored { is_complete: false });
        assert!(*presence.is_in_guild().borrow());
    }

    #[test]
    fn a_resumed_session_missed_nothing_unless_the_guild_was_away_too() {
        let mut presence = presence();
        presence.note(available(&[]));
        assert_eq!(presence.note_disconnected(), Reception::Interrupted);
        assert_eq!(presence.note_resumed(), Reception::Restored { is_complete: true });

        presence.note_disconnected();
        presence.note(unavailable());
        assert_eq!(presence.note_resumed(), Reception::Unchanged, "the guild is still away");
        presence.note_disconnected();
        assert_eq!(presence.note(available(&[])), Reception::Unchanged, "more may follow");
        assert_eq!(presence.note_resumed(), Reception::Restored { is_complete: false });
    }

    #[test]
    fn only_roles_of_the_bot_and_of_everyone_decide_what_it_sees() {
        let mut presence = presence();
        let changed = |role| GuildEvent::RoleChanged { guild: GuildId::new(9), role: RoleId::new(role) };
        assert_eq!(presence.note(changed(4)), Reception::Missed, "not known yet");
        presence.note(available(&[5]));
        assert_eq!(presence.note(changed(4)), Reception::Unchanged);
        assert_eq!(presence.note(changed(5)), Reception::Missed);
        assert_eq!(presence.note(changed(9)), Reception::Missed);
    }
}
