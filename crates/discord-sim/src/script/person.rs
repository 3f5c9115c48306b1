//! Somebody in the guild, as a test makes them act.

use std::sync::Arc;

use super::answer::Answer;
use super::channel::Channel;
use super::command::Command;
use super::message::Message;
use super::waiting::{allowed, done};
use crate::server::Shared;
use crate::world::ids::Id;
use crate::world::refusal::Refusal;

/// A person, or another bot. What Discord would not let them do panics, unless the act begins with `try_`.
#[derive(Clone, Debug)]
pub struct Person {
    shared: Arc<Shared>,
    id: Id,
}

impl Person {
    pub(crate) fn new(shared: Arc<Shared>, id: Id) -> Self {
        Self { shared, id }
    }

    pub fn id(&self) -> u64 {
        self.id.0
    }

    pub fn name(&self) -> String {
        self.shared.world().name(self.id).to_owned()
    }

    /// The person in a channel, about to say or type something.
    pub fn in_channel(&self, channel: &Channel) -> Place {
        Place {
            shared: Arc::clone(&self.shared),
            user: self.id,
            channel: Id(channel.id()),
        }
    }

    /// Puts a reaction on a message.
    #[track_caller]
    pub fn reacts(&self, message: &Message, emoji: &str) {
        let done = self.try_reacts(message, emoji);
        allowed(&self.shared, &format!("{} reacts {emoji}", self.name()), done);
    }

    pub fn try_reacts(&self, message: &Message, emoji: &str) -> Result<(), Refusal> {
        self.shared
            .act(|world| world.react(self.id, message.channel, message.id, emoji))
    }

    /// Takes the own reaction back.
    #[track_caller]
    pub fn takes_back(&self, message: &Message, emoji: &str) {
        self.takes_off(message, emoji, self);
    }

    /// Takes somebody's reaction off, as a moderator can.
    #[track_caller]
    pub fn takes_off(&self, message: &Message, emoji: &str, whose: &Self) {
        let done = self
            .shared
            .act(|world| world.unreact(self.id, whose.id, message.channel, message.id, emoji));
        allowed(&self.shared, &format!("{} takes off {emoji}", self.name()), done);
    }

    /// Clears all reactions, as a moderator can.
    #[track_caller]
    pub fn clears_reactions(&self, message: &Message) {
        let done = self
            .shared
            .act(|world| world.clear_reactions(self.id, message.channel, message.id));
        allowed(
            &self.shared,
            &format!("{} clears the reactions", self.name()),
            done,
        );
    }

    /// Clears all reactions with one emoji, as a moderator can.
    #[track_caller]
    pub fn clears_emoji(&self, message: &Message, emoji: &str) {
        let done = self
            .shared
            .act(|world| world.clear_emoji(self.id, message.channel, message.id, emoji));
        allowed(&self.shared, &format!("{} clears {emoji}", self.name()), done);
    }

    /// Deletes a message: one's own, or any as a moderator.
    #[track_caller]
    pub fn deletes(&self, message: &Message) {
        let done = self
            .shared
            .act(|world| world.deletes(self.id, message.channel, message.id));
        allowed(&self.shared, &format!("{} deletes a message", self.name()), done);
    }

    /// Deletes several messages of one channel at once, as a moderator can.
    #[track_caller]
    pub fn deletes_all(&self, channel: &Channel, messages: &[Message]) {
        let ids: Vec<Id> = messages.iter().map(|message| message.id).collect();
        let done = self
            .shared
            .act(|world| world.deletes_all(self.id, Id(channel.id()), &ids));
        allowed(&self.shared, &format!("{} deletes messages", self.name()), done);
    }

    /// Changes the words of one's own message.
    #[track_caller]
    pub fn rewords(&self, message: &Message, text: &str) {
        let done = self
            .shared
            .act(|world| world.rewords(self.id, message.channel, message.id, text));
        allowed(&self.shared, &format!("{} rewords a message", self.name()), done);
    }

    /// Replies to a message.
    #[track_caller]
    pub fn replies(&self, to: &Message, text: &str) -> Message {
        let done = self
            .shared
            .act(|world| world.says(self.id, to.channel, text, Some(to.id)));
        let id = allowed(&self.shared, &format!("{} replies", self.name()), done);
        Message::new(Arc::clone(&self.shared), to.channel, id)
    }

    /// Presses a button and waits for the answer.
    pub async fn presses(&self, message: &Message, custom_id: &str) -> Answer {
        self.uses(message, custom_id, None).await
    }

    /// Chooses values from a menu and waits for the answer.
    pub async fn chooses<'a>(
        &self,
        message: &Message,
        custom_id: &str,
        values: impl IntoIterator<Item = &'a str>,
    ) -> Answer {
        let values: Vec<String> = values.into_iter().map(ToOwned::to_owned).collect();
        self.uses(message, custom_id, Some(&values)).await
    }

    /// Fills in and sends the modal an act was answered with, and waits for the answer.
    pub async fn submits<'a>(
        &self,
        modal: &Answer,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Answer {
        let fields: Vec<(String, String)> = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let opened = self
            .shared
            .act(|world| world.submits(self.id, modal.interaction, &fields));
        let id = done(&self.shared, &format!("{} submits a modal", self.name()), opened);
        Answer::new(Arc::clone(&self.shared), id).arrived().await
    }

    async fn uses(&self, message: &Message, custom_id: &str, values: Option<&[String]>) -> Answer {
        let opened = self
            .shared
            .act(|world| world.uses_component(self.id, message.channel, message.id, custom_id, values));
        let id = done(&self.shared, &format!("{} uses {custom_id}", self.name()), opened);
        Answer::new(Arc::clone(&self.shared), id).arrived().await
    }

    /// Is given a role by its name.
    #[track_caller]
    pub fn gains_role(&self, name: &str) {
        self.change_roles(name, Vec::push);
    }

    /// Loses a role by its name.
    #[track_caller]
    pub fn loses_role(&self, name: &str) {
        self.change_roles(name, |roles, role| roles.retain(|held| *held != role));
    }

    #[track_caller]
    fn change_roles(&self, name: &str, change: impl FnOnce(&mut Vec<Id>, Id)) {
        let done = self.shared.act(|world| {
            let role = world.guild.role_named(name).ok_or_else(Refusal::unknown_role)?.id;
            let mut roles = world.member(self.id)?.roles.clone();
            change(&mut roles, role);
            world.set_roles(self.id, roles)
        });
        allowed(&self.shared, &format!("changing {name} of {}", self.name()), done);
    }
}

/// A person in a channel.
#[derive(Clone, Debug)]
pub struct Place {
    pub(crate) shared: Arc<Shared>,
    pub(crate) user: Id,
    pub(crate) channel: Id,
}

impl Place {
    /// Writes a plain message.
    #[track_caller]
    pub fn says(&self, text: &str) -> Message {
        let said = self
            .shared
            .act(|world| world.says(self.user, self.channel, text, None));
        let id = allowed(&self.shared, "saying something", said);
        Message::new(Arc::clone(&self.shared), self.channel, id)
    }

    /// Begins a slash command: `/terminate`, `/terminate pid:4711`, or `/config set` with subcommands.
    pub fn types(&self, command: &str) -> Command {
        Command::new(self.clone(), command)
    }

    /// Types into an option that has autocomplete, and waits for the bot's choices: (name, value) pairs.
    pub async fn completes(&self, command: &str, option: &str, so_far: &str) -> Vec<(String, String)> {
        self.types(command).completes(option, so_far).await
    }
}
