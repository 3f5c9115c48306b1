//! The answer to one interaction, given in time whatever PostgreSQL does.
//!
//! Discord waits 3 s for the first answer and then tells the person that the application did not respond
//! (Discord documentation, "Receiving and Responding to Interactions"). Whoever needs longer is covered by a
//! deferral, "thinking…", which the answer later fills in.

use std::sync::Arc;
use std::time::Duration;

use serenity::builder::CreateInteractionResponse;
use serenity::model::id::{ApplicationId, InteractionId};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::api::{Rest, RestError, Said};
use super::messages::body::Body;

/// When an answer that is not there yet is deferred: late enough that most are, early enough for a slow network.
const DEFER_AFTER: Duration = Duration::from_millis(1_300);
/// When a first answer is too late to be tried.
const FIRST_ANSWER_WITHIN: Duration = Duration::from_millis(2_800);

/// The first answer to an interaction; cheap to share.
pub struct Reply {
    rest: Rest,
    application: ApplicationId,
    interaction: InteractionId,
    token: String,
    manner: Manner,
    received: Instant,
    state: Mutex<State>,
}

/// Where the answer goes, unless it is private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Into the channel, as a message of its own.
    Publicly,
    /// To the person alone.
    Privately,
    /// Into the message whose button was pressed.
    InPlace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unanswered,
    Deferred,
    Answered,
}

impl Reply {
    /// Takes an interaction that has just come in, and from now on sees to it that it is answered in time.
    pub fn begin(
        rest: Rest,
        application: ApplicationId,
        interaction: InteractionId,
        token: String,
        manner: Manner,
    ) -> Arc<Self> {
        let reply = Arc::new(Self {
            rest,
            application,
            interaction,
            token,
            manner,
            received: Instant::now(),
            state: Mutex::new(State::Unanswered),
        });
        let late = Arc::downgrade(&reply);
        tokio::spawn(async move {
            sleep(DEFER_AFTER).await;
            if let Some(reply) = late.upgrade() {
                reply.defer().await;
            }
        });
        reply
    }

    async fn defer(&self) {
        let mut state = self.state.lock().await;
        if *state != State::Unanswered {
            return;
        }
        let deferred = match self.manner {
            Manner::InPlace => {
                let nothing = CreateInteractionResponse::Acknowledge;
                self.first()
                    .respond(self.interaction, &self.token, &nothing)
                    .await
            }
            Manner::Publicly | Manner::Privately => {
                let is_private = self.manner == Manner::Privately;
                self.first()
                    .defer(self.interaction, &self.token, is_private)
                    .await
            }
        };
        match deferred {
            Ok(()) => *state = State::Deferred,
            Err(problem) => warn!(error = %problem, "an interaction could not be deferred"),
        }
    }

    /// Answers; as a message that only the person sees when the body is private.
    pub async fn say(&self, body: Body) -> Result<(), RestError> {
        self.answer(body, false).await.map(drop)
    }

    /// Answers publicly, and tells which message that became.
    pub async fn say_publicly(&self, body: Body) -> Result<Said, RestError> {
        match self.answer(body, true).await? {
            Some(said) => Ok(said),
            None => self.said().await,
        }
    }

    /// Answers; which message that became, where it is wanted and Discord says it in the same breath.
    async fn answer(&self, body: Body, which: bool) -> Result<Option<Said>, RestError> {
        let mut said = None;
        let mut state = self.state.lock().await;
        match *state {
            State::Unanswered => {
                let in_place = self.manner == Manner::InPlace && !body.is_private();
                let answer = body.answer();
                let answer = if in_place {
                    CreateInteractionResponse::UpdateMessage(answer)
                } else {
                    CreateInteractionResponse::Message(answer)
                };
                let first = self.first();
                if which {
                    said = first
                        .respond_with_message(self.interaction, &self.token, &answer)
                        .await?;
                } else {
                    first.respond(self.interaction, &self.token, &answer).await?;
                }
            }
            State::Deferred if body.is_private() && self.manner != Manner::Privately => {
                // A public deferral cannot become private: it is taken away, and the answer comes in its place. One in
                // place left the message as it was.
                if self.manner == Manner::Publicly
                    && let Err(problem) = self.rest.delete_original(self.application, &self.token).await
                {
                    warn!(error = %problem, "a deferral could not be taken away; the answer comes all the same");
                }
                self.rest
                    .follow_up(self.application, &self.token, &body.followup())
                    .await?;
            }
            State::Deferred => {
                self.rest
                    .edit_original(self.application, &self.token, &body.late_answer())
                    .await?;
            }
            State::Answered => return Ok(None),
        }
        *state = State::Answered;
        Ok(said)
    }

    /// The message that the answer is in, as it is now.
    pub async fn said(&self) -> Result<Said, RestError> {
        self.rest.original(self.application, &self.token).await
    }

    /// Says something else where the answer is, unless others have changed it since it was `said`.
    pub async fn amend(&self, said: &Said, body: Body) -> Result<(), RestError> {
        if self.said().await?.edited_timestamp != said.edited_timestamp {
            return Ok(());
        }
        let edit = body.late_answer();
        self.rest
            .edit_original(self.application, &self.token, &edit)
            .await
    }

    /// The client for the first answer, which is useless after Discord's 3 s.
    fn first(&self) -> Rest {
        self.rest
            .within(FIRST_ANSWER_WITHIN.saturating_sub(self.received.elapsed()))
    }
}
