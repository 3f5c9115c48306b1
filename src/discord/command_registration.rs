//! Registers the commands in the guild, and again when they are gone or changed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serenity::model::id::{ApplicationId, GuildId};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::api::{ApiClient, ApiError, UNKNOWN_GUILD};
use super::bot::{can_change, is_unreachable, retrying};
use super::interactions::definitions;

/// How often the commands are compared with those that are registered.
pub(super) const COMPARE_COMMANDS_EVERY: Duration = Duration::from_mins(5);
/// How many times a day they are registered. Discord allows 200 new commands a day (error 30034).
const MAX_REGISTRATIONS: usize = 10;
const DAY: Duration = Duration::from_hours(24);

/// When commands were registered, by any task of this process, in any of its runs. Clones share it.
#[derive(Clone, Default)]
pub struct RegistrationBudget(Arc<Mutex<VecDeque<Instant>>>);

impl RegistrationBudget {
    /// Takes one registration, unless none is left for today.
    fn take(&self) -> bool {
        let mut registrations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        registrations.retain(|at| at.elapsed() < DAY);
        let is_left = registrations.len() < MAX_REGISTRATIONS;
        if is_left {
            registrations.push_back(Instant::now());
        }
        is_left
    }
}

/// The commands of one application in one guild.
#[derive(Clone)]
pub struct CommandRegistration {
    pub api: ApiClient,
    pub application: ApplicationId,
    pub guild: GuildId,
    pub budget: RegistrationBudget,
}

impl CommandRegistration {
    /// Registers the commands at the start. If Discord refuses that, the bot still serves the open requests, and tries again
    /// later. Fails when the token is wrong, or Discord also says twice that it knows no such guild: during an outage it said
    /// so of guilds that the bot was in (discord-api-docs#8445).
    pub(super) async fn register_at_start(&self) -> Result<(), ApiError> {
        let Err(error) = retrying(is_unreachable, || self.register()).await else { return Ok(()) };
        if !can_change(&error) {
            return Err(error);
        }
        let asking_twice = self.api.clone().asking_twice();
        match retrying(is_unreachable, || asking_twice.guild(self.guild)).await {
            Err(error) if !can_change(&error) => return Err(error),
            Err(error) if error.code() == Some(UNKNOWN_GUILD) => {
                return Err(ApiError::UnknownGuild { guild: self.guild.get() });
            }
            Err(error) => {
                warn!(%error, "[discord] guild: it could not be read. If the bot is not in it, invite it, or correct the id; /readyz says when it is");
            }
            Ok(_) => {}
        }
        warn!(%error, "the commands could not be registered, so nobody can ask; trying again every five minutes");
        Ok(())
    }

    /// Registers the commands again whenever they are gone or changed. Looks at this interval, and when it is asked to.
    pub async fn keep_registered(self, every: Duration, asked: Arc<Notify>) {
        loop {
            // In both cases the commands are compared next.
            let _ = timeout(every, asked.notified()).await;
            match self.register().await {
                Ok(is_changed) if is_changed => warn!(
                    "the commands were gone or changed: the bot was removed and invited again, or another tool has the same \
                     token; registered again"
                ),
                Ok(_) => {}
                Err(error) => warn!(%error, "it could not be checked whether the commands are registered"),
            }
        }
    }

    /// Registers the commands in the guild if they differ. Returns whether they did.
    async fn register(&self) -> Result<bool, ApiError> {
        let commands = definitions::commands();
        let is_changed = match self.api.guild_commands(self.application, self.guild).await {
            Ok(registered) => definitions::differ(&registered, &commands),
            // An answer that cannot be read does not prove that they are up to date.
            Err(ApiError::Unexpected { .. }) => true,
            Err(error) => return Err(error),
        };
        if !is_changed {
            return Ok(false);
        }
        if !self.budget.take() {
            warn!(
                "the commands differ, and were registered {MAX_REGISTRATIONS} times today: find out which other tool changes them"
            );
            return Ok(false);
        }
        self.api.overwrite_guild_commands(self.application, self.guild, &commands).await?;
        info!("slash commands registered");
        Ok(true)
    }
}
