//! The bot's response to a command, a button, a menu or a modal.

use std::panic::Location;
use std::sync::Arc;

use serde_json::Value;

use super::card::Card;
use super::message::Message;
use super::waiting::{LIMIT, until};
use crate::ids::Id;
use crate::state::SimState;
use crate::world::interaction::Interaction;

/// An interaction and the bot's response to it.
#[derive(Clone, Debug)]
pub struct InteractionResponse {
    pub(crate) shared: Arc<SimState>,
    pub(crate) interaction: Id,
}

impl InteractionResponse {
    pub(crate) fn new(shared: Arc<SimState>, interaction: Id) -> Self {
        Self { shared, interaction }
    }

    /// The message in the response, or the follow-up that came instead of filling in a deferred one. Panics if the bot
    /// responded otherwise or not at all.
    #[track_caller]
    pub fn message(&self) -> Message {
        let place = self.read(|interaction| {
            let message = interaction.instead.or(interaction.original);
            message.map(|id| (interaction.channel, id))
        });
        let (channel, id) = place.unwrap_or_else(|| panic!("the response is not a message"));
        Message::new(Arc::clone(&self.shared), channel, id)
    }

    /// All messages in response, including follow-ups.
    pub fn messages(&self) -> Vec<Message> {
        self.read(|interaction| {
            let made = interaction.messages.iter();
            made.map(|id| Message::new(Arc::clone(&self.shared), interaction.channel, *id)).collect()
        })
    }

    #[track_caller]
    pub fn card(&self) -> Card {
        self.message().card()
    }

    #[track_caller]
    pub fn content(&self) -> String {
        self.message().content()
    }

    #[track_caller]
    pub fn text(&self) -> String {
        self.message().text()
    }

    #[track_caller]
    pub fn is_ephemeral(&self) -> bool {
        self.message().is_ephemeral()
    }

    /// The modal the bot opened, if it did.
    pub fn modal(&self) -> Option<Value> {
        self.read(|interaction| interaction.modal.clone())
    }

    /// Waits for the initial response, which may be deferred. False if the time limit has passed.
    pub async fn acknowledged(&self) -> bool {
        let limit = self.shared.world().application.answer_within;
        until(&self.shared, limit + LIMIT, "the bot responds or its time is over", Location::caller(), || {
            let (answered, late) = self.read(|i| (i.answered, i.born.elapsed() > limit));
            if answered { Some(true) } else { late.then_some(false) }
        })
        .await
    }

    /// Waits until a deferred response is filled in, or a follow-up came instead.
    pub async fn filled(self) -> Self {
        until(&self.shared, LIMIT, "the deferred response is filled in", Location::caller(), || {
            self.read(|interaction| (interaction.answered && !interaction.is_deferred).then_some(()))
        })
        .await;
        self
    }

    /// Waits for the response, and if deferred until it is filled in. Panics if there is none in time.
    pub(crate) async fn arrived(self) -> Self {
        let answered = self.acknowledged().await;
        assert!(answered, "The application did not respond\n\n{}", self.shared.world().transcript());
        self.filled().await
    }

    fn read<T>(&self, read: impl FnOnce(&Interaction) -> T) -> T {
        let world = self.shared.world();
        read(world.interactions.get(&self.interaction).expect("interactions are never removed"))
    }
}
