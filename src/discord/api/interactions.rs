//! Answers to interactions. The first is due within 3 s. The token is valid for further answers for 15 minutes.
//!
//! Callers set the remaining time with [`ApiClient::with_timeout`].

use reqwest::Method;
use serde::Deserialize;
use serenity::builder::{
    CreateAllowedMentions, CreateInteractionResponse, CreateInteractionResponseFollowup,
    CreateInteractionResponseMessage, EditInteractionResponse,
};
use serenity::http::Route;
use serenity::model::id::{ApplicationId, InteractionId};

use super::{ApiCall, ApiClient, ApiError, OwnMessage, RetryPolicy};

/// "Interaction has already been acknowledged."
pub(in crate::discord) const ALREADY_ACKNOWLEDGED: u32 = 40060;

/// The response to a first answer with `with_response` (Discord documentation, "Interaction Callback Response").
#[derive(Deserialize)]
struct CallbackResponse {
    resource: Option<CallbackResource>,
}

#[derive(Deserialize)]
struct CallbackResource {
    message: Option<OwnMessage>,
}

impl ApiClient {
    /// Sends the first answer. It is safe to repeat, because Discord accepts only one; [`ApiError::AlreadyAccepted`] if that
    /// was another attempt, or another process.
    pub async fn respond(
        &self,
        interaction_id: InteractionId,
        token: &str,
        response: &CreateInteractionResponse,
    ) -> Result<(), ApiError> {
        let call = first_answer_call(interaction_id, token).json(response)?;
        self.send(call).await.map(drop)
    }

    /// Sends the first answer and returns the message that it became. `None` if that is not known: a compatible API may
    /// not return it.
    pub async fn respond_and_fetch(
        &self,
        interaction_id: InteractionId,
        token: &str,
        response: &CreateInteractionResponse,
    ) -> Result<Option<OwnMessage>, ApiError> {
        let call = first_answer_call(interaction_id, token).query("with_response", &true).json(response)?;
        let body = self.send(call).await?;
        let callback: Option<CallbackResponse> = serde_json::from_slice(&body).ok();
        Ok(callback.and_then(|callback| callback.resource).and_then(|resource| resource.message))
    }

    /// Sends the first answer "thinking…", which [`Self::edit_original`] fills in later.
    pub async fn defer(
        &self,
        interaction_id: InteractionId,
        token: &str,
        ephemeral: bool,
    ) -> Result<(), ApiError> {
        let message = CreateInteractionResponseMessage::new()
            .allowed_mentions(CreateAllowedMentions::new())
            .ephemeral(ephemeral);
        self.respond(interaction_id, token, &CreateInteractionResponse::Defer(message)).await
    }

    /// Fetches the message that the first answer became.
    pub async fn original(&self, application_id: ApplicationId, token: &str) -> Result<OwnMessage, ApiError> {
        self.json(ApiCall::get(Route::WebhookOriginalInteractionResponse { application_id, token })).await
    }

    /// Edits the first answer, or fills in a deferred one.
    pub async fn edit_original(
        &self,
        application_id: ApplicationId,
        token: &str,
        edit: &EditInteractionResponse,
    ) -> Result<(), ApiError> {
        let route = Route::WebhookOriginalInteractionResponse { application_id, token };
        self.send(ApiCall::new(Method::PATCH, route, RetryPolicy::Idempotent).json(edit)?).await.map(drop)
    }

    /// Deletes the first answer.
    pub async fn delete_original(&self, application_id: ApplicationId, token: &str) -> Result<(), ApiError> {
        let route = Route::WebhookOriginalInteractionResponse { application_id, token };
        self.send(ApiCall::new(Method::DELETE, route, RetryPolicy::Idempotent)).await.map(drop)
    }

    /// Adds another message to the interaction, and returns it. `None` if it cannot be read. Discord accepts no nonce here, so it
    /// is not repeated when in doubt.
    pub async fn follow_up(
        &self,
        application_id: ApplicationId,
        token: &str,
        message: &CreateInteractionResponseFollowup,
    ) -> Result<Option<OwnMessage>, ApiError> {
        let route = Route::WebhookFollowupMessages { application_id, token };
        let call = ApiCall::new(Method::POST, route, RetryPolicy::OnlyIfNotSent).json(message)?;
        Ok(serde_json::from_slice(&self.send(call).await?).ok())
    }
}

fn first_answer_call(interaction_id: InteractionId, token: &str) -> ApiCall<'_> {
    let route = Route::InteractionResponse { interaction_id, token };
    ApiCall::new(Method::POST, route, RetryPolicy::UntilAccepted(ALREADY_ACKNOWLEDGED))
}
