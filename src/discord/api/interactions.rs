//! Answers to interactions. The first is due within 3 s; its token opens the others for 15 minutes.
//!
//! Call these on [`Rest::within`] the time that is left: 2.5 s for a first answer leaves the network some.

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
const ALREADY_ACKNOWLEDGED: u32 = 40060;

/// What Discord tells of a first answer when it is asked to (Discord documentation, "Interaction Callback Response").
#[derive(Deserialize)]
struct CallbackResponse {
    resource: Option<CallbackResource>,
}

#[derive(Deserialize)]
struct CallbackResource {
    message: Option<OwnMessage>,
}

impl ApiClient {
    /// Gives the first answer. Tried again when in doubt: Discord takes one only, and a repeat that is refused for that
    /// reason is a success.
    pub async fn respond(
        &self,
        interaction_id: InteractionId,
        token: &str,
        response: &CreateInteractionResponse,
    ) -> Result<(), ApiError> {
        let call = first_answer(interaction_id, token).json(response)?;
        self.send(call).await.map(drop)
    }

    /// Gives a message as the first answer, and tells which one it became. `None` where that is not known: another API
    /// like Discord's may not tell, and the answer to an earlier try may have been lost.
    pub async fn respond_with_message(
        &self,
        interaction_id: InteractionId,
        token: &str,
        response: &CreateInteractionResponse,
    ) -> Result<Option<OwnMessage>, ApiError> {
        let call = first_answer(interaction_id, token)
            .query("with_response", &true)
            .json(response)?;
        let body = self.send(call).await?;
        let told: Option<CallbackResponse> = serde_json::from_slice(&body).ok();
        Ok(told
            .and_then(|callback| callback.resource)
            .and_then(|resource| resource.message))
    }

    /// Gives the first answer "thinking…", to be filled in with [`Self::edit_original`].
    pub async fn defer(
        &self,
        interaction_id: InteractionId,
        token: &str,
        ephemeral: bool,
    ) -> Result<(), ApiError> {
        let message = CreateInteractionResponseMessage::new()
            .allowed_mentions(CreateAllowedMentions::new())
            .ephemeral(ephemeral);
        self.respond(interaction_id, token, &CreateInteractionResponse::Defer(message))
            .await
    }

    /// The message that the first answer became.
    pub async fn original(&self, application_id: ApplicationId, token: &str) -> Result<OwnMessage, ApiError> {
        self.json(ApiCall::get(Route::WebhookOriginalInteractionResponse {
            application_id,
            token,
        }))
        .await
    }

    /// Edits the first answer, or fills in a deferred one.
    pub async fn edit_original(
        &self,
        application_id: ApplicationId,
        token: &str,
        edit: &EditInteractionResponse,
    ) -> Result<(), ApiError> {
        let route = Route::WebhookOriginalInteractionResponse {
            application_id,
            token,
        };
        self.send(ApiCall::new(Method::PATCH, route, RetryPolicy::Idempotent).json(edit)?)
            .await
            .map(drop)
    }

    /// Deletes the first answer.
    pub async fn delete_original(&self, application_id: ApplicationId, token: &str) -> Result<(), ApiError> {
        let route = Route::WebhookOriginalInteractionResponse {
            application_id,
            token,
        };
        self.send(ApiCall::new(Method::DELETE, route, RetryPolicy::Idempotent))
            .await
            .map(drop)
    }

    /// Adds another message to the interaction. Discord knows no nonce here, so it is not repeated when in doubt.
    pub async fn follow_up(
        &self,
        application_id: ApplicationId,
        token: &str,
        message: &CreateInteractionResponseFollowup,
    ) -> Result<(), ApiError> {
        let route = Route::WebhookFollowupMessages {
            application_id,
            token,
        };
        self.send(ApiCall::new(Method::POST, route, RetryPolicy::OnlyIfNotSent).json(message)?)
            .await
            .map(drop)
    }
}

fn first_answer(interaction_id: InteractionId, token: &str) -> ApiCall<'_> {
    let route = Route::InteractionResponse {
        interaction_id,
        token,
    };
    ApiCall::new(
        Method::POST,
        route,
        RetryPolicy::UntilAccepted(ALREADY_ACKNOWLEDGED),
    )
}
