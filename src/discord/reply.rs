//! The answer to one interaction, given in time whatever PostgreSQL does.
//!
//! Discord waits 3 s for the first answer, then tells the person that the application did not respond (Discord
//! documentation, "Receiving and Responding to Interactions"). An answer that takes longer is deferred: Discord shows
//! "thinking…" until it is filled in.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::histogram;
use serenity::builder::CreateInteractionResponse;
use serenity::model::id::{ApplicationId, InteractionId};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

use super::api::interactions::ALREADY_ACKNOWLEDGED;
use super::api::{ApiClient, ApiError, CallEffect, OwnMessage};
use super::messages::body::MessageBody;

/// How long after its arrival an interaction is deferred. Late enough that most answers need no deferral, early enough for a slow network.
const DEFER_AFTER: Duration = Duration::from_millis(1_300);
/// How long after a wait for its turn an interaction is deferred at the earliest, so that most need no deferral.
const MIN_BEFORE_DEFERRAL: Duration = Duration::from_millis(600);
/// How long after its arrival it is deferred at the latest, however long it waited.
const DEFER_BEFORE: Duration = Duration::from_millis(2_400);
/// How long after the arrival of an interaction a first answer may still be sent: Discord waits 3 s.
pub(super) const FIRST_ANSWER_TIMEOUT: Duration = Duration::from_millis(2_800);

/// How long a deferral may still be filled in by another process.
const LOADING_PAUSE: Duration = Duration::from_secs(2);
/// "Unknown interaction": the answer came too late, or took effect without Discord saying so.
const UNKNOWN_INTERACTION: u32 = 10_062;

/// Shown to everybody where only the person who asked may see the answer, if the deferral cannot be deleted.
const ANSWERED_PRIVATELY: &str = "Only the person who asked sees the answer.";
/// Shown in place of a deferral that people reacted to before it was the card, if it cannot be deleted.
const ANSWERED_ANEW: &str =
    "The answer follows in a new message, because somebody reacted to this one before it was here.";

/// Whether the text of a message is that of the answer.
type IsOurs<'a> = &'a (dyn Fn(&str) -> bool + Send + Sync);

/// The answer to one interaction.
pub struct InteractionReply {
    api: ApiClient,
    application: ApplicationId,
    interaction: InteractionId,
    token: String,
    visibility: ReplyVisibility,
    arrived: Instant,
    state: Mutex<ReplyState>,
    is_answered_elsewhere: AtomicBool,
    /// The command whose time until the answer is measured.
    measured_as: OnceLock<&'static str>,
}

/// Where the answer appears, unless its body is ephemeral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyVisibility {
    /// As a new message in the channel.
    Public,
    /// Visible only to the person.
    Ephemeral,
    /// As the new content of the message whose button was pressed.
    InPlace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ReplyState {
    Unanswered,
    /// A first answer may have taken effect.
    InDoubt,
    Deferred,
    Answered {
        was_deferred: bool,
    },
    /// No answer took effect. From now on nothing is deferred, because perhaps nobody would fill it in.
    Failed,
}

impl InteractionReply {
    /// Defers the interaction unless it is answered soon after it arrived.
    pub fn start(
        api: ApiClient,
        application: ApplicationId,
        interaction: InteractionId,
        token: String,
        visibility: ReplyVisibility,
        arrived: Instant,
    ) -> Arc<Self> {
        let reply = Arc::new(Self {
            api,
            application,
            interaction,
            token,
            visibility,
            arrived,
            state: Mutex::new(ReplyState::Unanswered),
            is_answered_elsewhere: AtomicBool::new(false),
            measured_as: OnceLock::new(),
        });
        let weak_reply = Arc::downgrade(&reply);
        let at_least = (Instant::now() + MIN_BEFORE_DEFERRAL).min(arrived + DEFER_BEFORE);
        let defer_at = (arrived + DEFER_AFTER).max(at_least);
        tokio::spawn(async move {
            sleep_until(defer_at).await;
            if let Some(reply) = weak_reply.upgrade() {
                // Boxed, because few replies are deferred, and otherwise each would hold two kilobytes for it.
                Box::pin(reply.defer()).await;
            }
        });
        reply
    }

    /// Measures the time until the answer is accepted as that of `command`.
    pub fn measure_as(&self, command: &'static str) {
        // It is set once: an interaction is one command.
        let _ = self.measured_as.set(command);
    }

    async fn defer(&self) {
        let mut state = self.state.lock().await;
        if *state != ReplyState::Unanswered {
            return;
        }
        let deferred = match self.visibility {
            ReplyVisibility::InPlace => {
                let acknowledge = CreateInteractionResponse::Acknowledge;
                self.first_answer_client().respond(self.interaction, &self.token, &acknowledge).await
            }
            ReplyVisibility::Public | ReplyVisibility::Ephemeral => {
                let is_ephemeral = self.visibility == ReplyVisibility::Ephemeral;
                self.first_answer_client().defer(self.interaction, &self.token, is_ephemeral).await
            }
        };
        match deferred {
            Ok(()) => *state = ReplyState::Deferred,
            Err(error) => {
                warn!(%error, "could not defer an interaction");
                *state = if may_have_taken_effect(&error) { ReplyState::InDoubt } else { ReplyState::Failed };
            }
        }
    }

    /// Sends the answer. Only the person sees it if the body is ephemeral.
    pub async fn send(&self, body: MessageBody) -> Result<(), ApiError> {
        let sent = self.send_body(body, None).await;
        if matches!(sent, Err(ApiError::AnsweredElsewhere)) {
            self.is_answered_elsewhere.store(true, Ordering::Relaxed);
        }
        sent.map(drop)
    }

    /// Sends the answer publicly, and returns the message that it became, and whether it notified anybody. `is_ours` tells the
    /// answer from that of another process with the same token: [`ApiError::AnsweredElsewhere`].
    pub async fn send_and_fetch(
        &self,
        body: MessageBody,
        is_ours: &(dyn Fn(&str) -> bool + Send + Sync),
    ) -> Result<(OwnMessage, bool), ApiError> {
        let message = match self.send_body(body, Some(is_ours)).await? {
            Some(message) => message,
            None => self.original_message().await?,
        };
        if !is_ours(&message.content) {
            return Err(ApiError::AnsweredElsewhere);
        }
        let has_notified = *self.state.lock().await != ReplyState::Answered { was_deferred: true };
        Ok((message, has_notified))
    }

    /// Returns the message if `is_ours` is given and Discord includes it in its response.
    async fn send_body(
        &self,
        body: MessageBody,
        is_ours: Option<IsOurs<'_>>,
    ) -> Result<Option<OwnMessage>, ApiError> {
        let mut state = self.state.lock().await;
        let was_answered = matches!(*state, ReplyState::Answered { .. });
        let sent = self.send_from(&mut state, body, is_ours).await;
        if let (false, Ok(_), Some(command)) = (was_answered, &sent, self.measured_as.get()) {
            let seconds = self.arrived.elapsed().as_secs_f64();
            histogram!("killgate_command_seconds", "command" => *command).record(seconds);
        }
        sent
    }

    async fn send_from(
        &self,
        state: &mut ReplyState,
        body: MessageBody,
        is_ours: Option<IsOurs<'_>>,
    ) -> Result<Option<OwnMessage>, ApiError> {
        match *state {
            ReplyState::Unanswered | ReplyState::InDoubt | ReplyState::Failed => {
                let was_in_doubt = *state == ReplyState::InDoubt;
                let error = match self.send_first_answer(body.clone(), is_ours.is_some()).await {
                    Ok(message) => {
                        *state = ReplyState::Answered { was_deferred: false };
                        return Ok(message);
                    }
                    Err(error) => error,
                };
                *state = ReplyState::Failed;
                if !was_in_doubt && error.code() == Some(ALREADY_ACKNOWLEDGED) {
                    return Err(ApiError::AnsweredElsewhere);
                }
                if !was_in_doubt && !may_have_taken_effect(&error) {
                    return Err(error);
                }
                let (message, was_deferred) = self.settle(body, is_ours, error).await?;
                *state = ReplyState::Answered { was_deferred };
                Ok(message)
            }
            ReplyState::Deferred if body.is_ephemeral() && self.visibility != ReplyVisibility::Ephemeral => {
                // A public deferral cannot become ephemeral, so it is deleted and the answer is sent as a new message. Discord
                // makes the first follow-up to a loading answer as public as that answer (Discord documentation, "Create
                // Followup Message"). A deferral in place shows nothing that needs to be deleted.
                if self.visibility == ReplyVisibility::Public {
                    self.remove_deferral(ANSWERED_PRIVATELY).await?;
                }
                self.api.follow_up(self.application, &self.token, &body.into_followup()).await?;
                *state = ReplyState::Answered { was_deferred: true };
                Ok(None)
            }
            ReplyState::Deferred => {
                // Another process may believe that the deferral was its own, and have filled it in meanwhile.
                let original = if is_ours.is_some() { self.original_message().await.ok() } else { None };
                if original.as_ref().is_some_and(|original| !original.is_loading()) {
                    return Err(ApiError::AnsweredElsewhere);
                }
                let may_fill_in = original.is_some_and(|original| !original.has_reactions());
                let (message, was_deferred) = self.fill_in(body, is_ours.is_none() || may_fill_in).await?;
                *state = ReplyState::Answered { was_deferred };
                Ok(message)
            }
            ReplyState::Answered { .. } => Ok(None),
        }
    }

    async fn send_first_answer(
        &self,
        body: MessageBody,
        fetch: bool,
    ) -> Result<Option<OwnMessage>, ApiError> {
        let is_in_place = self.visibility == ReplyVisibility::InPlace && !body.is_ephemeral();
        let response = body.into_response();
        let response = if is_in_place {
            CreateInteractionResponse::UpdateMessage(response)
        } else {
            CreateInteractionResponse::Message(response)
        };
        let api = self.first_answer_client();
        if fetch {
            api.respond_and_fetch(self.interaction, &self.token, &response).await
        } else {
            api.respond(self.interaction, &self.token, &response).await.map(|()| None)
        }
    }

    /// Finds out which first answer took effect, after `error` left it open, and fills in a deferral. Returns the message, and
    /// whether it was deferred. A deferral of another process looks like one of this process until it is filled in, so it is
    /// given some time.
    async fn settle(
        &self,
        body: MessageBody,
        is_ours: Option<IsOurs<'_>>,
        error: ApiError,
    ) -> Result<(Option<OwnMessage>, bool), ApiError> {
        let Ok(mut original) = self.original_message().await else { return Err(error) };
        if original.is_loading() {
            sleep(LOADING_PAUSE).await;
            original = self.original_message().await?;
        }
        if original.is_loading() {
            return self.fill_in(body, is_ours.is_none() || !original.has_reactions()).await;
        }
        if is_ours.is_some_and(|is_ours| !is_ours(&original.content)) {
            return Err(ApiError::AnsweredElsewhere);
        }
        Ok((Some(original), false))
    }

    /// Fills in a deferral. Unless `may_fill_in`, a new message takes its place: people may have reacted to it before the card
    /// was there, and an approval is for what was on the card. Returns the message if it is known, and whether it was deferred.
    async fn fill_in(
        &self,
        body: MessageBody,
        may_fill_in: bool,
    ) -> Result<(Option<OwnMessage>, bool), ApiError> {
        let (application, token) = (self.application, &self.token);
        if may_fill_in {
            self.api.edit_original(application, token, &body.into_response_edit()).await?;
            return Ok((None, true));
        }
        self.remove_deferral(ANSWERED_ANEW).await?;
        Ok((self.api.follow_up(application, token, &body.into_followup()).await?, false))
    }

    /// Deletes a deferral, unless an earlier attempt has filled it in. If Discord does not delete it, edits it to `instead`, which
    /// says why it stays empty.
    async fn remove_deferral(&self, instead: &str) -> Result<(), ApiError> {
        if !self.original_message().await?.is_loading() {
            return Ok(());
        }
        let Err(error) = self.api.delete_original(self.application, &self.token).await else {
            return Ok(());
        };
        warn!(%error, instead, "could not delete a deferral; it says why it stays empty");
        let edit = MessageBody::text(instead).into_response_edit();
        self.api.edit_original(self.application, &self.token, &edit).await
    }

    /// Whether another process with the same token answered the interaction.
    pub fn is_answered_elsewhere(&self) -> bool {
        self.is_answered_elsewhere.load(Ordering::Relaxed)
    }

    /// Fetches the message that the answer became.
    pub async fn original_message(&self) -> Result<OwnMessage, ApiError> {
        self.api.original(self.application, &self.token).await
    }

    /// Replaces the answer, unless somebody has edited it since `message` was fetched.
    pub async fn edit_if_unchanged(&self, message: &OwnMessage, body: MessageBody) -> Result<(), ApiError> {
        if self.original_message().await?.edited_timestamp != message.edited_timestamp {
            return Ok(());
        }
        let edit = body.into_response_edit();
        self.api.edit_original(self.application, &self.token, &edit).await
    }

    /// A client that gives up when Discord's 3 s are over.
    fn first_answer_client(&self) -> ApiClient {
        let remaining = FIRST_ANSWER_TIMEOUT.saturating_sub(self.arrived.elapsed());
        self.api.with_timeout(remaining)
    }
}

/// Whether the first answer may be there although Discord did not confirm it.
fn may_have_taken_effect(error: &ApiError) -> bool {
    matches!(
        error,
        ApiError::AlreadyAccepted { .. } | ApiError::Unreachable { effect: CallEffect::Unknown, .. }
    ) || error.code() == Some(UNKNOWN_INTERACTION)
}
