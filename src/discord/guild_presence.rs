//! Whether the bot is in its guild, and when people may have acted there unseen.

use std::collections::BTreeSet;
use std::time::Duration;

use serenity::model::id::{GuildId, RoleId, UserId};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::gateway::{GuildEvent, MemberRoles};

/// After the start of a session Discord reports its guilds within this time. A guild that is reported later is one the bot
/// was invited to.
const REPORTED_WITHIN: Duration = Duration::from_secs(5);

/// The bot in its guild.
pub(super) struct GuildPresence {
    guild: GuildId,
    bot_user: UserId,
    is_in_guild: watch::Sender<bool>,
    session_started: Option<Instant>,
    /// The roles of the bot; `None` until Discord has said which.
    own_roles: Option<BTreeSet<RoleId>>,
}

/// What follows from a guild event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GuildChange {
    /// Nothing was hidden.
    None,
    /// People may have acted unseen.
    EventsMissed,
    /// The same, and the commands may be gone.
    Returned,
}

impl GuildPresence {
    pub(super) fn new(guild: GuildId, bot_user: UserId) -> Self {
        Self {
            guild,
            bot_user,
            is_in_guild: watch::Sender::new(false),
            session_started: None,
            own_roles: None,
        }
    }

    /// Whether the bot is in its guild now, and the guild is available.
    pub(super) fn is_in_guild(&self) -> watch::Receiver<bool> {
        self.is_in_guild.subscribe()
    }

    /// A new session started. Discord reports the guilds that the bot is in next.
    pub(super) fn note_new_session(&mut self) {
        self.session_started = Some(Instant::now());
        self.is_in_guild.send_replace(false);
    }

    pub(super) fn note(&mut self, event: GuildEvent) -> GuildChange {
        match event {
            GuildEvent::Available { guild, members, .. } if guild == self.guild => {
                for member in members {
                    self.note_roles(member);
                }
                self.is_in_guild.send_replace(true);
                let started = self.session_started.take();
                if started.is_some_and(|at| at.elapsed() < REPORTED_WITHIN) {
                    return GuildChange::None;
                }
                info!("the bot is in its guild again; registering its commands and reading the reactions");
                GuildChange::Returned
            }
            GuildEvent::Unavailable { guild, is_outage } if guild == self.guild => {
                self.session_started = None;
                self.is_in_guild.send_replace(false);
                if is_outage {
                    warn!("the guild is unavailable: Discord has an outage");
                } else {
                    warn!("the bot is not in its guild: somebody removed it; invite it again");
                }
                GuildChange::EventsMissed
            }
            // The role @everyone has the id of the guild.
            GuildEvent::RoleChanged { guild, role } if guild == self.guild => {
                let own_roles = self.own_roles.as_ref();
                let is_own = own_roles.is_none_or(|own| own.contains(&role));
                if is_own || role.get() == guild.get() {
                    GuildChange::EventsMissed
                } else {
                    GuildChange::None
                }
            }
            GuildEvent::MemberChanged { guild, member } if guild == self.guild => {
                if self.note_roles(member) {
                    GuildChange::EventsMissed
                } else {
                    GuildChange::None
                }
            }
            _ => GuildChange::None,
        }
    }

    /// Whether they are the roles of the bot.
    fn note_roles(&mut self, member: MemberRoles) -> bool {
        let is_own = member.user == self.bot_user;
        if is_own {
            self.own_roles = Some(member.roles.into_iter().collect());
        }
        is_own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
                user: UserId::new(7),
                roles: roles.iter().copied().map(RoleId::new).collect(),
            }],
        }
    }

    #[test]
    fn the_guild_of_a_new_session_hides_nothing_and_one_that_returns_does() {
        let mut presence = presence();
        assert!(!*presence.is_in_guild().borrow());
        assert_eq!(presence.note(available(&[])), GuildChange::None);
        assert!(*presence.is_in_guild().borrow());
        let removed = GuildEvent::Unavailable { guild: GuildId::new(9), is_outage: false };
        assert_eq!(presence.note(removed), GuildChange::EventsMissed);
        assert!(!*presence.is_in_guild().borrow());
        assert_eq!(presence.note(available(&[])), GuildChange::Returned);
    }

    #[test]
    fn only_roles_of_the_bot_and_of_everyone_decide_what_it_sees() {
        let mut presence = presence();
        let changed = |role| GuildEvent::RoleChanged { guild: GuildId::new(9), role: RoleId::new(role) };
        assert_eq!(presence.note(changed(4)), GuildChange::EventsMissed, "not known yet");
        presence.note(available(&[5]));
        assert_eq!(presence.note(changed(4)), GuildChange::None);
        assert_eq!(presence.note(changed(5)), GuildChange::EventsMissed);
        assert_eq!(presence.note(changed(9)), GuildChange::EventsMissed);
    }
}
