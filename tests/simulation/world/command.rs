//! A person's command, which every process with the token hears and may answer.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use killgate::discord::messages;
use killgate::domain::ids::MessageId;
use killgate::workflow::ports::{AnswerMessage, CardContent, DeliveryError, Responder};
use killgate::workflow::refusal::Refusal;

use super::channel::{LOOK, unavailable};
use super::facts::Fact;
use super::faults::Part;
use super::{State, World};

/// What Discord knows of a command.
#[derive(Clone, Default)]
pub struct Interaction {
    /// Somebody deferred it, and each process believes that it may have been the one: it fills the answer in, unless it sees
    /// that another has.
    pub is_deferred: bool,
    answer: Arc<Mutex<Option<MessageId>>>,
}

impl Interaction {
    pub fn deferred(is_deferred: bool) -> Self {
        Self { is_deferred, answer: Arc::default() }
    }

    fn answer(&self) -> Option<MessageId> {
        *self.answer.lock().expect("never poisoned")
    }

    fn answer_with(&self, message: MessageId) {
        *self.answer.lock().expect("never poisoned") = Some(message);
    }
}

/// A command as one process heard it, which waits for its answer.
pub struct Command {
    pub world: World,
    pub epoch: u64,
    pub interaction: Interaction,
}

#[async_trait]
impl Responder for Command {
    async fn answer_with_card(&self, card: &CardContent) -> Result<AnswerMessage, DeliveryError> {
        if self.interaction.is_deferred {
            let looked = self.world.call(Part::Discord, |state| self.leave_to_another(state, card));
            looked.await.map_err(unavailable)??;
        }
        let answered = self.world.call(Part::Discord, |state| self.answer(state, card));
        let message = answered.await.map_err(unavailable)??;
        Ok(AnswerMessage { message, has_notified: true })
    }

    async fn refuse(&self, refusal: &Refusal) -> Result<(), DeliveryError> {
        self.world
            .call(Part::Discord, |state| {
                state.note(Fact::Refused { words: refusal.to_string() });
                state.read(messages::notices::refusal(refusal, &LOOK));
            })
            .await
            .map_err(unavailable)
    }
}

impl Command {
    fn leave_to_another(&self, state: &mut State, card: &CardContent) -> Result<(), DeliveryError> {
        if self.interaction.answer().is_none() {
            return Ok(());
        }
        state.note(Fact::AnsweredElsewhere { request: card.request.id });
        Err(DeliveryError::AnsweredElsewhere)
    }

    fn answer(&self, state: &mut State, card: &CardContent) -> Result<MessageId, DeliveryError> {
        if state.faults.happens(state.faults.rival) {
            state.discord.post_foreign_card(card.request.id);
            state.note(Fact::AnsweredElsewhere { request: card.request.id });
            return Err(DeliveryError::AnsweredElsewhere);
        }
        let is_deposed = self.epoch != state.epoch();
        match self.interaction.answer() {
            None => {
                let message = state.put_card(card, is_deposed);
                self.interaction.answer_with(message);
                if self.interaction.is_deferred {
                    state.tell_of_mark(message, Some(state.acting));
                }
                Ok(message)
            }
            Some(message) if self.interaction.is_deferred && !is_deposed => {
                state.fill_in(card, message).map(|()| message)
            }
            Some(_) => {
                self.leave_to_another(state, card)?;
                Err(DeliveryError::AnsweredElsewhere)
            }
        }
    }
}
