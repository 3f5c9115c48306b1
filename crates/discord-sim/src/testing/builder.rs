//! Configures a simulated Discord before it starts.

use std::io;
use std::time::Duration;

use axum::Router;

use super::member_spec::MemberSpec;
use super::sim::Sim;
use crate::gateway::intents::Intents;
use crate::gateway::sessions::GatewaySettings;
use crate::ids::Id;
use crate::server::{Ports, Server};
use crate::state::{ASIDE, Embedding};
use crate::world::permissions::Permissions;
use crate::world::setup::{PersonSetup, RoleSetup, WorldSetup};

/// Configures a guild, its roles, people and channels, and the bot. Everything has a default.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct SimBuilder {
    setup: WorldSetup,
    ports: Ports,
    limits: bool,
    embedding: Embedding,
    panel_routes: Router,
}

impl Default for SimBuilder {
    fn default() -> Self {
        let gateway = GatewaySettings {
            heartbeat: Duration::from_millis(41_250),
            identify_every: Duration::from_secs(5),
            identify_limit: 1000,
            allowed: Intents::NONE,
            url: None,
        };
        let setup = WorldSetup {
            guild: (Id(1_100_000_000_000_000_001), "The Guild".into()),
            mfa: false,
            bot: (Id(1_500_000_000_000_000_001), "bot".into()),
            token: "MTUwMDAwMDAwMDAwMDAwMDAwMQ.simulated.token-for-loopback-only".into(),
            bot_permissions: Permissions::NONE,
            roles: Vec::new(),
            people: Vec::new(),
            channels: Vec::new(),
            answer_within: Duration::from_secs(3),
            token_lives: Duration::from_mins(15),
            gateway,
        };
        Self {
            setup,
            ports: Ports::default(),
            limits: false,
            embedding: Embedding::default(),
            panel_routes: Router::new(),
        }
    }
}

impl Sim {
    pub fn builder() -> SimBuilder {
        SimBuilder::default()
    }
}

impl SimBuilder {
    /// The guild's id and name. The default id is 1100000000000000001.
    pub fn guild(mut self, id: u64, name: &str) -> Self {
        self.setup.guild = (Id(id), name.into());
        self
    }

    /// Requires two-factor authentication for moderation.
    pub fn requires_mfa(mut self) -> Self {
        self.setup.mfa = true;
        self
    }

    /// The bot's id, which is also its application's, and its name.
    pub fn bot(mut self, id: u64, name: &str) -> Self {
        self.setup.bot = (Id(id), name.into());
        self
    }

    pub fn token(mut self, token: &str) -> Self {
        self.setup.token = token.into();
        self
    }

    /// Permissions of the bot's own role, besides everyone's (view, send, embed links, add reactions, read history).
    pub fn bot_may(mut self, permissions: Permissions) -> Self {
        self.setup.bot_permissions = self.setup.bot_permissions | permissions;
        self
    }

    /// A role without permissions, with an assigned id.
    pub fn role(self, name: &str) -> Self {
        self.add_role(None, name, Permissions::NONE, false)
    }

    pub fn role_with_id(self, name: &str, id: u64) -> Self {
        self.add_role(Some(Id(id)), name, Permissions::NONE, false)
    }

    /// A role that anybody may mention.
    pub fn mentionable_role(self, name: &str, id: u64) -> Self {
        self.add_role(Some(Id(id)), name, Permissions::NONE, true)
    }

    pub fn role_that_may(self, name: &str, permissions: Permissions) -> Self {
        self.add_role(None, name, permissions, false)
    }

    fn add_role(mut self, id: Option<Id>, name: &str, permissions: Permissions, mentionable: bool) -> Self {
        self.setup.roles.push(RoleSetup { id, name: name.into(), permissions, mentionable });
        self
    }

    /// A person with roles by name. Unknown roles are added.
    pub fn person<'a>(self, name: &str, roles: impl IntoIterator<Item = &'a str>) -> Self {
        self.member(MemberSpec::person(name).with_roles(roles))
    }

    /// The guild's owner, who has all permissions.
    pub fn owner(self, name: &str) -> Self {
        self.member(MemberSpec::person(name).as_owner())
    }

    /// A moderator, who may manage messages.
    pub fn moderator(self, name: &str) -> Self {
        let exists = self.setup.roles.iter().any(|role| role.name == "moderator");
        let this = if exists { self } else { self.role_that_may("moderator", Permissions::MANAGE_MESSAGES) };
        this.person(name, ["moderator"])
    }

    /// Another bot in the guild.
    pub fn other_bot<'a>(self, name: &str, roles: impl IntoIterator<Item = &'a str>) -> Self {
        self.member(MemberSpec::bot(name).with_roles(roles))
    }

    pub fn member(mut self, spec: MemberSpec) -> Self {
        let person: PersonSetup = spec.into_setup();
        for role in &person.roles {
            if !self.setup.roles.iter().any(|known| known.name == *role) {
                self = self.role(role);
            }
        }
        self.setup.people.push(person);
        self
    }

    /// A text channel with an assigned id, 1200000000000000001 for the first.
    pub fn channel(mut self, name: &str) -> Self {
        self.setup.channels.push((None, name.into()));
        self
    }

    pub fn channel_with_id(mut self, name: &str, id: u64) -> Self {
        self.setup.channels.push((Some(Id(id)), name.into()));
        self
    }

    /// The bot's heartbeat interval. Discord's is about 41 s.
    pub fn heartbeat_every(mut self, interval: Duration) -> Self {
        self.setup.gateway.heartbeat = interval;
        self
    }

    /// The minimum time between two identifies. Discord's is 5 s.
    pub fn identify_every(mut self, interval: Duration) -> Self {
        self.setup.gateway.identify_every = interval;
        self
    }

    /// The total number of identifies allowed.
    pub fn identify_limit(mut self, limit: u32) -> Self {
        self.setup.gateway.identify_limit = limit;
        self
    }

    /// The URL at which bots are told to find the gateway, such as one behind a proxy.
    pub fn gateway_at(mut self, url: &str) -> Self {
        self.setup.gateway.url = Some(url.into());
        self
    }

    /// Enables privileged intents, as in the application's settings.
    pub fn privileged(mut self, intents: Intents) -> Self {
        self.setup.gateway.allowed = self.setup.gateway.allowed | intents;
        self
    }

    /// The time limit for the initial response to an interaction. Discord's is 3 s.
    pub fn answer_within(mut self, limit: Duration) -> Self {
        self.setup.answer_within = limit;
        self
    }

    /// How long an interaction's token is valid. In Discord, 15 minutes.
    pub fn tokens_live(mut self, limit: Duration) -> Self {
        self.setup.token_lives = limit;
        self
    }

    /// Enforces Discord's rate limits, which are off by default.
    pub fn with_rate_limits(mut self) -> Self {
        self.limits = true;
        self
    }

    pub fn ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// The name of the embedding program: the page's title, which its header shows, too.
    pub fn page_title(mut self, title: &str) -> Self {
        self.embedding.title = Some(title.into());
        self
    }

    /// What the page says once the program has ended.
    pub fn says_when_ended(mut self, words: &str) -> Self {
        self.embedding.ended = Some(words.into());
        self
    }

    /// Shows a panel of the embedding program beside the channel: the page calls `mount(element, page)` of `module`, an ES
    /// module that `routes` serves. The routes are under `/aside` on the page's address, and reachable even in an outage.
    pub fn aside(mut self, module: &str, routes: Router) -> Self {
        self.embedding.aside = Some(format!("{ASIDE}/{}", module.trim_start_matches('/')));
        self.panel_routes = routes;
        self
    }

    /// Starts the simulator. Panics if the configuration is inconsistent or no port is free.
    pub async fn start(self) -> Sim {
        self.try_start().await.unwrap_or_else(|error| panic!("the simulator does not start: {error}"))
    }

    /// Starts the simulator. Fails if the configuration is inconsistent or a port is in use.
    pub async fn try_start(mut self) -> io::Result<Sim> {
        if self.setup.channels.is_empty() {
            self = self.channel("general");
        }
        let world = self.setup.build().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let server = Server::start(world, self.ports, self.limits, self.embedding, self.panel_routes).await?;
        Ok(Sim::new(server))
    }
}
