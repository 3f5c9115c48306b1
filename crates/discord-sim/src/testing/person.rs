//! A person in a test.

use std::sync::Arc;
use std::time::Duration;

use super::channel::Channel;
use super::message::Message;
use super::person_in_channel::PersonInChannel;
use super::response::InteractionResponse;
use super::waiting::{expect_allowed, expect_done};
use crate::api_error::ApiError;
use crate::ids::Id;
use crate::state::SimState;

/// A person, or another bot. An action that Discord refuses panics, unless its name begins with `try_`.
#[derive(Clone, Debug)]
pub struct Person {
    shared: Arc<SimState>,
    id: Id,
}

impl Person {
    pub(crate) fn new(shared: Arc<SimState>, id: Id) -> Self {
        Self { shared, id }
    }

    pub fn id(&self) -> u64 {
        self.id.0
    }

    pub fn name(&self) -> String {
        self.shared.world().name(self.id).to_owned()
    }

    /// The person in a channel, to write a message or type a command.
    pub fn in_channel(&self, channel: &Channel) -> PersonInChannel {
        PersonInChannel::new(Arc::clone(&self.shared), self.id, Id(channel.id()))
    }

    /// Adds a reaction to a message.
    #[track_caller]
    pub fn reacts(&self, message: &Message, emoji: &str) {
        let done = self.try_reacts(message, emoji);
        expect_allowed(&self.shared, &format!("{} reacts {emoji}", self.name()), done);
    }

    pub fn try_reacts(&self, message: &Message, emoji: &str) -> Result<(), ApiError> {
        self.shared.update(|world| world.react(self.id, message.channel, message.id, emoji, false))
    }

    /// Adds a super reaction to a message. The person can have a normal one with the same emoji too.
    #[track_caller]
    pub fn super_reacts(&self, message: &Message, emoji: &str) {
        let done = self.shared.update(|world| world.react(self.id, message.channel, message.id, emoji, true));
        expect_allowed(&self.shared, &format!("{} super reacts {emoji}", self.name()), done);
    }

    /// Removes the person's own super reaction.
    #[track_caller]
    pub fn takes_back_super(&self, message: &Message, emoji: &str) {
        let done = self
            .shared
            .update(|world| world.unreact(self.id, self.id, message.channel, message.id, emoji, true));
        expect_allowed(&self.shared, &format!("{} takes off {emoji}", self.name()), done);
    }

    /// A moderator times the person out.
    #[track_caller]
    pub fn is_timed_out(&self, time: Duration) {
        let done = self.shared.update(|world| world.time_out(self.id, time));
        expect_allowed(&self.shared, &format!("timing out {}", self.name()), done);
    }

    /// Leaves the guild. Their reactions stay.
    #[track_caller]
    pub fn leaves(&self) {
        let done = self.shared.update(|world| world.leave(self.id));
        expect_allowed(&self.shared, &format!("{} leaves", self.name()), done);
    }

    /// Joins the guild again, without roles.
    #[track_caller]
    pub fn joins(&self) {
        let done = self.shared.update(|world| world.join(self.id));
        expect_allowed(&self.shared, &format!("{} joins", self.name()), done);
    }

    /// Removes the person's own reaction.
    #[track_caller]
    pub fn takes_back(&self, message: &Message, emoji: &str) {
        self.takes_off(message, emoji, self);
    }

    /// Removes another person's reaction, as a moderator can.
    #[track_caller]
    pub fn takes_off(&self, message: &Message, emoji: &str, whose: &Self) {
        let done = self
            .shared
            .update(|world| world.unreact(self.id, whose.id, message.channel, message.id, emoji, false));
        expect_allowed(&self.shared, &format!("{} takes off {emoji}", self.name()), done);
    }

    /// Clears all reactions, as a moderator can.
    #[track_caller]
    pub fn clears_reactions(&self, message: &Message) {
        let done = self.shared.update(|world| world.clear_reactions(self.id, message.channel, message.id));
        expect_allowed(&self.shared, &format!("{} clears the reactions", self.name()), done);
    }

    /// Clears all reactions with one emoji, as a moderator can.
    #[track_caller]
    pub fn clears_emoji(&self, message: &Message, emoji: &str) {
        let done = self.shared.update(|world| world.clear_emoji(self.id, message.channel, message.id, emoji));
        expect_allowed(&self.shared, &format!("{} clears {emoji}", self.name()), done);
    }

    /// Deletes the person's own message, or any message as a moderator.
    #[track_caller]
    pub fn deletes(&self, message: &Message) {
        let done = self.shared.update(|world| world.deletes(self.id, message.channel, message.id));
        expect_allowed(&self.shared, &format!("{} deletes a message", self.name()), done);
    }

    /// Deletes several messages of one channel at once, as a moderator can.
    #[track_caller]
    pub fn deletes_all(&self, channel: &Channel, messages: &[Message]) {
        let ids: Vec<Id> = messages.iter().map(|message| message.id).collect();
        let done = self.shared.update(|world| world.deletes_all(self.id, Id(channel.id()), &ids));
        expect_allowed(&self.shared, &format!("{} deletes messages", self.name()), done);
    }

    /// Hides the embeds of a message, as a moderator can.
    #[track_caller]
    pub fn suppresses_embeds(&self, message: &Message) {
        let done = self.shared.update(|world| world.suppress_embeds(self.id, message.channel, message.id));
        expect_allowed(&self.shared, &format!("{} suppresses embeds", self.name()), done);
    }

    /// Edits the person's own message.
    #[track_caller]
    pub fn rewords(&self, message: &Message, text: &str) {
        let done = self.shared.update(|world| world.rewords(self.id, message.channel, message.id, text));
        expect_allowed(&self.shared, &format!("{} rewords a message", self.name()), done);
    }

    /// Replies to a message.
    #[track_caller]
    pub fn replies(&self, to: &Message, text: &str) -> Message {
        let done = self.shared.update(|world| world.says(self.id, to.channel, text, Some(to.id)));
        let id = expect_allowed(&self.shared, &format!("{} replies", self.name()), done);
        Message::new(Arc::clone(&self.shared), to.channel, id)
    }

    /// Presses a button and waits for the response.
    pub async fn presses(&self, message: &Message, custom_id: &str) -> InteractionResponse {
        self.uses(message, custom_id, None).await
    }

    /// Selects values from a menu and waits for the response.
    pub async fn chooses<'a>(
        &self,
        message: &Message,
        custom_id: &str,
        values: impl IntoIterator<Item = &'a str>,
    ) -> InteractionResponse {
        let values: Vec<String> = values.into_iter().map(ToOwned::to_owned).collect();
        self.uses(message, custom_id, Some(&values)).await
    }

    /// Fills in and sends the modal of a response, and waits for the next response.
    pub async fn submits<'a>(
        &self,
        modal: &InteractionResponse,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> InteractionResponse {
        let fields: Vec<(String, String)> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let opened = self.shared.update(|world| world.submits(self.id, modal.interaction, &fields));
        let id = expect_done(&self.shared, &format!("{} submits a modal", self.name()), opened);
        InteractionResponse::new(Arc::clone(&self.shared), id).arrived().await
    }

    async fn uses(
        &self,
        message: &Message,
        custom_id: &str,
        values: Option<&[String]>,
    ) -> InteractionResponse {
        let opened = self
            .shared
            .update(|world| world.uses_component(self.id, message.channel, message.id, custom_id, values));
        let id = expect_done(&self.shared, &format!("{} uses {custom_id}", self.name()), opened);
        InteractionResponse::new(Arc::clone(&self.shared), id).arrived().await
    }

    /// Adds a role by name.
    #[track_caller]
    pub fn gains_role(&self, name: &str) {
        self.change_roles(name, Vec::push);
    }

    /// Removes a role by name.
    #[track_caller]
    pub fn loses_role(&self, name: &str) {
        self.change_roles(name, |roles, role| roles.retain(|held| *held != role));
    }

    #[track_caller]
    fn change_roles(&self, name: &str, change: impl FnOnce(&mut Vec<Id>, Id)) {
        let done = self.shared.update(|world| {
            let role = world.guild.role_named(name).ok_or_else(ApiError::unknown_role)?.id;
            let mut roles = world.member(self.id)?.roles.clone();
            change(&mut roles, role);
            world.set_roles(self.id, roles)
        });
        expect_allowed(&self.shared, &format!("changing {name} of {}", self.name()), done);
    }
}
