//! Describing a simulated Discord before it starts.

use std::io;
use std::time::Duration;

use axum::Router;

use super::people::Newcomer;
use super::sim::Sim;
use crate::control::ASIDE;
use crate::gateway::hub::Settings;
use crate::gateway::intents::Intents;
use crate::server::{Aside, Ports, Server};
use crate::world::blueprint::{Blueprint, PersonPlan, RolePlan};
use crate::world::ids::Id;
use crate::world::permissions::Permissions;

/// Describes a guild, its roles, people and channels, and the bot. What is left out has sensible values.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    plan: Blueprint,
    ports: Ports,
    limits: bool,
    aside: Option<Aside>,
}

impl Default for Builder {
    fn default() -> Self {
        let gateway = Settings {
            heartbeat: Duration::from_millis(41_250),
            identify_every: Duration::from_secs(5),
            identify_limit: 1000,
            allowed: Intents::NONE,
        };
        let plan = Blueprint {
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
            plan,
            ports: Ports::default(),
            limits: false,
            aside: None,
        }
    }
}

impl Builder {
    /// The guild's id and name; 1100000000000000001 if left out.
    pub fn guild(mut self, id: u64, name: &str) -> Self {
        self.plan.guild = (Id(id), name.into());
        self
    }

    /// Moderation needs two-factor authentication.
    pub fn requires_mfa(mut self) -> Self {
        self.plan.mfa = true;
        self
    }

    /// The bot's id, which is its application's too, and its name.
    pub fn bot(mut self, id: u64, name: &str) -> Self {
        self.plan.bot = (Id(id), name.into());
        self
    }

    pub fn token(mut self, token: &str) -> Self {
        self.plan.token = token.into();
        self
    }

    /// What the bot's own role adds to what everyone may (view, send, embed links, add reactions, read history).
    pub fn bot_may(mut self, permissions: Permissions) -> Self {
        self.plan.bot_permissions = self.plan.bot_permissions | permissions;
        self
    }

    /// A role without permissions, as fresh roles are; its id is given out.
    pub fn role(self, name: &str) -> Self {
        self.add_role(None, name, Permissions::NONE, false)
    }

    pub fn role_with_id(self, name: &str, id: u64) -> Self {
        self.add_role(Some(Id(id)), name, Permissions::NONE, false)
    }

    /// A role that a bot without Mention Everyone can ping.
    pub fn mentionable_role(self, name: &str, id: u64) -> Self {
        self.add_role(Some(Id(id)), name, Permissions::NONE, true)
    }

    pub fn role_that_may(self, name: &str, permissions: Permissions) -> Self {
        self.add_role(None, name, permissions, false)
    }

    fn add_role(mut self, id: Option<Id>, name: &str, permissions: Permissions, mentionable: bool) -> Self {
        self.plan.roles.push(RolePlan {
            id,
            name: name.into(),
            permissions,
            mentionable,
        });
        self
    }

    /// A person with roles by name; a role that was not described is added.
    pub fn person<'a>(self, name: &str, roles: impl IntoIterator<Item = &'a str>) -> Self {
        self.newcomer(Newcomer::person(name).with_roles(roles))
    }

    /// The guild's owner, who may do everything.
    pub fn owner(self, name: &str) -> Self {
        self.newcomer(Newcomer::person(name).who_owns_the_guild())
    }

    /// A moderator: may manage messages.
    pub fn moderator(self, name: &str) -> Self {
        let known = self.plan.roles.iter().any(|role| role.name == "moderator");
        let this = if known {
            self
        } else {
            self.role_that_may("moderator", Permissions::MANAGE_MESSAGES)
        };
        this.person(name, ["moderator"])
    }

    /// Another bot in the guild.
    pub fn other_bot<'a>(self, name: &str, roles: impl IntoIterator<Item = &'a str>) -> Self {
        self.newcomer(Newcomer::bot(name).with_roles(roles))
    }

    pub fn newcomer(mut self, newcomer: Newcomer) -> Self {
        let plan: PersonPlan = newcomer.into_plan();
        for role in &plan.roles {
            if !self.plan.roles.iter().any(|known| known.name == *role) {
                self = self.role(role);
            }
        }
        self.plan.people.push(plan);
        self
    }

    /// A text channel; its id is given out, 1200000000000000001 for the first.
    pub fn channel(mut self, name: &str) -> Self {
        self.plan.channels.push((None, name.into()));
        self
    }

    pub fn channel_with_id(mut self, name: &str, id: u64) -> Self {
        self.plan.channels.push((Some(Id(id)), name.into()));
        self
    }

    /// The interval the bot is asked to send heartbeats in; Discord's is about 41 s.
    pub fn heartbeat_every(mut self, interval: Duration) -> Self {
        self.plan.gateway.heartbeat = interval;
        self
    }

    /// The time between two identifies; Discord's is 5 s.
    pub fn identify_every(mut self, interval: Duration) -> Self {
        self.plan.gateway.identify_every = interval;
        self
    }

    /// How often the bot may identify in all.
    pub fn identify_limit(mut self, limit: u32) -> Self {
        self.plan.gateway.identify_limit = limit;
        self
    }

    /// Switches privileged intents on, as in the application's settings.
    pub fn privileged(mut self, intents: Intents) -> Self {
        self.plan.gateway.allowed = self.plan.gateway.allowed | intents;
        self
    }

    /// How long an interaction waits for its first answer; Discord's limit is 3 s.
    pub fn answer_within(mut self, limit: Duration) -> Self {
        self.plan.answer_within = limit;
        self
    }

    /// How long an interaction's token lives; with Discord 15 minutes.
    pub fn tokens_live(mut self, limit: Duration) -> Self {
        self.plan.token_lives = limit;
        self
    }

    /// Enforces Discord's rate limits, which are off otherwise.
    pub fn with_rate_limits(mut self) -> Self {
        self.limits = true;
        self
    }

    pub fn ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// Something of the embedding program's own beside the channel: the page calls `mount(element)` of `module`, an ES
    /// module that `routes` serves. They are under `/aside` on the page's address, and reachable through every outage.
    pub fn aside(mut self, module: &str, routes: Router) -> Self {
        let module = format!("{ASIDE}/{}", module.trim_start_matches('/'));
        self.aside = Some(Aside { module, routes });
        self
    }

    /// Starts it. Panics if the description contradicts itself or there is no port to be had.
    pub async fn start(self) -> Sim {
        self.try_start()
            .await
            .unwrap_or_else(|error| panic!("the simulator does not start: {error}"))
    }

    /// Starts it. Fails if the description contradicts itself or a port is taken.
    pub async fn try_start(mut self) -> io::Result<Sim> {
        if self.plan.channels.is_empty() {
            self = self.channel("general");
        }
        let world = self
            .plan
            .build()
            .map_err(|fault| io::Error::new(io::ErrorKind::InvalidInput, fault))?;
        let server = Server::start(world, self.ports, self.limits, self.aside).await?;
        Ok(Sim::new(server))
    }
}
