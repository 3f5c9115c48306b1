//! The bot's account: who it is on Discord, and its ways in and out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serenity::model::gateway::GatewayIntents;
use serenity::model::id::{ApplicationId, GuildId, UserId};
use tracing::{info, warn};

use super::api::{Rest, RestError};
use super::event_filter::wanted;
use super::event_handler::Listener;
use super::gateway::endpoint::is_exposed;
use super::gateway::{Connection, Options, Pace};
use super::incident_channel::IncidentChannel;
use super::interactions::{Commands, definitions};
use super::messages::Look;
use super::vote_emoji::Ballot;
use crate::domain::ids::ChannelId;
use crate::workflow::Desk;
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
#[derive(Clone)]
pub struct Profile {
    /// `https://discord.com`, or another API like it.
    pub api_url: String,
    pub token: SecretString,
    /// The one guild that is served.
    pub guild: u64,
    /// Where commands and reactions count.
    pub channels: BTreeSet<ChannelId>,
    pub ballot: Ballot,
    pub look: Look,
}

/// An account that Discord knows, with its commands registered.
pub struct Account {
    profile: Profile,
    rest: Rest,
    guild: GuildId,
    application: ApplicationId,
    me: UserId,
}

impl Account {
    /// Finds out who the bot is and registers its commands where they differ. Waits for a Discord that cannot be
    /// reached; fails when Discord says no.
    pub async fn introduce(profile: Profile) -> Result<Self, RestError> {
        let rest = Rest::new(&profile.api_url, &profile.token)?;
        if is_exposed(&profile.api_url) {
            warn!(
                api_url = profile.api_url,
                "the token goes there as plain text: whoever is on the way can read it"
            );
        }
        let guild = GuildId::new(profile.guild);
        let (application, me) = loop {
            match register(&rest, guild).await {
                Err(problem @ (RestError::Unreachable { .. } | RestError::RateLimited { .. })) => {
                    warn!(error = %problem, "Discord cannot be reached; trying again");
                    tokio::time::sleep(RETRY).await;
                }
                done => break done?,
            }
        };
        Ok(Self {
            profile,
            rest,
            guild,
            application,
            me,
        })
    }

    /// The way out: cards, reactions, results.
    pub fn channel(&self, clock: Arc<dyn Clock>) -> IncidentChannel {
        IncidentChannel {
            rest: self.rest.within(POSTING_WITHIN),
            guild: self.guild,
            me: self.me,
            ballot: self.profile.ballot.clone(),
            look: self.profile.look.clone(),
            clock,
        }
    }

    /// The way in: begins to listen, and brings what happens to the desk. Commands read the ledger, and never write to it.
    pub fn connect(&self, desk: Desk, ledger: Arc<dyn Ledger>) -> Connection {
        let Profile {
            token,
            channels,
            ballot,
            look,
            ..
        } = self.profile.clone();
        let (connection, events) = Connection::start(Options {
            rest: self.rest.clone(),
            token,
            intents: INTENTS,
            interest: Arc::new(wanted(channels.iter().copied(), &self.profile.ballot)),
            capacity: EVENTS,
            pace: Pace::default(),
        });
        let commands = Commands {
            rest: self.rest.clone(),
            application: self.application,
            guild: self.guild,
            channels: channels.clone(),
            look,
            desk: desk.clone(),
            ledger,
            drawn: Arc::default(),
        };
        let listener = Listener {
            guild: self.guild,
            channels,
            me: self.me,
            ballot,
            desk,
            commands,
        };
        tokio::spawn(listener.run(events));
        connection
    }
}

/// The application whose bot is `me`.
pub(super) async fn application(rest: &Rest, me: UserId) -> Result<ApplicationId, RestError> {
    match rest.current_application().await {
        Ok(application) => Ok(application.id),
        // An API that does not tell: an application and its bot have one number (those from before 2016 excepted).
        Err(RestError::NotFound { .. } | RestError::Unexpected { .. }) => Ok(ApplicationId::new(me.get())),
        Err(problem) => Err(problem),
    }
}

async fn register(rest: &Rest, guild: GuildId) -> Result<(ApplicationId, UserId), RestError> {
    let me = rest.current_user().await?.id;
    let application = application(rest, me).await?;
    let wanted = definitions::all();
    let differ = match rest.guild_commands(application, guild).await {
        Ok(present) => definitions::differs(&present, &wanted),
        // Whatever they are, they are not known to be those that are wanted.
        Err(RestError::Unexpected { .. }) => true,
        Err(problem) => return Err(problem),
    };
    if differ {
        rest.overwrite_guild_commands(application, guild, &wanted).await?;
        info!("slash commands registered");
    }
    Ok((application, me))
}
