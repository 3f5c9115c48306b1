//! The bot's account: who it is on Discord, and its ways in and out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serenity::model::gateway::GatewayIntents;
use serenity::model::id::{ApplicationId, GuildId, UserId};
use tracing::{info, warn};

use super::api::{ApiClient, ApiError};
use super::event_filter::event_filter;
use super::event_handler::EventHandler;
use super::gateway::endpoint::is_exposed;
use super::gateway::{GatewayHandle, GatewayOptions, GatewayTimeouts};
use super::incident_channel::DiscordIncidentChannel;
use super::interactions::{InteractionHandler, definitions};
use super::messages::RenderConfig;
use super::vote_emoji::VoteEmoji;
use crate::domain::ids::ChannelId;
use crate::workflow::EngineHandle;
use crate::workflow::ports::{Clock, Ledger};

/// No privileged intent among them: guilds for deleted channels, messages for deleted cards, reactions for votes.
const INTENTS: GatewayIntents = GatewayIntents::GUILDS
    .union(GatewayIntents::GUILD_MESSAGES)
    .union(GatewayIntents::GUILD_MESSAGE_REACTIONS);
/// Events that may wait before no more are read.
const EVENTS: usize = 256;
/// Between tries to reach Discord at the start.
const RETRY: Duration = Duration::from_secs(2);
/// How long a card or a result may take to be posted before it is tried anew.
const POSTING_WITHIN: Duration = Duration::from_secs(20);

/// What the configuration says of Discord.
#[derive(Clone, Debug)]
pub struct DiscordOptions {
    /// `https://discord.com`, or another API like it.
    pub api_url: String,
    pub token: SecretString,
    /// The one guild that is served.
    pub guild: u64,
    /// Where commands and reactions count.
    pub channels: BTreeSet<ChannelId>,
    pub vote_emoji: VoteEmoji,
    pub render_config: RenderConfig,
}

/// An account that Discord knows, with its commands registered.
pub struct Bot {
    options: DiscordOptions,
    api: ApiClient,
    guild: GuildId,
    application: ApplicationId,
    bot_user: UserId,
}

impl Bot {
    /// Finds out who the bot is and registers its commands where they differ. Waits for a Discord that cannot be
    /// reached; fails when Discord says no.
    pub async fn log_in(profile: DiscordOptions) -> Result<Self, ApiError> {
        let rest = ApiClient::new(&profile.api_url, &profile.token)?;
        if is_exposed(&profile.api_url) {
            warn!(
                api_url = profile.api_url,
                "the token goes there as plain text: whoever is on the way can read it"
            );
        }
        let guild = GuildId::new(profile.guild);
        let (application, me) = loop {
            match register_commands(&rest, guild).await {
                Err(problem @ (ApiError::Unreachable { .. } | ApiError::RateLimited { .. })) => {
                    warn!(error = %problem, "Discord cannot be reached; trying again");
                    tokio::time::sleep(RETRY).await;
                }
                done => break done?,
            }
        };
        Ok(Self {
            options: profile,
            api: rest,
            guild,
            application,
            bot_user: me,
        })
    }

    /// The way out: cards, reactions, results.
    pub fn incident_channel(&self, clock: Arc<dyn Clock>) -> DiscordIncidentChannel {
        DiscordIncidentChannel {
            api: self.api.within(POSTING_WITHIN),
            guild: self.guild,
            bot_user: self.bot_user,
            vote_emoji: self.options.vote_emoji.clone(),
            render_config: self.options.render_config.clone(),
            clock,
        }
    }

    /// The way in: begins to listen, and brings what happens to the desk. Commands read the ledger, and never write to it.
    pub fn connect(&self, desk: EngineHandle, ledger: Arc<dyn Ledger>) -> GatewayHandle {
        let DiscordOptions {
            token,
            channels,
            vote_emoji: ballot,
            render_config: look,
            ..
        } = self.options.clone();
        let (connection, events) = GatewayHandle::start(GatewayOptions {
            api: self.api.clone(),
            token,
            intents: INTENTS,
            filter: Arc::new(event_filter(channels.iter().copied(), &self.options.vote_emoji)),
            capacity: EVENTS,
            timeouts: GatewayTimeouts::default(),
        });
        let commands = InteractionHandler {
            api: self.api.clone(),
            application: self.application,
            guild: self.guild,
            channels: channels.clone(),
            render_config: look,
            engine: desk.clone(),
            ledger,
            page_cache: Arc::default(),
        };
        let listener = EventHandler {
            guild: self.guild,
            channels,
            bot_user: self.bot_user,
            vote_emoji: ballot,
            engine: desk,
            commands,
        };
        tokio::spawn(listener.run(events));
        connection
    }
}

/// The application whose bot is `me`.
pub(super) async fn application(rest: &ApiClient, me: UserId) -> Result<ApplicationId, ApiError> {
    match rest.current_application().await {
        Ok(application) => Ok(application.id),
        // An API that does not tell: an application and its bot have one number (those from before 2016 excepted).
        Err(ApiError::NotFound { .. } | ApiError::Unexpected { .. }) => Ok(ApplicationId::new(me.get())),
        Err(problem) => Err(problem),
    }
}

async fn register_commands(rest: &ApiClient, guild: GuildId) -> Result<(ApplicationId, UserId), ApiError> {
    let me = rest.current_user().await?.id;
    let application = application(rest, me).await?;
    let wanted = definitions::all();
    let differ = match rest.guild_commands(application, guild).await {
        Ok(present) => definitions::differs(&present, &wanted),
        // Whatever they are, they are not known to be those that are wanted.
        Err(ApiError::Unexpected { .. }) => true,
        Err(problem) => return Err(problem),
    };
    if differ {
        rest.overwrite_guild_commands(application, guild, &wanted).await?;
        info!("slash commands registered");
    }
    Ok((application, me))
}
