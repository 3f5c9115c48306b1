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

use super::api::{ApiClient, ApiError, OwnMessage};
use super::messages::body::MessageBody;

/// When an answer that is not there yet is deferred: late enough that most are, early enough for a slow network.
const DEFER_AFTER: Duration = Duration::from_millis(1_300);
/// When a first answer is too late to be tried.
const FIRST_ANSWER_WITHIN: Duration = Duration::from_millis(2_800);

/// The first answer to an interaction; cheap to share.
pub struct InteractionReply {
    api: ApiClient,
    application: ApplicationId,
    interaction: InteractionId,
    token: String,
    visibility: ReplyVisibility,
    received: Instant,
    state: Mutex<ReplyState>,
}

/// Where the answer goes, unless it is private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyVisibility {
    /// Into the channel, as a message of its own.
    Public,
    /// To the person alone.
    Ephemeral,
    /// Into the message whose button was pressed.
    InPlace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ReplyState {
    Unanswered,
    Deferred,
    Answered,
}

impl InteractionReply {
    /// Takes an interaction that has just come in, and from now on sees to it that it is answered in time.
    pub fn begin(
        rest: ApiClient,
        application: ApplicationId,
        interaction: InteractionId,
        token: String,
        manner: ReplyVisibility,
    ) -> Arc<Self> {
        let reply = Arc::new(Self {
            api: rest,
            application,
            interaction,
            token,
            visibility: manner,
            received: Instant::now(),
            state: Mutex::new(ReplyState::Unanswered),
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
        if *state != ReplyState::Unanswered {
            return;
        }
        let deferred = match self.visibility {
            ReplyVisibility::InPlace => {
                let nothing = CreateInteractionResponse::Acknowledge;
                self.first_answer_client()
                    .respond(self.interaction, &self.token, &nothing)
                    .await
            }
            ReplyVisibility::Public | ReplyVisibility::Ephemeral => {
                let is_private = self.visibility == ReplyVisibility::Ephemeral;
                self.first_answer_client()
                    .defer(self.interaction, &self.token, is_private)
                    .await
            }
        };
        match deferred {
            Ok(()) => *state = ReplyState::Deferred,
            Err(problem) => warn!(error = %problem, "an interaction could not be deferred"),
        }
    }

    /// Answers; as a message that only the person sees when the body is private.
    pub async fn send(&self, body: MessageBody) -> Result<(), ApiError> {
        self.answer(body, false).await.map(drop)
    }

    /// Answers publicly, and tells which message that became.
    pub async fn send_and_fetch(&self, body: MessageBody) -> Result<OwnMessage, ApiError> {
        match self.answer(body, true).await? {
            Some(said) => Ok(said),
            None => self.original_message().await,
        }
    }

    /// Answers; which message that became, where it is wanted and Discord says it in the same breath.
    async fn answer(&self, body: MessageBody, which: bool) -> Result<Option<OwnMessage>, ApiError> {
        let mut said = None;
        let mut state = self.state.lock().await;
        match *state {
            ReplyState::Unanswered => {
                let in_place = self.visibility == ReplyVisibility::InPlace && !body.is_ephemeral();
                let answer = body.answer();
                let answer = if in_place {
                    CreateInteractionResponse::UpdateMessage(answer)
                } else {
                    CreateInteractionResponse::Message(answer)
                };
                let first = self.first_answer_client();
                if which {
                    said = first
                        .respond_with_message(self.interaction, &self.token, &answer)
                        .await?;
                } else {
                    first.respond(self.interaction, &self.token, &answer).await?;
                }
            }
            ReplyState::Deferred if body.is_ephemeral() && self.visibility != ReplyVisibility::Ephemeral => {
                // A public deferral cannot become private: it is taken away, and the answer comes in its place. One in
                // place left the message as it was.
                if self.visibility == ReplyVisibility::Public
                    && let Err(problem) = self.api.delete_original(self.application, &self.token).await
                {
                    warn!(error = %problem, "a deferral could not be taken away; the answer comes all the same");
                }
                self.api
                    .follow_up(self.application, &self.token, &body.followup())
                    .await?;
            }
            ReplyState::Deferred => {
                self.api
                    .edit_original(self.application, &self.token, &body.late_answer())
                    .await?;
            }
            ReplyState::Answered => return Ok(None),
        }
        *state = ReplyState::Answered;
        Ok(said)
    }

    /// The message that the answer is in, as it is now.
    pub async fn original_message(&self) -> Result<OwnMessage, ApiError> {
        self.api.original(self.application, &self.token).await
    }

    /// Says something else where the answer is, unless others have changed it since it was `said`.
    pub async fn edit_if_unchanged(&self, said: &OwnMessage, body: MessageBody) -> Result<(), ApiError> {
        if self.original_message().await?.edited_timestamp != said.edited_timestamp {
            return Ok(());
        }
        let edit = body.late_answer();
        self.api.edit_original(self.application, &self.token, &edit).await
    }

    /// The client for the first answer, which is useless after Discord's 3 s.
    fn first_answer_client(&self) -> ApiClient {
        self.api
            .within(FIRST_ANSWER_WITHIN.saturating_sub(self.received.elapsed()))
    }
}
