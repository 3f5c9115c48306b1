//! Posts a result as a reply to its card, once.

use std::time::Duration;

use tokio::time::sleep;

use super::api::{ApiError, ChannelMessage};
use super::delivery::delivery_error;
use super::incident_channel::{DiscordIncidentChannel, as_reply_to, channel_id, message_id};
use super::messages::body::MessageBody;
use super::messages::mark::MarkedMessage;
use crate::domain::outcome::Outcome;
use crate::domain::request::{Request, RequestState};
use crate::workflow::ports::DeliveryError;

/// Discord recognizes a repeated nonce for "the past few minutes" (documentation, "Create Message"). After this time
/// the channel is searched before anything is posted.
const NONCE_LIFETIME: Duration = Duration::from_mins(1);
/// "Cannot reply without permission to read message history" (Discord documentation, "Opcodes and Status Codes").
const CANNOT_REPLY: u32 = 160_002;
/// How long after a 404 without a code a reply is tried again. Then it is posted as a plain message.
const REPLY_AGAIN_AFTER: Duration = Duration::from_secs(3);

impl DiscordIncidentChannel {
    pub(super) async fn post_result_as(
        &self,
        body: MessageBody,
        request: &Request,
    ) -> Result<(), DeliveryError> {
        let RequestState::Ended { at, resolution, approvers } = &request.state else { return Ok(()) };
        // A request that the channel shows as ended, and the ledger showed as open, has two results. Only this one says so.
        let is_second = resolution.outcome == Outcome::Unknown && approvers.is_empty();
        let is_this = |message: &ChannelMessage| {
            !is_second || message.content.starts_with(resolution.outcome.headline())
        };
        if self.clock.now().duration_since(*at) > NONCE_LIFETIME {
            let mut is_posted = false;
            let note = |message: &_, marked| is_posted |= marked == MarkedMessage::Result && is_this(message);
            self.search(request, note).await?;
            if is_posted {
                return Ok(());
            }
        }
        self.require_lease().await?;
        let channel = request.details.channel;
        let kind = if is_second { 's' } else { 'r' };
        let nonce = format!("{kind}{}-{}", request.id, request.mark);
        let message = body.into_message();
        let reply = as_reply_to(request.card.map(message_id), channel, message.clone());
        let mut posted = self.api.create_message(channel_id(channel), reply.clone(), &nonce).await;
        if posted.as_ref().is_err_and(is_codeless) {
            sleep(REPLY_AGAIN_AFTER).await;
            posted = self.api.create_message(channel_id(channel), reply, &nonce).await;
        }
        if posted.as_ref().is_err_and(|error| is_codeless(error) || error.code() == Some(CANNOT_REPLY)) {
            return self.create_message(channel, message, &nonce).await.map(drop);
        }
        posted.map(drop).map_err(delivery_error)
    }
}

/// Whether something does not exist, without one of Discord's codes, which begin at 10001 (its documentation, "Opcodes and Status
/// Codes"): the message that a reply refers to, or all of Discord in an outage. A compatible server was seen to send the HTTP
/// status as the code.
fn is_codeless(error: &ApiError) -> bool {
    matches!(error, ApiError::NotFound { code: ..10_000, .. })
}
