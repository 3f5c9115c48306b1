//! The bot: logs in, registers its commands, and connects the gateway to the workflow.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serenity::model::gateway::GatewayIntents;
use serenity::model::id::{ApplicationId, GuildId, UserId};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio::time::sleep;
use tracing::warn;

use super::api::{ApiClient, ApiError};
use super::command_registration::{COMPARE_COMMANDS_EVERY, CommandRegistration, RegistrationBudget};
use super::event_filter::event_filter;
use super::event_handler::EventHandler;
use super::gateway::endpoint::is_exposed;
use super::gateway::{GatewayHandle, GatewayOptions, GatewayTimeouts};
use super::guild_presence::GuildPresence;
use super::https_proxy::HttpsProxy;
use super::incident_channel::DiscordIncidentChannel;
use super::interactions::{InteractionHandler, Turns};
use super::messages::RenderConfig;
use super::served_channels::{ChannelScope, ServedChannels, kind};
use super::vote_emoji::VoteEmoji;
use crate::domain::ids::ChannelId;
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

impl PartialEq for DiscordOptions {
    fn eq(&self, other: &Self) -> bool {
        // The proxy is in the environment, which does not change while killgate runs.
        let Self { api_url, proxy: _, token, guild, scope, vote_emoji, render_config } = self;
        *api_url == other.api_url
            && token.expose_secret() == other.token.expose_secret()
            && *guild == other.guild
            && *scope == other.scope
            && *vote_emoji == other.vote_emoji
            && *render_config == other.render_config
    }
}

/// Whether the bot receives the events of its guild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscordStatus {
    /// There is no connection to the gateway.
    Disconnected,
    /// The same, because all sessions that Discord allows in a day were started. The next one is allowed then.
    StartsUsedUp { until: Instant },
    /// There is one, and the bot is not in its guild, or the guild is unavailable.
    OutsideGuild,
    /// There is one, and the bot is in its guild.
    InGuild,
}

/// A bot that is logged in and has its commands registered.
pub struct Bot {
    options: DiscordOptions,
    api: ApiClient,
    channels: Arc<ServedChannels>,
    commands: CommandRegistration,
    user: UserId,
}

impl Bot {
    /// Identifies the bot and registers its commands if they differ. Retries while Discord cannot be reached or refuses. Fails
    /// when the token is wrong, or Discord says twice that it knows no such guild.
    pub async fn log_in(options: DiscordOptions, budget: RegistrationBudget) -> Result<Self, ApiError> {
        let api = ApiClient::new(&options.api_url, &options.token, options.proxy.as_ref())?;
        if is_exposed(&options.api_url) {
            warn!(
                api_url = options.api_url,
                "the token is sent unencrypted; anybody on the network path can read it"
            );
        }
        let guild = GuildId::new(options.guild);
        let bot_user = retrying(can_change, || api.current_user()).await?.id;
        let application = retrying(can_change, || application_id(&api, bot_user)).await?;
        let commands = CommandRegistration { api: api.clone(), application, guild, budget };
        commands.register_at_start().await?;
        let channels = Arc::new(ServedChannels::new(options.scope.clone()));
        Ok(Self { options, api, channels, commands, user: bot_user })
    }

    /// Where commands and reactions count.
    pub fn channels(&self) -> Arc<ServedChannels> {
        Arc::clone(&self.channels)
    }

    /// The channels in which people can be told something: those that the configuration names, and the text and announcement
    /// channels in its categories.
    pub async fn channels_with_messages(&self) -> Result<BTreeSet<ChannelId>, ApiError> {
        let scope = &self.options.scope;
        let mut channels = scope.channels.clone();
        if scope.categories.is_empty() {
            return Ok(channels);
        }
        for channel in self.api.guild_channels(self.commands.guild).await? {
            let is_in = channel.parent_id.is_some_and(|id| scope.categories.contains(&ChannelId(id.get())));
            if is_in && kind::WITH_MESSAGES.contains(&channel.kind) {
                channels.extend(channel.id.map(|id| ChannelId(id.get())));
            }
        }
        Ok(channels)
    }

    /// Discord's own time. `None` if its answers do not say it.
    pub fn server_time(&self) -> Option<Timestamp> {
        self.api.server_time()
    }

    /// Posts cards and results, and reads reactions.
    pub fn incident_channel(
        &self,
        clock: Arc<dyn Clock>,
        ledger: Option<Arc<dyn Ledger>>,
    ) -> impl IncidentChannel + use<> {
        DiscordIncidentChannel {
            api: self.api.with_timeout(POST_TIMEOUT).asking_twice(),
            channels: Arc::clone(&self.channels),
            guild: self.commands.guild,
            bot_user: self.user,
            vote_emoji: self.options.vote_emoji.clone(),
            render_config: self.options.render_config.clone(),
            clock,
            ledger,
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
            application: self.commands.application,
            guild: self.commands.guild,
            channels: Arc::clone(channels),
            render_config,
            engine: engine.clone(),
            ledger,
            history_turn: Arc::default(),
            last_page: Arc::default(),
            turns: Turns::default(),
        };
        let presence = GuildPresence::new(self.commands.guild, self.user);
        let is_in_guild = presence.is_in_guild();
        let compare_commands = Arc::<Notify>::default();
        let event_handler = EventHandler {
            presence,
            compare_commands: Arc::clone(&compare_commands),
            guild: self.commands.guild,
            channels: Arc::clone(channels),
            bot_user: self.user,
            vote_emoji,
            engine,
            interactions,
        };
        tokio::spawn(event_handler.run(events));
        tokio::spawn(self.commands.clone().keep_registered(COMPARE_COMMANDS_EVERY, compare_commands));
        (gateway, is_in_guild)
    }
}

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

/// Repeats `call` while its error is one that may pass.
pub(super) async fn retrying<T, F: Future<Output = Result<T, ApiError>>>(
    may_pass: impl Fn(&ApiError) -> bool,
    call: impl Fn() -> F,
) -> Result<T, ApiError> {
    loop {
        match call().await {
            Err(error) if may_pass(&error) => {
                warn!(
                    %error,
                    "Discord does not answer as it should; trying again. If this persists, check [discord] api_url and the network"
                );
                sleep(RETRY_INTERVAL).await;
            }
            result => return result,
        }
    }
}

/// Whether Discord cannot be reached, or something in front of it blocks the bot.
pub(super) fn is_unreachable(error: &ApiError) -> bool {
    matches!(error, ApiError::Unreachable { .. } | ApiError::RateLimited { .. } | ApiError::Blocked { .. })
}

/// Whether the same call may succeed later: an outage has all kinds of answers. A wrong token stays wrong.
pub(super) fn can_change(error: &ApiError) -> bool {
    !matches!(error, ApiError::Unauthorized { .. } | ApiError::Setup(_))
}
