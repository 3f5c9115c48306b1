//! Maps API errors to the workflow's delivery errors.

use reqwest::StatusCode;

use super::api::ApiError;
use crate::workflow::ports::DeliveryError;

/// "Unknown Channel" and "Unknown Message" (Discord documentation, "Opcodes and Status Codes").
const UNKNOWN_CODES: [u32; 2] = [10_003, 10_008];
const UNKNOWN_EMOJI: u32 = 10_014;
/// "Unknown Emoji", "Interaction has already been acknowledged", "Thread is archived" and "Thread is locked": nothing is
/// wrong with the message.
const PASSING_CODES: [u32; 4] = [UNKNOWN_EMOJI, 40_060, 50_083, 160_005];
/// "Unknown Member" and "Unknown User".
const UNKNOWN_MEMBER_CODES: [u32; 2] = [10_007, 10_013];

/// Whether the person is not in the guild, by Discord's own words.
pub(super) fn is_unknown_member(error: &ApiError) -> bool {
    matches!(error, ApiError::NotFound { code, .. } if UNKNOWN_MEMBER_CODES.contains(code))
}

/// A 404 without a code comes from the edge in front of Discord, and an unknown guild from an outage.
pub(super) fn delivery_error(error: ApiError) -> DeliveryError {
    match &error {
        ApiError::NotFound { code, .. } if UNKNOWN_CODES.contains(code) => DeliveryError::Gone,
        ApiError::Rejected { code: UNKNOWN_EMOJI, .. } | ApiError::NotFound { code: UNKNOWN_EMOJI, .. } => {
            DeliveryError::UnknownEmoji
        }
        ApiError::AnsweredElsewhere => DeliveryError::AnsweredElsewhere,
        ApiError::Rejected { status, code, .. }
            if *status == StatusCode::BAD_REQUEST && !PASSING_CODES.contains(code) =>
        {
            DeliveryError::Invalid(error.into())
        }
        ApiError::Unauthorized { .. }
        | ApiError::Forbidden { .. }
        | ApiError::Rejected { .. }
        | ApiError::Setup(_) => DeliveryError::Refused(error.into()),
        ApiError::RateLimited { wait, .. } | ApiError::Blocked { wait, .. } => {
            DeliveryError::Postponed { wait: *wait, source: error.into() }
        }
        ApiError::NotFound { .. }
        | ApiError::UnknownGuild { .. }
        | ApiError::AlreadyAccepted { .. }
        | ApiError::Unreachable { .. }
        | ApiError::Unexpected { .. } => DeliveryError::Unavailable(error.into()),
    }
}
