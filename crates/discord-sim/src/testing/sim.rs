//! The running simulator in a test.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::channel::Channel;
use super::gateway::GatewayControl;
use super::message::Message;
use super::person::Person;
use super::waiting::{self, LIMIT};
use crate::faults::Fault;
use crate::gateway::sessions::GatewayCommand;
use crate::ids::Id;
use crate::rest::call_log::Call;
use crate::server::Server;
use crate::state::SimState;
use crate::world::channel::{CATEGORY, FORUM, PRIVATE_THREAD, PUBLIC_THREAD, TEXT};
use crate::world::permissions::Permissions;
use crate::world::setup::BOT_ROLE;

/// A running simulator. Dropping it stops everything.
#[derive(Debug)]
pub struct Sim {
    server: Server,
}

impl Sim {
    pub(crate) fn new(server: Server) -> Self {
        Self { server }
    }

    pub(crate) fn shared(&self) -> &Arc<SimState> {
        &self.server.shared
    }

    /// The URL to use instead of `https://discord.com`. REST is under `/api/v10`.
    pub fn api_url(&self) -> String {
        self.shared().api_url()
    }

    /// The URL that `GET /gateway` returns.
    pub fn gateway_url(&self) -> String {
        self.shared().gateway_url()
    }

    /// The page for people, and the control interface under `/sim`. Reachable even in an outage.
    pub fn page_url(&self) -> String {
        self.shared().page_url()
    }

    pub fn token(&self) -> String {
        self.shared().world().application.token.clone()
    }

    /// The bot's user id, which is also its application's id.
    pub fn bot_id(&self) -> u64 {
        self.shared().world().application.id.0
    }

    pub fn guild_id(&self) -> u64 {
        self.shared().world().guild.id.0
    }

    /// A role's id by name.
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
        let id = self.shared().world().channel_named(name).map(|channel| channel.id);
        let id = id.unwrap_or_else(|| panic!("there is no channel {name}"));
        Channel::new(Arc::clone(self.shared()), id)
    }

    /// Names and ids of all channels.
    pub fn channels(&self) -> Vec<(String, u64)> {
        let world = self.shared().world();
        world.channels.values().map(|channel| (channel.name.clone(), channel.id.0)).collect()
    }

    /// Names and ids of all roles except `@everyone` and the bot's own.
    pub fn roles(&self) -> Vec<(String, u64)> {
        let world = self.shared().world();
        let roles = world.guild.roles.values().filter(|role| role.bot.is_none() && role.id != world.guild.id);
        roles.map(|role| (role.name.clone(), role.id.0)).collect()
    }

    /// Names and ids of everybody except bots.
    pub fn people(&self) -> Vec<(String, u64)> {
        let world = self.shared().world();
        let people = world.users.values().filter(|user| !user.bot);
        people.map(|user| (user.name.clone(), user.id.0)).collect()
    }

    /// All channels as text, with who sees each message and who was notified.
    pub fn transcript(&self) -> String {
        self.shared().world().transcript()
    }

    /// The names of the bot's registered commands.
    pub fn commands(&self) -> Vec<String> {
        self.shared().world().commands.iter().map(|command| command.name().to_owned()).collect()
    }

    /// Every REST call by the bot, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.shared().calls().clone()
    }

    /// The calls that match a pattern such as `POST /channels/*/messages`.
    pub fn calls_like(&self, call: &str) -> Vec<Call> {
        self.shared().calls().iter().filter(|made| made.is(call)).cloned().collect()
    }

    /// Every payload that the bot sent over the gateway, including heartbeats.
    pub fn gateway_commands(&self) -> Vec<GatewayCommand> {
        self.shared().world().gateway.log.clone()
    }

    pub fn gateway(&self) -> GatewayControl<'_> {
        GatewayControl::new(self.shared())
    }

    /// Makes the next `count` calls that match fail, such as `POST /channels/*/messages`. `*` matches one segment of the path or any
    /// method, `**` the rest.
    pub fn fails_next(&self, count: usize, call: &str, fault: Fault) {
        self.shared().faults().add(count, call, fault);
    }

    /// Removes all planned faults.
    pub fn fails_no_more(&self) {
        self.shared().faults().clear();
    }

    /// Simulates an outage: resets all connections and refuses new ones, for REST and the gateway.
    pub async fn outage(&self) {
        self.shared().outage().await;
    }

    /// Ends an outage. Sessions can be resumed unless they were lost.
    pub async fn restore(&self) {
        self.shared().restore().await;
    }

    /// Denies the bot permissions in a channel.
    #[track_caller]
    pub fn bot_loses(&self, channel: &Channel, permissions: Permissions) {
        self.overwrite_bot(channel, permissions);
    }

    /// Restores the bot's permissions in a channel.
    #[track_caller]
    pub fn bot_regains(&self, channel: &Channel) {
        self.overwrite_bot(channel, Permissions::NONE);
    }

    #[track_caller]
    fn overwrite_bot(&self, channel: &Channel, deny: Permissions) {
        let done = self.shared().update(|world| {
            let bot = world.application.id;
            world.overwrite(Id(channel.id()), bot, Permissions::NONE, deny)
        });
        waiting::expect_allowed(self.shared(), "changing the bot's permissions", done);
    }

    /// Only members with this role see the channel from now on.
    #[track_caller]
    pub fn hides_channel(&self, channel: &Channel, except_from: &str) {
        let role = Id(self.role_id(except_from));
        let done = self.shared().update(|world| world.hide_except_from(Id(channel.id()), role));
        waiting::expect_allowed(self.shared(), "hiding a channel", done);
    }

    /// Somebody removes the bot from the guild, and its commands with it.
    pub fn kicks_bot(&self) {
        self.shared().update(super::super::world::state::World::kick_bot);
    }

    /// Somebody invites the bot again. It has only its own role.
    pub fn invites_bot(&self) {
        self.shared().update(super::super::world::state::World::invite_bot);
    }

    /// An outage of the guild: the bot is told so, and of nothing that happens in it.
    pub fn guild_becomes_unavailable(&self) {
        self.shared().update(|world| world.set_guild_available(false));
    }

    /// The end of an outage of the guild.
    pub fn guild_becomes_available(&self) {
        self.shared().update(|world| world.set_guild_available(true));
    }

    /// Deletes a role by its name.
    #[track_caller]
    pub fn deletes_role(&self, name: &str) {
        let id = Id(self.role_id(name));
        let done = self.shared().update(|world| world.delete_role(id));
        waiting::expect_allowed(self.shared(), "deleting a role", done);
    }

    /// Creates a role without permissions, and returns its id.
    pub fn creates_role(&self, name: &str) -> u64 {
        self.shared().update(|world| world.create_role(name)).0
    }

    /// Sets whether anybody may mention a role.
    #[track_caller]
    pub fn makes_mentionable(&self, name: &str, mentionable: bool) {
        let id = Id(self.role_id(name));
        let done = self.shared().update(|world| world.change_role(id, |role| role.mentionable = mentionable));
        waiting::expect_allowed(self.shared(), "changing a role", done);
    }

    /// Sets the permissions of a role in the guild.
    #[track_caller]
    pub fn lets_role(&self, name: &str, permissions: Permissions) {
        let id = Id(self.role_id(name));
        let done = self.shared().update(|world| world.change_role(id, |role| role.permissions = permissions));
        waiting::expect_allowed(self.shared(), "changing a role", done);
    }

    /// Another tool with the bot's token adds a command.
    #[track_caller]
    pub fn adds_command(&self, command: &serde_json::Value) {
        let done = self.shared().update(|world| world.register(Some(world.guild.id), command).map(drop));
        waiting::expect_allowed(self.shared(), "adding a command", done);
    }

    /// The same, for all guilds.
    #[track_caller]
    pub fn adds_global_command(&self, command: &serde_json::Value) {
        let done = self.shared().update(|world| world.register(None, command).map(drop));
        waiting::expect_allowed(self.shared(), "adding a command", done);
    }

    /// Takes permissions of the bot's own role away.
    #[track_caller]
    pub fn bot_loses_in_guild(&self, permissions: Permissions) {
        let done = self.shared().update(|world| {
            world.change_role(BOT_ROLE, |role| role.permissions = role.permissions & !permissions)
        });
        waiting::expect_allowed(self.shared(), "changing the bot's role", done);
    }

    /// Takes permissions of everyone away.
    #[track_caller]
    pub fn everyone_loses(&self, permissions: Permissions) {
        let done = self.shared().update(|world| {
            world.change_role(world.guild.id, |role| role.permissions = role.permissions & !permissions)
        });
        waiting::expect_allowed(self.shared(), "changing the role of everyone", done);
    }

    /// Another tool with the bot's token deletes all commands.
    pub fn deletes_commands(&self) {
        self.shared().update(|world| world.commands.clear());
    }

    /// The next interaction has data that no library decodes.
    pub fn garbles_next_interaction(&self) {
        self.shared().update(|world| world.garbles_next_interaction = true);
    }

    /// From now on, interactions and reactions have only the fields that bots need, with values that typed libraries refuse, as
    /// compatible servers send them.
    pub fn sends_minimal_events(&self) {
        self.shared().update(|world| world.gateway.is_minimal = true);
    }

    /// Another process with the bot's token edits a message of the bot.
    #[track_caller]
    pub fn bot_edits(&self, message: &Message, content: &str) {
        let body = serde_json::json!({ "content": content, "embeds": [] });
        let done = self.shared().update(|world| world.bot_edits(message.channel, message.id, &body));
        waiting::expect_allowed(self.shared(), "editing a message", done);
    }

    /// Creates a text channel, in a category if one is given.
    #[track_caller]
    pub fn creates_channel(&self, name: &str, category: Option<&Channel>) -> Channel {
        self.creates(name, TEXT, category)
    }

    pub fn creates_category(&self, name: &str) -> Channel {
        self.creates(name, CATEGORY, None)
    }

    /// Creates a forum channel, which has posts and no messages of its own.
    pub fn creates_forum(&self, name: &str) -> Channel {
        self.creates(name, FORUM, None)
    }

    /// Creates a public thread in a text channel, or a post in a forum.
    #[track_caller]
    pub fn creates_thread(&self, channel: &Channel, name: &str) -> Channel {
        self.creates(name, PUBLIC_THREAD, Some(channel))
    }

    #[track_caller]
    pub fn creates_private_thread(&self, channel: &Channel, name: &str) -> Channel {
        self.creates(name, PRIVATE_THREAD, Some(channel))
    }

    #[track_caller]
    fn creates(&self, name: &str, kind: u8, parent: Option<&Channel>) -> Channel {
        let parent = parent.map(|parent| Id(parent.id()));
        let created = self.shared().update(|world| world.create_channel(name, kind, parent));
        let id = waiting::expect_allowed(self.shared(), "creating a channel", created);
        Channel::new(Arc::clone(self.shared()), id)
    }

    /// Moves a channel into a category, or out of it.
    #[track_caller]
    pub fn moves_channel(&self, channel: &Channel, category: Option<&Channel>) {
        let category = category.map(|category| Id(category.id()));
        let done = self.shared().update(|world| world.move_channel(Id(channel.id()), category));
        waiting::expect_allowed(self.shared(), "moving a channel", done);
    }

    /// Archives a thread, or takes it out of the archive. In an archived one nobody can edit or react.
    #[track_caller]
    pub fn archives(&self, thread: &Channel, archived: bool) {
        let done = self.shared().update(|world| world.set_archived(Id(thread.id()), archived));
        waiting::expect_allowed(self.shared(), "archiving a thread", done);
    }

    /// Locks a thread, or unlocks it. In a locked one only moderators can write, edit and react.
    #[track_caller]
    pub fn locks(&self, thread: &Channel, locked: bool) {
        let done = self.shared().update(|world| world.set_locked(Id(thread.id()), locked));
        waiting::expect_allowed(self.shared(), "locking a thread", done);
    }

    /// Deletes a channel with all its messages and threads, or a thread.
    #[track_caller]
    pub fn deletes_channel(&self, channel: &Channel) {
        let done = self.shared().update(|world| world.delete_channel(Id(channel.id())));
        waiting::expect_allowed(self.shared(), "deleting a channel", done);
    }

    /// Waits until a condition holds. Panics with the transcript after the limit.
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

    /// Waits until `probe` returns a value, and returns it.
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
        self.eventually(LIMIT, "the bot is connected and has registered its commands", || {
            let world = self.shared().world();
            world.gateway.is_connected() && !world.commands.is_empty()
        })
    }
}
