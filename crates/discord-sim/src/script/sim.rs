//! The running simulator, as a test holds it.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::builder::Builder;
use super::channel::Channel;
use super::gateway::Gateway;
use super::person::Person;
use super::waiting::{self, LIMIT};
use crate::faults::Fault;
use crate::gateway::hub::GatewayCommand;
use crate::rest::log::Call;
use crate::server::{Server, Shared};
use crate::world::ids::Id;
use crate::world::permissions::Permissions;

/// A running Discord. Dropping it stops everything.
#[derive(Debug)]
pub struct Sim {
    server: Server,
}

impl Sim {
    pub(crate) fn new(server: Server) -> Self {
        Self { server }
    }

    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.server.shared
    }

    /// What a bot uses in place of `https://discord.com`; REST is under `/api/v10`.
    pub fn api_url(&self) -> String {
        self.shared().api_url()
    }

    /// Where `GET /gateway` sends the bot.
    pub fn gateway_url(&self) -> String {
        self.shared().gateway_url()
    }

    /// The page for people, and the control interface under `/sim`. It stays up in an outage.
    pub fn page_url(&self) -> String {
        self.shared().page_url()
    }

    pub fn token(&self) -> String {
        self.shared().world().application.token.clone()
    }

    /// The bot's user id, which is its application's id too.
    pub fn bot_id(&self) -> u64 {
        self.shared().world().application.id.0
    }

    pub fn guild_id(&self) -> u64 {
        self.shared().world().guild.id.0
    }

    /// A role's id by its name.
    #[track_caller]
    pub fn role_id(&self, name: &str) -> u64 {
        let world = self.shared().world();
        let role = world.guild.role_named(name).map(|role| role.id.0);
        drop(world);
        role.unwrap_or_else(|| panic!("there is no role {name}"))
    }

    #[track_caller]
    pub fn person(&self, name: &str) -> Person {
        let id = self.shared().world().user_named(name).map(|user| user.id);
        let id = id.unwrap_or_else(|| panic!("there is nobody called {name}"));
        Person::new(Arc::clone(self.shared()), id)
    }

    /// The guild's owner.
    pub fn owner(&self) -> Person {
        let id = self.shared().world().guild.owner;
        Person::new(Arc::clone(self.shared()), id)
    }

    #[track_caller]
    pub fn channel(&self, name: &str) -> Channel {
        let id = self
            .shared()
            .world()
            .channel_named(name)
            .map(|channel| channel.id);
        let id = id.unwrap_or_else(|| panic!("there is no channel {name}"));
        Channel::new(Arc::clone(self.shared()), id)
    }

    /// Names and ids of all channels.
    pub fn channels(&self) -> Vec<(String, u64)> {
        let world = self.shared().world();
        world
            .channels
            .values()
            .map(|channel| (channel.name.clone(), channel.id.0))
            .collect()
    }

    /// Names and ids of all roles but `@everyone` and the bot's own.
    pub fn roles(&self) -> Vec<(String, u64)> {
        let world = self.shared().world();
        let given = world
            .guild
            .roles
            .values()
            .filter(|role| role.bot.is_none() && role.id != world.guild.id);
        given.map(|role| (role.name.clone(), role.id.0)).collect()
    }

    /// Names and ids of everybody but bots.
    pub fn people(&self) -> Vec<(String, u64)> {
        let world = self.shared().world();
        let people = world.users.values().filter(|user| !user.bot);
        people.map(|user| (user.name.clone(), user.id.0)).collect()
    }

    /// Everything in every channel as text, with who sees it and who was pinged.
    pub fn transcript(&self) -> String {
        self.shared().world().transcript()
    }

    /// The names of the commands the bot has registered.
    pub fn commands(&self) -> Vec<String> {
        self.shared()
            .world()
            .commands
            .iter()
            .map(|command| command.name().to_owned())
            .collect()
    }

    /// Every REST call the bot made, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.shared().calls().clone()
    }

    /// The calls like `POST /channels/*/messages`.
    pub fn calls_like(&self, call: &str) -> Vec<Call> {
        self.shared()
            .calls()
            .iter()
            .filter(|made| made.is(call))
            .cloned()
            .collect()
    }

    /// Every command the bot sent over the gateway, heartbeats included.
    pub fn gateway_commands(&self) -> Vec<GatewayCommand> {
        self.shared().world().hub.log.clone()
    }

    pub fn gateway(&self) -> Gateway<'_> {
        Gateway::new(self.shared())
    }

    /// The next `count` calls like `POST /channels/*/messages` go wrong. `*` is one part of a path or any
    /// method, `**` all the rest.
    pub fn fails_next(&self, count: usize, call: &str, fault: Fault) {
        self.shared().faults().add(count, call, fault);
    }

    /// No call goes wrong any more.
    pub fn fails_no_more(&self) {
        self.shared().faults().clear();
    }

    /// Discord is gone: connections are reset, new ones refused, REST and gateway alike.
    pub async fn outage(&self) {
        self.shared().outage().await;
    }

    /// Discord is back. Sessions can be resumed unless they were lost.
    pub async fn restore(&self) {
        self.shared().restore().await;
    }

    /// Takes permissions from the bot in a channel.
    #[track_caller]
    pub fn bot_loses(&self, channel: &Channel, permissions: Permissions) {
        self.overwrite_bot(channel, permissions);
    }

    /// Gives the bot back in a channel what its roles allow.
    #[track_caller]
    pub fn bot_regains(&self, channel: &Channel) {
        self.overwrite_bot(channel, Permissions::NONE);
    }

    #[track_caller]
    fn overwrite_bot(&self, channel: &Channel, deny: Permissions) {
        let done = self.shared().act(|world| {
            let bot = world.application.id;
            world.overwrite(Id(channel.id()), bot, Permissions::NONE, deny)
        });
        waiting::allowed(self.shared(), "changing the bot's permissions", done);
    }

    /// Deletes a role by its name.
    #[track_caller]
    pub fn deletes_role(&self, name: &str) {
        let id = Id(self.role_id(name));
        let done = self.shared().act(|world| world.delete_role(id));
        waiting::allowed(self.shared(), "deleting a role", done);
    }

    /// Creates a role without permissions; gives its id.
    pub fn creates_role(&self, name: &str) -> u64 {
        self.shared().act(|world| world.create_role(name)).0
    }

    /// Lets everybody ping a role, or nobody without Mention Everyone.
    #[track_caller]
    pub fn makes_mentionable(&self, name: &str, mentionable: bool) {
        let id = Id(self.role_id(name));
        let done = self
            .shared()
            .act(|world| world.change_role(id, |role| role.mentionable = mentionable));
        waiting::allowed(self.shared(), "changing a role", done);
    }

    /// Deletes a channel with all its messages.
    #[track_caller]
    pub fn deletes_channel(&self, channel: &Channel) {
        let done = self.shared().act(|world| world.delete_channel(Id(channel.id())));
        waiting::allowed(self.shared(), "deleting a channel", done);
    }

    /// Waits until a condition holds; panics with the transcript if it does not within the limit.
    #[track_caller]
    pub fn eventually<'a>(
        &'a self,
        limit: Duration,
        what: &'a str,
        mut condition: impl FnMut() -> bool + 'a,
    ) -> impl Future<Output = ()> + 'a {
        let caller = Location::caller();
        async move {
            waiting::until(self.shared(), limit, what, caller, || condition().then_some(())).await;
        }
    }

    /// Waits for something to be there, and gives it.
    #[track_caller]
    pub fn awaits<'a, T: 'a>(
        &'a self,
        limit: Duration,
        what: &'a str,
        probe: impl FnMut() -> Option<T> + 'a,
    ) -> impl Future<Output = T> + 'a {
        waiting::until(self.shared(), limit, what, Location::caller(), probe)
    }

    /// Waits until the bot has a session on the gateway and has registered at least one command.
    #[track_caller]
    pub fn bot_is_ready(&self) -> impl Future<Output = ()> + '_ {
        self.eventually(
            LIMIT,
            "the bot is connected and has registered its commands",
            || {
                let world = self.shared().world();
                world.hub.is_connected() && !world.commands.is_empty()
            },
        )
    }
}
