//! The bot: logs in, registers its commands, and connects the gateway to the workflow.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serenity::model::gateway::GatewayIntents;
use serenity::model::id::{ApplicationId, GuildId, UserId};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::api::{ApiClient, ApiError};
use super::event_filter::event_filter;
use super::event_handler::EventHandler;
use super::gateway::endpoint::is_exposed;
use super::gateway::{GatewayHandle, GatewayOptions, GatewayTimeouts};
use super::guild_presence::GuildPresence;
use super::https_proxy::HttpsProxy;
use super::incident_channel::DiscordIncidentChannel;
use super::interactions::{InteractionHandler, definitions};
use super::messages::RenderConfig;
use super::served_channels::{ChannelScope, ServedChannels};
use super::vote_emoji::VoteEmoji;
use crate::domain::timestamp::Timestamp;
use crate::workflow::handle::EngineHandle;
use crate::workflow::ports::{Clock, IncidentChannel, Ledger};

/// Guilds for deleted channels and for what the bot may see, messages for deleted cards, reactions for votes. None of them is privileged.
const INTENTS: GatewayIntents = GatewayIntents::GUILDS
    .union(GatewayIntents::GUILD_MESSAGES)
    .union(GatewayIntents::GUILD_MESSAGE_REACTIONS);
/// When this many events are waiting, the gateway stops reading.
const EVENT_CAPACITY: usize = 256;
/// Between attempts to reach Discord at startup.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);
/// How often the commands are compared with those that are registered.
const COMPARE_COMMANDS_EVERY: Duration = Duration::from_mins(5);
/// How many times a day they are registered again. Discord allows 200 new commands a day (error 30034).
const MAX_REGISTRATIONS: usize = 10;
const DAY: Duration = Duration::from_hours(24);
/// After this time the workflow tries again to post a card or a result.
const POST_TIMEOUT: Duration = Duration::from_secs(20);

/// The Discord part of the configuration.
#[derive(Clone, Debug)]
pub struct DiscordOptions {
    /// `https://discord.com`, or a compatible API.
    pub api_url: String,
    /// For encrypted connections to Discord.
    pub proxy: Option<HttpsProxy>,
    pub token: SecretString,
    pub guild: u64,
    /// Where commands and reactions count.
    pub scope: ChannelScope,
    pub vote_emoji: VoteEmoji,
    pub render_config: RenderConfig,
}

/// Whether the bot can hear its guild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscordStatus {
    /// There is no connection to the gateway.
    Disconnected,
    /// The same, because all sessions that Discord allows in a day were started. The next one is allowed then.
    StartsUsedUp {
        until: Instant,
    },
    /// There is one, and the bot is not in its guild, or the guild is unavailable.
    OutsideGuild,
    InGuild,
}

/// A bot that is logged in and has its commands registered.
pub struct Bot {
    options: DiscordOptions,
    api: ApiClient,
    channels: Arc<ServedChannels>,
    guild: GuildId,
    application: ApplicationId,
    user: UserId,
}

impl Bot {
    /// Identifies the bot and registers its commands if they differ. Retries while Discord cannot be reached. Fails
    /// when the token is wrong or the bot is not in the guild.
    pub async fn log_in(options: DiscordOptions) -> Result<Self, ApiError> {
        let api = ApiClient::new(&options.api_url, &options.token, options.proxy.as_ref())?;
        if is_exposed(&options.api_url) {
            warn!(
                api_url = options.api_url,
                "the token is sent unencrypted; anybody on the network path can read it"
            );
        }
        let guild = GuildId::new(options.guild);
        let bot_user = when_reachable(|| api.current_user()).await?.id;
        let application = when_reachable(|| application_id(&api, bot_user)).await?;
        register_at_start(&api, application, guild).await?;
        let channels = Arc::new(ServedChannels::new(options.scope.clone()));
        Ok(Self { options, api, channels, guild, application, user: bot_user })
    }

    /// Where commands and reactions count.
    pub fn channels(&self) -> Arc<ServedChannels> {
        Arc::clone(&self.channels)
    }

    /// Discord's own time. `None` if its answers do not say it.
    pub fn server_time(&self) -> Option<Timestamp> {
        self.api.server_time()
    }

    /// Posts cards and results, and reads reactions.
    pub fn incident_channel(&self, clock: Arc<dyn Clock>) -> impl IncidentChannel + use<> {
        DiscordIncidentChannel {
            api: self.api.with_timeout(POST_TIMEOUT).asking_twice(),
            channels: Arc::clone(&self.channels),
            guild: self.guild,
            bot_user: self.user,
            vote_emoji: self.options.vote_emoji.clone(),
            render_config: self.options.render_config.clone(),
            clock,
        }
    }

    /// Connects to the gateway and passes events to the workflow. Also returns whether the bot is in its guild.
    pub fn connect(
        &self,
        engine: EngineHandle,
        ledger: Arc<dyn Ledger>,
    ) -> (GatewayHandle, watch::Receiver<bool>) {
        let DiscordOptions { token, vote_emoji, render_config, .. } = self.options.clone();
        let channels = &self.channels;
        let (gateway, events) = GatewayHandle::start(GatewayOptions {
            api: self.api.clone(),
            token,
            intents: INTENTS,
            filter: Arc::new(event_filter(Arc::clone(channels), &vote_emoji)),
            capacity: EVENT_CAPACITY,
            timeouts: GatewayTimeouts::default(),
        });
        let interactions = InteractionHandler {
            api: self.api.clone(),
            application: self.application,
            guild: self.guild,
            channels: Arc::clone(channels),
            render_config,
            engine: engine.clone(),
            ledger,
            history_turn: Arc::default(),
            last_page: Arc::default(),
        };
        let presence = GuildPresence::new(self.guild, self.user);
        let is_in_guild = presence.is_in_guild();
        let event_handler = EventHandler {
            presence,
            api: self.api.clone(),
            guild: self.guild,
            channels: Arc::clone(channels),
            bot_user: self.user,
            vote_emoji,
            engine,
            interactions,
        };
        tokio::spawn(event_handler.run(events));
        tokio::spawn(keep_registered(self.api.clone(), self.application, self.guild, COMPARE_COMMANDS_EVERY));
        (gateway, is_in_guild)
    }
}

/// The application that the bot belongs to.
pub(super) async fn application_id(api: &ApiClient, bot_user: UserId) -> Result<ApplicationId, ApiError> {
    match api.current_application().await {
        Ok(application) => Ok(application.id),
        // Other APIs may not know the application. It has the same id as its bot, unless it was made before 2016.
        Err(ApiError::NotFound { .. } | ApiError::Unexpected { .. }) => {
            Ok(ApplicationId::new(bot_user.get()))
        }
        Err(error) => Err(error),
    }
}

/// Repeats `call` while Discord cannot be reached, or something in front of it blocks the bot.
async fn when_reachable<T, F: Future<Output = Result<T, ApiError>>>(
    call: impl Fn() -> F,
) -> Result<T, ApiError> {
    loop {
        match call().await {
            Err(
                error @ (ApiError::Unreachable { .. }
                | ApiError::RateLimited { .. }
                | ApiError::Blocked { .. }),
            ) => {
                warn!(%error, "Discord cannot be reached; trying again");
                sleep(RETRY_INTERVAL).await;
            }
            result => return result,
        }
    }
}

/// Registers the commands at the start. If Discord refuses only that, the bot still serves the open requests, and tries
/// again later. Fails when the token is wrong or the bot is not in the guild.
async fn register_at_start(
    api: &ApiClient,
    application: ApplicationId,
    guild: GuildId,
) -> Result<(), ApiError> {
    match when_reachable(|| register_commands(api, application, guild)).await {
        Ok(_) => Ok(()),
        Err(error @ ApiError::Unauthorized { .. }) => Err(error),
        Err(error) => {
            when_reachable(|| api.guild(guild)).await?;
            warn!(%error, "the commands could not be registered, so nobody can ask; trying again every five minutes");
            Ok(())
        }
    }
}

/// Registers the commands again whenever another tool has deleted or changed them.
pub async fn keep_registered(api: ApiClient, application: ApplicationId, guild: GuildId, every: Duration) {
    let mut registrations = VecDeque::new();
    loop {
        sleep(every).await;
        registrations.retain(|at: &Instant| at.elapsed() < DAY);
        if registrations.len() >= MAX_REGISTRATIONS {
            continue;
        }
        match register_commands(&api, application, guild).await {
            Ok(is_changed) if is_changed => {
                warn!(
                    "the commands were gone or changed, maybe by another tool with the same token; registered again"
                );
                registrations.push_back(Instant::now());
            }
            Ok(_) => {}
            Err(error) => warn!(%error, "it could not be checked whether the commands are registered"),
        }
    }
}

/// Registers the commands again after the bot was invited again.
pub(super) async fn register_again(api: ApiClient, application: ApplicationId, guild: GuildId) {
    let registered = when_reachable(|| register_commands(&api, application, guild)).await;
    if let Err(error) = registered {
        warn!(%error, "the commands could not be registered; trying again every five minutes");
    }
}

/// Registers the commands in the guild if they differ. Returns whether they did.
async fn register_commands(
    api: &ApiClient,
    application: ApplicationId,
    guild: GuildId,
) -> Result<bool, ApiError> {
    let commands = definitions::commands();
    let is_changed = match api.guild_commands(application, guild).await {
        Ok(registered) => definitions::differ(&registered, &commands),
        // An answer that cannot be read does not prove that they are up to date.
        Err(ApiError::Unexpected { .. }) => true,
        Err(error) => return Err(error),
    };
    if is_changed {
        api.overwrite_guild_commands(application, guild, &commands).await?;
        info!("slash commands registered");
    }
    Ok(is_changed)
}
