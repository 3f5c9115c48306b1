//! What the bot answers to a command, a button, a menu or a modal.

use std::panic::Location;
use std::sync::Arc;

use serde_json::Value;

use super::card::Card;
use super::message::Message;
use super::waiting::{LIMIT, until};
use crate::server::Shared;
use crate::world::ids::Id;
use crate::world::interactions::Interaction;

/// An interaction and what became of it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) interaction: Id,
}

impl Answer {
    pub(crate) fn new(shared: Arc<Shared>, interaction: Id) -> Self {
        Self { shared, interaction }
    }

    /// The message that is the answer; panics if the bot answered by something else or not at all.
    #[track_caller]
    pub fn message(&self) -> Message {
        let place = self.look(|interaction| interaction.original.map(|id| (interaction.channel, id)));
        let (channel, id) = place.unwrap_or_else(|| panic!("the answer is no message"));
        Message::new(Arc::clone(&self.shared), channel, id)
    }

    /// All messages made in answer, follow-ups included.
    pub fn messages(&self) -> Vec<Message> {
        self.look(|interaction| {
            let made = interaction.messages.iter();
            made.map(|id| Message::new(Arc::clone(&self.shared), interaction.channel, *id))
                .collect()
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
        self.look(|interaction| interaction.modal.clone())
    }

    /// Waits for the first answer, a deferral included; false once it is too late for one.
    pub async fn acknowledged(&self) -> bool {
        let limit = self.shared.world().application.answer_within;
        until(
            &self.shared,
            limit + LIMIT,
            "the command is answered or given up",
            Location::caller(),
            || {
                let (answered, late) = self.look(|i| (i.answered, i.born.elapsed() > limit));
                if answered {
                    Some(true)
                } else {
                    late.then_some(false)
                }
            },
        )
        .await
    }

    /// Waits until a deferred answer is filled in.
    pub async fn filled(self) -> Self {
        until(
            &self.shared,
            LIMIT,
            "the answer is filled in",
            Location::caller(),
            || {
                let place = self.look(|interaction| interaction.original.map(|id| (interaction.channel, id)));
                let Some((channel, id)) = place else {
                    return Some(());
                };
                let message = Message::new(Arc::clone(&self.shared), channel, id);
                (!message.exists() || !message.is_loading()).then_some(())
            },
        )
        .await;
        self
    }

    /// Waits for the first answer and its filling in; panics if there is none in time.
    pub(crate) async fn arrived(self) -> Self {
        let answered = self.acknowledged().await;
        assert!(
            answered,
            "The application did not respond\n\n{}",
            self.shared.world().transcript()
        );
        self.filled().await
    }

    fn look<T>(&self, look: impl FnOnce(&Interaction) -> T) -> T {
        let world = self.shared.world();
        look(
            world
                .interactions
                .get(&self.interaction)
                .expect("interactions are never forgotten"),
        )
    }
}
